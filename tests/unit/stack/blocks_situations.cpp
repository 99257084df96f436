// Files that are copied up block by block, in the situations that a random walk seldom meets.
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/check.hpp>
#include <lamina/stack/overlay.hpp>

#include "../../model/scratch.hpp"
#include "blocks_of.hpp"
#include "catch.hpp"

namespace {

using namespace lamina;
using namespace blocks_of;

// Lowers are counted: so their files are of another type, and nothing is cloned.
struct layers_in_memory {
    memory_tree below, scratch;
    count<memory_tree&> counted{below};
    policy rules = policy_of_blocks();
    std::string content = pattern(20 * block + 100, 1);

    layers_in_memory() { below.write("big", content).value(); }
    auto open(policy const& with) { return overlay{upper(scratch), lower(counted), with}; }
    auto open() { return open(rules); }
    [[nodiscard]] std::size_t maps() { return maps_of(scratch).size(); }
    // Writes a few bytes, and knows it.
    template <class Root>
    void poke(Root& root, char const* name = "big", std::size_t at = 5000) {
        auto file = root.open(path::parse(name).value(), open_flags::read_write).value();
        REQUIRE(paths_write(file, "poked", at));
        content.replace(at, 5, "poked");
    }
};

std::string read_of(auto& root, char const* name) { return root.read(path::parse(name).value()).value(); }

struct unclonable : count<memory_tree&> {
    using count::count;
    [[nodiscard]] capabilities able() const { return count::able().without(capability::clone); }
};

// A real directory of which a test says when the machine went down.
struct rebooting : posix_directory {
    std::array<std::byte, 16> now{std::byte{1}};
    explicit rebooting(posix_directory directory) : posix_directory(std::move(directory)) {}
    [[nodiscard]] result<std::array<std::byte, 16>> boot() { return now; }
};
auto stack_on(std::string const& place, posix_directory& below, std::uint8_t boot, policy const& rules) {
    auto up = rebooting(posix_directory::open(place + "/upper").value());
    auto work = rebooting(posix_directory::open(place + "/work").value());
    up.now[0] = work.now[0] = std::byte{boot};
    return overlay{upper(std::move(up), std::move(work)), lower(below), rules};
}

}  // namespace

TEST_CASE("[blocks.3] a map goes with the last name of its file") {
    layers_in_memory l;
    l.rules.durable = durability::ordered;
    auto root = l.open();
    SECTION("removed") {
        l.poke(root);
        CHECK(l.maps() == 1);
        root.remove("big").value();
    }
    SECTION("one name after the other") {
        l.poke(root);
        root.create_hard_link("big", "second").value();
        root.remove("big").value();
        CHECK(l.maps() == 1);
        CHECK((read_of(root, "second") == l.content));
        root.remove("second").value();
    }
    SECTION("replaced by a rename") {
        l.poke(root);
        root.write("other", "other").value();
        root.rename("other", "big").value();
    }
    SECTION("replaced by a whole new content") {
        l.poke(root);
        CHECK(l.maps() == 1);
        root.write("big", "new").value();
        CHECK(read_of(root, "big") == "new");
    }
    SECTION("cut to nothing") {
        l.poke(root);
        root.resize("big", 0).value();
        CHECK(read_of(root, "big").empty());
    }
    SECTION("opened to be written anew") {
        l.poke(root);
        (void)root.open("big", open_flags::write | open_flags::truncate).value();
        CHECK(read_of(root, "big").empty());
    }
    SECTION("made whole") {
        l.poke(root);
        root.materialize("big").value();
        CHECK((read_of(root, "big") == l.content));
    }
    CHECK(l.maps() == 0);
    CHECK(root.needs_materialize());
    root.materialize().value();
    CHECK_FALSE(root.needs_materialize());
}

TEST_CASE("[blocks.4] writing 4 KiB into a file of 1 GiB moves one block") {
    memory_tree below, scratch;
    below.write("image", "").value();
    below.resize("image", std::uint64_t{1} << 30).value();
    count counted_lower{below};
    unclonable counted_upper{scratch};
    policy rules;
    rules.blocks = block_copies::on;
    overlay root{upper(counted_upper), lower(counted_lower), rules};
    root.ready().value();
    auto file = root.open("image", open_flags::read_write).value();
    counted_lower.reset();
    counted_upper.reset();
    REQUIRE(paths_write(file, std::string(4096, 'x'), std::uint64_t{512} << 20));
    CHECK(counted_lower.counts()[operation::read].bytes == 64 * 1024);
    CHECK(counted_upper.counts()[operation::write].bytes == 64 * 1024 + 512);
    // The second time the block is the upper's.
    REQUIRE(paths_write(file, std::string(4096, 'y'), (std::uint64_t{512} << 20) + 8192));
    CHECK(counted_lower.counts()[operation::read].bytes == 64 * 1024);
    CHECK(counted_upper.counts()[operation::write].bytes == 68 * 1024 + 512);
    CHECK(scratch.status("image").value().blocks * 512 <= 128 * 1024);
    CHECK(root.status("image").value().size == std::uint64_t{1} << 30);
}

TEST_CASE("[blocks.5] handles on the lower file follow, and all handles and names are one file") {
    layers_in_memory l;
    auto root = l.open();
    auto early = root.open("big", open_flags::read).value();
    auto first = root.open("big", open_flags::read_write).value();
    root.create_hard_link("big", "second").value();
    auto second = root.open("second", open_flags::read_write | open_flags::append).value();
    REQUIRE(paths_write(first, "first", 0));
    REQUIRE(second.write_at(std::as_bytes(std::span("second", 6)), 0).value() == 6);  // to the end
    auto expected = l.content;
    expected.replace(0, 5, "first");
    expected += "second";
    for (auto* const handle : {&early, &first, &second})
        CHECK((paths::read_all(*handle).value() == expected));
    root.remove("big").value();
    root.remove("second").value();
    REQUIRE(paths_write(first, "later", 9 * block));
    expected.replace(9 * block, 5, "later");
    CHECK((paths::read_all(early).value() == expected));
    CHECK(early.status().value().size == expected.size());
}

TEST_CASE("[blocks.6] a lower that is another one now is eio with its number; nothing is mixed") {
    layers_in_memory l;
    {
        auto root = l.open();
        l.poke(root);
    }
    SECTION("other content, same size") { l.below.write("big", pattern(l.content.size(), 9)).value(); }
    SECTION("longer") { l.below.append("big", "x").value(); }
    SECTION("shorter") { l.below.resize("big", 100).value(); }
    auto root = l.open();
    auto const opened = root.open("big", open_flags::read);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error() == errc::eio);
    CHECK(opened.error().layer == 1);
    CHECK(root.open("big", open_flags::read_write).error() == errc::eio);
    CHECK(root.materialize().error() == errc::eio);
    // It can still be taken away, or replaced.
    root.write("other", "other").value();
    root.rename("other", "big").value();
    CHECK(read_of(root, "big") == "other");
}

TEST_CASE("[blocks.7] without its map a file is eio, not zeros") {
    layers_in_memory l;
    {
        auto root = l.open();
        l.poke(root);
    }
    auto const outer = l.scratch.open_directory_at(l.scratch.work_root(), "lamina").value();
    auto const inner = l.scratch.open_directory_at(outer, "blocks").value();
    auto const name = maps_of(l.scratch).at(0);
    SECTION("gone") { l.scratch.remove_at(inner, name).value(); }
    SECTION("empty") { l.scratch.resize_at(inner, name, 0).value(); }
    SECTION("of another file") {
        auto const another = std::string(1, '\1') + std::string(16, 'x');
        l.scratch.set_xattr("big", "trusted.overlay.lamina", another).value();
    }
    SECTION("a mark that says nothing") {
        l.scratch.set_xattr_at(l.scratch.root(), "big", "trusted.overlay.lamina", "\1x", xattr_flags::none).value();
    }
    SECTION("two files with one map") {
        auto root = l.open();
        auto held = root.open("big", open_flags::read).value();
        l.scratch.write("copy", "").value();
        l.scratch.resize("copy", l.content.size()).value();
        for (auto const key : {"trusted.overlay.lamina", "trusted.overlay.metacopy"})
            l.scratch.set_xattr("copy", key, l.scratch.get_xattr("big", key).value()).value();
        l.below.write("copy", l.content).value();
        CHECK(root.open("copy", open_flags::read).error() == errc::eio);
        l.scratch.remove_at(inner, name).value();
    }
    l.scratch.release(inner);
    l.scratch.release(outer);
    auto root = l.open();
    CHECK(root.open("big", open_flags::read).error() == errc::eio);
    CHECK(root.status("big").value().size == l.content.size());
}

TEST_CASE("[blocks.8] what is there is read and written by who sees the marks; others refuse the upper") {
    layers_in_memory l;
    {
        auto root = l.open();
        l.poke(root);
    }
    SECTION("off: the old ones go on, no new ones") {
        l.below.write("other", l.content).value();
        auto root = l.open(policy());
        l.poke(root, "big", 9 * block);
        CHECK((read_of(root, "big") == l.content));
        CHECK(l.maps() == 1);
        l.poke(root, "other");
        CHECK(l.maps() == 1);
    }
    SECTION("metacopies refused") {
        auto rules = l.rules;
        rules.metacopy = metacopies::refuse;
        auto root = l.open(rules);
        CHECK(root.open("big", open_flags::read).error() == errc::eperm);
        l.below.write("other", l.content).value();
        l.poke(root, "other");
        CHECK(l.maps() == 1);
    }
    SECTION("the other format") {
        auto rules = l.rules;
        rules.format = whiteout_format::aufs;
        CHECK(l.open(rules).ready().error() == errc::einval);
    }
    SECTION("the other namespace") {
        auto rules = l.rules;
        rules.marks = mark_space::user;
        CHECK(l.open(rules).ready().error() == errc::einval);
    }
    SECTION("as a lower layer, without its work directory") {
        memory_tree top;
        overlay over{upper(top), lower(l.scratch, l.below), l.rules};
        CHECK(over.open("big", open_flags::read).error() == errc::eio);
        CHECK(over.open("big", open_flags::read_write).error() == errc::eio);
    }
    SECTION("left unflushed, and accepted") {
        auto const work = l.scratch.open_directory_at(l.scratch.work_root(), "work").value();
        auto const incompat = l.scratch.open_directory_at(work, "incompat").value();
        l.scratch.create_directory_at(incompat, "volatile", 0700).value();
        CHECK(l.open().ready().error() == errc::einval);
        auto rules = l.rules;
        rules.accept_unclean = true;
        auto root = l.open(rules);
        root.ready().value();
        CHECK_FALSE(l.scratch.lookup(incompat, "volatile").value().has_value());
        CHECK(root.needs_materialize());
        CHECK((read_of(root, "big") == l.content));
        l.scratch.release(incompat);
        l.scratch.release(work);
    }
}

TEST_CASE("[blocks.9] changing attributes moves no data, and a metacopy becomes block-wise when it is written") {
    layers_in_memory l;
    bool const shells = GENERATE(false, true);
    l.rules.metacopy = shells ? metacopies::on : metacopies::follow;
    auto root = l.open();
    l.counted.reset();
    root.permissions("big", 0640).value();
    CHECK(l.counted.counts()[operation::read].bytes == 0);
    CHECK(l.maps() == (shells ? 0u : 1u));
    root.rename("big", "moved").value();
    l.poke(root, "moved");
    CHECK(l.maps() == 1);
    CHECK((read_of(root, "moved") == l.content));
    CHECK(root.status("moved").value().mode == 0640);
    CHECK(root.status("moved").value().blocks != 0);
    CHECK(root.changes().value() ==
          std::vector<change>{{change::kind::deleted, "big", {}}, {change::kind::added, "moved", {}}});
    // Nobody sees the marks.
    CHECK(root.xattrs("moved").value().empty());
    auto again = l.open();
    CHECK((read_of(again, "moved") == l.content));
}

TEST_CASE("[blocks.10] making files whole changes nothing that shows, and sweeps what was left behind") {
    layers_in_memory l;
    l.below.permissions("big", 04755).value();
    auto root = l.open();
    l.poke(root);
    root.create_directories("dir/deep").value();
    root.rename("big", "dir/deep/moved").value();
    root.create_hard_link("dir/deep/moved", "second").value();
    l.below.write("lost", l.content).value();
    root.set_xattr("dir/deep/moved", "security.capability", std::string("\0\0\0\2aaaabbbbccccdddd", 20)).value();
    auto const before = root.status("second").value();
    auto reader = root.open("second", open_flags::read).value();
    auto writer = root.open("dir/deep/moved", open_flags::read_write).value();
    {
        auto tree = root.open("lost", open_flags::read_write).value();
        REQUIRE(paths_write(tree, "x", 0));
        root.create_directory("gone").value();
        root.rename("lost", "gone/lost").value();
    }
    root.remove_all("gone").value();  // in one step: its map stays behind
    CHECK(l.maps() == 2);
    root.materialize().value();
    CHECK(l.maps() == 0);
    auto const after = root.status("second").value();
    CHECK(after.mode == before.mode);
    CHECK(after.mtime == before.mtime);
    CHECK(after.nlink == 2);
    CHECK(root.get_xattr("second", "security.capability").value().size() == 20);
    CHECK((read_of(l.scratch, "second") == l.content));
    CHECK((paths::read_all(reader).value() == l.content));
    // In the upper nothing is left of it.
    for (auto const& key : l.scratch.xattrs("second").value())
        CHECK((key == "security.capability" || key == "trusted.overlay.origin"));
    REQUIRE(paths_write(writer, "after", 3));
    l.content.replace(3, 5, "after");
    CHECK((read_of(root, "second") == l.content));
    CHECK((paths::read_all(reader).value() == l.content));
    CHECK((read_of(l.scratch, "second") == l.content));
}

TEST_CASE("[blocks.11] a kill loses nothing; a power loss loses what was not flushed, and no more") {
    model::scratch place;
    auto outside = place.open();
    for (auto const name : {"upper", "work", "lower"})
        outside.create_directory(path::parse(name).value()).value();
    auto below = posix_directory::open(place / "lower").value();
    auto const content = pattern(20 * block, 1);
    below.write("big", content).value();
    auto const rules = policy_of_blocks();
    auto const copy_to = [&](std::string const& name) {
        REQUIRE(std::system(("mkdir '" + place / name + "' && cp -a --sparse=always '" + place / "upper" + "' '" +
                             place / "work" + "' '" + place / name + "'")
                                .c_str()) == 0);
        return place / name;
    };
    auto flushed = content;
    flushed.replace(3 * block, 7, "flushed");
    auto unflushed = flushed;
    unflushed.replace(9 * block + 10, 9, "unflushed");
    {
        auto root = stack_on(place.path(), below, 1, rules);
        auto file = root.open("big", open_flags::read_write).value();
        REQUIRE(paths_write(file, "flushed", 3 * block));
        file.sync(sync_kind::data).value();
        REQUIRE(paths_write(file, "unflushed", 9 * block + 10));
        (void)copy_to("killed");
        (void)copy_to("down");
    }
    SECTION("killed, and opened in the same boot") {
        auto root = stack_on(place / "killed", below, 1, rules);
        CHECK((read_of(root, "big") == unflushed));
    }
    SECTION("the machine went down: flushed blocks are new, the others old") {
        {
            auto root = stack_on(place / "down", below, 2, rules);
            CHECK((read_of(root, "big") == flushed));
            // The block that was lost is written again, elsewhere.
            auto file = root.open("big", open_flags::read_write).value();
            REQUIRE(paths_write(file, "again", 9 * block + 100));
            flushed.replace(9 * block + 100, 5, "again");
            CHECK((read_of(root, "big") == flushed));
        }
        auto root = stack_on(place / "down", below, 3, rules);  // closed in order: flushed
        CHECK((read_of(root, "big") == flushed));
    }
    SECTION("closed in order, and then the machine went down") {
        auto root = stack_on(place.path(), below, 2, rules);
        CHECK((read_of(root, "big") == unflushed));
    }
    SECTION("with strict every write is flushed") {
        auto strict = rules;
        strict.durable = durability::strict;
        auto root = stack_on(place.path(), below, 1, strict);
        auto file = root.open("big", open_flags::read_write).value();
        REQUIRE(paths_write(file, "strict", 15 * block));
        unflushed.replace(15 * block, 6, "strict");
        auto other = stack_on(copy_to("strict"), below, 2, strict);
        CHECK((read_of(other, "big") == unflushed));
    }
    SECTION("a cut, growth, and the machine down: never the lower's bytes again") {
        auto root = stack_on(place.path(), below, 1, rules);
        auto file = root.open("big", open_flags::read_write).value();
        file.resize(5 * block + 1).value();
        file.resize(12 * block).value();
        auto expected = unflushed.substr(0, 5 * block + 1);
        expected.resize(12 * block);
        CHECK((paths::read_all(file).value() == expected));
        for (std::uint8_t boot : {std::uint8_t{1}, std::uint8_t{2}}) {
            auto other = stack_on(copy_to("cut" + std::to_string(boot)), below, boot, rules);
            CHECK((read_of(other, "big") == expected));
        }
    }
}

TEST_CASE("[blocks.12] names that the index keeps together share one map") {
    memory_tree below, scratch;
    below.create_directory("dir").value();
    auto content = pattern(20 * block, 1);
    below.write("one", content).value();
    below.create_hard_link("one", "dir/two").value();
    below.create_hard_link("one", "dir/three").value();
    count counted{below};
    auto rules = policy_of_blocks();
    {
        overlay root{upper(scratch), lower(counted), rules};
        root.ready().value();
        REQUIRE(root.rules().index == indexing::on);
        auto reader = root.open("dir/three", open_flags::read).value();
        auto file = root.open("one", open_flags::read_write).value();
        REQUIRE(paths_write(file, "changed", 7 * block));
        content.replace(7 * block, 7, "changed");
        CHECK((read_of(root, "dir/two") == content));
        CHECK((paths::read_all(reader).value() == content));
        auto other = root.open("dir/two", open_flags::read_write).value();
        REQUIRE(paths_write(other, "by two", 11 * block));
        content.replace(11 * block, 6, "by two");
        CHECK((paths::read_all(reader).value() == content));
        CHECK(maps_of(scratch).size() == 1);
        CHECK(root.status("dir/three").value().nlink == 3);
    }
    overlay root{upper(scratch), lower(counted), rules};
    for (auto const name : {"one", "dir/two", "dir/three"})
        CHECK((read_of(root, name) == content));
    root.rename("one", "moved").value();
    CHECK((read_of(root, "moved") == content));
    root.remove("moved").value();
    root.remove("dir/two").value();
    CHECK((read_of(root, "dir/three") == content));
    CHECK(maps_of(scratch).size() == 1);
    SECTION("until the last name goes") {
        root.remove("dir/three").value();
        CHECK(maps_of(scratch).empty());
    }
    SECTION("until it is whole") {
        root.materialize().value();
        CHECK((read_of(root, "dir/three") == content));
        CHECK_FALSE(root.needs_materialize());
    }
}

TEST_CASE("[blocks.13] many threads on one file: each sees its own writes, and the file is whole in the end") {
    layers_in_memory l;
    l.rules.durable = durability::ordered;
    auto root = l.open();
    constexpr int writers = 3;
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
            for (int round = 0; round < 40; ++round) {
                auto file = root.open("big", open_flags::read_write);
                if (!file) {
                    ++wrong;
                    return;
                }
                for (std::size_t b = static_cast<std::size_t>(w); b < 20; b += writers) {
                    std::string const bytes(block / 2, static_cast<char>('A' + w + round % 20));
                    std::string seen(bytes.size(), '\0');
                    if (!paths_write(*file, bytes, b * block + 50) ||
                        !file->read_at(std::as_writable_bytes(std::span(seen)), b * block + 50) || seen != bytes)
                        ++wrong;
                }
                if (round % 8 == 0 && !file->sync(sync_kind::data))
                    ++wrong;
            }
        });
    threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round)
            if (!root.append("big", "end") || !root.status("big"))
                ++wrong;
    });
    threads.emplace_back([&] {
        for (int round = 0; round < 5; ++round)
            if (!root.materialize() || !root.read("big"))
                ++wrong;
    });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    auto expected = l.content;
    for (std::size_t b = 0; b < 20; ++b)
        expected.replace(b * block + 50, block / 2,
                         std::string(block / 2, static_cast<char>('A' + b % writers + 39 % 20)));
    for (int i = 0; i < 20; ++i)
        expected += "end";
    CHECK((read_of(root, "big") == expected));
    auto again = l.open();
    CHECK((read_of(again, "big") == expected));
}

TEST_CASE("[blocks.14] check: a map without a file, a file without its map or its lower; nothing of a sound one") {
    layers_in_memory l;
    {
        auto root = l.open();
        l.poke(root);
        root.create_directory("dir").value();
        l.below.write("lost", l.content).value();
        auto file = root.open("lost", open_flags::read_write).value();
        REQUIRE(paths_write(file, "x", 0));
        root.rename("lost", "dir/lost").value();
    }
    auto const look = [&](repairs how = repairs::none) {
        return check(upper(l.scratch), lower(l.counted), l.rules, how).value();
    };
    CHECK(look().empty());
    SECTION("a map that a removed tree has left") {
        {
            auto root = l.open();
            root.remove_all("dir").value();
        }
        REQUIRE(look().size() == 1);
        CHECK(look()[0].what == flaw::kind::orphaned_map);
        CHECK(look(repairs::proven)[0].repaired);
        CHECK(look().empty());
        CHECK(l.maps() == 1);
        auto root = l.open();
        CHECK((read_of(root, "big") == l.content));
    }
    SECTION("a lower that is another one") {
        l.below.append("big", "x").value();
        REQUIRE(look().size() == 1);
        CHECK(look()[0].what == flaw::kind::missing_data);
        CHECK(look()[0].path == "big");
        CHECK(look()[0].why == errc::eio);
    }
    SECTION("no map") {
        auto const outer = l.scratch.open_directory_at(l.scratch.work_root(), "lamina").value();
        auto const inner = l.scratch.open_directory_at(outer, "blocks").value();
        for (auto const& name : maps_of(l.scratch))
            l.scratch.remove_at(inner, name).value();
        l.scratch.release(inner);
        l.scratch.release(outer);
        CHECK(look().size() == 2);
    }
    SECTION("names that only the index keeps together") {
        l.below.create_hard_link("big", "second").value();
        {
            auto root = l.open();
            root.create_hard_link("second", "third").value();
        }
        auto const before = l.maps();
        (void)look(repairs::proven);
        CHECK(l.maps() == before);
    }
}
