#include "catch.hpp"

#include <string>

#include <lamina/core/posix_acl.hpp>

using namespace lamina;

namespace {

struct line {
    acl_tag tag;
    int permissions;
    std::uint32_t id = 0xffffffff;
};

std::string bytes_of(std::initializer_list<line> lines) {
    std::string made("\2\0\0\0", 4);
    auto const put = [&](std::uint32_t value, int bytes) {
        for (int i = 0; i < bytes; ++i)
            made += static_cast<char>((value >> (8 * i)) & 0xff);
    };
    for (auto const& l : lines) {
        put(static_cast<std::uint32_t>(l.tag), 2);
        put(static_cast<std::uint32_t>(l.permissions), 2);
        put(l.id, 4);
    }
    return made;
}

}  // namespace

TEST_CASE("an ACL is read entry by entry") {
    auto const bytes = bytes_of({{acl_tag::owner, 7}, {acl_tag::user, 5, 0x01020304}, {acl_tag::other, 0}});
    auto const acl = posix_acl::parse(bytes).value();
    REQUIRE(acl.size() == 3);
    CHECK(acl[0] == acl_entry{acl_tag::owner, 7, 0xffffffff});
    CHECK(acl[1] == acl_entry{acl_tag::user, 5, 0x01020304});
    CHECK(posix_acl::parse(std::string_view("\2\0\0\0", 4)).value().size() == 0);
}

TEST_CASE("bytes that are no ACL are refused") {
    auto const good = bytes_of({{acl_tag::owner, 7}});
    for (std::size_t cut = 0; cut < good.size(); ++cut)
        if (cut != 4) {
            INFO(cut);
            CHECK(posix_acl::parse(std::string_view(good).substr(0, cut)).error() == errc::einval);
        }
    auto version = good;
    version[0] = 1;
    CHECK(posix_acl::parse(version).error() == errc::einval);
    CHECK(posix_acl::parse(bytes_of({{static_cast<acl_tag>(0x40), 7}})).error() == errc::einval);
    CHECK(posix_acl::parse(bytes_of({{static_cast<acl_tag>(0), 7}})).error() == errc::einval);
    CHECK(posix_acl::parse(bytes_of({{acl_tag::owner, 8}})).error() == errc::einval);
}

TEST_CASE("the first user entry decides, then any group entry that gives enough, both within the mask, then others") {
    auto const bytes = bytes_of({{acl_tag::owner, 7},
                                 {acl_tag::user, 6, 10},
                                 {acl_tag::user, 0, 11},
                                 {acl_tag::owning_group, 4},
                                 {acl_tag::group, 2, 20},
                                 {acl_tag::group, 7, 21},
                                 {acl_tag::mask, 6},
                                 {acl_tag::other, 4}});
    auto const acl = posix_acl::parse(bytes).value();
    auto const ask = [&](std::uint32_t wanted, user_id uid, std::initializer_list<group_id> groups) {
        return acl.permits(wanted, uid, 5, [&](group_id g) {
            for (auto const each : groups)
                if (each == g)
                    return true;
            return false;
        });
    };
    CHECK(ask(6, 10, {}) == true);
    CHECK(ask(1, 10, {}) == false);
    CHECK(ask(4, 11, {21}) == false);  // named as a user: groups do not help
    CHECK(ask(4, 12, {5}) == true);    // the owning group
    CHECK(ask(2, 12, {5}) == false);
    CHECK(ask(2, 12, {5, 20}) == true);   // another group gives it
    CHECK(ask(6, 12, {5, 20}) == false);  // two groups do not add up
    CHECK(ask(6, 12, {21}) == true);
    CHECK(ask(1, 12, {21}) == false);  // the mask takes it away
    CHECK(ask(4, 12, {20}) == false);  // in a group that is named: not others
    CHECK(ask(4, 12, {}) == true);
    CHECK(ask(2, 12, {}) == false);
    auto const silent = bytes_of({{acl_tag::owner, 7}});
    CHECK_FALSE(posix_acl::parse(silent).value().permits(4, 12, 5, [](group_id) { return false; }).has_value());
}

TEST_CASE("ids of user and group entries are replaced, and only theirs") {
    auto const bytes =
        bytes_of({{acl_tag::owner, 7, 1}, {acl_tag::user, 6, 10}, {acl_tag::group, 4, 10}, {acl_tag::mask, 7, 3}});
    auto const acl = posix_acl::parse(bytes).value();
    auto const changed = acl.with_ids([](std::uint32_t id) { return std::optional(id + 0x01000000); },
                                      [](std::uint32_t id) { return std::optional(id + 1); });
    CHECK(
        changed.value() ==
        bytes_of(
            {{acl_tag::owner, 7, 1}, {acl_tag::user, 6, 0x0100000a}, {acl_tag::group, 4, 11}, {acl_tag::mask, 7, 3}}));
    auto const none = [](std::uint32_t) { return std::optional<std::uint32_t>(); };
    auto const same = [](std::uint32_t id) { return std::optional(id); };
    CHECK(acl.with_ids(none, same).error() == errc::einval);
    CHECK(acl.with_ids(same, none).error() == errc::einval);
}
