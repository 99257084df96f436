// A memory tree used by many threads at once. Run under a thread sanitizer these find races; without one they still
// check what must hold at every moment.
#include "catch.hpp"

#include <atomic>
#include <random>
#include <thread>

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

// Runs `work(number)` on so many threads, and waits for them. Catch's checks are not made for threads: they report by
// return.
template <class Work>
[[nodiscard]] int failures_of(int threads, Work work) {
    std::atomic<int> failures{0};
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] { failures += work(i); });
    for (auto& thread : running)
        thread.join();
    return failures;
}

}  // namespace

TEST_CASE("[memory.threads.1] names made, moved and removed by all at once leave a sound tree and exact counts") {
    memory_tree tree;
    auto const root = tree.root();
    for (char const* name : {"a", "b", "c", "d"})
        tree.create_directory_at(root, name, 0755).value();
    int const rounds = 3000;
    auto const failures = failures_of(4, [&](int number) {
        std::mt19937 random(static_cast<unsigned>(number) + 1);
        int failed = 0;
        auto const any = [&](char const* const(&of)[4]) { return of[random() % 4]; };
        static constexpr char const* const places[] = {"a", "b", "c", "d"};
        static constexpr char const* const names[] = {"w", "x", "y", "z"};
        for (int i = 0; i < rounds; ++i) {
            auto const one = tree.open_directory_at(root, any(places));
            auto const two = tree.open_directory_at(root, any(places));
            if (!one || !two)
                return failed + 1;
            auto const name = any(names);
            auto const other = any(names);
            switch (random() % 9) {
            case 0:
                if (auto file = tree.create_at(*one, name, 0644); file && !file->append(bytes("some text")))
                    ++failed;
                break;
            case 1:
                (void)tree.create_directory_at(*one, name, 0755);
                break;
            case 2:
                (void)tree.rename_at(*one, name, *two, other, rename_flags::none);
                break;
            case 3:
                (void)tree.rename_at(*one, name, *two, other, rename_flags::exchange);
                break;
            case 4:
                (void)tree.remove_at(*one, name);
                (void)tree.remove_directory_at(*two, other);
                break;
            case 5:
                (void)tree.link_at(*one, name, *two, other);
                break;
            case 6:
                if (auto const is = tree.lookup(*one, name); !is || (is->has_value() && (*is)->nlink == 0))
                    ++failed;
                break;
            case 7: {
                unsigned seen = 0;
                auto const listed = tree.list_at(*one, [&](directory_entry const& entry) {
                    seen += entry.name.size() == 1 ? 1 : 100;
                    return true;
                });
                if (!listed || seen > 4)
                    ++failed;
                break;
            }
            default:
                (void)tree.set_mode_at(*one, name, 0600);
                (void)tree.set_xattr_at(*one, name, "user.k", "value", xattr_flags::none);
                if (auto file = tree.open_at(*one, name, open_flags::read_write); file && !file->resize(100))
                    ++failed;
            }
            tree.release(*one);
            tree.release(*two);
        }
        return failed;
    });
    CHECK(failures == 0);
    // What is left is consistent: subdirectories are counted right, and nothing is charged that is not there.
    for (char const* name : {"a", "b", "c", "d"}) {
        auto const dir = tree.open_directory_at(root, name).value();
        std::uint64_t subdirectories = 0;
        for (auto const& entry : names_in(tree, dir))
            subdirectories += status_of(tree, dir, entry).is_directory() ? 1 : 0;
        CHECK(status_of(tree, dir, "").nlink == 2 + subdirectories);
        tree.release(dir);
        tree.remove_all(path_view::parse(name).value()).value();
    }
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.threads.2] of many who take one name, one wins") {
    memory_tree tree;
    auto const root = tree.root();
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> winners{0};
        auto const failures = failures_of(3, [&](int number) {
            auto const made = number == 0   ? outcome(tree.create_at(root, "x", 0644))
                              : number == 1 ? outcome(tree.create_directory_at(root, "x", 0755))
                                            : outcome(tree.create_symlink_at(root, "x", "t"));
            winners += made == errc::ok ? 1 : 0;
            return made == errc::ok || made == errc::eexist ? 0 : 1;
        });
        REQUIRE(failures == 0);
        REQUIRE(winners == 1);
        tree.remove("x").value();
    }
}

TEST_CASE("[memory.threads.3] appends come one after the other, and a reader sees a write whole or not at all") {
    memory_tree tree;
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    auto block = tree.create_at(tree.root(), "block", 0644).value();
    std::size_t const length = 3 * 4096 + 100;
    CHECK(block.write_at(bytes(std::string(length, 'a')), 50).value() == length);
    int const rounds = 300;
    auto const failures = failures_of(4, [&](int number) {
        int failed = 0;
        for (int i = 0; i < rounds; ++i) {
            std::string const line(17, static_cast<char>('a' + number));
            failed += file.append(bytes(line)).value_or(std::size_t{0}) == line.size() ? 0 : 1;
            if (number % 2 == 0) {
                failed += block.write_at(bytes(std::string(length, static_cast<char>('a' + i % 26))), 50) ? 0 : 1;
            } else {
                std::string seen(length, '\0');
                failed += block.read_at(std::as_writable_bytes(std::span(seen)), 50).value_or(std::size_t{0}) == length
                              ? 0
                              : 1;
                failed += seen == std::string(length, seen[0]) ? 0 : 1;
            }
        }
        return failed;
    });
    CHECK(failures == 0);
    auto const text = read_all(file);
    REQUIRE(text.size() == 17u * 4 * rounds);
    for (std::size_t at = 0; at < text.size(); at += 17)
        if (text.substr(at, 17) != std::string(17, text[at]))
            FAIL("torn at " << at);
}

TEST_CASE("[memory.threads.4] clones of one file are written in many threads, across trees") {
    memory_tree trees[2];
    std::string const text(70 * 4096, 'o');
    auto original = trees[0].create_at(trees[0].root(), "original", 0644).value();
    CHECK(original.write_at(bytes(text), 0).value() == text.size());
    auto const failures = failures_of(4, [&](int number) {
        auto& tree = trees[number % 2];
        auto const name = "copy" + std::to_string(number);
        int failed = 0;
        for (int i = 0; i < 40; ++i) {
            auto copy = tree.create_at(tree.root(), name, 0644);
            if (!copy || !copy->clone_from(original))
                return failed + 1;
            auto second = tree.create_unnamed(tree.root(), 0644);
            if (!second || !second->clone_from(*copy))
                return failed + 1;
            auto const at = static_cast<std::uint64_t>(i) * 4096 + 10;
            failed += copy->write_at(bytes(name), at) ? 0 : 1;
            failed += copy->resize(50 * 4096) ? 0 : 1;
            auto expected = text.substr(0, 50 * 4096);
            expected.replace(at, name.size(), name);
            failed += read_all(*copy) == expected ? 0 : 1;
            failed += read_all(*second) == text ? 0 : 1;
            failed +=
                copy->copy_range_from(*second, 0, 0, text.size()).value_or(std::uint64_t{0}) == text.size() ? 0 : 1;
            failed += read_all(*copy) == text ? 0 : 1;
            // Crosswise, as no order of locks may deadlock.
            failed += second->copy_range_from(*copy, 5, 0, 4096).value_or(std::uint64_t{0}) == 4096 ? 0 : 1;
            failed += tree.remove_at(tree.root(), name) ? 0 : 1;
        }
        return failed;
    });
    CHECK(failures == 0);
    CHECK(read_all(original) == text);
    CHECK(used(trees[1]) == 0);
}

TEST_CASE("[memory.threads.5] two files that are copied into each other do not lock each other out") {
    memory_tree tree;
    auto a = tree.create_at(tree.root(), "a", 0644).value();
    auto b = tree.create_at(tree.root(), "b", 0644).value();
    CHECK(a.write_at(bytes(std::string(5 * 4096, 'x')), 0).value() == 5 * 4096);
    CHECK(b.write_at(bytes(std::string(5 * 4096, 'x')), 0).value() == 5 * 4096);
    auto const failures = failures_of(2, [&](int number) {
        auto& to = number == 0 ? a : b;
        auto& from = number == 0 ? b : a;
        int failed = 0;
        for (int i = 0; i < 500; ++i) {
            failed += to.copy_range_from(from, 100, 4096 + 7, 9000) ? 0 : 1;
            failed += to.clone_from(from) ? 0 : 1;
        }
        return failed;
    });
    CHECK(failures == 0);
    CHECK(read_all(a) == std::string(5 * 4096, 'x'));
}

TEST_CASE("[memory.threads.6] a name that is exchanged or replaced is there at every moment") {
    memory_tree tree;
    auto const root = tree.root();
    tree.write("f", "0").value();
    tree.write("g", "1").value();
    std::atomic<bool> done{false};
    auto const failures = failures_of(3, [&](int number) {
        int failed = 0;
        if (number == 0) {
            for (int i = 0; i < 4000; ++i) {
                failed += tree.rename_at(root, "f", root, "g", rename_flags::exchange) ? 0 : 1;
                failed += tree.create_at(root, "new", 0644) ? 0 : 1;
                failed += tree.rename_at(root, "new", root, i % 2 == 0 ? "f" : "g", rename_flags::none) ? 0 : 1;
            }
            done = true;
            return failed;
        }
        while (!done) {
            for (char const* name : {"f", "g"}) {
                auto const is = tree.lookup(root, name);
                failed += is && is->has_value() ? 0 : 1;
                failed += tree.open_at(root, name, open_flags::read) ? 0 : 1;
            }
            auto const both = names_in(tree, root);
            failed += both.size() >= 2 && both.size() <= 3 ? 0 : 1;
        }
        return failed;
    });
    CHECK(failures == 0);
}

TEST_CASE("[memory.threads.7] room for one is taken by one") {
    memory_options options;
    options.size_limit = 10 * 4096 + 4 * (memory_price::inode + memory_price::name + 1);
    memory_tree tree(options);
    auto const failures = failures_of(4, [&](int number) {
        auto file = tree.create_at(tree.root(), std::string(1, static_cast<char>('a' + number)), 0644);
        if (!file)
            return 1;
        int failed = 0;
        for (int i = 0; i < 300; ++i) {
            auto const wrote = file->write_at(bytes(std::string(5 * 4096, 'x')), 0);
            failed += wrote || wrote.error() == errc::enospc ? 0 : 1;
            failed += file->resize(0) ? 0 : 1;
        }
        return failed;
    });
    CHECK(failures == 0);
    CHECK(tree.space().value().free == 10 * 4096);
}

TEST_CASE("[memory.threads.8] a tree is cloned while it changes") {
    memory_tree tree;
    auto const root = tree.root();
    for (int i = 0; i < 50; ++i)
        tree.write(path_view::parse(std::string("f").append(std::to_string(i))).value(), "text").value();
    std::atomic<bool> done{false};
    auto const failures = failures_of(3, [&](int number) {
        int failed = 0;
        if (number == 0) {
            for (int i = 0; i < 30; ++i) {
                auto copy = tree.clone();
                auto const names = names_in(copy, copy.root());
                for (auto const& name : names)
                    failed += copy.remove_at(copy.root(), name) ? 0 : 1;
                failed += used(copy) == 0 ? 0 : 1;
            }
            done = true;
            return failed;
        }
        std::mt19937 random(static_cast<unsigned>(number));
        while (!done) {
            auto const name = std::string("f").append(std::to_string(random() % 50));
            (void)tree.rename_at(root, name, root, std::string("f").append(std::to_string(random() % 50)),
                                 rename_flags::none);
            if (auto file = tree.open_at(root, name, open_flags::read_write))
                failed += file->append(bytes(std::string(random() % 9000, 'y'))) ? 0 : 1;
            if (auto file = tree.open_at(root, name, open_flags::read_write))
                failed += file->resize(random() % 9000) ? 0 : 1;
            (void)tree.create_at(root, name, 0644);
        }
        return failed;
    });
    CHECK(failures == 0);
}
