// Whole trees removed and copied. Rules remove_all.* and copy.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;
using lamina::links;

TEST_CASE("[remove_all.1] everything below goes, what links lead to stays, and each object is counted") {
    fixture on(content()
                   .directory("d")
                   .directory("d/e")
                   .file("d/e/f", "")
                   .symlink("d/out", "../kept")
                   .symlink("d/up", "..")
                   .special("d/p", file_type::fifo)
                   .directory("kept")
                   .file("kept/x", "text"));
    auto& tree = on.tree();
    auto const removed = tree.remove_all("d");
    REQUIRE(outcome(removed) == errc::ok);
    if constexpr (!lamina::paths::removes_trees<std::remove_reference_t<decltype(tree)>>)
        CHECK(*removed == 6);
    CHECK(names_in(tree, "/") == names{"kept"});
    CHECK(tree.read("kept/x").value() == "text");
}

TEST_CASE("[remove_all.2] where nothing is, nothing is done, and that is a success") {
    fixture on(content().file("f", ""));
    auto& tree = on.tree();
    CHECK(tree.remove_all("missing").value() == 0);
    CHECK(tree.remove_all("missing/x").value() == 0);
    CHECK(tree.remove_all("f/x").value() == 0);
    CHECK(names_in(tree, "/") == names{"f"});
}

TEST_CASE("[remove_all.3] a file or link is one object; a slash wants a directory; the root stays") {
    fixture on(content().file("f", "").directory("d").symlink("l", "d").file("d/x", ""));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove_all("f/")) == errc::enotdir);
    CHECK(outcome(tree.remove_all("l/")) == errc::enotdir);
    CHECK(outcome(tree.remove_all("/")) == errc::ebusy);
    CHECK(outcome(tree.remove_all("d/.")) == errc::einval);
    CHECK(outcome(tree.remove_all("d/..")) == errc::enotempty);
    CHECK(tree.remove_all("l").value() == 1);
    CHECK(tree.read("d/x").value().empty());
    CHECK(tree.remove_all("f").value() == 1);
    CHECK(outcome(tree.remove_all("d/")) == errc::ok);
    CHECK(names_in(tree, "/").empty());
}

TEST_CASE("[remove_all.4] a tree five hundred deep and one three thousand wide") {
    content given;
    std::string path = "deep";
    for (int i = 0; i != 500; ++i, path += "/d")
        given.directory(path);
    given.directory("wide");
    for (int i = 0; i != 3000; ++i)
        given.file("wide/" + std::to_string(i), "");
    fixture on(given);
    auto& tree = on.tree();
    CHECK(outcome(tree.remove_all("deep")) == errc::ok);
    CHECK(outcome(tree.remove_all("wide")) == errc::ok);
    CHECK(names_in(tree, "/").empty());
}

TEST_CASE("[remove_all.5] of a part of a tree, after which its place can be used again") {
    fixture on(content().directory("d").directory("d/e").file("d/e/f", "old").file("d/g", "stays"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove_all("d/e")) == errc::ok);
    CHECK(names_in(tree, "d") == names{"g"});
    CHECK(outcome(tree.create_directories("d/e/f")) == errc::ok);
    CHECK(tree.list("d/e/f").value().empty());
    CHECK(tree.read("d/g").value() == "stays");
}

TEST_CASE("[copy.1] types, data, modes and times are kept, links are copied") {
    fixture on(content()
                   .directory("d")
                   .mode(0750)
                   .times({1, 2}, {3, 4})
                   .file("d/f", pattern(100'000))
                   .mode(06711)
                   .file("d/empty", "")
                   .mode(0400)
                   .directory("d/e")
                   .mode(01777)
                   .symlink("d/e/l", "../f")
                   .times({5, 6}, {7, 8})
                   .special("d/p", file_type::fifo)
                   .mode(0640));
    auto& tree = on.tree();
    REQUIRE(outcome(tree.copy("d", "copy")) == errc::ok);
    int objects = 0;
    CHECK(outcome(tree.walk("d", [&](lamina::walk_entry const& entry) {
              auto const copied = tree.symlink_status(at("copy" + std::string(entry.path.substr(1)))).value();
              INFO(entry.path);
              CHECK(copied.type == entry.object.type);
              CHECK(copied.mode == entry.object.mode);
              CHECK(copied.size == (entry.object.is_directory() ? copied.size : entry.object.size));
              CHECK(copied.uid == entry.object.uid);
              CHECK(copied.gid == entry.object.gid);
              CHECK(copied.mtime == entry.object.mtime);
              CHECK(copied.id != entry.object.id);
              ++objects;
          })) == errc::ok);
    CHECK(objects == 5);
    CHECK(tree.status("copy").value().mode == 0750);
    CHECK(tree.status("copy").value().mtime == lamina::timestamp{3, 4});
    CHECK((tree.read("copy/f").value() == pattern(100'000)));
    CHECK(tree.read_symlink("copy/e/l").value() == "../f");
    CHECK(outcome(tree.write("copy/f", "changed")) == errc::ok);
    CHECK(tree.status("d/f").value().size == 100'000);
}

TEST_CASE("[copy.2] hard links within the tree stay hard links, to nothing outside it") {
    if (cannot_hold<fixture>(capability::hard_links, "hard links"))
        return;
    fixture on(content()
                   .file("outside", "text")
                   .directory("d")
                   .hard_link("d/a", "outside")
                   .hard_link("d/b", "outside")
                   .directory("d/e")
                   .hard_link("d/e/c", "outside")
                   .symlink("d/l", "x")
                   .hard_link("d/m", "d/l"));
    auto& tree = on.tree();
    REQUIRE(outcome(tree.copy("d", "copy")) == errc::ok);
    auto const a = tree.status("copy/a").value();
    CHECK(a.nlink == 3);
    CHECK(tree.status("copy/b").value().id == a.id);
    CHECK(tree.status("copy/e/c").value().id == a.id);
    CHECK(tree.status("outside").value().nlink == 4);
    CHECK(tree.symlink_status("copy/l").value().id == tree.symlink_status("copy/m").value().id);
}

TEST_CASE("[copy.3] extended attributes and owners are kept") {
    if (cannot_hold<fixture>(capability::user_xattrs | capability::change_owner, "attributes and owners"))
        return;
    fixture on(content()
                   .directory("d")
                   .owner(12, 34)
                   .xattr("user.k", "directory's")
                   .file("d/f", "text")
                   .owner(56, 78)
                   .mode(06444)
                   .xattr("user.k", "file's")
                   .xattr("user.empty", "")
                   .symlink("d/l", "f")
                   .owner(9, 10));
    auto& tree = on.tree();
    REQUIRE(outcome(tree.copy("d", "copy")) == errc::ok);
    CHECK(tree.get_xattr("copy", "user.k").value() == "directory's");
    CHECK(tree.get_xattr("copy/f", "user.k").value() == "file's");
    CHECK(tree.get_xattr("copy/f", "user.empty").value().empty());
    CHECK(tree.status("copy").value().uid == 12);
    CHECK(tree.status("copy/f").value().gid == 78);
    CHECK(tree.status("copy/f").value().mode == 06444);
    CHECK(tree.symlink_status("copy/l").value().uid == 9);
}

TEST_CASE("[copy.4] holes stay holes") {
    fixture on(content().file("f", ""));
    auto& tree = on.tree();
    {
        auto file = tree.open("f", lamina::open_flags::write).value();
        REQUIRE(file.write_at(bytes_of("start"), 0).has_value());
        REQUIRE(file.write_at(bytes_of("end"), 3'000'000'000).has_value());
        REQUIRE(file.resize(4'000'000'000).has_value());
    }
    REQUIRE(outcome(tree.copy("f", "g")) == errc::ok);
    auto const copied = tree.status("g").value();
    CHECK(copied.size == 4'000'000'000);
    CHECK(copied.blocks * 512 < 10'000'000);
    auto file = tree.open("g", lamina::open_flags::read).value();
    CHECK(read_some(file, 0, 6).value() == std::string("start\0", 6));
    CHECK(read_some(file, 2'999'999'999, 5).value() == std::string("\0end\0", 5));
}

TEST_CASE("[copy.5] onto what is there: eexist; into itself: einval; of nothing: enoent") {
    fixture on(content().directory("d").directory("d/e").file("d/f", "text").file("f", "").symlink("l", "d/e"));
    auto& tree = on.tree();
    CHECK(outcome(tree.copy("d", "f")) == errc::eexist);
    CHECK(outcome(tree.copy("f", "d")) == errc::eexist);
    CHECK(outcome(tree.copy("d", "d/copy")) == errc::einval);
    CHECK(outcome(tree.copy("d", "d/e/copy")) == errc::einval);
    CHECK(outcome(tree.copy("d", "l/copy")) == errc::einval);
    CHECK(outcome(tree.copy("/", "copy")) == errc::einval);
    CHECK(outcome(tree.copy("missing", "copy")) == errc::enoent);
    CHECK(outcome(tree.copy("d", "missing/copy")) == errc::enoent);
    CHECK(outcome(tree.copy("f", "copy/")) == errc::enotdir);
    CHECK(names_in(tree, "d") == names{"e", "f"});
    CHECK(names_in(tree, "/") == names{"d", "f", "l"});
    CHECK(outcome(tree.copy("d/e", "copy/")) == errc::ok);
    CHECK(outcome(tree.copy("l", "m")) == errc::ok);
    CHECK(tree.read_symlink("m").value() == "d/e");
}

TEST_CASE("[copy.6] a tree five hundred deep") {
    content given;
    std::string path = "d";
    for (int i = 0; i != 500; ++i, path += "/d")
        given.directory(path);
    given.file(path, "bottom");
    fixture on(given);
    auto& tree = on.tree();
    REQUIRE(outcome(tree.copy("d", "copy")) == errc::ok);
    CHECK(tree.read(at("copy" + path.substr(1))).value() == "bottom");
}

}  // namespace
