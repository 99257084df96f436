// Extended attributes, changed. Rules xattr.10 and following. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;
using lamina::links;
using lamina::xattr_flags;

TEST_CASE("[xattr.10] a value is set, replaced and removed, on files and directories") {
    fixture on(content().file("f", "text").directory("d"));
    auto& tree = on.tree();
    if (lacks(tree, capability::user_xattrs, "user.* attributes"))
        return;
    for (lamina::path_view const path : {lamina::path_view("f"), lamina::path_view("d"), lamina::path_view("/")}) {
        INFO(path.bytes());
        CHECK(outcome(tree.set_xattr(path, "user.k", "one")) == errc::ok);
        CHECK(tree.get_xattr(path, "user.k").value() == "one");
        CHECK(outcome(tree.set_xattr(path, "user.k", std::string_view("\0two\xff", 5))) == errc::ok);
        CHECK(tree.get_xattr(path, "user.k").value() == std::string("\0two\xff", 5));
        CHECK(outcome(tree.set_xattr(path, "user.k", "")) == errc::ok);
        CHECK(tree.get_xattr(path, "user.k").value().empty());
        CHECK(outcome(tree.remove_xattr(path, "user.k")) == errc::ok);
        CHECK(outcome(tree.get_xattr(path, "user.k")) == errc::enodata);
        CHECK(outcome(tree.remove_xattr(path, "user.k")) == errc::enodata);
    }
    CHECK(tree.read("f").value() == "text");
    CHECK(outcome(tree.set_xattr("missing", "user.k", "v")) == errc::enoent);
    CHECK(outcome(tree.remove_xattr("missing", "user.k")) == errc::enoent);
}

TEST_CASE("[xattr.11] create is eexist where there is one, replace enodata where there is none") {
    fixture on(content().file("f", ""));
    auto& tree = on.tree();
    if (lacks(tree, capability::user_xattrs, "user.* attributes"))
        return;
    CHECK(outcome(tree.set_xattr("f", "user.k", "v", xattr_flags::replace)) == errc::enodata);
    CHECK(outcome(tree.set_xattr("f", "user.k", "one", xattr_flags::create)) == errc::ok);
    CHECK(outcome(tree.set_xattr("f", "user.k", "two", xattr_flags::create)) == errc::eexist);
    CHECK(tree.get_xattr("f", "user.k").value() == "one");
    CHECK(outcome(tree.set_xattr("f", "user.k", "two", xattr_flags::replace)) == errc::ok);
    CHECK(tree.get_xattr("f", "user.k").value() == "two");
}

TEST_CASE("[xattr.12] user.* belongs to files and directories alone: eperm on the rest") {
    fixture on(content().file("f", "").symlink("l", "f").special("p", file_type::fifo));
    auto& tree = on.tree();
    if (lacks(tree, capability::user_xattrs, "user.* attributes"))
        return;
    CHECK(outcome(tree.set_xattr("l", "user.k", "v", xattr_flags::none, links::no_follow)) == errc::eperm);
    CHECK(outcome(tree.set_xattr("p", "user.k", "v")) == errc::eperm);
    CHECK(outcome(tree.set_xattr("l", "user.k", "v")) == errc::ok);
    CHECK(tree.get_xattr("f", "user.k").value() == "v");
}

TEST_CASE("[xattr.13] trusted.* goes with every type") {
    fixture on(content().file("f", "").directory("d").symlink("l", "f").special("p", file_type::fifo));
    auto& tree = on.tree();
    if (lacks(tree, capability::trusted_xattrs, "trusted.* attributes"))
        return;
    for (lamina::path_view const path :
         {lamina::path_view("f"), lamina::path_view("d"), lamina::path_view("l"), lamina::path_view("p")}) {
        INFO(path.bytes());
        CHECK(outcome(tree.set_xattr(path, "trusted.k", "v", xattr_flags::none, links::no_follow)) == errc::ok);
        CHECK(tree.get_xattr(path, "trusted.k", links::no_follow).value() == "v");
        auto const keys = tree.xattrs(path, links::no_follow).value();
        CHECK(std::count(keys.begin(), keys.end(), "trusted.k") == 1);
        CHECK(outcome(tree.remove_xattr(path, "trusted.k", links::no_follow)) == errc::ok);
        CHECK(outcome(tree.get_xattr(path, "trusted.k", links::no_follow)) == errc::enodata);
    }
}

TEST_CASE("[xattr.14] a key without a known namespace is refused, a value over 64 KiB too") {
    fixture on(content().file("f", ""));
    auto& tree = on.tree();
    if (lacks(tree, capability::user_xattrs, "user.* attributes"))
        return;
    CHECK(outcome(tree.set_xattr("f", "nonsense", "v")) == errc::eopnotsupp);
    CHECK(outcome(tree.set_xattr("f", "nonsense.k", "v")) == errc::eopnotsupp);
    CHECK(outcome(tree.set_xattr("f", "user.", "v")) == errc::einval);
    CHECK(outcome(tree.set_xattr("f", "", "v")) != errc::ok);
    CHECK(outcome(tree.set_xattr("f", "user." + std::string(251, 'k'), "v")) != errc::ok);
    CHECK(outcome(tree.set_xattr("f", std::string_view("user.a\0b", 8), "v")) != errc::ok);
    CHECK(outcome(tree.set_xattr("f", "user.k", std::string(65537, 'v'))) == errc::e2big);
    CHECK(outcome(tree.get_xattr("f", "user.k")) == errc::enodata);
}

TEST_CASE("[xattr.15] attributes go where the object goes, and with it") {
    if (cannot_hold<fixture>(capability::user_xattrs, "user.* attributes"))
        return;
    fixture on(content().file("f", "").xattr("user.k", "file's").directory("d").xattr("user.k", "directory's"));
    auto& tree = on.tree();
    CHECK(outcome(tree.rename("f", "d/g")) == errc::ok);
    CHECK(tree.get_xattr("d/g", "user.k").value() == "file's");
    CHECK(outcome(tree.rename("d", "e")) == errc::ok);
    CHECK(tree.get_xattr("e", "user.k").value() == "directory's");
    CHECK(tree.get_xattr("e/g", "user.k").value() == "file's");
    CHECK(outcome(tree.remove("e/g")) == errc::ok);
    CHECK(outcome(tree.write("e/g", "")) == errc::ok);
    CHECK(outcome(tree.get_xattr("e/g", "user.k")) == errc::enodata);
}

TEST_CASE("[xattr.16] a change of data or mode keeps attributes, a change of attributes keeps data and mtime") {
    if (cannot_hold<fixture>(capability::user_xattrs, "user.* attributes"))
        return;
    fixture on(content().file("f", "text").mode(0640).xattr("user.a", "1").xattr("user.b", "2"));
    auto& tree = on.tree();
    auto const before = tree.status("f").value();
    CHECK(outcome(tree.set_xattr("f", "user.c", "3")) == errc::ok);
    CHECK(outcome(tree.remove_xattr("f", "user.b")) == errc::ok);
    auto const after = tree.status("f").value();
    CHECK(after.mtime == before.mtime);
    CHECK(after.mode == before.mode);
    CHECK(after.size == before.size);
    CHECK(tree.read("f").value() == "text");
    CHECK(outcome(tree.append("f", "+")) == errc::ok);
    CHECK(outcome(tree.permissions("f", 0600)) == errc::ok);
    CHECK(tree.get_xattr("f", "user.a").value() == "1");
    CHECK(tree.get_xattr("f", "user.c").value() == "3");
    CHECK(outcome(tree.get_xattr("f", "user.b")) == errc::enodata);
}

TEST_CASE("[xattr.17] a removed attribute stays away from a file that comes from below") {
    if (cannot_hold<fixture>(capability::user_xattrs, "user.* attributes"))
        return;
    fixture on(content().file("f", "text").xattr("user.k", "v").directory("d").xattr("user.k", "v").file("d/g", ""));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove_xattr("f", "user.k")) == errc::ok);
    CHECK(outcome(tree.remove_xattr("d", "user.k")) == errc::ok);
    CHECK(outcome(tree.get_xattr("f", "user.k")) == errc::enodata);
    CHECK(outcome(tree.get_xattr("d", "user.k")) == errc::enodata);
    for (auto const& key : tree.xattrs("f").value())
        CHECK(key != "user.k");
    CHECK(outcome(tree.write("d/h", "")) == errc::ok);
    CHECK(outcome(tree.get_xattr("d", "user.k")) == errc::enodata);
}

TEST_CASE("[xattr.18] file capabilities go when the content or the owner changes") {
    fixture on(content().file("f", "text").file("g", "text").file("h", "text").file("i", "text"));
    auto& tree = on.tree();
    if (lacks(tree, capability::trusted_xattrs | capability::change_owner, "privileged attributes"))
        return;
    // Version 2: cap_net_bind_service, permitted.
    std::string const value("\x00\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
    for (lamina::path_view const path :
         {lamina::path_view("f"), lamina::path_view("g"), lamina::path_view("h"), lamina::path_view("i")}) {
        REQUIRE(outcome(tree.set_xattr(path, lamina::xattr::file_capability, value)) == errc::ok);
        CHECK(tree.get_xattr(path, lamina::xattr::file_capability).value() == value);
    }
    CHECK(outcome(tree.append("f", "+")) == errc::ok);
    CHECK(outcome(tree.owner("g", 12, 34)) == errc::ok);
    CHECK(outcome(tree.resize("h", 1)) == errc::ok);
    CHECK(outcome(tree.permissions("i", 0700)) == errc::ok);
    CHECK(outcome(tree.get_xattr("f", lamina::xattr::file_capability)) == errc::enodata);
    CHECK(outcome(tree.get_xattr("g", lamina::xattr::file_capability)) == errc::enodata);
    CHECK(outcome(tree.get_xattr("h", lamina::xattr::file_capability)) == errc::enodata);
    CHECK(tree.get_xattr("i", lamina::xattr::file_capability).value() == value);
}

}  // namespace
