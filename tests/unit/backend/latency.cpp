#include "catch.hpp"

#include <vector>

#include <lamina/backend/adapt/latency.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

TEST_CASE("each operation waits as long as it was told, before it acts") {
    small_tree tree;
    REQUIRE(tree.write("f", "x").has_value());
    std::vector<std::uint64_t> waits;
    bool existed_while_waiting = false;
    latency slow{tree, [&](std::uint64_t nanoseconds) {
                     waits.push_back(nanoseconds);
                     existed_while_waiting = tree.exists("f").value();
                 }};
    CHECK(slow.exists("f").value());
    CHECK(waits.empty());
    slow.delay(operation::remove, 500);
    slow.delay(operation::read, 30);
    REQUIRE(slow.read("f").has_value());
    CHECK(waits == std::vector<std::uint64_t>{30, 30});
    REQUIRE(slow.remove_at(slow.root(), "f").has_value());
    CHECK(waits.back() == 500);
    CHECK(existed_while_waiting);
    CHECK_FALSE(tree.exists("f").value());
    waits.clear();
    slow.delay_everything(2);
    slow.delay(operation::create, 0);
    REQUIRE(slow.create_at(slow.root(), "g", 0644).has_value());
    CHECK(waits.empty());
    CHECK(slow.space().has_value());
    CHECK(waits == std::vector<std::uint64_t>{2});
}
