// Names moved. Rules rename.*. What a test begins with may lie in lower layers. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;
using lamina::rename_flags;

TEST_CASE("[rename.1] a file is there under its new name only, as it was") {
    fixture on(content().directory("d").file("d/f", "text").mode(0604).directory("e"));
    auto& tree = on.tree();
    auto const before = tree.status("d/f").value();
    CHECK(outcome(tree.rename("d/f", "d/g")) == errc::ok);
    CHECK(outcome(tree.status("d/f")) == errc::enoent);
    CHECK(tree.read("d/g").value() == "text");
    CHECK(outcome(tree.rename("d/g", "e/h")) == errc::ok);
    CHECK(tree.read("e/h").value() == "text");
    auto const after = tree.status("e/h").value();
    CHECK(after.mode == before.mode);
    CHECK(after.mtime == before.mtime);
    CHECK(after.uid == before.uid);
    CHECK(names_in(tree, "d").empty());
    CHECK(names_in(tree, "e") == names{"h"});
}

TEST_CASE("[rename.2] a file takes the place of a file, link or fifo") {
    fixture on(content()
                   .file("a", "1")
                   .file("b", "2")
                   .file("c", "3")
                   .file("target", "old")
                   .symlink("link", "target")
                   .special("fifo", file_type::fifo));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("a", "target")) == errc::ok);
    CHECK(tree.read("target").value() == "1");
    CHECK(outcome(tree.rename("b", "link")) == errc::ok);
    CHECK(tree.symlink_status("link").value().is_regular());
    CHECK(tree.read("link").value() == "2");
    CHECK(tree.read("target").value() == "1");
    CHECK(outcome(tree.rename("c", "fifo")) == errc::ok);
    CHECK(tree.read("fifo").value() == "3");
    CHECK(names_in(tree, "/") == names{"fifo", "link", "target"});
}

TEST_CASE("[rename.3] a directory keeps everything below it, at any depth, under the new name only") {
    fixture on(content()
                   .directory("d")
                   .file("d/f", "1")
                   .directory("d/e")
                   .file("d/e/g", "2")
                   .directory("d/e/h")
                   .symlink("d/e/h/l", "../g")
                   .directory("other"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("d", "new")) == errc::ok);
    CHECK(outcome(tree.status("d")) == errc::enoent);
    CHECK(outcome(tree.status("d/e/g")) == errc::enoent);
    CHECK(tree.read("new/f").value() == "1");
    CHECK(tree.read("new/e/h/l").value() == "2");
    CHECK(names_in(tree, "new") == names{"e", "f"});
    CHECK(names_in(tree, "new/e") == names{"g", "h"});
    CHECK(outcome(tree.rename("new/e", "other/moved")) == errc::ok);
    CHECK(tree.read("other/moved/h/l").value() == "2");
    CHECK(names_in(tree, "new") == names{"f"});
    CHECK(outcome(tree.rename("other", "again")) == errc::ok);
    CHECK(tree.read("again/moved/g").value() == "2");
    CHECK(outcome(tree.status("other/moved/g")) == errc::enoent);
    CHECK(names_in(tree, "again/moved") == names{"g", "h"});
}

TEST_CASE("[rename.4] a directory takes the place of an empty directory, of no other") {
    fixture on(content().directory("d").file("d/f", "text").directory("empty").directory("full").file("full/x", ""));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("d", "full")) == errc::enotempty);
    CHECK(tree.read("d/f").value() == "text");
    CHECK(outcome(tree.rename("d", "empty")) == errc::ok);
    CHECK(tree.read("empty/f").value() == "text");
    CHECK(outcome(tree.remove("full/x")) == errc::ok);
    CHECK(outcome(tree.rename("empty", "full")) == errc::ok);
    CHECK(names_in(tree, "full") == names{"f"});
    CHECK(names_in(tree, "/") == names{"full"});
}

TEST_CASE("[rename.5] a file onto a directory is eisdir, a directory onto anything else enotdir") {
    fixture on(
        content().directory("d").directory("e").file("f", "text").symlink("l", "e").special("p", file_type::fifo));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("f", "d")) == errc::eisdir);
    CHECK(outcome(tree.rename("l", "d")) == errc::eisdir);
    CHECK(outcome(tree.rename("d", "f")) == errc::enotdir);
    CHECK(outcome(tree.rename("d", "l")) == errc::enotdir);
    CHECK(outcome(tree.rename("d", "p")) == errc::enotdir);
    CHECK(names_in(tree, "/") == names{"d", "e", "f", "l", "p"});
}

TEST_CASE("[rename.6] a directory does not go into itself (einval), nor onto what it lies in (enotempty)") {
    fixture on(content().directory("d").directory("d/e").directory("d/e/f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("d", "d/x")) == errc::einval);
    CHECK(outcome(tree.rename("d", "d/e")) == errc::einval);
    CHECK(outcome(tree.rename("d", "d/e/f/x")) == errc::einval);
    CHECK(outcome(tree.rename("d/e/f", "d/e")) == errc::enotempty);
    CHECK(outcome(tree.rename("d/e/f", "d")) == errc::enotempty);
    CHECK(tree.status("d/e/f").value().is_directory());
}

TEST_CASE("[rename.7] the root, '.' and '..' are not renamed: ebusy") {
    fixture on(content().directory("d").directory("e").file("f", ""));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("/", "x")) == errc::ebusy);
    CHECK(outcome(tree.rename("d/.", "x")) == errc::ebusy);
    CHECK(outcome(tree.rename("d/..", "x")) == errc::ebusy);
    CHECK(outcome(tree.rename("d", "/")) == errc::ebusy);
    CHECK(outcome(tree.rename("d", "e/.")) == errc::ebusy);
    CHECK(outcome(tree.rename("f", "d/..")) == errc::ebusy);
    CHECK(outcome(tree.rename("d", "e/.", rename_flags::no_replace)) == errc::eexist);
    CHECK(names_in(tree, "/") == names{"d", "e", "f"});
}

TEST_CASE("[rename.8] what is missing is enoent, on either side") {
    fixture on(content().file("f", "text").directory("d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("missing", "x")) == errc::enoent);
    CHECK(outcome(tree.rename("missing", "f")) == errc::enoent);
    CHECK(outcome(tree.rename("f", "missing/x")) == errc::enoent);
    CHECK(outcome(tree.rename("missing/x", "f")) == errc::enoent);
    CHECK(outcome(tree.rename("f", "f/x")) == errc::enotdir);
    CHECK(outcome(tree.rename("f/x", "g")) == errc::enotdir);
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[rename.9] a slash at the end is for directories: else enotdir") {
    fixture on(content().directory("d").file("d/x", "").file("f", "text").symlink("l", "d").directory("empty"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("f/", "g")) == errc::enotdir);
    CHECK(outcome(tree.rename("f", "g/")) == errc::enotdir);
    CHECK(outcome(tree.rename("l/", "g")) == errc::enotdir);
    CHECK(outcome(tree.rename("missing/", "g")) == errc::enoent);
    CHECK(outcome(tree.rename("d/", "g")) == errc::ok);
    CHECK(outcome(tree.rename("g", "h/")) == errc::ok);
    CHECK(outcome(tree.rename("h/", "empty/")) == errc::ok);
    CHECK(names_in(tree, "empty") == names{"x"});
}

TEST_CASE("[rename.10] onto itself, or onto another name of the same object, nothing happens") {
    fixture on(content().file("f", "text").directory("d").file("d/x", "").file("g", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("f", "f")) == errc::ok);
    CHECK(outcome(tree.rename("d", "d")) == errc::ok);
    CHECK(outcome(tree.rename("f", "f", rename_flags::no_replace)) == errc::eexist);
    CHECK(tree.read("f").value() == "text");
    CHECK(names_in(tree, "d") == names{"x"});
    if (lacks(tree, capability::hard_links, "hard links"))
        return;
    CHECK(outcome(tree.create_hard_link("f", "h")) == errc::ok);
    CHECK(outcome(tree.rename("f", "h")) == errc::ok);
    CHECK(names_in(tree, "/") == names{"d", "f", "g", "h"});
    CHECK(tree.status("f").value().nlink == 2);
}

TEST_CASE("[rename.11] a link is renamed itself, and still leads where it says") {
    fixture on(content().directory("d").file("d/f", "in d").file("f", "at the top").symlink("l", "f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("l", "d/l")) == errc::ok);
    CHECK(tree.symlink_status("d/l").value().is_symlink());
    CHECK(tree.read("d/l").value() == "in d");
    CHECK(tree.read("f").value() == "at the top");
}

TEST_CASE("[rename.12] no_replace: eexist where the name is taken, by whatever it is") {
    fixture on(content()
                   .file("f", "text")
                   .file("g", "other")
                   .directory("d")
                   .directory("empty")
                   .symlink("dangling", "nowhere"));
    auto& tree = on.tree();
    if (lacks(tree, capability::no_replace, "rename without replacing"))
        return;
    CHECK(outcome(tree.rename("f", "g", rename_flags::no_replace)) == errc::eexist);
    CHECK(outcome(tree.rename("f", "d", rename_flags::no_replace)) == errc::eexist);
    CHECK(outcome(tree.rename("f", "dangling", rename_flags::no_replace)) == errc::eexist);
    CHECK(outcome(tree.rename("d", "empty", rename_flags::no_replace)) == errc::eexist);
    CHECK(outcome(tree.rename("missing", "g", rename_flags::no_replace)) == errc::enoent);
    CHECK(tree.read("g").value() == "other");
    CHECK(outcome(tree.rename("f", "new", rename_flags::no_replace)) == errc::ok);
    CHECK(tree.read("new").value() == "text");
    CHECK(outcome(tree.remove("g")) == errc::ok);
    CHECK(outcome(tree.rename("new", "g", rename_flags::no_replace)) == errc::ok);
    CHECK(tree.read("g").value() == "text");
    CHECK(outcome(tree.rename("d", "e", rename_flags::no_replace)) == errc::ok);
}

TEST_CASE("[rename.13] exchange: both are there, under each other's name, of any two types") {
    fixture on(content()
                   .file("f", "text")
                   .directory("d")
                   .file("d/x", "in d")
                   .symlink("l", "f")
                   .directory("sub")
                   .directory("sub/e"));
    auto& tree = on.tree();
    if (lacks(tree, capability::exchange, "exchange of names"))
        return;
    CHECK(outcome(tree.rename("f", "d", rename_flags::exchange)) == errc::ok);
    CHECK(tree.read("d").value() == "text");
    CHECK(tree.read("f/x").value() == "in d");
    CHECK(outcome(tree.rename("f", "sub/e", rename_flags::exchange)) == errc::ok);
    CHECK(tree.read("sub/e/x").value() == "in d");
    CHECK(tree.list("f").value().empty());
    CHECK(outcome(tree.rename("l", "d", rename_flags::exchange)) == errc::ok);
    CHECK(tree.read_symlink("d").value() == "f");
    CHECK(tree.read("l").value() == "text");
    CHECK(outcome(tree.rename("l", "missing", rename_flags::exchange)) == errc::enoent);
    CHECK(outcome(tree.rename("missing", "l", rename_flags::exchange)) == errc::enoent);
    CHECK(outcome(tree.rename("sub", "sub/e", rename_flags::exchange)) == errc::einval);
    CHECK(outcome(tree.rename("sub/e", "sub", rename_flags::exchange)) == errc::einval);
    CHECK(names_in(tree, "/") == names{"d", "f", "l", "sub"});
}

TEST_CASE("[rename.14] exchange and no_replace together are einval") {
    fixture on(content().file("f", "1").file("g", "2"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("f", "g", rename_flags::exchange | rename_flags::no_replace)) == errc::einval);
    CHECK(outcome(tree.rename_at(tree.root(), "f", tree.root(), "g",
                                 rename_flags::exchange | rename_flags::no_replace)) == errc::einval);
    CHECK(tree.read("f").value() == "1");
}

TEST_CASE("[rename.15] there and back, a hundred times") {
    fixture on(content().directory("a").directory("a/b").file("a/b/f", "text").directory("x"));
    auto& tree = on.tree();
    for (int i = 0; i != 50; ++i) {
        REQUIRE(outcome(tree.rename("a/b", "x/b")) == errc::ok);
        REQUIRE(outcome(tree.rename("x/b", "a/b")) == errc::ok);
    }
    CHECK(tree.read("a/b/f").value() == "text");
    CHECK(names_in(tree, "x").empty());
    CHECK(names_in(tree, "a") == names{"b"});
}

TEST_CASE("[rename.16] the old name can be used again at once, and has nothing of what it was") {
    fixture on(content().directory("d").file("d/f", "old").directory("d/e").file("g", "old file"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("d", "moved")) == errc::ok);
    CHECK(outcome(tree.create_directory("d")) == errc::ok);
    CHECK(tree.list("d").value().empty());
    CHECK(outcome(tree.status("d/f")) == errc::enoent);
    CHECK(outcome(tree.write("d/f", "new")) == errc::ok);
    CHECK(tree.read("moved/f").value() == "old");
    CHECK(outcome(tree.rename("g", "h")) == errc::ok);
    CHECK(outcome(tree.write("g", "new file")) == errc::ok);
    CHECK(tree.read("h").value() == "old file");
    CHECK(tree.read("g").value() == "new file");
}

TEST_CASE("[rename.17] a rename moves the times of both directories, of the object none but ctime") {
    fixture on(content().directory("d").file("d/f", "").directory("e").directory("d/sub"));
    auto& tree = on.tree();
    auto const d = tree.status("d").value();
    auto const e = tree.status("e").value();
    auto const sub = tree.status("d/sub").value();
    CHECK(outcome(tree.rename("d/f", "e/f")) == errc::ok);
    CHECK(tree.status("d").value().mtime > d.mtime);
    CHECK(tree.status("e").value().mtime > e.mtime);
    CHECK(outcome(tree.rename("d/sub", "e/sub")) == errc::ok);
    CHECK(tree.status("e/sub").value().mtime == sub.mtime);
    CHECK(tree.status("e/f").value().mtime == lamina::timestamp{1'600'000'000, 444'555'666});
}

TEST_CASE("[rename.18] ids stay with their objects") {
    fixture on(content().directory("d").file("d/f", "").directory("e"));
    auto& tree = on.tree();
    auto const file = tree.status("d/f").value().id;
    auto const directory = tree.status("d").value().id;
    CHECK(outcome(tree.rename("d", "e/d")) == errc::ok);
    CHECK(outcome(tree.rename("e/d/f", "g")) == errc::ok);
    CHECK(tree.status("e/d").value().id == directory);
    CHECK(tree.status("g").value().id == file);
    CHECK(tree.status("e/d/..").value().id == tree.status("e").value().id);
}

}  // namespace
