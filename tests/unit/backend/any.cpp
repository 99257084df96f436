#include "catch.hpp"

#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/trace.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/archetype.hpp>
#include <lamina/backend/from_paths.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_file;
using lamina::testing::small_tree;

namespace {

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// A layer that can only be read.
struct one_file {
    result<std::optional<attributes>> status(path_view where) {
        attributes about;
        about.type = where.is_root() ? file_type::directory : file_type::regular;
        about.size = where.is_root() ? 0 : 5;
        return where.is_root() || where.bytes() == "only" ? std::optional(about) : std::nullopt;
    }
    result<void> list(path_view, entry_sink sink) {
        sink({"only", file_type::regular});
        return {};
    }
    result<std::size_t> read(path_view, std::uint64_t offset, std::span<std::byte> into) {
        std::size_t done = 0;
        for (; done < into.size() && offset + done < 5; ++done)
            into[done] = static_cast<std::byte>("12345"[offset + done]);
        return done;
    }
};

// A file that counts how many of it are alive, of a size that is chosen.
template <std::size_t Size>
struct counted_file {
    static inline int alive = 0;
    std::array<char, Size> room{};
    counted_file() { ++alive; }
    counted_file(counted_file&& other) noexcept : room(other.room) { ++alive; }
    counted_file& operator=(counted_file&&) noexcept = default;
    ~counted_file() { --alive; }
    result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return static_cast<std::size_t>(room[0]); }
    result<std::uint64_t> next_data(std::uint64_t) { return fail(errc::eopnotsupp); }
    result<std::uint64_t> next_hole(std::uint64_t) { return fail(errc::eopnotsupp); }
    result<attributes> status() { return attributes{}; }
};

}  // namespace

TEST_CASE("an any_backend does what the backend inside does") {
    small_tree tree;
    any_backend any{tree};
    REQUIRE(any.create_directories("a/b").has_value());
    REQUIRE(any.write("a/b/f", "hello").has_value());
    CHECK(tree.read("a/b/f").value() == "hello");
    CHECK(any.read("a/b/f").value() == "hello");
    CHECK(tree.descents > 0);
    CHECK(any.remove_all("a").value() == 3);
    CHECK(any.root() == tree.root());
    CHECK(any.able() == tree.able());
    CHECK(tree.retained() == 0);
}

TEST_CASE("copies of an any_backend are one backend, and an owned one lives as long as the last") {
    any_backend outer{archetype::a_readable_backend()};
    {
        small_tree tree;
        REQUIRE(tree.write("f", "kept").has_value());
        any_backend first{std::move(tree)};
        any_backend second = first;
        REQUIRE(second.write("g", "x").has_value());
        CHECK(first.exists("g").value());
        outer = second;
    }
    CHECK(outer.read("f").value() == "kept");
    std::vector<any_backend> layers;
    for (int i = 0; i < 500; ++i)
        layers.emplace_back(small_tree());
    REQUIRE(layers[499].write("f", "last").has_value());
    CHECK(layers[499].read("f").value() == "last");
    CHECK(layers[498].read("f").error() == errc::enoent);
}

TEST_CASE("the backend inside can be asked for by its type") {
    small_tree tree;
    any_backend any{tree};
    CHECK(any.get_if<small_tree>() == &tree);
    CHECK(any.get_if<count<small_tree&>>() == nullptr);
    any_backend counted{count{tree}};
    REQUIRE(counted.get_if<count<small_tree&>>() != nullptr);
    CHECK(counted.exists("x").has_value());
    CHECK(counted.get_if<count<small_tree&>>()->counts().total().calls == 1);
}

TEST_CASE("a backend that cannot write says so in able() and answers erofs") {
    any_backend any{from_paths{one_file()}};
    CHECK_FALSE(any.able().has(capability::write));
    auto const root = any.root();
    CHECK(any.create_at(root, "x", 0644).error() == errc::erofs);
    CHECK(any.rename_at(root, "only", root, "y", rename_flags::none).error() == errc::erofs);
    CHECK(any.create_unnamed(root, 0600).error() == errc::erofs);
    CHECK(any.remove("only").error() == errc::erofs);
    CHECK(any.sync_directory(root).has_value());
    auto file = any.open("only", open_flags::read).value();
    CHECK(file.write_at(bytes_of("x"), 0).error() == errc::ebadf);
    CHECK(file.resize(0).error() == errc::ebadf);
    CHECK(file.set_mode(0).error() == errc::erofs);
    CHECK(file.sync(sync_kind::everything).has_value());
    CHECK(any.read("only").value() == "12345");
    any_backend poor{archetype::a_writable_backend()};
    CHECK(poor.create_unnamed(poor.root(), 0600).error() == errc::eopnotsupp);
    CHECK(poor.remove_at(poor.root(), "x").error() == errc::eopnotsupp);
}

TEST_CASE("files without a name are published through an any_backend, but only its own") {
    small_tree tree;
    any_backend any{tree};
    CHECK(any.able().has(capability::unnamed_files));
    auto file = any.create_unnamed(any.root(), 0600).value();
    CHECK(file.write_at(bytes_of("data"), 0).value() == 4);
    REQUIRE(any.publish_at(file, any.root(), "f").has_value());
    CHECK(tree.read("f").value() == "data");
    any_backend other{from_paths{one_file()}};
    auto foreign = other.open("only", open_flags::read).value();
    CHECK(any.publish_at(foreign, any.root(), "g").error() == errc::einval);
    CHECK_FALSE(tree.exists("g").value());
}

TEST_CASE("two any_files copy if they hold the same type of file, else the caller is told to do it by hand") {
    small_tree tree;
    REQUIRE(tree.write("f", "0123456789").has_value());
    any_backend one{tree};
    any_backend two{tree};
    auto from = one.open("f", open_flags::read).value();
    auto to = two.create_at(two.root(), "g", 0644).value();
    CHECK(to.copy_range_from(from, 3, 0, 4).value() == 4);
    CHECK(tree.read("g").value() == "3456");
    REQUIRE(to.clone_from(from).has_value());
    CHECK(tree.read("g").value() == "0123456789");
    CHECK(to.get_if<small_file>() != nullptr);

    any_backend wrapped{count{tree}};
    auto other = wrapped.open("f", open_flags::read).value();
    CHECK(other.get_if<small_file>() == nullptr);
    CHECK(to.copy_range_from(other, 0, 0, 4).error() == errc::eopnotsupp);
    CHECK(to.clone_from(other).error() == errc::eopnotsupp);
    any_backend reading{from_paths{one_file()}};
    auto first = reading.open("only", open_flags::read).value();
    auto second = reading.open("only", open_flags::read).value();
    CHECK(first.copy_range_from(second, 0, 0, 1).error() == errc::eopnotsupp);
}

TEST_CASE("a small file lies in its any_file, a large one on the heap, and both live exactly once") {
    auto const exercise = []<std::size_t Size>(std::integral_constant<std::size_t, Size>, bool fits) {
        using file = counted_file<Size>;
        {
            any_file one{file()};
            CHECK(file::alive == 1);
            auto* const at = one.get_if<file>();
            REQUIRE(at != nullptr);
            at->room[0] = 7;
            auto const begin = reinterpret_cast<char*>(&one);
            CHECK((reinterpret_cast<char*>(at) >= begin && reinterpret_cast<char*>(at) < begin + sizeof one) == fits);
            any_file two{std::move(one)};
            CHECK(file::alive == 1);
            CHECK(two.read_at({}, 0).value() == 7);
            any_file three{file()};
            CHECK(file::alive == 2);
            three = std::move(two);
            CHECK(file::alive == 1);
            CHECK(three.read_at({}, 0).value() == 7);
            CHECK(two.get_if<file>() == nullptr);
            two = std::move(three);
            CHECK(two.read_at({}, 0).value() == 7);
        }
        CHECK(file::alive == 0);
    };
    exercise(std::integral_constant<std::size_t, 8>(), true);
    exercise(std::integral_constant<std::size_t, any_file::inline_size>(), true);
    exercise(std::integral_constant<std::size_t, any_file::inline_size + 1>(), false);
    exercise(std::integral_constant<std::size_t, 4096>(), false);
}

TEST_CASE("an any_backend may be wrapped and wrapped again") {
    small_tree tree;
    REQUIRE(tree.write("f", "abc").has_value());
    any_backend any{tree};
    count counted{any};
    any_backend outer{counted};
    auto file = outer.open("f", open_flags::read).value();
    std::array<std::byte, 3> into{};
    CHECK(file.read_at(into, 0).value() == 3);
    CHECK(counted.counts()[primitive::read_at] == call_count{1, 0, 3});
    auto const copy = any_backend(any);
    CHECK(copy.root() == tree.root());
}
