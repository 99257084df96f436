// Trees that somebody made to break what reads them. Rules hostile.*: every call ends, soon, with an answer or an
// error, and stays inside the tree. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;

TEST_CASE("[hostile.1] no link leads out of the tree") {
    // What these would reach outside exists on any machine that runs the test.
    fixture on(content()
                   .directory("d")
                   .symlink("to-passwd", "/etc/passwd")
                   .symlink("d/passwd", "../../../../../../../../etc/passwd")
                   .symlink("to-proc", "/proc/self/root/etc/passwd")
                   .symlink("to-fd", "/proc/self/fd/0")
                   .symlink("to-cwd", "/proc/self/cwd")
                   .symlink("to-dev", "/dev/null")
                   .symlink("root", "/")
                   .symlink("up", ".."));
    auto& tree = on.tree();
    for (lamina::path_view const outside :
         {lamina::path_view("to-passwd"), lamina::path_view("d/passwd"), lamina::path_view("to-proc"),
          lamina::path_view("to-fd"), lamina::path_view("to-cwd"), lamina::path_view("to-dev"),
          lamina::path_view("root/etc/passwd"), lamina::path_view("up/etc/passwd"),
          lamina::path_view("up/up/up/d/../etc")}) {
        INFO(outside.bytes());
        CHECK(outcome(tree.read(outside)) == errc::enoent);
        CHECK(outcome(tree.status(outside)) == errc::enoent);
        CHECK(outcome(tree.list(outside)) == errc::enoent);
    }
    CHECK(tree.status("up").value().id == tree.status("/").value().id);
}

TEST_CASE("[hostile.2] links that double at each step end at the fortieth") {
    // Followed to the end, the last one would take 2^60 steps.
    content given;
    given.directory("d").file("d/f", "text").symlink("l0", "d");
    for (int i = 1; i <= 60; ++i) {
        auto const below = "l" + std::to_string(i - 1);
        given.symlink("l" + std::to_string(i), below + "/../" + below);
    }
    fixture on(given);
    auto& tree = on.tree();
    CHECK(tree.read("l3/f").value() == "text");  // 15 links
    CHECK(outcome(tree.read("l5/f")) == errc::eloop);
    CHECK(outcome(tree.read("l60/f")) == errc::eloop);
    CHECK(outcome(tree.status("l60")) == errc::eloop);
}

TEST_CASE("[hostile.3] targets that grow with every link end at the fortieth") {
    std::string const long_tail = [] {
        std::string tail;
        for (int i = 0; i != 400; ++i)
            tail += "/./././x";
        return tail;
    }();
    fixture on(content().symlink("l", "l" + long_tail).directory("d").symlink("d/m", "../d/m" + long_tail));
    auto& tree = on.tree();
    CHECK(outcome(tree.read("l")) == errc::eloop);
    CHECK(outcome(tree.read("d/m")) == errc::eloop);
    CHECK(outcome(tree.read("l/x")) == errc::eloop);
}

TEST_CASE("[hostile.4] names that look like something else are names") {
    content given;
    names const odd{"-rf",      "--",   "~",    "$(true)",    "`true`", "*",   "?",          "a\\b",        "C:",
                    "\x1b[31m", "\r\n", "%s%n", "..\xc0\xaf", ". .",    ".. ", "lost+found", "\xed\xa0\x80"};
    for (auto const& name : odd)
        given.file(name, name);
    fixture on(given);
    auto& tree = on.tree();
    auto sorted = odd;
    std::sort(sorted.begin(), sorted.end());
    CHECK(names_in(tree, "") == sorted);
    for (auto const& name : odd)
        CHECK(tree.read(at(name)).value() == name);
}

TEST_CASE("[hostile.5] a path of many components that all exist, and of many that do not") {
    fixture on(content().directory("d").file("f", "text"));
    auto& tree = on.tree();
    std::string back_and_forth;
    for (int i = 0; i != 20'000; ++i)
        back_and_forth += "d/../";
    CHECK(tree.read(at(back_and_forth + "f")).value() == "text");
    std::string dots;
    for (int i = 0; i != 100'000; ++i)
        dots += "./";
    CHECK(tree.read(at(dots + "f")).value() == "text");
    CHECK(outcome(tree.read(at(back_and_forth + "missing/f"))) == errc::enoent);
    std::string missing;
    for (int i = 0; i != 20'000; ++i)
        missing += "missing/";
    CHECK(outcome(tree.read(at(missing))) == errc::enoent);
}

TEST_CASE("[hostile.6] a link to a directory above itself makes no walk endless") {
    fixture on(
        content().directory("a").directory("a/b").symlink("a/b/up", "../..").symlink("a/self", ".").file("a/b/f", ""));
    auto& tree = on.tree();
    int count = 0;
    CHECK(outcome(tree.walk("", [&](lamina::walk_entry const&) { REQUIRE(++count <= 5); })) == errc::ok);
    CHECK(count == 5);
    CHECK(tree.status("a/b/up/a/b/up/a/self/self/b/f").value().is_regular());
}

}  // namespace
