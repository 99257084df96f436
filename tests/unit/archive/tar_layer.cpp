#include "catch.hpp"
#include "tar_maker.hpp"

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <lamina/backend/memory.hpp>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

maker sample() {
    return maker()
        .directory("etc", 0755)
        .add({.name = "etc/hostname", .data = "sandbox\n", .mode = 0644})
        .symlink("etc/link", "hostname")
        .symlink("abs", "/etc/hostname")
        .symlink("loop", "loop")
        .add({.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
        .add({.name = "run/pipe", .type = '6'})
        .file("usr/share/doc/x/copyright", "words")
        .link("hard", "etc/hostname");
}

}  // namespace

TEST_CASE("[tar.layer.1] lookup: attributes, or nothing; the empty name is the directory itself") {
    auto layer = tree(sample());
    auto const root = layer.root();
    CHECK_FALSE(layer.lookup(root, "missing").value());
    CHECK_FALSE(layer.lookup(root, ".").value());
    CHECK_FALSE(layer.lookup(root, "..").value());
    CHECK(layer.lookup(root, "").value()->is_directory());
    auto const etc = layer.open_directory_at(root, "etc").value();
    auto const hostname = layer.lookup(etc, "hostname").value();
    REQUIRE(hostname);
    CHECK(hostname->is_regular());
    CHECK(hostname->size == 8);
    CHECK(hostname->blocks == 1);
    CHECK(hostname->nlink == 2);
    CHECK(layer.lookup(etc, "").value()->id == layer.lookup(root, "etc").value()->id);
    CHECK_FALSE(layer.lookup(etc, "etc").value());
}

TEST_CASE("[tar.layer.2] a node is of a directory, and of nothing else") {
    auto layer = tree(sample());
    auto const root = layer.root();
    CHECK(layer.open_directory_at(root, "").value() == root);
    CHECK(layer.open_directory_at(root, "missing").error() == errc::enoent);
    for (auto const* name : {"abs", "hard", "loop"})
        CHECK(layer.open_directory_at(root, name).error() == errc::enotdir);
    auto const usr = layer.open_directory_at(root, "usr").value();
    layer.retain(usr);
    layer.release(usr);
    layer.release(usr);
    CHECK(layer.lookup(usr, "share").value());
}

TEST_CASE("[tar.layer.3] listing gives every entry once, with type and inode, and stops when told") {
    auto layer = tree(sample());
    std::vector<std::string> seen;
    auto const all = layer.list_at(layer.root(), [&](directory_entry const& entry) {
        seen.emplace_back(entry.name);
        auto const a = layer.lookup(layer.root(), std::string(entry.name)).value();
        CHECK(a->type == entry.type);
        CHECK(a->id.inode == entry.inode);
        return true;
    });
    CHECK(all.has_value());
    CHECK(seen == std::vector<std::string>{"etc", "abs", "loop", "dev", "run", "usr", "hard"});
    int count = 0;
    CHECK(layer.list_at(layer.root(), [&](directory_entry const&) { return ++count < 2; }).has_value());
    CHECK(count == 2);
}

TEST_CASE("[tar.layer.4] only regular files open, and only for reading") {
    auto layer = tree(sample());
    auto const root = layer.root();
    auto const open_at = [&](name_ref name, open_flags flags) { return layer.open_at(root, name, flags); };
    CHECK(open_at("missing", open_flags::read).error() == errc::enoent);
    CHECK(open_at("etc", open_flags::read).error() == errc::eisdir);
    CHECK(open_at("", open_flags::read).error() == errc::eisdir);
    CHECK(open_at("abs", open_flags::read).error() == errc::eloop);
    auto const dev = layer.open_directory_at(root, "dev").value();
    auto const run = layer.open_directory_at(root, "run").value();
    CHECK(layer.open_at(dev, "null", open_flags::read).error() == errc::enxio);
    CHECK(layer.open_at(run, "pipe", open_flags::read_write).error() == errc::enxio);
    for (auto const flags :
         {open_flags::write, open_flags::read_write, open_flags::append, open_flags::read | open_flags::truncate})
        CHECK(open_at("hard", flags).error() == errc::erofs);
    auto file = open_at("hard", open_flags::read).value();
    std::string out(100, '?');
    CHECK(file.read_at(std::as_writable_bytes(std::span(out)), 0).value() == 8);
    CHECK(out.substr(0, 8) == "sandbox\n");
    CHECK(file.read_at(std::as_writable_bytes(std::span(out)), 8).value() == 0);
    CHECK(file.read_at(std::as_writable_bytes(std::span(out)), ~std::uint64_t{0}).value() == 0);
    CHECK(file.read_at({}, 0).value() == 0);
    CHECK(file.next_data(3).value() == 3);
    CHECK(file.next_data(99).value() == 8);
    CHECK(file.next_hole(3).value() == 8);
    CHECK(file.status().value().id == layer.lookup(root, "hard").value()->id);
}

TEST_CASE("[tar.layer.5] symbolic links are read, everything else is einval") {
    auto layer = tree(sample());
    CHECK(layer.read_symlink_at(layer.root(), "abs").value() == "/etc/hostname");
    CHECK(layer.read_symlink_at(layer.root(), "etc").error() == errc::einval);
    CHECK(layer.read_symlink_at(layer.root(), "").error() == errc::einval);
    CHECK(layer.read_symlink_at(layer.root(), "hard").error() == errc::einval);
    CHECK(layer.read_symlink_at(layer.root(), "missing").error() == errc::enoent);
}

TEST_CASE("[tar.layer.6] paths resolve inside the layer, links too") {
    auto layer = tree(sample());
    CHECK(layer.read("etc/link").value() == "sandbox\n");
    CHECK(layer.read("abs").value() == "sandbox\n");
    CHECK(layer.read("usr/share/../share/doc/x/copyright").value() == "words");
    CHECK(layer.status("loop").error() == errc::eloop);
    CHECK(layer.read("etc/hostname/x").error() == errc::enotdir);
    CHECK(layer.open("etc/new", open_flags::write | open_flags::create).error() == errc::erofs);
    std::size_t walked = 0;
    CHECK(layer.walk("/", [&](walk_entry const&) { ++walked; }).has_value());
    CHECK(walked >= 14);
}

TEST_CASE("[tar.layer.7] descend goes through directories only, and says how far it came") {
    auto layer = tree(sample());
    auto const root = layer.root();
    auto const come = [&](std::string_view names) {
        auto const d = layer.descend(root, names);
        return std::pair(d.reached, names.substr(d.used));
    };
    auto const usr = layer.open_directory_at(root, "usr").value();
    auto const share = layer.open_directory_at(usr, "share").value();
    CHECK(come("") == std::pair(root, ""sv));
    CHECK(come("usr/share") == std::pair(share, ""sv));
    CHECK(come("/usr//share/") == std::pair(share, "/"sv));
    CHECK(come("usr/share/none/x") == std::pair(share, "/none/x"sv));
    CHECK(come("usr/./share") == std::pair(usr, "/./share"sv));
    CHECK(come("usr/../usr") == std::pair(usr, "/../usr"sv));
    CHECK(come("abs/x") == std::pair(root, "abs/x"sv));
    CHECK(come("hard") == std::pair(root, "hard"sv));
    std::string const long_name(300, 'n');
    CHECK(come(long_name) == std::pair(root, std::string_view(long_name)));
    CHECK(come("///") == std::pair(root, "///"sv));
}

TEST_CASE("[tar.layer.8] able: inode numbers that survive re-opening, and nothing that writes") {
    auto const first = tree(sample());
    auto second = tree(sample());
    CHECK(first.able() == capabilities(capability::persistent_inodes));
    auto const a = first.lookup(first.root(), "hard").value();
    auto const b = second.lookup(second.root(), "hard").value();
    CHECK(a->id.inode == b->id.inode);
    CHECK(a->id.device != b->id.device);
    auto const copy = second;
    CHECK(copy.lookup(copy.root(), "hard").value()->id == b->id);
}

TEST_CASE("[tar.layer.9] an open file outlives its layer") {
    auto file = tree(sample()).open("etc/hostname", open_flags::read).value();
    std::string out(8, '?');
    CHECK(file.read_at(std::as_writable_bytes(std::span(out)), 0).value() == 8);
    CHECK(out == "sandbox\n");
}

TEST_CASE("[tar.layer.10] a file of any backend is a source; another tar layer's too") {
    memory_tree tree;
    REQUIRE(tree.write("layer.tar", sample().ended()).has_value());
    auto layer = tar_layer::open(tree.open("layer.tar", open_flags::read).value()).value();
    CHECK(layer.read("abs").value() == "sandbox\n");
    auto outer = tar_test::tree(maker().file("inner.tar", sample().ended()));
    auto inner = tar_layer::open(outer.open("inner.tar", open_flags::read).value()).value();
    CHECK(inner.read("abs").value() == "sandbox\n");
}

TEST_CASE("[tar.layer.11] the index takes no more than its arrays") {
    maker made;
    for (int i = 0; i < 20000; ++i)
        made.file("some/directory/file" + std::to_string(i));
    auto const layer = tree(made);
    CHECK(layer.index_bytes() / 20000 < 56 + 11 + 10);
}

TEST_CASE("[tar.layer.12] any number of threads read one layer and one file") {
    auto layer = tree(sample());
    auto file = layer.open("etc/hostname", open_flags::read).value();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                std::string out(8, '?');
                if (file.read_at(std::as_writable_bytes(std::span(out)), 0).value_or(0) != 8 || out != "sandbox\n" ||
                    layer.read("abs").value_or("") != "sandbox\n" || layer.list("etc").value().size() != 2 ||
                    layer.status("none").error() != errc::enoent)
                    ++wrong;
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("[tar.layer.13] a handle is the same each time the archive is read, for all names of an object, and in no other archive") {
    auto const handle = [](tar_layer& layer, char const* name) {
        return layer.handle_at(layer.root(), lamina::name_ref(std::string_view(name))).value();
    };
    auto made = maker().file("a", "1").file("b", "2");
    auto first = tree(made), again = tree(made), other = tree(maker().file("a", "1").file("c", "2"));
    CHECK(handle(first, "a") == handle(again, "a"));
    CHECK(handle(first, "a") != handle(first, "b"));
    CHECK(handle(first, "a") != handle(other, "a"));
    CHECK(first.inode_of(handle(first, "b")) == first.status("b").value().id.inode);
    CHECK(first.handle_at(first.root(), std::string_view("none")).error() == errc::enoent);
    auto cut = handle(first, "a");
    cut.id.pop_back();
    CHECK(first.inode_of(cut) == std::nullopt);
}
