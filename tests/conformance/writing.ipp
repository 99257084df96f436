// Files made and changed. Rules write.*. What a test begins with may lie in a lower layer: then the change copies it
// up. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;
using lamina::open_flags;

TEST_CASE("[write.1] a missing file is made, a whole file replaced") {
    fixture on(content().directory("d").file("d/f", "what was there before"));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("d/new", "text")) == errc::ok);
    CHECK(tree.read("d/new").value() == "text");
    CHECK(outcome(tree.write("d/f", "short")) == errc::ok);
    CHECK(tree.read("d/f").value() == "short");
    CHECK(tree.status("d/f").value().size == 5);
    CHECK(outcome(tree.write("d/f", "")) == errc::ok);
    CHECK(tree.read("d/f").value().empty());
    CHECK(names_in(tree, "d") == names{"f", "new"});
}

TEST_CASE("[write.2] a replaced file keeps its mode, and a new one has the mode asked for") {
    fixture on(content().file("f", "text").mode(0640));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("f", "other", 0600)) == errc::ok);
    CHECK(tree.status("f").value().mode == 0640);
    CHECK(outcome(tree.write("new", "text", 0600)) == errc::ok);
    CHECK(tree.status("new").value().mode == 0600);
}

TEST_CASE("[write.3] write_at changes what it is given and nothing else") {
    fixture on(content().file("f", "0123456789").file("other", "untouched"));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::read_write).value();
    CHECK(file.write_at(bytes_of("abc"), 4).value() == 3);
    CHECK(read_some(file, 0, 100).value() == "0123abc789");
    CHECK(tree.read("f").value() == "0123abc789");
    CHECK(file.write_at(bytes_of("XY"), 9).value() == 2);
    CHECK(tree.read("f").value() == "0123abc78XY");
    CHECK(file.write_at({}, 3).value() == 0);
    CHECK(tree.read("other").value() == "untouched");
}

TEST_CASE("[write.4] a write past the end leaves zeros between") {
    fixture on(content().file("f", "ab"));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::write).value();
    CHECK(file.write_at(bytes_of("z"), 5000).value() == 1);
    CHECK((tree.read("f").value() == "ab" + std::string(4998, '\0') + "z"));
    CHECK(tree.status("f").value().size == 5001);
}

TEST_CASE("[write.5] append adds at the end, and makes a missing file") {
    fixture on(content().file("f", "one"));
    auto& tree = on.tree();
    CHECK(outcome(tree.append("f", "two")) == errc::ok);
    CHECK(outcome(tree.append("f", "")) == errc::ok);
    CHECK(outcome(tree.append("f", "three")) == errc::ok);
    CHECK(tree.read("f").value() == "onetwothree");
    CHECK(outcome(tree.append("new", "text", 0600)) == errc::ok);
    CHECK(tree.read("new").value() == "text");
    CHECK(tree.status("new").value().mode == 0600);
}

TEST_CASE("[write.6] through a handle opened for appending every write goes to the end") {
    fixture on(content().file("f", "start"));
    auto& tree = on.tree();
    auto appending = tree.open("f", open_flags::append).value();
    CHECK(appending.write_at(bytes_of("+a"), 0).value() == 2);
    auto other = tree.open("f", open_flags::write).value();
    CHECK(other.append(bytes_of("+b")).value() == 2);
    CHECK(appending.append(bytes_of("+c")).value() == 2);
    CHECK(other.write_at(bytes_of("S"), 0).value() == 1);
    CHECK(tree.read("f").value() == "Start+a+b+c");
    auto made = tree.open("new", open_flags::append | open_flags::create).value();
    CHECK(made.write_at(bytes_of("1"), 0).value() == 1);
    CHECK(made.write_at(bytes_of("2"), 0).value() == 1);
    CHECK(tree.read("new").value() == "12");
}

TEST_CASE("[write.7] truncate empties the file when it is opened") {
    fixture on(content().file("f", "text").file("g", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.open("f", open_flags::write | open_flags::truncate)) == errc::ok);
    CHECK(tree.status("f").value().size == 0);
    auto file = tree.open("g", open_flags::read_write | open_flags::truncate | open_flags::create).value();
    CHECK(file.write_at(bytes_of("x"), 0).value() == 1);
    CHECK(tree.read("g").value() == "x");
}

TEST_CASE("[write.8] create opens what is there; with exclusive it is eexist, links not followed") {
    fixture on(content().file("f", "text").directory("d").symlink("l", "f").symlink("dangling", "nowhere"));
    auto& tree = on.tree();
    auto const exclusive = open_flags::write | open_flags::create | open_flags::exclusive;
    CHECK(outcome(tree.open("f", open_flags::write | open_flags::create)) == errc::ok);
    CHECK(tree.read("f").value() == "text");
    CHECK(outcome(tree.open("f", exclusive)) == errc::eexist);
    CHECK(outcome(tree.open("d", exclusive)) == errc::eexist);
    CHECK(outcome(tree.open("/", exclusive)) == errc::eexist);
    CHECK(outcome(tree.open("l", exclusive)) == errc::eexist);
    CHECK(outcome(tree.open("dangling", exclusive)) == errc::eexist);
    CHECK(outcome(tree.open("new", exclusive)) == errc::ok);
    CHECK(tree.read("new").value().empty());
    CHECK(outcome(tree.open("new", exclusive)) == errc::eexist);
    CHECK(tree.exists("nowhere").value() == false);
}

TEST_CASE("[write.9] what is no file is not opened for writing, and stays as it is") {
    fixture on(content().directory("d").special("p", file_type::fifo));
    auto& tree = on.tree();
    CHECK(outcome(tree.open("d", open_flags::write)) == errc::eisdir);
    CHECK(outcome(tree.write("d", "text")) == errc::eisdir);
    CHECK(outcome(tree.write("/", "text")) == errc::eisdir);
    CHECK(outcome(tree.write("d/..", "text")) == errc::eisdir);
    CHECK(outcome(tree.open("p", open_flags::write)) == errc::enxio);
    CHECK(outcome(tree.write("p", "text")) == errc::enxio);
    CHECK(tree.status("p").value().type == file_type::fifo);
}

TEST_CASE("[write.10] a file is not made under a name with a slash, nor where no directory is") {
    fixture on(content().file("f", "text").symlink("l", "missing/"));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("new/", "text")) == errc::eisdir);
    CHECK(outcome(tree.write("f/", "text")) == errc::eisdir);
    CHECK(outcome(tree.write("l", "text")) == errc::eisdir);
    CHECK(outcome(tree.write("missing/new", "text")) == errc::enoent);
    CHECK(outcome(tree.write("f/new", "text")) == errc::enotdir);
    CHECK(names_in(tree, "/") == names{"f", "l"});
}

TEST_CASE("[write.11] a handle does what it was opened for: else ebadf") {
    fixture on(content().file("f", "text"));
    auto& tree = on.tree();
    auto reading = tree.open("f", open_flags::read).value();
    CHECK(outcome(reading.write_at(bytes_of("x"), 0)) == errc::ebadf);
    CHECK(outcome(reading.append(bytes_of("x"))) == errc::ebadf);
    CHECK((outcome(reading.resize(1)) == errc::ebadf || outcome(reading.resize(1)) == errc::einval));
    auto writing = tree.open("f", open_flags::write).value();
    CHECK(outcome(read_some(writing, 0, 1)) == errc::ebadf);
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[write.12] resize cuts, and extends by zeros") {
    fixture on(content().file("f", "0123456789").file("g", pattern(10'000)));
    auto& tree = on.tree();
    CHECK(outcome(tree.resize("f", 4)) == errc::ok);
    CHECK(tree.read("f").value() == "0123");
    CHECK(outcome(tree.resize("f", 7)) == errc::ok);
    CHECK((tree.read("f").value() == std::string("0123\0\0\0", 7)));
    CHECK(outcome(tree.resize("f", 0)) == errc::ok);
    CHECK(tree.read("f").value().empty());
    CHECK(outcome(tree.resize("g", 5000)) == errc::ok);
    CHECK(outcome(tree.resize("g", 10'000)) == errc::ok);
    CHECK((tree.read("g").value() == pattern(10'000).substr(0, 5000) + std::string(5000, '\0')));
    auto file = tree.open("g", open_flags::read_write).value();
    CHECK(outcome(file.resize(3)) == errc::ok);
    CHECK(file.status().value().size == 3);
    CHECK(tree.read("g").value() == pattern(10'000).substr(0, 3));
}

TEST_CASE("[write.13] only a regular file has a size to change") {
    fixture on(content().directory("d").special("p", file_type::fifo).symlink("l", "f").file("f", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.resize("d", 0)) == errc::eisdir);
    CHECK(outcome(tree.resize("p", 0)) == errc::einval);
    CHECK(outcome(tree.resize("missing", 0)) == errc::enoent);
    CHECK(outcome(tree.resize("f", ~std::uint64_t{0})) == errc::einval);
    CHECK(outcome(tree.resize("l", 2)) == errc::ok);
    CHECK(tree.read("f").value() == "te");
}

TEST_CASE("[write.14] what one handle writes another reads, whichever was opened first") {
    if (no_promise<fixture>(promise::handles_follow, "open files follow a copy-up"))
        return;
    fixture on(content().file("f", "0123456789"));
    auto& tree = on.tree();
    auto early = tree.open("f", open_flags::read).value();
    auto writing = tree.open("f", open_flags::write).value();
    CHECK(writing.write_at(bytes_of("AB"), 3).value() == 2);
    CHECK(read_some(early, 0, 100).value() == "012AB56789");
    auto late = tree.open("f", open_flags::read).value();
    CHECK(outcome(writing.resize(4)) == errc::ok);
    CHECK(read_some(early, 0, 100).value() == "012A");
    CHECK(read_some(late, 0, 100).value() == "012A");
    CHECK(early.status().value().size == 4);
}

TEST_CASE("[write.15] writing moves mtime and ctime, reading does not") {
    fixture on(content().file("f", "text").file("g", "text"));
    auto& tree = on.tree();
    auto const before = tree.status("f").value();
    CHECK(tree.read("f").value() == "text");
    CHECK(tree.status("f").value().mtime == before.mtime);
    CHECK(tree.status("f").value().ctime == before.ctime);
    auto file = tree.open("f", open_flags::write).value();
    CHECK(file.write_at(bytes_of("x"), 0).value() == 1);
    CHECK(tree.status("f").value().mtime > before.mtime);
    CHECK(tree.status("f").value().ctime >= before.ctime);
    CHECK(outcome(tree.resize("g", 1)) == errc::ok);
    CHECK(tree.status("g").value().mtime > before.mtime);
}

TEST_CASE("[write.16] a file larger than 4 GiB, of which nearly all is a hole") {
    fixture on(content().file("f", "start"));
    auto& tree = on.tree();
    constexpr std::uint64_t far = 5'000'000'000;
    {
        auto file = tree.open("f", open_flags::read_write).value();
        REQUIRE(file.write_at(bytes_of("end"), far).value() == 3);
        CHECK(read_some(file, far, 10).value() == "end");
        CHECK(read_some(file, far - 2, 4).value() == std::string("\0\0en", 4));
        CHECK(read_some(file, 0, 5).value() == "start");
    }
    auto const found = tree.status("f").value();
    CHECK(found.size == far + 3);
    CHECK(found.blocks * 512 < 10'000'000);
    auto file = tree.open("f", open_flags::read).value();
    auto const hole = file.next_hole(0).value();
    CHECK(hole < 10'000'000);
    auto const data = file.next_data(hole).value();
    CHECK(data <= far);
    CHECK(data > far - 10'000'000);
}

TEST_CASE("[write.17] three megabytes go in and come out") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    auto const bytes = pattern(3'000'001);
    CHECK(outcome(tree.write("d/f", bytes)) == errc::ok);
    CHECK((tree.read("d/f").value() == bytes));
    CHECK(outcome(tree.append("d/f", "tail")) == errc::ok);
    CHECK((tree.read("d/f").value() == bytes + "tail"));
}

TEST_CASE("[write.18] a write through a link changes what it leads to; through a dangling one it makes it") {
    fixture on(content()
                   .directory("d")
                   .file("d/f", "text")
                   .symlink("l", "d/f")
                   .symlink("m", "d/new")
                   .symlink("n", "m2")
                   .symlink("m2", "/d/newer")
                   .symlink("o", "nowhere/f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("l", "changed")) == errc::ok);
    CHECK(tree.read("d/f").value() == "changed");
    CHECK(tree.symlink_status("l").value().is_symlink());
    CHECK(outcome(tree.write("m", "made")) == errc::ok);
    CHECK(tree.read("d/new").value() == "made");
    CHECK(outcome(tree.write("n", "made too")) == errc::ok);
    CHECK(tree.read("d/newer").value() == "made too");
    CHECK(outcome(tree.write("o", "text")) == errc::enoent);
    CHECK(names_in(tree, "d") == names{"f", "new", "newer"});
}

TEST_CASE("[write.19] a file written through one of its names reads the same through the others") {
    if (cannot_hold<fixture>(capability::hard_links, "hard links"))
        return;
    if (no_promise<fixture>(promise::links_stay_links, "hard links outlast a copy-up"))
        return;
    fixture on(content().file("f", "text").directory("d").hard_link("d/g", "f").hard_link("h", "f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("d/g", "through g")) == errc::ok);
    CHECK(tree.read("f").value() == "through g");
    CHECK(tree.read("h").value() == "through g");
    CHECK(outcome(tree.append("f", "+f")) == errc::ok);
    CHECK(tree.read("h").value() == "through g+f");
    CHECK(tree.status("f").value().id == tree.status("d/g").value().id);
    CHECK(tree.status("h").value().nlink == 3);
}

TEST_CASE("[write.20] a sync succeeds, whatever was written") {
    fixture on(content().file("f", "text").directory("d"));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::read_write).value();
    CHECK(outcome(file.sync(lamina::sync_kind::data)) == errc::ok);
    CHECK(file.write_at(bytes_of("T"), 0).value() == 1);
    CHECK(outcome(file.sync(lamina::sync_kind::everything)) == errc::ok);
    CHECK(outcome(tree.sync_directory(tree.root())) == errc::ok);
    CHECK(tree.read("f").value() == "Text");
    auto const space = tree.space();
    REQUIRE(outcome(space) == errc::ok);
    CHECK(space->free <= space->capacity);
    CHECK(space->available <= space->free);
    CHECK(space->name_max >= 251);
}

TEST_CASE("[write.21] a range gets room, becomes a hole, or zeros, and nothing beside it changes") {
    auto content_of_f = pattern(20000);
    fixture on(content().file("f", content_of_f).file("g", "text"));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::read_write).value();
    if constexpr (!lamina::allocates<decltype(file)>) {
        WARN("left out: files of this configuration have no such call");
    } else {
        using lamina::allocation;
        // Whether it was done; not every file system can do each of them.
        auto const did = [&](allocation how, std::uint64_t offset, std::uint64_t length) {
            auto const what = outcome(file.allocate(how, offset, length));
            if (what == errc::eopnotsupp)
                WARN("left out: the file system has no allocation " << static_cast<unsigned>(how));
            else
                CHECK(what == errc::ok);
            return what == errc::ok;
        };
        auto const& wanted = content_of_f;
        if (!did(allocation::plain, 0, 1))
            return;
        CHECK(tree.read("f").value() == wanted);
        CHECK(did(allocation::keep_size, 10000, 100000));
        CHECK(tree.read("f").value() == wanted);
        CHECK(did(allocation::plain, 19000, 6000));
        content_of_f.resize(25000);
        CHECK(tree.status("f").value().size == 25000);
        CHECK(tree.read("f").value() == wanted);
        if (did(allocation::punch_hole, 3000, 11000)) {
            content_of_f.replace(3000, 11000, 11000, '\0');
            CHECK(tree.read("f").value() == wanted);
            CHECK(did(allocation::punch_hole, 24990, 1000000));
            CHECK(tree.status("f").value().size == 25000);
        }
        if (did(allocation::zero_range_keep_size, 16, 4200)) {
            content_of_f.replace(16, 4200, 4200, '\0');
            CHECK(tree.read("f").value() == wanted);
            CHECK(did(allocation::zero_range, 15000, 12000));
            content_of_f.resize(27000);
            content_of_f.replace(15000, 12000, 12000, '\0');
            CHECK(tree.read("f").value() == wanted);
        }
        CHECK(file.write_at(bytes_of("whole"), 4094).value() == 5);
        content_of_f.replace(4094, 5, "whole");
        CHECK(tree.read("f").value() == wanted);
        if (did(allocation::insert_range, 4096, 4096)) {
            content_of_f.insert(4096, 4096, '\0');
            CHECK(tree.read("f").value() == wanted);
            CHECK(did(allocation::collapse_range, 0, 8192));
            content_of_f.erase(0, 8192);
            CHECK(tree.read("f").value() == wanted);
        }
        CHECK(outcome(file.allocate(allocation::plain, 0, 0)) == errc::einval);
        CHECK(outcome(file.allocate(allocation::plain, ~std::uint64_t{0}, 1)) == errc::efbig);
        CHECK(outcome(file.allocate(allocation::plain, 1, ~std::uint64_t{0} >> 1)) == errc::efbig);
        CHECK(outcome(file.allocate(static_cast<allocation>(0x1000), 0, 1)) == errc::eopnotsupp);
        auto reading = tree.open("g", open_flags::read).value();
        CHECK(outcome(reading.allocate(allocation::plain, 0, 1)) == errc::ebadf);
        CHECK(tree.status("f").value().size == wanted.size());
        CHECK(tree.read("f").value() == wanted);
        CHECK(tree.read("g").value() == "text");
    }
}

}  // namespace
