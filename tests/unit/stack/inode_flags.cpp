// What chattr(1) sets, through an overlay.
#include <sys/stat.h>

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../../model/scratch.hpp"
#include "catch.hpp"

using namespace lamina;

TEST_CASE("[flags.1] a lower file's flags are shown; to set some copies it up, and leaves the lower as it was") {
    model::scratch place;
    for (char const* const name : {"/upper", "/work", "/lower"})
        REQUIRE(::mkdir((place.path() + name).c_str(), 0755) == 0);
    auto top = posix_directory::open(place / "upper").value();
    auto work = posix_directory::open(place / "work").value();
    auto below = posix_directory::open(place / "lower").value();
    below.write("f", "text").value();
    auto lower_file = below.open("f", open_flags::read).value();
    auto const before = lower_file.flags();
    if (!before || !lower_file.set_flags(*before | inode_flags::no_dump)) {
        WARN("left out: this file system has no inode flags");
        return;
    }
    overlay root{upper(top, work), lower(below)};
    auto file = root.open("f", open_flags::read).value();
    CHECK(file.flags().value() == (*before | inode_flags::no_dump));
    CHECK(file.set_flags(*before | inode_flags::immutable).error() == errc::eopnotsupp);
    CHECK(file.set_flags(*before | inode_flags::append_only).error() == errc::eopnotsupp);
    CHECK_FALSE(top.exists("f").value());

    REQUIRE(file.set_flags(*before | inode_flags::no_dump | inode_flags::no_atime).has_value());
    CHECK(has(file.flags().value(), inode_flags::no_atime));
    CHECK(has(top.open("f", open_flags::read).value().flags().value(), inode_flags::no_atime));
    CHECK(lower_file.flags().value() == (*before | inode_flags::no_dump));
    CHECK(root.read("f").value() == "text");

    SECTION("refused where nothing may be changed, and to those whom it does not belong to") {
        auto const flags = file.flags().value();
        read_only fixed{root};
        CHECK(fixed.open("f", open_flags::read).value().set_flags(flags).error() == errc::erofs);
        overlay view{lower(below)};
        CHECK(view.open("f", open_flags::read).value().set_flags(*before).error() == errc::erofs);
        root.permissions("f", 0666).value();
        checked others{root, credentials{.uid = 1000, .gid = 1000}};
        CHECK(others.open("f", open_flags::read).value().set_flags(flags).error() == errc::eperm);
        below.owner("f", 1000, 1000).value();
        checked owner{below, credentials{.uid = 1000, .gid = 1000}};
        auto own = owner.open("f", open_flags::read).value();
        CHECK(own.set_flags(*before | inode_flags::immutable).error() == errc::eperm);
        CHECK(own.set_flags(*before).has_value());
        CHECK(lower_file.flags().value() == *before);
    }
}

TEST_CASE("[flags.2] a layer without flags says so") {
    memory_tree top;
    top.write("f", "text").value();
    memory_tree below;
    overlay root{upper(top), lower(below)};
    auto file = root.open("f", open_flags::read_write).value();
    CHECK(file.flags().error() == errc::eopnotsupp);
    CHECK(file.set_flags(inode_flags::no_dump).error() == errc::eopnotsupp);
    any_backend erased{top};
    CHECK(erased.open("f", open_flags::read).value().flags().error() == errc::eopnotsupp);
}
