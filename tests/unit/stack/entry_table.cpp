// The entries of a stack: under which name they are found, in which order they are listed, and when they are given back.
#include <string>
#include <vector>

#include <lamina/stack/entry_table.hpp>

#include "catch.hpp"

using namespace lamina;
using namespace lamina::detail;

namespace {

std::string const long_name(200, 'n');

struct directory_of_entries {
    entry_table table;

    directory_of_entries() { make_directory(entry_id::root); }
    void make_directory(entry_id id) {
        table[id].type = file_type::directory;
        table[id].directory = new directory_part;
        table[id].directory->complete = true;
    }
    entry_id add(std::string const& name, entry_id in = entry_id::root) {
        entry_id const id = table.add(in, name);
        table.show(id);
        return id;
    }
    [[nodiscard]] std::string order(entry_id in = entry_id::root) {
        std::string names;
        for (entry_id const id : table[in].directory->order)
            if (id != entry_id::none)
                names.append(names.empty() ? "" : " ").append(table[id].name());
        return names;
    }
};

}  // namespace

TEST_CASE("[entry_table.1] an entry is found by its name, short or long, until it is detached") {
    directory_of_entries of;
    auto const a = of.add("a"), b = of.add(long_name), c = of.add(std::string(1, '\xff'));
    CHECK(of.table.find(entry_id::root, "a") == a);
    CHECK(of.table.find(entry_id::root, long_name) == b);
    CHECK(of.table.find(entry_id::root, "\xff") == c);
    CHECK(of.table.find(entry_id::root, long_name.substr(1)) == entry_id::none);
    CHECK(of.table[b].name() == long_name);
    of.table.detach(b);
    of.table.retire(b);
    CHECK(of.table.find(entry_id::root, long_name) == entry_id::none);
    CHECK(of.table.find(entry_id::root, "a") == a);
    CHECK(of.order() == "a \xff");
}

TEST_CASE("[entry_table.2] a moved entry keeps its id, and what it replaces is detached") {
    directory_of_entries of;
    auto const d = of.add("d");
    of.make_directory(d);
    auto const a = of.add("a"), b = of.add("b", d);
    of.table.move(a, d, long_name, entry_id::none);
    CHECK(of.table.find(entry_id::root, "a") == entry_id::none);
    CHECK(of.table.find(d, long_name) == a);
    CHECK(of.table[a].parent == d);
    of.table.move(a, d, "b", b);
    CHECK(of.table.find(d, "b") == a);
    CHECK(of.table.find(d, long_name) == entry_id::none);
    CHECK(of.order(d) == "b");
    of.table.retire(b);
}

TEST_CASE("[entry_table.3] two entries exchange places, also within one directory") {
    directory_of_entries of;
    auto const d = of.add("d");
    of.make_directory(d);
    auto const a = of.add("a"), b = of.add(long_name, d), c = of.add("c");
    of.table.exchange(a, b);
    CHECK(of.table.find(entry_id::root, "a") == b);
    CHECK(of.table.find(d, long_name) == a);
    of.table.exchange(b, c);
    CHECK(of.table.find(entry_id::root, "a") == c);
    CHECK(of.table.find(entry_id::root, "c") == b);
    CHECK(of.order() == "d c a");
}

TEST_CASE("[entry_table.4] the order is that in which names came, through many that came and went") {
    directory_of_entries of;
    std::vector<entry_id> made;
    for (int i = 0; i < 100; ++i)
        made.push_back(of.add("f" + std::to_string(i)));
    for (int i = 0; i < 100; ++i)
        if (i % 10 != 3) {
            of.table.detach(made[static_cast<std::size_t>(i)]);
            of.table.retire(made[static_cast<std::size_t>(i)]);
        }
    (void)of.add("last");
    CHECK(of.order() == "f3 f13 f23 f33 f43 f53 f63 f73 f83 f93 last");
    CHECK(of.table[entry_id::root].directory->order.size() < 20);  // the gaps were closed
}

TEST_CASE("[entry_table.5] what is retired is used again, but not while it is pinned or a reader is inside") {
    directory_of_entries of;
    auto const pinned = of.add("pinned");
    of.table[pinned].pins = 1;
    of.table[pinned].set(fact::removed);
    of.table.detach(pinned);
    of.table.retire(pinned);
    auto const churn = [&] {
        for (int i = 0; i < 1000; ++i) {
            auto const id = of.add(i % 2 == 0 ? "x" : long_name);
            REQUIRE(id != pinned);
            of.table.detach(id);
            of.table[id].set(fact::removed);
            of.table.retire(id);
        }
    };
    churn();
    CHECK(of.table.size() < 300);
    CHECK(of.table[pinned].name() == "pinned");
    {
        epochs::reader const inside;
        auto const seen = of.add(long_name);
        auto const name = of.table[seen].name();
        of.table.detach(seen);
        of.table[seen].set(fact::removed);
        of.table.retire(seen);
        churn();
        CHECK(name == long_name);
        CHECK(of.table.size() > 900);
    }
    churn();
    CHECK(of.table.size() < 300);
    of.table[pinned].pins = 0;
    of.table.free(pinned);
}

TEST_CASE("[entry_table.6] letting go spares what is used, pinned, or has children") {
    directory_of_entries of;
    auto const d = of.add("d");
    of.make_directory(d);
    (void)of.add("inside", d);
    auto const pinned = of.add("pinned"), used = of.add("used"), carried = of.add("carried");
    of.table[pinned].pins = 1;
    of.table[used].set(fact::used);
    of.table[carried].set(fact::carried_inode);
    std::vector<std::string> gone;
    auto const evict = [&](entry_id id) {
        gone.emplace_back(of.table[id].name());
        of.table.detach(id);
        of.table[id].set(fact::removed);
        of.table.retire(id);
    };
    for (int i = 0; i < 3; ++i)
        (void)of.add("f" + std::to_string(i));
    of.table.shrink(0, evict);
    std::sort(gone.begin(), gone.end());
    // A second chance is one round of the hand; the directory goes once it is empty.
    CHECK(gone == std::vector<std::string>{"d", "f0", "f1", "f2", "inside", "used"});
    CHECK(of.order() == "pinned carried");
    of.table[pinned].pins = 0;
}

TEST_CASE("[entry_table.7] a table of one root lets nothing go") {
    entry_table table;
    table.shrink(0, [](entry_id) { FAIL("there is nothing"); });
    CHECK(table.size() == 1);
}
