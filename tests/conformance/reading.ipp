// What is in files and directories, and what is known about them. Rules read.*, list.* and status.*. For `fixture` see
// README.md.
#pragma once

#include <limits>
#include <set>

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;
using lamina::open_flags;

TEST_CASE("[read.1] a file is read as it was written, every byte") {
    std::string every;
    for (int i = 0; i != 256; ++i)
        every += static_cast<char>(i);
    fixture on(content().file("empty", "").file("one", "x").file("every", every).file("lines", "a\r\nb\n"));
    auto& tree = on.tree();
    CHECK(tree.read("empty").value().empty());
    CHECK(tree.read("one").value() == "x");
    CHECK(tree.read("every").value() == every);
    CHECK(tree.read("lines").value() == "a\r\nb\n");
}

TEST_CASE("[read.2] read_at gives fewer bytes than asked only at the end, and none at or past it") {
    fixture on(content().file("f", "0123456789"));
    auto file = on.tree().open("f", open_flags::read).value();
    CHECK(read_some(file, 0, 10).value() == "0123456789");
    CHECK(read_some(file, 0, 4).value() == "0123");
    CHECK(read_some(file, 7, 100).value() == "789");
    CHECK(read_some(file, 9, 1).value() == "9");
    CHECK(read_some(file, 10, 1).value().empty());
    CHECK(read_some(file, 11, 100).value().empty());
    CHECK(read_some(file, std::uint64_t{1} << 62, 100).value().empty());
    CHECK(read_some(file, 3, 0).value().empty());
    CHECK(read_some(file, 0, 3).value() == "012");  // an offset of one read is not the next one's business
}

TEST_CASE("[read.3] a directory is not read: eisdir") {
    fixture on(content().directory("d"));
    CHECK(outcome(on.tree().read("d")) == errc::eisdir);
    CHECK(outcome(on.tree().open("d", open_flags::read)) == errc::eisdir);
}

TEST_CASE("[read.4] a fifo or device is not opened: enxio, and nothing waits") {
    fixture on(content().special("p", file_type::fifo));
    auto& tree = on.tree();
    CHECK(outcome(tree.read("p")) == errc::enxio);
    CHECK(outcome(tree.open("p", open_flags::read)) == errc::enxio);
}

TEST_CASE("[read.5] a file of many pages") {
    auto const bytes = pattern((std::size_t{1} << 20) + 1);
    fixture on(content().file("f", bytes).file("page", pattern(4096, 2)));
    auto& tree = on.tree();
    CHECK((tree.read("f").value() == bytes));
    CHECK((tree.read("page").value() == pattern(4096, 2)));
    auto file = tree.open("f", open_flags::read).value();
    for (std::size_t const offset : {std::size_t{4095}, std::size_t{65536}, std::size_t{(1 << 20) - 3}})
        CHECK((read_some(file, offset, 4).value() == bytes.substr(offset, 4)));
}

TEST_CASE("[read.6] data and holes alternate, what lies outside data is zero, and the walk ends at the size") {
    std::string bytes =
        pattern(70'000, 3) + std::string(300'000, '\0') + pattern(5'000, 4) + std::string(100'000, '\0');
    fixture on(content().file("f", bytes).file("empty", ""));
    auto file = on.tree().open("f", open_flags::read).value();
    std::uint64_t offset = 0;
    int extents = 0;
    while (offset < bytes.size()) {
        auto const data = file.next_data(offset).value();
        REQUIRE(data >= offset);
        REQUIRE(data <= bytes.size());
        for (auto i = offset; i < data; ++i)
            if (bytes[i] != '\0')
                FAIL("byte " << i << " is data, said to be in a hole");
        if (data == bytes.size())
            break;
        auto const hole = file.next_hole(data).value();
        REQUIRE(hole > data);
        REQUIRE(hole <= bytes.size());
        offset = hole;
        REQUIRE(++extents < 1000);
    }
    CHECK(file.next_data(bytes.size()).value() == bytes.size());
    CHECK(file.next_hole(bytes.size()).value() == bytes.size());
    auto empty = on.tree().open("empty", open_flags::read).value();
    CHECK(empty.next_data(0).value() == 0);
    CHECK(empty.next_hole(0).value() == 0);
}

TEST_CASE("[read.7] an open file's status is that of its name") {
    fixture on(content().file("f", "text").mode(0640));
    auto& tree = on.tree();
    auto const named = tree.status("f").value();
    auto const opened = tree.open("f", open_flags::read).value().status().value();
    CHECK(opened.type == file_type::regular);
    CHECK(opened.size == 4);
    CHECK(opened.mode == named.mode);
    CHECK(opened.id == named.id);
    CHECK(opened.mtime == named.mtime);
}

TEST_CASE("[read.8] a read that would pass its limit is efbig") {
    fixture on(content().file("f", pattern(1000)));
    auto& tree = on.tree();
    CHECK(tree.read("f", 1000).value().size() == 1000);
    CHECK(outcome(tree.read("f", 999)) == errc::efbig);
    CHECK(outcome(tree.read("f", 0)) == errc::efbig);
}

TEST_CASE("[read.9] two handles of one file do not disturb each other") {
    fixture on(content().file("f", "0123456789"));
    auto& tree = on.tree();
    auto a = tree.open("f", open_flags::read).value();
    auto b = tree.open("f", open_flags::read).value();
    CHECK(read_some(a, 2, 3).value() == "234");
    CHECK(read_some(b, 0, 3).value() == "012");
    auto const moved = std::move(a);
    { auto const closed = std::move(b); }
    auto again = tree.open("f", open_flags::read).value();
    CHECK(read_some(again, 0, 1).value() == "0");
}

TEST_CASE("[list.1] every name once, neither '.' nor '..'") {
    fixture on(content()
                   .directory("d")
                   .file("d/f", "")
                   .symlink("d/l", "nowhere")
                   .directory("d/e")
                   .file("d/e/not-listed", "")
                   .file("d/.hidden", ""));
    CHECK(names_in(on.tree(), "d") == names{".hidden", "e", "f", "l"});
}

TEST_CASE("[list.2] list and status agree on types and inode numbers") {
    fixture on(
        content().directory("d").file("d/f", "").symlink("d/l", "f").directory("d/e").special("d/p", file_type::fifo));
    auto& tree = on.tree();
    auto const entries = tree.list("d").value();
    CHECK(entries.size() == 4);
    for (auto const entry : entries) {
        INFO(entry.name);
        auto const found = tree.symlink_status(at("d/" + std::string(entry.name))).value();
        if (entry.type != file_type::unknown)
            CHECK(entry.type == found.type);
        if (entry.inode != 0)
            CHECK(entry.inode == found.id.inode);
    }
}

TEST_CASE("[list.3] only a directory is listed: enotdir, enoent") {
    fixture on(content().file("f", "").symlink("l", "f"));
    CHECK(outcome(on.tree().list("f")) == errc::enotdir);
    CHECK(outcome(on.tree().list("l")) == errc::enotdir);
    CHECK(outcome(on.tree().list("missing")) == errc::enoent);
}

TEST_CASE("[list.4] an empty directory has no entries") {
    fixture on(content().directory("d"));
    CHECK(on.tree().list("d").value().empty());
}

TEST_CASE("[list.5] three thousand names, each once") {
    content given;
    given.directory("d");
    names all;
    for (int i = 0; i != 3000; ++i) {
        all.push_back("name-" + std::to_string(i));
        given.file("d/" + all.back(), "");
    }
    std::sort(all.begin(), all.end());
    fixture on(given);
    CHECK(names_in(on.tree(), "d") == all);
}

TEST_CASE("[list.6] a listing ends when its sink has enough") {
    fixture on(content().file("a", "").file("b", "").file("c", ""));
    auto& tree = on.tree();
    int seen = 0;
    auto const two = [&](lamina::directory_entry const&) { return ++seen < 2; };
    CHECK(outcome(tree.list_at(tree.root(), two)) == errc::ok);
    CHECK(seen == 2);
}

TEST_CASE("[status.1] the type of each object") {
    fixture on(content().directory("d").file("f", "").symlink("l", "f").special("p", file_type::fifo));
    auto& tree = on.tree();
    CHECK(tree.symlink_status("d").value().type == file_type::directory);
    CHECK(tree.symlink_status("f").value().type == file_type::regular);
    CHECK(tree.symlink_status("l").value().type == file_type::symlink);
    CHECK(tree.symlink_status("p").value().type == file_type::fifo);
}

TEST_CASE("[status.2] permission, set-id and sticky bits, and no type in them") {
    fixture on(
        content().file("f", "").mode(0604).file("s", "").mode(06755).directory("d").mode(01777).directory("g").mode(
            02750));
    auto& tree = on.tree();
    CHECK(tree.status("f").value().mode == 0604);
    CHECK(tree.status("s").value().mode == 06755);
    CHECK(tree.status("d").value().mode == 01777);
    CHECK(tree.status("g").value().mode == 02750);
}

TEST_CASE("[status.3] times to the nanosecond, before 1970 and after 2038") {
    lamina::timestamp const before{-1'000'000, 1};
    lamina::timestamp const after{5'000'000'000, 999'999'999};
    fixture on(content()
                   .file("before", "")
                   .times(before, before)
                   .file("after", "")
                   .times(after, after)
                   .directory("d")
                   .times({7, 8}, {9, 10})
                   .symlink("l", "nowhere")
                   .times({11, 12}, {13, 14}));
    auto& tree = on.tree();
    CHECK(tree.status("before").value().mtime == before);
    CHECK(tree.status("after").value().mtime == after);
    CHECK(tree.status("d").value().mtime == lamina::timestamp{9, 10});
    CHECK(tree.symlink_status("l").value().mtime == lamina::timestamp{13, 14});
}

TEST_CASE("[status.4] the size of a file, and of a link's target") {
    fixture on(content().file("f", pattern(12345)).symlink("l", "four").file("empty", ""));
    auto& tree = on.tree();
    CHECK(tree.status("f").value().size == 12345);
    CHECK(tree.symlink_status("l").value().size == 4);
    CHECK(tree.status("empty").value().size == 0);
}

TEST_CASE("[status.5] names of one object have one id and count each other; others have ids of their own") {
    if (cannot_hold<fixture>(capability::hard_links, "hard links"))
        return;
    fixture on(content()
                   .directory("d")
                   .file("f", "text")
                   .hard_link("g", "f")
                   .hard_link("d/h", "f")
                   .file("other", "text")
                   .symlink("l", "f"));
    auto& tree = on.tree();
    auto const f = tree.status("f").value();
    CHECK(f.nlink == 3);
    CHECK(tree.status("g").value().id == f.id);
    CHECK(tree.status("d/h").value().id == f.id);
    CHECK(tree.read("d/h").value() == "text");
    CHECK(tree.status("other").value().nlink == 1);
    std::set<std::pair<std::uint64_t, std::uint64_t>> ids;
    for (lamina::path_view const name : {lamina::path_view("/"), lamina::path_view("d"), lamina::path_view("f"),
                                         lamina::path_view("other"), lamina::path_view("l")}) {
        auto const id = tree.symlink_status(name).value().id;
        INFO(name.bytes());
        CHECK(ids.emplace(id.device, id.inode).second);
    }
}

TEST_CASE("[status.6] an object keeps its id while nothing happens to it") {
    fixture on(content().directory("d").file("d/f", "text"));
    auto& tree = on.tree();
    auto const file = tree.status("d/f").value().id;
    auto const directory = tree.status("d").value().id;
    for (int i = 0; i != 3; ++i) {
        CHECK(tree.read("d/f").value() == "text");
        CHECK(names_in(tree, "d") == names{"f"});
        CHECK(tree.status("d/f").value().id == file);
        CHECK(tree.status("d").value().id == directory);
    }
}

TEST_CASE("[status.7] owner and group") {
    if (cannot_hold<fixture>(capability::change_owner, "owners"))
        return;
    fixture on(
        content().file("f", "").owner(1234, 5678).directory("d").owner(70'000, 80'000).symlink("l", "f").owner(1, 2));
    auto& tree = on.tree();
    auto const check = [&](lamina::path_view path, lamina::user_id uid, lamina::group_id gid) {
        auto const found = tree.symlink_status(path).value();
        INFO(path.bytes());
        CHECK(found.uid == uid);
        CHECK(found.gid == gid);
    };
    check("f", 1234, 5678);
    check("d", 70'000, 80'000);
    check("l", 1, 2);
}

TEST_CASE("[status.8] a device's number") {
    if (cannot_hold<fixture>(capability::special_files, "devices"))
        return;
    fixture on(content().special("c", file_type::character, {1, 3}).special("b", file_type::block, {259, 70'000}));
    auto& tree = on.tree();
    CHECK(tree.status("c").value().type == file_type::character);
    CHECK(tree.status("c").value().rdev == lamina::device_number{1, 3});
    CHECK(tree.status("b").value().type == file_type::block);
    CHECK(tree.status("b").value().rdev == lamina::device_number{259, 70'000});
    CHECK(outcome(tree.open("c", open_flags::read)) == errc::enxio);
}

TEST_CASE("[status.9] to the primitives a missing name is an empty answer, the empty name the directory itself") {
    fixture on(content().directory("d").file("d/f", ""));
    auto& tree = on.tree();
    auto const root = tree.root();
    auto const missing = tree.lookup(root, "missing");
    REQUIRE(missing.has_value());
    CHECK_FALSE(missing->has_value());
    lamina::node_guard const d(tree, tree.open_directory_at(root, "d").value());
    auto const itself = tree.lookup(d.get(), {}).value();
    REQUIRE(itself.has_value());
    CHECK(itself->is_directory());
    CHECK(itself->id == tree.lookup(root, "d").value()->id);
    CHECK(tree.lookup(d.get(), "f").value()->is_regular());
    CHECK(outcome(tree.open_directory_at(root, "missing")) == errc::enoent);
    CHECK(outcome(tree.open_directory_at(d.get(), "f")) == errc::enotdir);
    CHECK(outcome(tree.open_at(root, "missing", open_flags::read)) == errc::enoent);
    CHECK(outcome(tree.open_at(root, "d", open_flags::read)) == errc::eisdir);
    CHECK(outcome(tree.read_symlink_at(d.get(), "f")) == errc::einval);
    CHECK(outcome(tree.read_symlink_at(root, "missing")) == errc::enoent);
    CHECK(outcome(tree.get_xattr_at(root, "missing", "user.k")) == errc::enoent);
    CHECK(outcome(tree.list_xattrs_at(root, "missing")) == errc::enoent);
}

TEST_CASE("[status.10] a link is not followed by any primitive") {
    fixture on(content().directory("d").file("f", "text").symlink("l", "f").symlink("m", "d"));
    auto& tree = on.tree();
    auto const root = tree.root();
    CHECK(tree.lookup(root, "l").value()->is_symlink());
    CHECK(outcome(tree.open_directory_at(root, "m")) == errc::enotdir);
    CHECK(outcome(tree.open_at(root, "l", open_flags::read)) == errc::eloop);
    CHECK(outcome(tree.open_at(root, "m", open_flags::read)) == errc::eloop);
}

}  // namespace
