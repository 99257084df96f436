// The children of a directory: found under their hash, through growth and removals, by the writer and by readers beside it.
#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <lamina/stack/child_table.hpp>

#include "catch.hpp"

using lamina::detail::child_table;
using lamina::detail::entry_id;
using lamina::detail::slot_array;

namespace {

// Old arrays are kept until the table is gone, as readers may still be looking at them.
struct owned_table {
    child_table table;
    std::vector<void*> retired;

    void insert(std::uint32_t hash, entry_id id) {
        table.insert(hash, id, [this](void* old) { retired.push_back(old); });
    }
    [[nodiscard]] bool holds(std::uint32_t hash, entry_id id) const {
        return table.find(hash, [id](entry_id one) { return one == id; }) == id;
    }
    ~owned_table() {
        for (void* const array : retired)
            slot_array::free(array);
    }
};

}  // namespace

TEST_CASE("[child_table.1] an empty table holds nothing") {
    owned_table children;
    CHECK(children.table.size() == 0);
    CHECK(children.table.find(7, [](entry_id) { return true; }) == entry_id::none);
    children.table.for_each([](entry_id) { FAIL("there is nothing"); });
}

TEST_CASE("[child_table.2] entries of one hash are told apart by what they are") {
    owned_table children;
    for (std::uint32_t i = 2; i < 40; ++i)
        children.insert(5, entry_id{i});
    for (std::uint32_t i = 2; i < 40; ++i)
        CHECK(children.holds(5, entry_id{i}));
    CHECK_FALSE(children.holds(5, entry_id{40}));
    CHECK_FALSE(children.holds(6, entry_id{2}));
    children.table.erase(5, entry_id{2});
    children.table.erase(5, entry_id{20});
    CHECK_FALSE(children.holds(5, entry_id{2}));
    CHECK_FALSE(children.holds(5, entry_id{20}));
    CHECK(children.holds(5, entry_id{21}));
    CHECK(children.table.size() == 36);
}

TEST_CASE("[child_table.3] random insertions, replacements and removals, with many collisions") {
    std::mt19937 random(1);
    for (std::uint32_t const spread : {1u, 7u, 64u, 0xffffffffu}) {
        owned_table children;
        std::map<std::uint32_t, std::uint32_t> known;  // id to hash
        std::uint32_t next = 2;
        for (int step = 0; step < 4000; ++step) {
            auto const what = random() % 8;
            if (what < 4 || known.empty()) {
                auto const hash = static_cast<std::uint32_t>(random()) % spread;
                children.insert(hash, entry_id{next});
                known.emplace(next++, hash);
                continue;
            }
            auto at = known.lower_bound(static_cast<std::uint32_t>(random()) % next);
            if (at == known.end())
                at = known.begin();
            auto const [id, hash] = *at;
            known.erase(at);
            if (what < 7) {
                children.table.erase(hash, entry_id{id});
            } else {
                children.table.replace(hash, entry_id{id}, entry_id{next});
                known.emplace(next++, hash);
            }
            REQUIRE_FALSE(children.holds(hash, entry_id{id}));
            if (step % 100 == 0)
                for (auto const& [other, its_hash] : known)
                    REQUIRE(children.holds(its_hash, entry_id{other}));
        }
        REQUIRE(children.table.size() == known.size());
        std::map<std::uint32_t, int> met;
        children.table.for_each([&](entry_id id) { ++met[static_cast<std::uint32_t>(id)]; });
        REQUIRE(met.size() == known.size());
        for (auto const& [id, times] : met)
            REQUIRE((times == 1 && known.contains(id)));
    }
}

TEST_CASE("[child_table.4] a reader beside the writer finds what stays, whatever comes and goes around it") {
    owned_table children;
    constexpr std::uint32_t steady = 50;
    for (std::uint32_t i = 2; i < 2 + steady; ++i)
        children.insert(i % 8, entry_id{i});
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> misread{0}, looked{0};
    std::thread reader([&] {
        while (!done)
            for (std::uint32_t i = 2; i < 2 + steady; ++i) {
                // It may be missed while it is moved, but nothing else is ever found in its place.
                auto const found = children.table.find(i % 8, [i](entry_id one) { return one == entry_id{i}; });
                misread += found != entry_id::none && found != entry_id{i} ? 1 : 0;
                ++looked;
            }
    });
    std::mt19937 random(2);
    for (std::uint32_t round = 0; round < 20'000 || looked == 0; ++round) {
        auto const id = entry_id{1000 + round % 100};
        children.insert(round % 8, id);
        if (random() % 4 == 0 && round % 100 < 60) {
            auto const fresh = entry_id{5000 + round % 100};
            children.table.replace(round % 8, id, fresh);
            children.table.erase(round % 8, fresh);
        } else {
            children.table.erase(round % 8, id);
        }
    }
    done = true;
    reader.join();
    CHECK(misread == 0);
    CHECK(children.table.size() == steady);
    for (std::uint32_t i = 2; i < 2 + steady; ++i)
        CHECK(children.holds(i % 8, entry_id{i}));
}
