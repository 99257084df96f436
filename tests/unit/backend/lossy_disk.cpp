// A disk that loses its power: what it says can be left, for each rule of disk_history.hpp.
#include "catch.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <lamina/backend/adapt/lossy_disk.hpp>
#include <lamina/backend/memory.hpp>

using namespace lamina;

namespace {

using disk_type = lossy_disk<memory_tree&>;

// Names and contents of what a loss has left, in words: "a=1 d/ d/b=2".
std::string words(disk_image const& image) {
    memory_tree tree;
    write_disk(image, tree).value();
    std::vector<std::string> found;
    tree.walk("", [&](walk_entry const& entry) {
            std::string text(entry.path);
            if (entry.object.is_directory())
                text.append("/");
            else if (entry.object.is_regular())
                text.append("=").append(tree.read(path::parse(std::string(entry.path)).value()).value());
            found.push_back(std::move(text));
        })
        .value();
    std::sort(found.begin(), found.end());
    std::string all;
    for (auto const& one : found)
        all.append(all.empty() ? "" : " ").append(one);
    return all;
}

using outcomes = std::set<std::string>;

outcomes losses(disk_type& disk, disk_order order) {
    outcomes all;
    disk.for_each_loss(order, [&](disk_image const& left, std::size_t) { all.insert(words(left)); });
    return all;
}
// What a power loss at the end can leave.
outcomes losses_now(disk_type& disk, disk_order order) {
    outcomes all;
    auto const now = disk.history().now();
    disk.history().for_each_loss(order, now, now, {}, [&](disk_image const& left, std::size_t) {
        all.insert(words(left));
    });
    return all;
}

memory_options without_umask() {
    memory_options options;
    options.umask = 0;
    return options;
}

}  // namespace

TEST_CASE("what was there when the disk was wrapped cannot be lost") {
    memory_tree tree;
    tree.write("a", "1").value();
    disk_type disk{tree};
    REQUIRE(disk.known().has_value());
    for (auto const order : {disk_order::journal, disk_order::weak, disk_order::torn})
        CHECK(losses(disk, order) == outcomes{"a=1"});
}

TEST_CASE("a journal keeps names in their order, a weak disk in none") {
    memory_tree tree;
    disk_type disk{tree};
    disk.create_directory("a").value();
    disk.create_directory("b").value();
    CHECK(losses(disk, disk_order::journal) == outcomes{"", "a/", "a/ b/"});
    CHECK(losses(disk, disk_order::weak) == outcomes{"", "a/", "b/", "a/ b/"});
}

TEST_CASE("a flush of a directory makes its names sure, in a journal all before them too") {
    memory_tree tree;
    tree.create_directory("d").value();
    tree.create_directory("e").value();
    disk_type disk{tree};
    disk.create_directory("d/a").value();
    disk.create_directory("e/b").value();
    disk.create_directory("e/c").value();
    node const e = disk.open_directory_at(disk.root(), "e").value();
    disk.sync_directory(e).value();
    disk.release(e);
    CHECK(losses_now(disk, disk_order::journal) == outcomes{"d/ d/a/ e/ e/b/ e/c/"});
    CHECK(losses_now(disk, disk_order::weak) == outcomes{"d/ e/ e/b/ e/c/", "d/ d/a/ e/ e/b/ e/c/"});
}

TEST_CASE("a flush of a file makes its data sure; its name only in a journal") {
    memory_tree tree;
    disk_type disk{tree};
    auto file = disk.create_at(disk.root(), "f", 0644).value();
    file.write_at(std::as_bytes(std::span("data", 4)), 0).value();
    auto const zeros = std::string("f=") + std::string(4, '\0');
    CHECK(losses(disk, disk_order::journal) == outcomes{"", "f=", zeros, "f=data"});
    file.sync(sync_kind::data).value();
    CHECK(losses_now(disk, disk_order::journal) == outcomes{"f=data"});
    CHECK(losses_now(disk, disk_order::weak) == outcomes{"", "f=data"});
    disk.sync_directory(disk.root()).value();
    CHECK(losses_now(disk, disk_order::weak) == outcomes{"f=data"});
}

TEST_CASE("data is lost block by block, and reads as what was there or as zeros") {
    memory_tree tree;
    std::string const old(2 * disk_object::block_size, 'o');
    tree.write("f", old).value();
    disk_type disk{tree};
    auto file = disk.open("f", open_flags::read_write).value();
    std::string const fresh(2 * disk_object::block_size, 'n');
    file.write_at(std::as_bytes(std::span(fresh)), 0).value();
    std::string const half_old = old.substr(0, disk_object::block_size);
    std::string const half_new = fresh.substr(0, disk_object::block_size);
    outcomes const any{"f=" + old, "f=" + fresh, "f=" + half_old + half_new, "f=" + half_new + half_old};
    CHECK(losses(disk, disk_order::journal) == any);
    CHECK(losses(disk, disk_order::weak) == any);
    file.sync(sync_kind::everything).value();
    CHECK(losses_now(disk, disk_order::weak) == outcomes{"f=" + fresh});
}

TEST_CASE("a truncation is metadata, and what it cuts does not come back") {
    memory_tree tree;
    tree.write("f", "long text").value();
    disk_type disk{tree};
    disk.resize("f", 4).value();
    disk.resize("f", 6).value();
    CHECK(losses(disk, disk_order::journal) ==
          outcomes{"f=long text", "f=long", std::string("f=long\0\0", 8)});
}

TEST_CASE("a rename is kept or lost whole, unless the disk tears it") {
    memory_tree tree;
    tree.create_directory("d").value();
    tree.write("f", "1").value();
    disk_type disk{tree};
    disk.rename("f", "d/g").value();
    CHECK(losses(disk, disk_order::journal) == outcomes{"d/ f=1", "d/ d/g=1"});
    CHECK(losses(disk, disk_order::weak) == outcomes{"d/ f=1", "d/ d/g=1"});
    CHECK(losses(disk, disk_order::torn) == outcomes{"d/ f=1", "d/ d/g=1", "d/ d/g=1 f=1", "d/"});
    disk.sync_directory(disk.root()).value();
    CHECK(losses_now(disk, disk_order::weak) == outcomes{"d/ d/g=1"});
    CHECK(losses_now(disk, disk_order::torn) == outcomes{"d/", "d/ d/g=1"});
}

TEST_CASE("attributes of a weak disk are lost without their names") {
    memory_tree tree(without_umask());
    disk_type disk{tree};
    disk.create_directory("d", 0700).value();
    disk.sync_directory(disk.root()).value();
    disk.permissions("d", 0755).value();
    disk.set_xattr("d", "user.a", "b").value();
    std::set<std::string> modes;
    auto const seen = [&](disk_image const& left, std::size_t) {
        memory_tree survivor;
        write_disk(left, survivor).value();
        auto const keys = survivor.xattrs("d").value().size();
        modes.insert(std::to_string(survivor.status("d").value().mode) + " " + std::to_string(keys));
    };
    auto const now = disk.history().now();
    disk.history().for_each_loss(disk_order::weak, now, now, {}, seen);
    CHECK(modes == std::set<std::string>{"448 0", "493 0", "448 1", "493 1"});
    modes.clear();
    disk.history().for_each_loss(disk_order::journal, now, now, {}, seen);
    CHECK(modes == std::set<std::string>{"448 0", "493 0", "493 1"});
}

TEST_CASE("a file without a name is there once its name is") {
    memory_tree tree;
    disk_type disk{tree};
    auto file = disk.create_unnamed(disk.root(), 0644).value();
    file.write_at(std::as_bytes(std::span("data", 4)), 0).value();
    file.sync(sync_kind::everything).value();
    disk.publish_at(file, disk.root(), "f").value();
    CHECK(losses(disk, disk_order::journal) == outcomes{"", "f=data"});
    CHECK(losses(disk, disk_order::weak) == outcomes{"", "f=data"});
}

TEST_CASE("what has no descriptor is flushed with everything, or by what a journal has behind it") {
    memory_tree tree;
    disk_type disk{tree};
    disk.create_symlink("to", "l").value();
    disk.sync_directory(disk.root()).value();
    disk.owner("l", 7, 8, links::no_follow).value();
    auto const owners = [&](disk_order order) {
        std::set<user_id> all;
        auto const now = disk.history().now();
        disk.history().for_each_loss(order, now, now, {}, [&](disk_image const& left, std::size_t) {
            memory_tree survivor;
            write_disk(left, survivor).value();
            all.insert(survivor.symlink_status("l").value().uid);
        });
        return all;
    };
    disk.sync_directory(disk.root()).value();
    CHECK(owners(disk_order::journal) == std::set<user_id>{0, 7});
    disk.create_directory("d").value();
    disk.sync_directory(disk.root()).value();
    CHECK(owners(disk_order::journal) == std::set<user_id>{7});
    CHECK(owners(disk_order::weak) == std::set<user_id>{0, 7});
    disk.sync_all().value();
    CHECK(owners(disk_order::weak) == std::set<user_id>{7});
}

TEST_CASE("what a loss of nothing leaves is what the backend holds") {
    memory_tree tree;
    disk_type disk{tree};
    disk.create_directories("d/e").value();
    disk.write("d/f", std::string(10'000, 'x')).value();
    disk.set_xattr("d/f", "security.capability", "c").value();
    disk.set_xattr("d/f", "user.a", "b").value();
    disk.append("d/f", "more").value();
    disk.create_hard_link("d/f", "d/e/g").value();
    disk.copy("d/f", "h").value();
    disk.create_symlink("d", "l").value();
    disk.create_node("p", file_type::fifo, 0600).value();
    disk.owner("d/f", 7, 8).value();
    disk.rename("d/e", "moved").value();
    disk.rename("h", "p", rename_flags::exchange).value();
    disk.resize("moved/g", 5000).value();
    disk.remove("l").value();
    disk.times("d", time_change::modified({77, 5})).value();
    disk.open("p", open_flags::read_write | open_flags::truncate).value();
    CHECK(disk.history().latest().digest() == read_disk(tree).value().digest());
    memory_tree written;
    write_disk(disk.history().latest(), written).value();
    CHECK(read_disk(written).value().digest() == read_disk(tree).value().digest());
    CHECK(written.status("d").value().mtime == timestamp{77, 5});
}

TEST_CASE("the same history gives the same states, also where not all are tried") {
    memory_tree tree;
    disk_type disk{tree};
    for (char name = 'a'; name <= 'p'; ++name)
        disk.create_directory(path::parse(std::string(1, name)).value()).value();
    std::vector<std::string> first, second;
    auto const count = disk.for_each_loss(disk_order::weak, [&](disk_image const& left, std::size_t) {
        first.push_back(left.digest());
    });
    disk.for_each_loss(disk_order::weak, [&](disk_image const& left, std::size_t) { second.push_back(left.digest()); });
    CHECK(first == second);
    CHECK(first.size() == count);
    CHECK(count > 100);
    CHECK(count < 300);
}

TEST_CASE("a hole is lost until it is flushed, then it stays") {
    memory_tree tree;
    tree.write("f", std::string(8192, 'x')).value();
    disk_type disk{tree};
    auto file = disk.open("f", open_flags::read_write).value();
    file.allocate(allocation::punch_hole, 4096, 4096).value();
    auto const whole = "f=" + std::string(8192, 'x');
    auto const punched = "f=" + std::string(4096, 'x') + std::string(4096, '\0');
    CHECK(losses_now(disk, disk_order::weak) == outcomes{whole, punched});
    file.sync(sync_kind::everything).value();
    CHECK(losses_now(disk, disk_order::weak) == outcomes{punched});
    auto writer = disk.open("f", open_flags::write).value();
    CHECK(writer.allocate(allocation::punch_hole, 0, 4096).error() == errc::eopnotsupp);
    file.set_xattr("user.k", "v", xattr_flags::none).value();
    file.remove_xattr("user.k").value();
    file.sync(sync_kind::everything).value();
    disk.history().for_each_loss(disk_order::weak, disk.history().now(), disk.history().now(), {},
                                 [&](disk_image const& left, std::size_t) {
                                     for (auto const& [number, object] : left.objects)
                                         CHECK(object.xattrs.empty());
                                 });
}
