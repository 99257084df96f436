#include "catch.hpp"

#include <string>

#include <lamina/backend/adapt/map_ids.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

namespace {

id_map map_of(std::string_view text) { return id_map::parse(text).value(); }

std::string le(std::uint32_t value, std::size_t bytes) {
    std::string made;
    for (std::size_t i = 0; i < bytes; ++i)
        made += static_cast<char>((value >> (8 * i)) & 0xff);
    return made;
}
std::string acl_entry_bytes(acl_tag tag, std::uint32_t permissions, std::uint32_t id) {
    return le(static_cast<std::uint32_t>(tag), 2) + le(permissions, 2) + le(id, 4);
}
std::string acl_for(std::uint32_t user, std::uint32_t group) {
    return le(2, 4) + acl_entry_bytes(acl_tag::owner, 7, 0xffffffff) + acl_entry_bytes(acl_tag::user, 5, user) +
           acl_entry_bytes(acl_tag::owning_group, 5, 0xffffffff) + acl_entry_bytes(acl_tag::group, 4, group) +
           acl_entry_bytes(acl_tag::mask, 7, 0xffffffff) + acl_entry_bytes(acl_tag::other, 0, 0xffffffff);
}

}  // namespace

TEST_CASE("owners are translated in both directions") {
    small_tree tree;
    map_ids view{tree, map_of("0 100000 1000\n1000 5000 1\n"), map_of("0 200000 1000")};
    REQUIRE(view.write("f", "x").has_value());
    REQUIRE(tree.owner("f", 100007, 200008).has_value());
    CHECK(view.status("f").value().uid == 7);
    CHECK(view.status("f").value().gid == 8);
    REQUIRE(view.owner("f", 1000, 999).has_value());
    CHECK(tree.status("f").value().uid == 5000);
    CHECK(tree.status("f").value().gid == 200999);

    auto file = view.open("f", open_flags::read_write).value();
    CHECK(file.status().value().uid == 1000);
    REQUIRE(file.set_owner(3, keep_group).has_value());
    CHECK(tree.status("f").value().uid == 100003);
    CHECK(tree.status("f").value().gid == 200999);
}

TEST_CASE("an id outside the ranges is shown as the overflow id and cannot be set") {
    small_tree tree;
    map_ids view{tree, map_of("0 100000 1000"), map_of("0 100000 1000")};
    REQUIRE(view.write("f", "x").has_value());
    REQUIRE(tree.owner("f", 99999, 101000).has_value());
    CHECK(view.status("f").value().uid == overflow_id);
    CHECK(view.status("f").value().gid == overflow_id);
    CHECK(view.owner("f", 1000, 0).error() == errc::einval);
    CHECK(view.owner("f", 0, 1000).error() == errc::einval);
    CHECK(view.owner("f", overflow_id, keep_group).error() == errc::einval);
    CHECK(view.open("f", open_flags::write).value().set_owner(1000, 0).error() == errc::einval);
    CHECK(tree.status("f").value().uid == 99999);
    // To leave an owner as it is needs no mapping of it.
    CHECK(view.owner("f", keep_user, 5).has_value());
    CHECK(tree.status("f").value().uid == 99999);
    CHECK(tree.status("f").value().gid == 100005);
    map_ids nobody{tree, id_map(), id_map(), 4711};
    CHECK(nobody.status("f").value().uid == 4711);
}

TEST_CASE("the ids in a POSIX ACL are translated too") {
    small_tree tree;
    map_ids view{tree, map_of("0 100000 1000"), map_of("0 200000 1000")};
    REQUIRE(view.write("f", "x").has_value());
    REQUIRE(view.set_xattr("f", xattr::acl_access, acl_for(7, 8)).has_value());
    CHECK(tree.get_xattr("f", xattr::acl_access).value() == acl_for(100007, 200008));
    CHECK(view.get_xattr("f", xattr::acl_access).value() == acl_for(7, 8));
    CHECK(view.set_xattr("f", xattr::acl_default, acl_for(7, 1000)).error() == errc::einval);
    CHECK(view.set_xattr("f", xattr::acl_default, "short").error() == errc::einval);
    CHECK(view.open("f", open_flags::read)
              .value()
              .set_xattr(xattr::acl_access, acl_for(1000, 8), xattr_flags::none)
              .error() == errc::einval);
    REQUIRE(tree.set_xattr("f", xattr::acl_access, acl_for(5, 200000)).has_value());
    CHECK(view.get_xattr("f", xattr::acl_access).value() == acl_for(overflow_id, 0));
    // What is no ACL is shown as it is stored, and other attributes are nobody's business.
    REQUIRE(tree.set_xattr("f", xattr::acl_access, "damaged").has_value());
    CHECK(view.get_xattr("f", xattr::acl_access).value() == "damaged");
    REQUIRE(view.set_xattr("f", "user.acl", acl_for(7, 8)).has_value());
    CHECK(tree.get_xattr("f", "user.acl").value() == acl_for(7, 8));
}

TEST_CASE("a uid_map is read as the kernel writes it") {
    auto const map = map_of("         0     100000      65536\n     70000       1000          1\n");
    CHECK(map.to_inside(100000) == 0u);
    CHECK(map.to_inside(165535) == 65535u);
    CHECK_FALSE(map.to_inside(165536).has_value());
    CHECK(map.to_outside(70000) == 1000u);
    CHECK_FALSE(map.to_outside(70001).has_value());
    CHECK_FALSE(id_map().to_inside(0).has_value());
    // The last id that can be mapped is 4294967294.
    CHECK(map_of("0 0 4294967295").to_inside(0xfffffffe) == 0xfffffffeu);
    CHECK_FALSE(map_of("0 0 4294967295").to_inside(0xffffffff).has_value());
}

TEST_CASE("a damaged uid_map is refused") {
    for (auto const* text : {"0", "0 1", "0 1 2 3", "a 1 2", "0 1 x", "-1 0 1", "0 1 0", "0 1 2x", "4294967295 0 1",
                             "0 4294967295 1", "1 0 4294967295", "0 0 4294967296", "0 0 99999999999999999999999",
                             "0 0 10\n5 100 10", "0 100 10\n50 105 1", "5 0 10\n0 100 6"}) {
        INFO(text);
        CHECK(id_map::parse(text).error() == errc::einval);
    }
    CHECK(id_map::parse("0 0 10\n10 100 10\n\n").has_value());
    std::string many;
    for (int i = 0; i < 341; ++i)
        many += std::to_string(i) + " " + std::to_string(i) + " 1\n";
    CHECK(id_map::parse(many).error() == errc::einval);
}
