// Symbolic links: where they lead, and that they lead nowhere else. Rules symlink.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;

TEST_CASE("[symlink.1] a link on the way is followed") {
    fixture on(content().directory("d").directory("d/e").file("d/e/f", "text").symlink("l", "d").symlink("m", "d/e"));
    auto& tree = on.tree();
    CHECK(tree.read("l/e/f").value() == "text");
    CHECK(tree.read("m/f").value() == "text");
    CHECK(names_in(tree, "l/e") == names{"f"});
    CHECK(outcome(tree.read("l/missing")) == errc::enoent);
}

TEST_CASE("[symlink.2] a link at the end is followed, unless the call is about links") {
    fixture on(content().file("f", "text").symlink("l", "f").directory("d").file("d/x", "").symlink("m", "d"));
    auto& tree = on.tree();
    CHECK(tree.status("l").value().is_regular());
    CHECK(tree.status("l").value().id == tree.status("f").value().id);
    CHECK(tree.exists("l").value() == true);
    CHECK(tree.read("l").value() == "text");
    CHECK(outcome(tree.open("l", lamina::open_flags::read)) == errc::ok);
    CHECK(names_in(tree, "m") == names{"x"});
    CHECK(tree.symlink_status("l").value().is_symlink());
    CHECK(tree.read_symlink("l").value() == "f");
    CHECK(tree.symlink_status("m").value().is_symlink());
}

TEST_CASE("[symlink.3] an absolute target starts at the root of the tree") {
    fixture on(content()
                   .directory("etc")
                   .file("etc/passwd", "ours")
                   .directory("a")
                   .directory("a/b")
                   .symlink("a/b/absolute", "/etc/passwd")
                   .symlink("a/b/directory", "/etc")
                   .symlink("a/b/root", "/")
                   .symlink("a/b/slashes", "//etc//passwd"));
    auto& tree = on.tree();
    CHECK(tree.read("a/b/absolute").value() == "ours");
    CHECK(tree.read("a/b/directory/passwd").value() == "ours");
    CHECK(tree.read("a/b/root/etc/passwd").value() == "ours");
    CHECK(tree.read("a/b/slashes").value() == "ours");
    CHECK(tree.status("a/b/root").value().id == tree.status("/").value().id);
}

TEST_CASE("[symlink.4] '..' in a target goes up from the link's directory, and at the root it stays there") {
    fixture on(content()
                   .directory("etc")
                   .file("etc/passwd", "ours")
                   .directory("a")
                   .directory("a/b")
                   .symlink("a/b/up", "../../etc/passwd")
                   .symlink("a/b/far", "../../../../../../../../etc/passwd")
                   .symlink("far", "../../etc/passwd")
                   .symlink("a/b/above", "/../../etc/passwd")
                   .symlink("a/b/parent", "..")
                   .symlink("escape", "../../../../.."));
    auto& tree = on.tree();
    CHECK(tree.read("a/b/up").value() == "ours");
    CHECK(tree.read("a/b/far").value() == "ours");
    CHECK(tree.read("far").value() == "ours");
    CHECK(tree.read("a/b/above").value() == "ours");
    CHECK(tree.status("a/b/parent").value().id == tree.status("a").value().id);
    CHECK(tree.read("escape/etc/passwd").value() == "ours");
    CHECK(tree.status("escape").value().id == tree.status("/").value().id);
}

TEST_CASE("[symlink.5] forty links are followed, the next one is eloop") {
    content given;
    given.file("0", "end").directory("d0").file("d0/f", "end");
    for (int i = 1; i <= 41; ++i) {
        given.symlink(std::to_string(i), std::to_string(i - 1));
        given.symlink("d" + std::to_string(i), "d" + std::to_string(i - 1));
    }
    fixture on(given);
    auto& tree = on.tree();
    CHECK(tree.read("40").value() == "end");
    CHECK(outcome(tree.read("41")) == errc::eloop);
    CHECK(outcome(tree.status("41")) == errc::eloop);
    CHECK(tree.read("d40/f").value() == "end");
    CHECK(outcome(tree.read("d41/f")) == errc::eloop);
    CHECK(tree.symlink_status("41").value().is_symlink());
    // Links in the same path count together.
    CHECK(outcome(tree.read("d40/../d1/f")) == errc::eloop);
    CHECK(outcome(tree.read("d39/../d1/f")) == errc::ok);
}

TEST_CASE("[symlink.6] a loop is eloop for everything that follows") {
    fixture on(content().symlink("self", "self").symlink("a", "b").symlink("b", "a").symlink("grow", "grow/x"));
    auto& tree = on.tree();
    for (lamina::path_view const loop :
         {lamina::path_view("self"), lamina::path_view("a"), lamina::path_view("b"), lamina::path_view("grow")}) {
        INFO(loop.bytes());
        CHECK(outcome(tree.status(loop)) == errc::eloop);
        CHECK(outcome(tree.exists(loop)) == errc::eloop);
        CHECK(outcome(tree.read(loop)) == errc::eloop);
        CHECK(outcome(tree.list(loop)) == errc::eloop);
        CHECK(tree.symlink_status(loop).value().is_symlink());
    }
    CHECK(outcome(tree.read("self/x")) == errc::eloop);
    CHECK(tree.read_symlink("grow").value() == "grow/x");
}

TEST_CASE("[symlink.7] a slash after a link follows it, whoever asks") {
    fixture on(
        content().directory("d").file("d/x", "").symlink("l", "d").file("f", "").symlink("m", "f").symlink("n", "d/"));
    auto& tree = on.tree();
    CHECK(tree.symlink_status("l/").value().is_directory());
    CHECK(tree.symlink_status("l/.").value().is_directory());
    CHECK(outcome(tree.read_symlink("l/")) == errc::einval);
    CHECK(outcome(tree.symlink_status("m/")) == errc::enotdir);
    CHECK(outcome(tree.status("m/")) == errc::enotdir);
    CHECK(tree.status("n").value().is_directory());
    CHECK(tree.symlink_status("n").value().is_symlink());
}

TEST_CASE("[symlink.8] a link that leads nowhere is there, what it leads to is enoent") {
    fixture on(content().symlink("l", "missing").symlink("m", "missing/x").directory("d").symlink("d/n", "../missing"));
    auto& tree = on.tree();
    for (lamina::path_view const dangling :
         {lamina::path_view("l"), lamina::path_view("m"), lamina::path_view("d/n")}) {
        INFO(dangling.bytes());
        CHECK(outcome(tree.status(dangling)) == errc::enoent);
        CHECK(outcome(tree.read(dangling)) == errc::enoent);
        CHECK(tree.exists(dangling).value() == false);
        CHECK(tree.symlink_status(dangling).value().is_symlink());
    }
    CHECK(names_in(tree, "/") == names{"d", "l", "m"});
}

TEST_CASE("[symlink.9] the target is kept as it was given, byte for byte") {
    content given;
    names const targets{"a", "/a/b", "../..", "a//b/./", std::string(1023, 'x'), "\n\xff ", "...", "/"};
    for (std::size_t i = 0; i != targets.size(); ++i)
        given.symlink("l" + std::to_string(i), targets[i]);
    fixture on(given);
    auto& tree = on.tree();
    for (std::size_t i = 0; i != targets.size(); ++i) {
        auto const link = at("l" + std::to_string(i));
        CHECK(tree.read_symlink(link).value() == targets[i]);
        CHECK(tree.symlink_status(link).value().size == targets[i].size());
    }
}

TEST_CASE("[symlink.10] read_symlink of anything else is einval") {
    fixture on(content().directory("d").file("f", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.read_symlink("f")) == errc::einval);
    CHECK(outcome(tree.read_symlink("d")) == errc::einval);
    CHECK(outcome(tree.read_symlink("/")) == errc::einval);
    CHECK(outcome(tree.read_symlink("missing")) == errc::enoent);
}

TEST_CASE("[symlink.11] a relative target starts where the link really lies, however it was reached") {
    fixture on(content()
                   .directory("real")
                   .directory("real/sub")
                   .file("real/f", "right")
                   .file("f", "wrong")
                   .symlink("real/sub/l", "../f")
                   .symlink("short", "real/sub")
                   .directory("other")
                   .symlink("other/shorter", "../short"));
    auto& tree = on.tree();
    CHECK(tree.read("short/l").value() == "right");
    CHECK(tree.read("other/shorter/l").value() == "right");
    CHECK(tree.read("short/../f").value() == "right");
    CHECK(tree.read("other/shorter/../f").value() == "right");
}

TEST_CASE("[symlink.12] a component over 255 bytes in a target is enametoolong, of a missing directory enoent") {
    std::string const too_long(256, 'x');
    fixture on(content()
                   .symlink("l", too_long)
                   .symlink("m", too_long + "/x")
                   .symlink("n", "missing/" + too_long)
                   .file("f", "")
                   .symlink("o", "f/" + too_long));
    auto& tree = on.tree();
    CHECK(outcome(tree.status("l")) == errc::enametoolong);
    CHECK(outcome(tree.read("l")) == errc::enametoolong);
    CHECK(outcome(tree.exists("l")) == errc::enametoolong);
    CHECK(outcome(tree.status("m")) == errc::enametoolong);
    CHECK(outcome(tree.status("l/x")) == errc::enametoolong);
    CHECK(outcome(tree.status("n")) == errc::enoent);
    CHECK(outcome(tree.status("o")) == errc::enotdir);
    CHECK(tree.symlink_status("l").value().is_symlink());
}

}  // namespace
