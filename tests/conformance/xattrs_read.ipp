// Extended attributes, as they are read. Rules xattr.1 to xattr.9. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::links;

TEST_CASE("[xattr.1] a value is bytes, also none at all") {
    if (cannot_hold<fixture>(capability::user_xattrs, "user.* attributes"))
        return;
    std::string every;
    for (int i = 0; i != 256; ++i)
        every += static_cast<char>(i);
    fixture on(content().file("f", "").xattr("user.a", "text").xattr("user.empty", "").xattr("user.every", every));
    auto& tree = on.tree();
    CHECK(tree.get_xattr("f", "user.a").value() == "text");
    CHECK(tree.get_xattr("f", "user.empty").value().empty());
    CHECK(tree.get_xattr("f", "user.every").value() == every);
}

TEST_CASE("[xattr.2] an attribute that is not there is enodata, to the primitives an empty answer") {
    fixture on(content().file("f", "").symlink("l", "f").directory("d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.get_xattr("f", "user.none")) == errc::enodata);
    CHECK(outcome(tree.get_xattr("d", "user.none")) == errc::enodata);
    CHECK(outcome(tree.get_xattr("/", "user.none")) == errc::enodata);
    CHECK(outcome(tree.get_xattr("missing", "user.none")) == errc::enoent);
    auto const absent = tree.get_xattr_at(tree.root(), "f", "user.none");
    REQUIRE(absent.has_value());
    CHECK_FALSE(absent->has_value());
    auto const of_link = tree.get_xattr_at(tree.root(), "l", "trusted.none");
    REQUIRE(of_link.has_value());
    CHECK_FALSE(of_link->has_value());
}

TEST_CASE("[xattr.3] the list has every key once") {
    if (cannot_hold<fixture>(capability::user_xattrs, "user.* attributes"))
        return;
    fixture on(content()
                   .file("f", "")
                   .xattr("user.b", "1")
                   .xattr("user.a", "2")
                   .directory("d")
                   .xattr("user.c", "3")
                   .file("none", ""));
    auto& tree = on.tree();
    // A security module may add keys of its own.
    auto const user_keys = [&](lamina::path_view path) {
        names keys;
        for (auto const& key : tree.xattrs(path).value())
            if (lamina::xattr::is_user(key))
                keys.push_back(key);
        std::sort(keys.begin(), keys.end());
        return keys;
    };
    CHECK(user_keys("f") == names{"user.a", "user.b"});
    CHECK(user_keys("d") == names{"user.c"});
    CHECK(user_keys("none").empty());
    CHECK(outcome(tree.xattrs("missing")) == errc::enoent);
}

TEST_CASE("[xattr.4] links are followed or not, as asked") {
    if (cannot_hold<fixture>(capability::user_xattrs | capability::trusted_xattrs, "trusted.* attributes"))
        return;
    fixture on(content().file("f", "").xattr("trusted.k", "file's").symlink("l", "f").xattr("trusted.k", "link's"));
    auto& tree = on.tree();
    CHECK(tree.get_xattr("l", "trusted.k").value() == "file's");
    CHECK(tree.get_xattr("l", "trusted.k", links::no_follow).value() == "link's");
    CHECK(tree.xattrs("l", links::no_follow).value() == names{"trusted.k"});
}

TEST_CASE("[xattr.5] names of one object share its attributes") {
    if (cannot_hold<fixture>(capability::user_xattrs | capability::hard_links, "attributes and hard links"))
        return;
    fixture on(content().file("f", "").xattr("user.k", "v").hard_link("g", "f"));
    CHECK(on.tree().get_xattr("g", "user.k").value() == "v");
}

}  // namespace
