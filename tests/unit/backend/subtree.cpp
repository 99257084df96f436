#include "catch.hpp"

#include <lamina/backend/adapt/subtree.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

namespace {

void plant(small_tree& tree) {
    REQUIRE(tree.write("secret", "outside").has_value());
    REQUIRE(tree.create_directories("srv/image/etc").has_value());
    REQUIRE(tree.write("srv/image/etc/motd", "inside").has_value());
    REQUIRE(tree.create_symlink("srv/image", "link").has_value());
}

}  // namespace

TEST_CASE("a subtree has its directory's content at the root") {
    small_tree tree;
    plant(tree);
    auto view = subtree_of(tree, "srv/image").value();
    CHECK(view.read("etc/motd").value() == "inside");
    CHECK(view.status("/").value().id == tree.status("srv/image").value().id);
    REQUIRE(view.write("new", "x").has_value());
    CHECK(tree.read("srv/image/new").value() == "x");
}

TEST_CASE("nothing above a subtree can be reached, by words or by links") {
    small_tree tree;
    plant(tree);
    auto view = subtree_of(tree, "srv/image").value();
    REQUIRE(view.create_symlink("/secret", "absolute").has_value());
    REQUIRE(view.create_symlink("../../secret", "relative").has_value());
    REQUIRE(view.create_symlink("../../../../../..", "etc/up").has_value());
    CHECK(view.read("secret").error() == errc::enoent);
    CHECK(view.read("absolute").error() == errc::enoent);
    CHECK(view.read("relative").error() == errc::enoent);
    CHECK(view.read("etc/up/secret").error() == errc::enoent);
    CHECK(view.status("etc/up").value().id == view.status("/").value().id);
    REQUIRE(view.write("secret", "mine").has_value());
    CHECK(view.read("absolute").value() == "mine");
    CHECK(view.read("relative").value() == "mine");
    CHECK(tree.read("secret").value() == "outside");
}

TEST_CASE("a subtree is found through links, and its absence is an error") {
    small_tree tree;
    plant(tree);
    CHECK(subtree_of(tree, "link").value().read("etc/motd").value() == "inside");
    CHECK(subtree_of(tree, "srv/nothing").error() == errc::enoent);
    CHECK(subtree_of(tree, "secret").error() == errc::enotdir);
    CHECK(subtree_of(tree, "").value().root() == tree.root());
    CHECK(tree.retained() == 0);
}

TEST_CASE("a subtree keeps its directory as long as it lives, and through moves") {
    small_tree tree;
    plant(tree);
    {
        auto one = subtree_of(tree, "srv/image").value();
        CHECK(tree.retained() == 1);
        auto two = std::move(one);
        CHECK(tree.retained() == 1);
        CHECK(two.read("etc/motd").value() == "inside");
        auto other = subtree_of(tree, "srv").value();
        CHECK(tree.retained() == 2);
        other = std::move(two);
        CHECK(tree.retained() == 1);
        CHECK(other.read("etc/motd").value() == "inside");
        REQUIRE(tree.rename("srv/image", "elsewhere").has_value());
        CHECK(other.read("etc/motd").value() == "inside");
    }
    CHECK(tree.retained() == 0);
}

TEST_CASE("a subtree that owns its backend takes it along") {
    small_tree tree;
    plant(tree);
    auto view = subtree_of(std::move(tree), "srv").value();
    auto moved = std::move(view);
    CHECK(moved.read("image/etc/motd").value() == "inside");
}

TEST_CASE("subtrees nest") {
    small_tree tree;
    plant(tree);
    auto outer = subtree_of(tree, "srv").value();
    auto inner = subtree_of(outer, "image").value();
    CHECK(inner.read("etc/motd").value() == "inside");
    CHECK(inner.read("secret").error() == errc::enoent);
}
