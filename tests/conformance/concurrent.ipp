// Several threads at once. Rules thread.*. Worth most under ThreadSanitizer. For `fixture` see README.md.
#pragma once

#include <atomic>
#include <thread>

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;
using lamina::open_flags;

// Runs f(0) ... f(count - 1), each in a thread of its own. Catch's macros are for the first thread alone, so what goes
// wrong in the others is counted.
template <class F>
void in_threads(int count, F f) {
    std::vector<std::thread> threads;
    for (int i = 0; i != count; ++i)
        threads.emplace_back(f, i);
    for (auto& thread : threads)
        thread.join();
}

TEST_CASE("[thread.1] files made by several threads in one directory are all there") {
    fixture on(content().directory("d").file("d/before", ""));
    auto& tree = on.tree();
    std::atomic<int> failures = 0;
    in_threads(4, [&](int thread) {
        for (int i = 0; i != 50; ++i) {
            auto const name = std::to_string(thread) + "-" + std::to_string(i);
            if (!tree.write(at("d/" + name), name))
                ++failures;
        }
    });
    CHECK(failures == 0);
    CHECK(tree.list("d").value().size() == 201);
    for (int thread = 0; thread != 4; ++thread)
        CHECK(tree.read(at("d/" + std::to_string(thread) + "-49")).value() == std::to_string(thread) + "-49");
}

TEST_CASE("[thread.2] of several threads that make the same name exclusively one succeeds") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    for (int round = 0; round != 20; ++round) {
        auto const name = at("d/" + std::to_string(round));
        std::atomic<int> made = 0;
        std::atomic<int> refused = 0;
        in_threads(4, [&](int) {
            auto const file = tree.open(name, open_flags::write | open_flags::create | open_flags::exclusive);
            if (file)
                ++made;
            else if (file.error() == errc::eexist)
                ++refused;
        });
        CHECK(made == 1);
        CHECK(refused == 3);
    }
}

TEST_CASE("[thread.3] appended pieces are whole, and none is lost") {
    fixture on(content().file("f", "start\n"));
    auto& tree = on.tree();
    std::atomic<int> failures = 0;
    in_threads(4, [&](int thread) {
        std::string const line(40, static_cast<char>('a' + thread));
        auto file = tree.open("f", open_flags::append);
        if (!file) {
            ++failures;
            return;
        }
        for (int i = 0; i != 50; ++i)
            if (auto const written = file->append(bytes_of(line + "\n")); !written || *written != 41)
                ++failures;
    });
    CHECK(failures == 0);
    auto const bytes = tree.read("f").value();
    CHECK(bytes.size() == 6 + 4 * 50 * 41);
    int torn = 0;
    for (std::size_t i = 6; i + 41 <= bytes.size(); i += 41)
        if (bytes.substr(i, 41) != std::string(40, bytes[i]) + "\n")
            ++torn;
    CHECK(torn == 0);
}

TEST_CASE("[thread.4] a file that is first written by several threads at once takes all their writes") {
    fixture on(content().file("f", std::string(4000, '.')));
    auto& tree = on.tree();
    std::atomic<int> failures = 0;
    in_threads(4, [&](int thread) {
        auto file = tree.open("f", open_flags::read_write);
        if (!file) {
            ++failures;
            return;
        }
        auto const mine = static_cast<std::uint64_t>(thread) * 1000;
        std::string const text(1000, static_cast<char>('0' + thread));
        if (auto const written = file->write_at(bytes_of(text), mine); !written || *written != 1000)
            ++failures;
        if (auto const back = read_some(*file, mine, 1000); !back || *back != text)
            ++failures;
    });
    CHECK(failures == 0);
    auto const bytes = tree.read("f").value();
    for (std::size_t thread = 0; thread != 4; ++thread)
        CHECK((bytes.substr(thread * 1000, 1000) == std::string(1000, static_cast<char>('0' + thread))));
}

TEST_CASE(
    "[thread.5] a name that is renamed to and fro is under one of its names, never under both or neither in the end") {
    fixture on(content().directory("a").directory("b").file("a/f", "text"));
    auto& tree = on.tree();
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::thread mover([&] {
        for (int i = 0; i != 200; ++i)
            if (!tree.rename(i % 2 == 0 ? lamina::path_view("a/f") : lamina::path_view("b/f"),
                             i % 2 == 0 ? lamina::path_view("b/f") : lamina::path_view("a/f")))
                ++wrong;
        stop = true;
    });
    in_threads(2, [&](int) {
        while (!stop)
            for (lamina::path_view const path : {lamina::path_view("a/f"), lamina::path_view("b/f")})
                if (auto const text = tree.read(path); text ? *text != "text" : text.error() != errc::enoent)
                    ++wrong;
    });
    mover.join();
    CHECK(wrong == 0);
    CHECK(tree.read("a/f").value() == "text");
    CHECK(tree.exists("b/f").value() == false);
}

TEST_CASE("[thread.6] a file that is replaced by renames is read whole, old or new") {
    fixture on(content().file("f", std::string(20'000, '0')));
    auto& tree = on.tree();
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::thread writer([&] {
        for (int i = 1; i != 60; ++i)
            if (!tree.write("next", std::string(20'000, static_cast<char>('0' + i % 10))) || !tree.rename("next", "f"))
                ++wrong;
        stop = true;
    });
    in_threads(2, [&](int) {
        while (!stop) {
            auto const bytes = tree.read("f");
            if (!bytes || bytes->size() != 20'000 || bytes->find_first_not_of(bytes->front()) != std::string::npos)
                ++wrong;
        }
    });
    writer.join();
    CHECK(wrong == 0);
}

TEST_CASE("[thread.7] listing, status and remove_all do not disturb one another") {
    content given;
    given.directory("d");
    for (int i = 0; i != 20; ++i) {
        auto const inner = "d/" + std::to_string(i);
        given.directory(inner);
        for (int k = 0; k != 10; ++k)
            given.file(inner + "/" + std::to_string(k), "text");
    }
    fixture on(given);
    auto& tree = on.tree();
    std::atomic<int> wrong = 0;
    // Whoever comes second finds nothing left, or a part of it.
    auto const harmless = [](errc code) {
        return code == errc::ok || code == errc::enoent || code == errc::estale || code == errc::enotempty;
    };
    in_threads(4, [&](int thread) {
        for (int i = 0; i != 20; ++i) {
            auto const inner = at("d/" + std::to_string(i));
            auto const code = thread % 2 == 0 ? outcome(tree.remove_all(inner)) : outcome(tree.list(inner));
            if (!harmless(code))
                ++wrong;
            if (!harmless(outcome(tree.status(inner))))
                ++wrong;
        }
    });
    CHECK(wrong == 0);
    CHECK(outcome(tree.remove_all("d")) == errc::ok);
    CHECK(names_in(tree, "/").empty());
}

TEST_CASE("[thread.8] directories moved into each other by several threads never form a loop") {
    fixture on(content().directory("a").directory("b").directory("a/x").directory("b/y"));
    auto& tree = on.tree();
    in_threads(2, [&](int thread) {
        for (int i = 0; i != 100; ++i) {
            // Either may fail, as the other thread has it; both succeeding would cut the two off from the root.
            if (thread == 0) {
                if (tree.rename("a", "b/y/a").has_value())
                    (void)tree.rename("b/y/a", "a").has_value();
            } else {
                if (tree.rename("b", "a/x/b").has_value())
                    (void)tree.rename("a/x/b", "b").has_value();
            }
        }
    });
    std::size_t directories = 0;
    CHECK(outcome(tree.walk("", [&](lamina::walk_entry const& entry) {
              REQUIRE(entry.depth < 4);
              ++directories;
          })) == errc::ok);
    CHECK(directories == 4);
}

}  // namespace
