#include "catch.hpp"

#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/squash_ids.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

TEST_CASE("[squash_ids] everything is shown as one user's, and stored as it is") {
    small_tree tree;
    squash_ids view{tree, {.user = 1000, .group = 1001}};
    REQUIRE(view.write("f", "x").has_value());
    REQUIRE(tree.owner("f", 5, 6).has_value());
    CHECK(view.status("f").value().uid == 1000);
    CHECK(view.status("f").value().gid == 1001);
    CHECK(view.open("f", open_flags::read).value().status().value().uid == 1000);
    REQUIRE(view.owner("f", 7, keep_group).has_value());
    CHECK(tree.status("f").value().uid == 7);
    CHECK(tree.status("f").value().gid == 6);
    CHECK(view.status("f").value().uid == 1000);
}

TEST_CASE("[squash_ids] one side may stay as it is, and only one owner may be meant") {
    small_tree tree;
    REQUIRE(tree.write("f", "x").has_value());
    REQUIRE(tree.owner("f", 65534, 6).has_value());
    squash_ids group{tree, {.group = 9}};
    CHECK(group.status("f").value().uid == 65534);
    CHECK(group.status("f").value().gid == 9);
    squash_ids unmapped{tree, {.user = 0, .group = 0, .only = 65534}};
    CHECK(unmapped.status("f").value().uid == 0);
    CHECK(unmapped.status("f").value().gid == 6);
}

TEST_CASE("[squash_ids] to give away to whom it is shown as succeeds where the layer refuses it, to others not") {
    small_tree tree;
    fault disk{tree};
    disk.inject({.op = operation::set_owner, .code = errc::eperm});
    squash_ids view{disk, {.user = 0, .group = 0}};
    REQUIRE(view.write("f", "x").has_value());
    CHECK(view.owner("f", 0, 0).has_value());
    CHECK(view.owner("f", 0, keep_group).has_value());
    CHECK(view.owner("f", 0, 1).error() == errc::eperm);
    CHECK(view.owner("f", 5, keep_group).error() == errc::eperm);
    CHECK(view.open("f", open_flags::read_write).value().set_owner(keep_user, 0).has_value());
}
