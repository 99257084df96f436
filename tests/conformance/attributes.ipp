// Mode, owner and times, changed. Rules attr.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;
using lamina::links;
using lamina::time_change;
using lamina::timestamp;

TEST_CASE("[attr.1] permissions sets all twelve bits, of any object but a link") {
    fixture on(content().directory("d").file("f", "text").special("p", file_type::fifo).symlink("l", "f"));
    auto& tree = on.tree();
    for (lamina::path_view const path : {lamina::path_view("d"), lamina::path_view("f"), lamina::path_view("p")}) {
        INFO(path.bytes());
        CHECK(outcome(tree.permissions(path, 01751)) == errc::ok);
        CHECK(tree.status(path).value().mode == 01751);
        CHECK(outcome(tree.permissions(path, 0)) == errc::ok);
        CHECK(tree.status(path).value().mode == 0);
    }
    CHECK(outcome(tree.permissions("/", 0755)) == errc::ok);
    CHECK(tree.status("/").value().mode == 0755);
    CHECK(outcome(tree.permissions("l", 0640)) == errc::ok);
    CHECK(tree.status("f").value().mode == 0640);
    CHECK(outcome(tree.permissions("l", 0600, links::no_follow)) == errc::eopnotsupp);
    CHECK(outcome(tree.permissions("missing", 0600)) == errc::enoent);
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[attr.2] set-id bits are set and cleared") {
    fixture on(content().file("f", "").mode(0755).directory("d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.permissions("f", 06755)) == errc::ok);
    CHECK(tree.status("f").value().mode == 06755);
    CHECK(outcome(tree.permissions("f", 0755)) == errc::ok);
    CHECK(tree.status("f").value().mode == 0755);
    CHECK(outcome(tree.permissions("d", 03777)) == errc::ok);
    CHECK(tree.status("d").value().mode == 03777);
}

TEST_CASE("[attr.3] chmod moves ctime, and neither mtime nor data") {
    fixture on(content().file("f", "text").directory("d"));
    auto& tree = on.tree();
    for (lamina::path_view const path : {lamina::path_view("f"), lamina::path_view("d")}) {
        auto const before = tree.status(path).value();
        CHECK(outcome(tree.permissions(path, 0700)) == errc::ok);
        auto const after = tree.status(path).value();
        INFO(path.bytes());
        CHECK(after.mtime == before.mtime);
        CHECK(after.ctime >= before.ctime);
        CHECK(after.size == before.size);
        CHECK(after.id == before.id);
    }
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[attr.4] owner and group, each or both, of links too") {
    fixture on(content().file("f", "").directory("d").symlink("l", "f").special("p", file_type::fifo));
    auto& tree = on.tree();
    if (lacks(tree, capability::change_owner, "change of owner"))
        return;
    for (lamina::path_view const path :
         {lamina::path_view("f"), lamina::path_view("d"), lamina::path_view("l"), lamina::path_view("p")}) {
        INFO(path.bytes());
        CHECK(outcome(tree.owner(path, 12, 34, links::no_follow)) == errc::ok);
        CHECK(tree.symlink_status(path).value().uid == 12);
        CHECK(tree.symlink_status(path).value().gid == 34);
        CHECK(outcome(tree.owner(path, lamina::keep_user, 56, links::no_follow)) == errc::ok);
        CHECK(tree.symlink_status(path).value().uid == 12);
        CHECK(tree.symlink_status(path).value().gid == 56);
        CHECK(outcome(tree.owner(path, 78, lamina::keep_group, links::no_follow)) == errc::ok);
        CHECK(tree.symlink_status(path).value().uid == 78);
        CHECK(tree.symlink_status(path).value().gid == 56);
    }
    CHECK(outcome(tree.owner("l", 100, 200)) == errc::ok);
    CHECK(tree.status("f").value().uid == 100);
    CHECK(tree.symlink_status("l").value().uid == 78);
    CHECK(outcome(tree.owner("missing", 1, 1)) == errc::enoent);
}

TEST_CASE("[attr.5] a change of owner takes set-id bits from a file, not from a directory") {
    if (cannot_hold<fixture>(capability::change_owner, "owners"))
        return;
    fixture on(content().file("f", "").mode(06755).directory("d").mode(06755));
    auto& tree = on.tree();
    CHECK(outcome(tree.owner("f", 12, 34)) == errc::ok);
    CHECK(tree.status("f").value().mode == 0755);
    CHECK(outcome(tree.owner("d", 12, 34)) == errc::ok);
    CHECK(tree.status("d").value().mode == 06755);
}

TEST_CASE("[attr.6] times are set to the nanosecond, before 1970 and after 2038, of links too") {
    fixture on(content().file("f", "text").directory("d").symlink("l", "f"));
    auto& tree = on.tree();
    timestamp const early{-1'000'000'000, 999'999'999};
    timestamp const late{6'000'000'000, 1};
    for (lamina::path_view const path : {lamina::path_view("f"), lamina::path_view("d"), lamina::path_view("l")}) {
        INFO(path.bytes());
        CHECK(outcome(tree.times(path, time_change::both(early, late), links::no_follow)) == errc::ok);
        CHECK(tree.symlink_status(path).value().atime == early);
        CHECK(tree.symlink_status(path).value().mtime == late);
    }
    CHECK(outcome(tree.times("l", time_change::modified({5, 6}))) == errc::ok);
    CHECK(tree.status("f").value().mtime == timestamp{5, 6});
    CHECK(tree.status("f").value().atime == early);
    CHECK(tree.symlink_status("l").value().mtime == late);
}

TEST_CASE("[attr.7] each time is set, kept, or made the present") {
    fixture on(content().file("f", "text"));
    auto& tree = on.tree();
    auto const before = tree.status("f").value();
    CHECK(outcome(tree.times("f", time_change{})) == errc::ok);
    CHECK(tree.status("f").value().mtime == before.mtime);
    CHECK(tree.status("f").value().atime == before.atime);
    CHECK(outcome(tree.times("f", time_change::modified({1, 2}))) == errc::ok);
    CHECK(tree.status("f").value().mtime == timestamp{1, 2});
    CHECK(tree.status("f").value().atime == before.atime);
    CHECK(outcome(tree.times("f", time_change::touch())) == errc::ok);
    CHECK(tree.status("f").value().mtime.seconds > 1'700'000'000);
    CHECK(tree.status("f").value().atime.seconds > 1'700'000'000);
    CHECK(outcome(tree.times("missing", time_change::touch())) == errc::enoent);
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[attr.8] a change through one name shows under the others") {
    if (cannot_hold<fixture>(capability::hard_links, "hard links"))
        return;
    if (no_promise<fixture>(promise::links_stay_links, "hard links outlast a copy-up"))
        return;
    fixture on(content().file("f", "text").hard_link("g", "f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.permissions("f", 0751)) == errc::ok);
    CHECK(tree.status("g").value().mode == 0751);
    CHECK(outcome(tree.times("g", time_change::modified({1, 2}))) == errc::ok);
    CHECK(tree.status("f").value().mtime == timestamp{1, 2});
    CHECK(tree.status("f").value().id == tree.status("g").value().id);
}

TEST_CASE("[attr.9] what changes a directory's attributes leaves its entries") {
    fixture on(content().directory("d").file("d/f", "text").directory("d/e").file("d/e/g", "deep"));
    auto& tree = on.tree();
    CHECK(outcome(tree.permissions("d", 0711)) == errc::ok);
    CHECK(outcome(tree.times("d/e", time_change::touch())) == errc::ok);
    CHECK(names_in(tree, "d") == names{"e", "f"});
    CHECK(tree.read("d/e/g").value() == "deep");
    CHECK(tree.status("d").value().mode == 0711);
}

TEST_CASE("[attr.10] attributes outlast a later change of the data") {
    fixture on(content().file("f", "text").mode(0751));
    auto& tree = on.tree();
    CHECK(outcome(tree.permissions("f", 0715)) == errc::ok);
    CHECK(outcome(tree.append("f", "+")) == errc::ok);
    CHECK(tree.status("f").value().mode == 0715);
    CHECK(tree.read("f").value() == "text+");
}

}  // namespace
