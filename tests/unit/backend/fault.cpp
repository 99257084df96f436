#include "catch.hpp"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

namespace {

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("the n-th call of an operation fails once, with the error given, and has no effect") {
    small_tree tree;
    fault faulty{tree};
    faulty.inject({.op = operation::create_directory, .nth = 2, .code = errc::enospc});
    auto const root = faulty.root();
    CHECK(faulty.create_directory_at(root, "a", 0755).has_value());
    CHECK(faulty.lookup(root, "a").has_value());
    auto const failed = faulty.create_directory_at(root, "b", 0755);
    CHECK(failed.error() == error{errc::enospc, operation::create_directory});
    CHECK_FALSE(tree.exists("b").value());
    CHECK(faulty.create_directory_at(root, "b", 0755).has_value());
}

TEST_CASE("a rule counts from when it was given") {
    small_tree tree;
    fault faulty{tree};
    REQUIRE(faulty.create_directory_at(faulty.root(), "a", 0755).has_value());
    faulty.inject({.op = operation::create_directory, .nth = 1});
    CHECK(faulty.create_directory_at(faulty.root(), "b", 0755).error() == errc::eio);
}

TEST_CASE("every call with a name fails, also in the middle of a path and on an open file") {
    small_tree tree;
    REQUIRE(tree.create_directories("a/bad/c").has_value());
    REQUIRE(tree.write("a/bad/c/f", "x").has_value());
    REQUIRE(tree.write("f2", "y").has_value());
    fault faulty{tree};
    auto open = faulty.open("f2", open_flags::read).value();
    faulty.inject({.name = "bad", .code = errc::eacces});
    CHECK(faulty.read("a/bad/c/f").error() == errc::eacces);
    CHECK(faulty.status("a/bad").error() == errc::eacces);
    CHECK(faulty.rename("f2", "bad").error() == errc::eacces);
    CHECK(faulty.read("f2").value() == "y");
    faulty.inject({.op = operation::read, .name = "f2", .code = errc::eio});
    std::array<std::byte, 4> into{};
    CHECK(open.read_at(into, 0).error() == errc::eio);
    CHECK(open.status().has_value());
    faulty.clear();
    CHECK(faulty.read("a/bad/c/f").value() == "x");
}

TEST_CASE("a predicate sees the whole call") {
    small_tree tree;
    fault faulty{tree};
    faulty.inject_if([](call const& c) { return c.what == primitive::rename_at && c.to_name.text == "final"; },
                     {.nth = 2, .code = errc::exdev});
    REQUIRE(faulty.write("f", "x").has_value());
    CHECK(faulty.rename("f", "final").has_value());
    CHECK(faulty.rename("final", "f").has_value());
    CHECK(faulty.rename("f", "final").error() == errc::exdev);
    CHECK(faulty.rename("f", "final").has_value());
}

TEST_CASE("short reads and writes move less than was asked, and nothing is lost by those who ask again") {
    small_tree tree;
    fault faulty{tree};
    faulty.short_writes(3);
    auto file = faulty.create_at(faulty.root(), "f", 0644).value();
    CHECK(file.write_at(bytes_of("hello"), 0).value() == 3);
    CHECK(file.append(bytes_of("12345")).value() == 3);
    CHECK(tree.read("f").value() == "hel123");
    REQUIRE(faulty.write("f", "all of this").has_value());
    CHECK(tree.read("f").value() == "all of this");
    faulty.short_reads(2);
    std::array<std::byte, 8> into{};
    CHECK(file.read_at(into, 0).value() == 2);
    CHECK(faulty.read("f").value() == "all of this");
    auto copy = faulty.create_at(faulty.root(), "g", 0644).value();
    CHECK(copy.copy_range_from(file, 0, 0, 8).value() == 2);
    faulty.clear();
    CHECK(copy.copy_range_from(file, 0, 0, 8).value() == 8);
}

TEST_CASE("after a stop nothing works, reads included, and exactly n steps were done") {
    for (std::uint64_t n = 0; n <= 6; ++n) {
        INFO(n);
        small_tree tree;
        fault faulty{tree};
        faulty.stop_after(n);
        auto const root = faulty.root();
        std::vector<bool> done;
        done.push_back(faulty.create_directory_at(root, "a", 0755).has_value());
        done.push_back(faulty.create_symlink_at(root, "b", "x").has_value());
        bool const reads = faulty.lookup(root, "a").has_value();
        done.push_back(faulty.sync_directory(root).has_value());
        done.push_back(faulty.rename_at(root, "a", root, "c", rename_flags::none).has_value());
        done.push_back(faulty.remove_at(root, "b").has_value());
        for (std::uint64_t i = 0; i < done.size(); ++i)
            CHECK(done[i] == (i < n));
        CHECK(reads == (n >= 2));
        CHECK(faulty.stopped() == (n < 5));
        CHECK(faulty.steps() == std::min<std::uint64_t>(n, 5));
        CHECK(faulty.lookup(root, "x").has_value() == (n >= 5));
        CHECK(tree.exists("a").value() == (n >= 1 && n < 4));
        CHECK(tree.exists("c").value() == (n >= 4));
        faulty.clear();
        CHECK(faulty.lookup(root, "x").has_value());
    }
}

TEST_CASE("a truncating open is a step, a plain one is not") {
    small_tree tree;
    REQUIRE(tree.write("f", "x").has_value());
    fault faulty{tree};
    REQUIRE(faulty.open_at(faulty.root(), "f", open_flags::read_write).has_value());
    CHECK(faulty.steps() == 0);
    REQUIRE(faulty.open_at(faulty.root(), "f", open_flags::write | open_flags::truncate).has_value());
    CHECK(faulty.steps() == 1);
    faulty.stop_after(0);
    auto const stopped = faulty.open_at(faulty.root(), "f", open_flags::write | open_flags::truncate);
    CHECK(stopped.error() == errc::eio);
}

TEST_CASE("what a fault refuses never reaches the backend") {
    small_tree tree;
    count below{tree};
    fault faulty{below};
    faulty.inject({.op = operation::open});
    CHECK(faulty.open_at(faulty.root(), "f", open_flags::read).error() == errc::eio);
    CHECK(below.counts().total().calls == 0);
}

TEST_CASE("with many threads exactly one call is the n-th, and exactly n steps pass") {
    small_tree tree;
    fault faulty{tree};
    faulty.inject({.op = operation::lookup, .nth = 1500, .code = errc::eagain});
    faulty.stop_after(100);
    std::atomic<int> failed{0}, made{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i)
                failed += faulty.lookup(faulty.root(), "x").has_value() ? 0 : 1;
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(failed == 1);
    threads.clear();
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 60; ++i)
                made +=
                    faulty.create_directory_at(faulty.root(), std::to_string(t * 1000 + i), 0755).has_value() ? 1 : 0;
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(made == 100);
    CHECK(faulty.steps() == 100);
    CHECK(tree.list("").value().size() == 100);
}
