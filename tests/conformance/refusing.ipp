// A tree that has the means to be changed and may not be: each change is erofs, except where Linux finds another
// mistake first, and nothing changes. Rules readonly.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;
using lamina::open_flags;

TEST_CASE("[readonly.1] no change is made: erofs") {
    fixture on(content().directory("d").file("d/f", "text").file("g", "other").symlink("l", "g"));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("d/f", "changed")) == errc::erofs);
    CHECK(outcome(tree.write("new", "text")) == errc::erofs);
    CHECK(outcome(tree.append("g", "more")) == errc::erofs);
    CHECK(outcome(tree.resize("g", 1)) == errc::erofs);
    CHECK(outcome(tree.open("g", open_flags::write)) == errc::erofs);
    CHECK(outcome(tree.open("g", open_flags::read_write)) == errc::erofs);
    CHECK(outcome(tree.open("g", open_flags::read | open_flags::truncate)) == errc::erofs);
    CHECK(outcome(tree.create_directory("new")) == errc::erofs);
    CHECK(outcome(tree.create_directories("new/er")) == errc::erofs);
    CHECK(outcome(tree.create_symlink("x", "new")) == errc::erofs);
    CHECK(outcome(tree.create_hard_link("g", "new")) == errc::erofs);
    CHECK(outcome(tree.create_node("new", lamina::file_type::fifo, 0600)) == errc::erofs);
    CHECK(outcome(tree.rename("g", "new")) == errc::erofs);
    CHECK(outcome(tree.remove("g")) == errc::erofs);
    CHECK(outcome(tree.remove_all("d")) == errc::erofs);
    CHECK(outcome(tree.copy("g", "new")) == errc::erofs);
    CHECK(outcome(tree.permissions("g", 0600)) == errc::erofs);
    CHECK(outcome(tree.owner("g", 1, 1)) == errc::erofs);
    CHECK(outcome(tree.times("g", lamina::time_change::touch())) == errc::erofs);
    CHECK(outcome(tree.set_xattr("g", "user.k", "v")) == errc::erofs);
    CHECK(outcome(tree.remove_xattr("g", "user.k")) == errc::erofs);
    CHECK_FALSE(tree.able().has(lamina::capability::write));
    CHECK(names_in(tree, "/") == names{"d", "g", "l"});
    CHECK(tree.read("d/f").value() == "text");
    CHECK(tree.read("g").value() == "other");
}

TEST_CASE("[readonly.2] what reads goes on") {
    fixture on(content().file("f", "text").directory("d").symlink("l", "f"));
    auto& tree = on.tree();
    CHECK(tree.read("l").value() == "text");
    CHECK(outcome(tree.open("f", open_flags::read | open_flags::create)) == errc::ok);
    CHECK(outcome(tree.create_directories("d")) == errc::ok);
    auto file = tree.open("f", open_flags::read).value();
    CHECK(outcome(file.write_at(bytes_of("x"), 0)) != errc::ok);
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[readonly.3] mistakes that are found before it are told as everywhere") {
    fixture on(content().file("f", "text").directory("d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.open("missing", open_flags::write)) == errc::enoent);
    CHECK(outcome(tree.write("missing/x", "")) == errc::enoent);
    CHECK(outcome(tree.create_directory("f/x")) == errc::enotdir);
    CHECK(outcome(tree.open("f", open_flags::write | open_flags::create | open_flags::exclusive)) == errc::eexist);
    CHECK(outcome(tree.permissions("missing", 0600)) == errc::enoent);
    CHECK(outcome(tree.remove("/")) == errc::ebusy);
}

}  // namespace
