// posix_directory from many threads.
#include "scratch.hpp"

#include <atomic>
#include <thread>

using namespace lamina;

namespace {

template <class Body>
void in_threads(int count, Body&& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
        threads.emplace_back([&, i] { body(i); });
    for (auto& thread : threads)
        thread.join();
}

struct dice {
    std::uint32_t state;
    std::uint32_t roll(std::uint32_t sides) {
        state = state * 1664525 + 1013904223;
        return (state >> 8) % sides;
    }
};

}  // namespace

TEST_CASE("[posix.80] few descriptors, many directories, many threads") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    posix_options options;
    options.max_descriptors = 3;
    options.old_calls_only = old;
    auto const before = open_descriptors();
    {
        auto tree = scratch.open(options);
        constexpr int many = 40;
        std::vector<node_guard<posix_directory>> held;
        for (int i = 0; i < many; ++i) {
            auto const name = "p" + std::to_string(i % 5) + "/d" + std::to_string(i);
            REQUIRE(tree.create_directories(path::parse(name).value()));
            auto const down = tree.descend(tree.root(), name);
            held.emplace_back(tree, down.reached);
            REQUIRE(tree.create_at(down.reached, "own" + std::to_string(i), 0600));
        }
        std::atomic<int> wrong{0};
        in_threads(4, [&](int thread) {
            dice random{static_cast<std::uint32_t>(thread)};
            for (int step = 0; step < 2000; ++step) {
                auto const i = random.roll(many);
                auto const found = tree.lookup(*held[i], "own" + std::to_string(i));
                if (!found || !*found)
                    ++wrong;
                if (step % 7 == 0) {
                    auto const name = "t" + std::to_string(thread);
                    if (!tree.create_at(*held[i], name, 0600) || !tree.remove_at(*held[i], name))
                        ++wrong;
                }
            }
        });
        CHECK(wrong == 0);
        for (int i = 0; i < many; ++i)  // whatever was in use when the bound was exceeded is not any more
            CHECK(tree.lookup(*held[static_cast<std::size_t>(i)], "own" + std::to_string(i)).value());
        CHECK(open_descriptors() <= before + 1 + 3);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("[posix.81] directories renamed through the backend are found by everybody who holds them") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    posix_options options;
    options.max_descriptors = 3;
    options.old_calls_only = old;
    auto tree = scratch.open(options);
    auto const root = tree.root();
    // Each of these wanders about with what is in it; readers hold them and, deeper, what they hold.
    constexpr int many = 8;
    std::vector<node_guard<posix_directory>> tops, deeps, homes;
    for (int i = 0; i < 3; ++i) {
        REQUIRE(tree.create_directory_at(root, "home" + std::to_string(i), 0755));
        homes.emplace_back(tree, tree.open_directory_at(root, "home" + std::to_string(i)).value());
    }
    for (int i = 0; i < many; ++i) {
        auto const name = "w" + std::to_string(i);
        REQUIRE(tree.create_directories(path::parse("home0/" + name + "/x/y").value()));
        tops.emplace_back(tree, tree.open_directory_at(*homes[0], name).value());
        deeps.emplace_back(tree, tree.descend(*tops.back(), "x/y").reached);
        REQUIRE(tree.create_at(deeps.back().get(), "own" + std::to_string(i), 0600));
    }
    std::atomic<int> wrong{0}, moved{0}, swapped{0};
    std::atomic<bool> over{false};
    in_threads(4, [&](int thread) {
        dice random{static_cast<std::uint32_t>(thread) + 17};
        if (thread < 2) {
            for (int step = 0; step < 3000; ++step) {
                auto const from = random.roll(3), to = random.roll(3);
                auto const a = "w" + std::to_string(random.roll(many)), b = "w" + std::to_string(random.roll(many));
                if (random.roll(3) == 0)
                    swapped += tree.rename_at(*homes[from], a, *homes[to], b, rename_flags::exchange).has_value();
                else
                    moved += tree.rename_at(*homes[from], a, *homes[to], a, rename_flags::no_replace).has_value();
            }
            over = true;
        } else {
            while (!over) {
                auto const i = random.roll(many);
                auto const found = tree.lookup(*deeps[i], "own" + std::to_string(i));
                if (!found || !*found)
                    ++wrong;
                if (auto const x = tree.open_directory_at(*tops[i], "x"))
                    tree.release(*x);
                else
                    ++wrong;
                auto const down = tree.descend(root, "home1/w" + std::to_string(i) + "/x/y");
                tree.release(down.reached);
            }
        }
    });
    CHECK(wrong == 0);
    CHECK(moved > 0);
    CHECK(swapped > 0);
    for (int i = 0; i < many; ++i) {
        CHECK(tree.lookup(*deeps[static_cast<std::size_t>(i)], "own" + std::to_string(i)).value());
        CHECK(tree.lookup(*tops[static_cast<std::size_t>(i)], "x").value());
    }
}

TEST_CASE("[posix.82] nodes of the same directories taken and given back at once") {
    scratch_directory scratch;
    auto const before = open_descriptors();
    {
        auto tree = scratch.open();
        REQUIRE(tree.create_directories("a/b/c"));
        std::atomic<int> wrong{0};
        in_threads(4, [&](int thread) {
            for (int step = 0; step < 3000; ++step) {
                if (thread % 2 == 0) {
                    auto const down = tree.descend(tree.root(), "a/b/c");
                    if (down.used == 5 && !tree.lookup(down.reached, ""))
                        ++wrong;
                    tree.release(down.reached);
                } else {
                    node_guard a(tree, tree.open_directory_at(tree.root(), "a").value());
                    node_guard b(tree, tree.open_directory_at(*a, "b").value());
                    a = {};
                    auto const c = tree.open_directory_at(*b, "c");
                    if (!c || !tree.lookup(*b, "c").value())
                        ++wrong;
                    if (c)
                        tree.release(*c);
                }
            }
        });
        CHECK(wrong == 0);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("[posix.83] one file from many threads") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto file = tree.create_at(tree.root(), "log", 0600).value();
    std::atomic<int> wrong{0};
    in_threads(4, [&](int thread) {
        char const letter = static_cast<char>('a' + thread);
        std::string const line(100, letter);
        for (int step = 0; step < 500; ++step)
            if (file.append(bytes_of(line)).value_or(0) != line.size() || !file.next_data(0))
                ++wrong;
    });
    CHECK(wrong == 0);
    auto const all = slurp(scratch / "log");
    REQUIRE(all.size() == 4 * 500 * 100);
    for (std::size_t at = 0; at < all.size(); at += 100)
        REQUIRE(all.substr(at, 100) == std::string(100, all[at]));
}

TEST_CASE("[posix.84] a file that is moved away while it is opened is absent, not across a mount") {
    scratch_directory scratch;
    auto tree = scratch.open();
    tree.create_directory("a").value();
    tree.create_directory("b").value();
    tree.write("a/f", "text").value();
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::thread mover([&] {
        for (int i = 0; i != 10000; ++i)
            if (!(i % 2 == 0 ? tree.rename("a/f", "b/f") : tree.rename("b/f", "a/f")))
                ++wrong;
        stop = true;
    });
    while (!stop)
        for (path_view const path : {path_view("a/f"), path_view("b/f")})
            if (auto const text = tree.read(path); text ? *text != "text" : text.error() != errc::enoent)
                ++wrong;
    mover.join();
    CHECK(wrong == 0);
}
