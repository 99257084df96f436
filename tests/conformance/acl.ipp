// POSIX ACLs, as Linux keeps them in attributes. Rules acl.*. For `fixture` see README.md.
#pragma once

#include <lamina/core/xattr.hpp>

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;

// The bytes of an ACL: owner, one named user, owning group, mask, other.
std::string acl_of(unsigned owner, unsigned named, unsigned group, unsigned mask, unsigned other) {
    std::string bytes("\x02\0\0\0", 4);
    auto const entry = [&](unsigned tag, unsigned permissions, std::uint32_t id) {
        for (unsigned const value : {tag, permissions})
            bytes.append({static_cast<char>(value & 0xff), static_cast<char>(value >> 8)});
        for (int shift = 0; shift != 32; shift += 8)
            bytes += static_cast<char>(id >> shift);
    };
    constexpr std::uint32_t nobody = 0xffffffff;
    entry(0x01, owner, nobody);
    entry(0x02, named, 1234);
    entry(0x04, group, nobody);
    entry(0x10, mask, nobody);
    entry(0x20, other, nobody);
    return bytes;
}

template <class B>
bool lacks_acls(B& tree) {
    if (no_promise<fixture>(promise::acls_act, "ACLs are more than bytes"))
        return true;
    auto const tried = tree.set_xattr("/", lamina::xattr::acl_access, acl_of(7, 7, 5, 7, 5));
    if (outcome(tried) != errc::eopnotsupp)
        return false;
    WARN("left out: this configuration has no ACLs");
    return true;
}

TEST_CASE("[acl.1] an ACL is kept, and its mask shows as the group's permission bits") {
    fixture on(content().file("f", "text").mode(0640));
    auto& tree = on.tree();
    if (lacks_acls(tree))
        return;
    auto const acl = acl_of(6, 7, 4, 6, 0);
    REQUIRE(outcome(tree.set_xattr("f", lamina::xattr::acl_access, acl)) == errc::ok);
    CHECK(tree.get_xattr("f", lamina::xattr::acl_access).value() == acl);
    CHECK(tree.status("f").value().mode == 0660);
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[acl.2] chmod of a file with an ACL sets the mask, not the group's entry") {
    fixture on(content().file("f", "text"));
    auto& tree = on.tree();
    if (lacks_acls(tree))
        return;
    REQUIRE(outcome(tree.set_xattr("f", lamina::xattr::acl_access, acl_of(6, 7, 4, 6, 0))) == errc::ok);
    CHECK(outcome(tree.permissions("f", 0751)) == errc::ok);
    CHECK(tree.status("f").value().mode == 0751);
    CHECK(tree.get_xattr("f", lamina::xattr::acl_access).value() == acl_of(7, 7, 4, 5, 1));
}

TEST_CASE("[acl.3] what is made in a directory with a default ACL inherits it, cut down by the mode asked for") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    if (lacks_acls(tree))
        return;
    auto const inherited = acl_of(7, 7, 5, 7, 5);
    REQUIRE(outcome(tree.set_xattr("d", lamina::xattr::acl_default, inherited)) == errc::ok);
    CHECK(outcome(tree.write("d/f", "", 0640)) == errc::ok);
    CHECK(tree.get_xattr("d/f", lamina::xattr::acl_access).value() == acl_of(6, 7, 5, 4, 0));
    CHECK(tree.status("d/f").value().mode == 0640);
    CHECK(outcome(tree.create_directory("d/e", 0777)) == errc::ok);
    CHECK(tree.get_xattr("d/e", lamina::xattr::acl_default).value() == inherited);
    CHECK(tree.get_xattr("d/e", lamina::xattr::acl_access).value() == inherited);
    CHECK(outcome(tree.create_node("d/p", lamina::file_type::fifo, 0666)) == errc::ok);
    CHECK(tree.get_xattr("d/p", lamina::xattr::acl_access).value() == acl_of(6, 7, 5, 6, 4));
    CHECK(outcome(tree.get_xattr("d/f", lamina::xattr::acl_default)) == errc::enodata);
    CHECK(outcome(tree.create_symlink("f", "d/l")) == errc::ok);
    CHECK(tree.read("d/l").value().empty());
}

TEST_CASE("[acl.4] damaged ACLs are refused, and a default one anywhere but on a directory") {
    fixture on(content().file("f", "").directory("d"));
    auto& tree = on.tree();
    if (lacks_acls(tree))
        return;
    auto const good = acl_of(7, 7, 5, 7, 5);
    auto wrong_version = good;
    wrong_version[0] = 1;
    for (auto const& bad :
         {wrong_version, good.substr(0, good.size() - 1), good.substr(0, 12), good + good.substr(4)}) {
        INFO(bad.size() << " bytes");
        auto const code = outcome(tree.set_xattr("f", lamina::xattr::acl_access, bad));
        CHECK((code == errc::einval || code == errc::eopnotsupp));
    }
    CHECK(outcome(tree.set_xattr("f", lamina::xattr::acl_default, good)) == errc::eacces);
    CHECK(outcome(tree.get_xattr("f", lamina::xattr::acl_access)) == errc::enodata);
}

TEST_CASE("[acl.5] an ACL goes with its object, and with a copy") {
    fixture on(content().directory("d").file("d/f", "text"));
    auto& tree = on.tree();
    if (lacks_acls(tree))
        return;
    auto const acl = acl_of(6, 4, 4, 4, 0);
    REQUIRE(outcome(tree.set_xattr("d/f", lamina::xattr::acl_access, acl)) == errc::ok);
    REQUIRE(outcome(tree.set_xattr("d", lamina::xattr::acl_default, acl)) == errc::ok);
    CHECK(outcome(tree.rename("d", "e")) == errc::ok);
    CHECK(tree.get_xattr("e/f", lamina::xattr::acl_access).value() == acl);
    REQUIRE(outcome(tree.copy("e", "copy")) == errc::ok);
    CHECK(tree.get_xattr("copy/f", lamina::xattr::acl_access).value() == acl);
    CHECK(tree.get_xattr("copy", lamina::xattr::acl_default).value() == acl);
    CHECK(tree.status("copy/f").value().mode == 0640);
}

}  // namespace
