// Listing a directory of a memory tree while it changes.
#include "catch.hpp"

#include <algorithm>
#include <random>
#include <set>

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

[[nodiscard]] std::string numbered(int i) { return "name-" + std::to_string(i); }

void fill(memory_tree& tree, int count) {
    for (int i = 0; i < count; ++i)
        tree.create_at(tree.root(), numbered(i), 0644).value();
}

}  // namespace

TEST_CASE("[memory.list.1] entries come in the order in which they arrived, with type and number") {
    memory_tree tree;
    fill(tree, 300);
    tree.create_directory("d").value();
    tree.create_symlink("x", "l").value();
    tree.remove("name-7").value();
    tree.write("name-7", "").value();
    std::vector<std::string> wanted;
    for (int i = 0; i < 300; ++i)
        if (i != 7)
            wanted.push_back(numbered(i));
    wanted.insert(wanted.end(), {"d", "l", "name-7"});
    std::size_t at = 0;
    tree.list_at(tree.root(),
                 [&](directory_entry const& entry) {
                     REQUIRE(at < wanted.size());
                     CHECK(entry.name == wanted[at++]);
                     auto const is = status_of(tree, tree.root(), entry.name);  // the sink may call the tree
                     CHECK(entry.inode == is.id.inode);
                     CHECK(entry.type == is.type);
                     return true;
                 })
        .value();
    CHECK(at == wanted.size());
}

TEST_CASE("[memory.list.2] a sink ends a listing when it wants, also by an exception") {
    memory_tree tree;
    fill(tree, 1000);
    for (int const stop : {1, 64, 65, 200, 1000}) {
        int seen = 0;
        tree.list_at(tree.root(), [&](directory_entry const&) { return ++seen < stop; }).value();
        CHECK(seen == stop);
    }
    int seen = 0;
    CHECK_THROWS_AS((void)tree.list_at(tree.root(),
                                       [&](directory_entry const&) -> bool {
                                           if (++seen == 100)
                                               throw seen;
                                           return true;
                                       }),
                    int);
    // The cursor of that listing is gone with it: this moves all records.
    for (int i = 0; i < 1000; ++i)
        tree.remove_at(tree.root(), numbered(i)).value();
    CHECK(names_in(tree, tree.root()).empty());
}

TEST_CASE(
    "[memory.list.3] what is there throughout is seen exactly once, whatever is made, moved and removed meanwhile") {
    auto const seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    memory_tree tree;
    auto const root = tree.root();
    int const total = 2000;
    fill(tree, total);
    std::set<std::string> untouched;
    for (int i = 0; i < total; ++i)
        untouched.insert(numbered(i));
    std::multiset<std::string> seen;
    int made = 0;
    tree.list_at(
            root,
            [&](directory_entry const& entry) {
                seen.emplace(entry.name);
                for (int change = 0; change < 4; ++change) {
                    auto const name = numbered(static_cast<int>(random() % total));
                    switch (random() % 4) {
                    case 0:
                    case 1:  // more go than come, so that gaps are closed again and again
                        if (tree.remove_at(root, name))
                            untouched.erase(name);
                        break;
                    case 2:
                        tree.create_at(root, "made-" + std::to_string(made++), 0644).value();
                        break;
                    default:
                        if (tree.rename_at(root, name, root, "moved-" + std::to_string(made++), rename_flags::none))
                            untouched.erase(name);
                    }
                }
                return true;
            })
        .value();
    CHECK_FALSE(untouched.empty());
    for (auto const& name : untouched)
        if (seen.count(name) != 1)
            FAIL(name << " was seen " << seen.count(name) << " times");
    for (auto const& name : seen)
        if (seen.count(name) != 1)
            FAIL(name << " was seen " << seen.count(name) << " times");
}

TEST_CASE("[memory.list.4] a listing whose sink makes names ends") {
    memory_tree tree;
    fill(tree, 200);
    int seen = 0;
    tree.list_at(tree.root(),
                 [&](directory_entry const&) {
                     tree.create_at(tree.root(), "more-" + std::to_string(seen++), 0644).value();
                     return true;
                 })
        .value();
    CHECK(seen == 200);
}

TEST_CASE("[memory.list.5] a directory that goes away under a listing ends it") {
    memory_tree tree;
    tree.create_directory("d").value();
    auto const d = tree.open_directory_at(tree.root(), "d").value();
    for (int i = 0; i < 200; ++i)
        tree.create_at(d, numbered(i), 0644).value();
    int seen = 0;
    tree.list_at(d,
                 [&](directory_entry const&) {
                     if (++seen == 10) {
                         for (int i = 0; i < 200; ++i)
                             tree.remove_at(d, numbered(i)).value();
                         tree.remove("d").value();
                         tree.release(d);  // the listing holds the directory by itself
                     }
                     return true;
                 })
        .value();
    CHECK(seen >= 10);
    CHECK(seen <= 64);
}

TEST_CASE("[memory.list.6] names of the greatest length fill batches, and equal hashes do not confuse them") {
    memory_tree tree;
    auto const root = tree.root();
    std::set<std::string> wanted;
    for (int i = 0; i < 100; ++i) {
        auto const name = std::string(252, 'n') + std::to_string(100 + i);
        tree.create_at(root, name_ref(name, 42), 0644).value();
        wanted.insert(name);
    }
    std::set<std::string> seen;
    for (auto const& name : names_in(tree, root))
        seen.insert(name);
    CHECK(seen == wanted);
    for (auto const& name : wanted)
        CHECK(tree.lookup(root, name_ref(name, 42)).value().has_value());
    CHECK(tree.lookup(root, name_ref("other", 42)).value() == std::nullopt);
    // Removal in the middle of a run of one hash must not cut the run.
    std::vector<std::string> order(wanted.begin(), wanted.end());
    std::mt19937 random(11);
    std::shuffle(order.begin(), order.end(), random);
    while (!order.empty()) {
        tree.remove_at(root, name_ref(order.back(), 42)).value();
        order.pop_back();
        for (auto const& name : order)
            if (!tree.lookup(root, name_ref(name, 42)).value())
                FAIL(name << " is lost");
    }
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.list.7] a directory of 100,000 names grows, shrinks, and finds what is there") {
    memory_tree tree;
    auto const root = tree.root();
    int const total = 100'000;
    fill(tree, total);
    for (int i = 0; i < total; ++i)
        if (i % 100 != 0)
            tree.remove_at(root, numbered(i)).value();
    CHECK(names_in(tree, root).size() == total / 100);
    for (int i = 0; i < total; ++i)
        if (tree.lookup(root, numbered(i)).value().has_value() != (i % 100 == 0))
            FAIL(numbered(i));
}
