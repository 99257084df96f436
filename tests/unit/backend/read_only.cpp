#include "catch.hpp"

#include <array>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/read_only.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

TEST_CASE("a read-only tree refuses every change as a read-only mount does, and asks nothing of the backend that "
          "changes it") {
    small_tree tree;
    REQUIRE(tree.create_directory("d").has_value());
    REQUIRE(tree.write("d/f", "content").has_value());
    REQUIRE(tree.create_symlink("f", "d/l").has_value());
    REQUIRE(tree.create_node("d/p", file_type::fifo, 0644).has_value());
    count below{tree};
    read_only view{below};

    CHECK_FALSE(view.able().has(capability::write));
    CHECK(view.able().has(capability::exchange));

    CHECK(view.write("d/f", "x").error() == errc::erofs);
    CHECK(view.write("d/new", "x").error() == errc::erofs);
    CHECK(view.append("d/f", "x").error() == errc::erofs);
    CHECK(view.resize("d/f", 1).error() == errc::erofs);
    CHECK(view.create_directory("e").error() == errc::erofs);
    CHECK(view.create_symlink("x", "e").error() == errc::erofs);
    CHECK(view.create_node("e", file_type::fifo, 0600).error() == errc::erofs);
    CHECK(view.create_hard_link("d/f", "d/g").error() == errc::erofs);
    CHECK(view.rename("d/f", "d/g").error() == errc::erofs);
    CHECK(view.remove("d/f").error() == errc::erofs);
    CHECK(view.remove("d/nothing").has_value() == false);
    CHECK(view.remove_all("d").error() == errc::erofs);
    CHECK(view.permissions("d/f", 0600).error() == errc::erofs);
    CHECK(view.owner("d/f", 1, 1).error() == errc::erofs);
    CHECK(view.times("d/f", time_change::touch()).error() == errc::erofs);
    CHECK(view.set_xattr("d/f", "user.k", "v").error() == errc::erofs);
    CHECK(view.remove_xattr("d/f", "user.k").error() == errc::erofs);
    CHECK(view.open("d/f", open_flags::read | open_flags::truncate).error() == errc::erofs);
    CHECK(view.open("d/f", open_flags::read | open_flags::append).error() == errc::erofs);
    CHECK(view.create_unnamed(view.root(), 0600).error() == errc::erofs);

    auto const asked = below.counts();
    for (std::size_t i = 0; i < primitive_count; ++i) {
        INFO(name(static_cast<primitive>(i)));
        if (call{.what = static_cast<primitive>(i)}.mutates())
            CHECK(asked.of[i].calls == 0);
    }
    CHECK(tree.read("d/f").value() == "content");
}

TEST_CASE("where Linux finds another mistake before a read-only mount, so does a read-only tree") {
    small_tree tree;
    REQUIRE(tree.create_directory("d").has_value());
    REQUIRE(tree.create_symlink("f", "l").has_value());
    REQUIRE(tree.create_node("p", file_type::fifo, 0644).has_value());
    read_only view{tree};
    auto const root = view.root();
    CHECK(view.create_directory_at(root, "d", 0755).error() == errc::eexist);
    CHECK(view.create_at(root, "d", 0755).error() == errc::eexist);
    CHECK(view.open_at(root, "nothing", open_flags::write).error() == errc::enoent);
    CHECK(view.open_at(root, "d", open_flags::write).error() == errc::eisdir);
    CHECK(view.open_at(root, "l", open_flags::write).error() == errc::eloop);
    CHECK(view.open_at(root, "p", open_flags::write).error() == errc::enxio);
}

TEST_CASE("a handle of a read-only tree changes nothing either") {
    small_tree tree;
    REQUIRE(tree.write("f", "content").has_value());
    auto const before = tree.status("f").value();
    read_only view{tree};
    auto file = view.open("f", open_flags::read).value();
    std::array<std::byte, 4> const bytes{};
    CHECK(file.write_at(bytes, 0).error() == errc::ebadf);
    CHECK(file.append(bytes).error() == errc::ebadf);
    CHECK(file.resize(0).error() == errc::ebadf);
    CHECK(file.set_mode(0).error() == errc::erofs);
    CHECK(file.set_owner(1, 1).error() == errc::erofs);
    CHECK(file.set_times(time_change::modified({1, 1})).error() == errc::erofs);
    CHECK(file.set_xattr("user.k", "v", xattr_flags::none).error() == errc::erofs);
    auto other = tree.open("f", open_flags::read).value();
    CHECK(file.clone_from(other).error() == errc::ebadf);
    CHECK(file.copy_range_from(other, 0, 0, 1).error() == errc::ebadf);
    CHECK(file.sync(sync_kind::data).has_value());
    auto const after = tree.status("f").value();
    CHECK(after.mode == before.mode);
    CHECK(after.uid == before.uid);
    CHECK(after.mtime == before.mtime);
    CHECK(after.size == before.size);
}
