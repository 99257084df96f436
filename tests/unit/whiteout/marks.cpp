// How marks are named: the facts, one by one.
#include <string>
#include <string_view>

#include <lamina/whiteout/marks.hpp>

#include "catch.hpp"

using namespace lamina;
using namespace std::string_view_literals;

namespace {

errc judge(std::string_view redirect) {
    auto const read = mark::read_redirect(redirect);
    return read ? errc::ok : read.error().code;
}

}  // namespace

TEST_CASE("[redirect.1] a redirect is one name, or a path from the root") {
    CHECK(mark::read_redirect("name").value() == "name");
    CHECK(mark::read_redirect("/name").value() == "/name");
    CHECK(mark::read_redirect("/a/b c/\xff").value() == "/a/b c/\xff");
    CHECK(mark::read_redirect(".hidden").value() == ".hidden");
    CHECK(mark::read_redirect("...").value() == "...");
    CHECK(mark::read_redirect("/.../..x").value() == "/.../..x");
}

TEST_CASE("[redirect.2] anything else is einval, and a component that leads elsewhere eacces") {
    for (auto const bad : {""sv, "/"sv, "//"sv, "//x"sv, "/x/"sv, "/x//y"sv, "a/b"sv, "a/"sv, "\0"sv, "\0name"sv, "/\0x"sv})
        CHECK(judge(bad) == errc::einval);
    for (auto const bad : {"."sv, ".."sv, "/."sv, "/.."sv, "/a/../b"sv, "/a/."sv, "/../etc"sv, ".\0x"sv})
        CHECK(judge(bad) == errc::eacces);
    CHECK(judge(std::string(255, 'x')) == errc::ok);
    CHECK(judge(std::string(256, 'x')) == errc::enametoolong);
    CHECK(judge("/a/" + std::string(256, 'x')) == errc::enametoolong);
}

TEST_CASE("[redirect.3] what follows a NUL is not part of it") {
    CHECK(mark::read_redirect("name\0/../../etc"sv).value() == "name");
    CHECK(mark::read_redirect("/a/b\0"sv).value() == "/a/b");
}

TEST_CASE("[mark.1] own marks are those below the overlay's prefix") {
    CHECK(mark::key(mark_space::trusted, mark::opaque) == "trusted.overlay.opaque");
    CHECK(mark::key(mark_space::user, mark::redirect) == "user.overlay.redirect");
    CHECK(mark::is_own(mark_space::trusted, "trusted.overlay.anything"));
    CHECK_FALSE(mark::is_own(mark_space::trusted, "trusted.overlay"));
    CHECK_FALSE(mark::is_own(mark_space::trusted, "trusted.overlayx"));
    CHECK_FALSE(mark::is_own(mark_space::trusted, "user.overlay.opaque"));
    CHECK_FALSE(mark::is_own(mark_space::user, "trusted.overlay.opaque"));
}

TEST_CASE("[mark.2] what a user sets below the prefix is stored one level down, and seen where it was set") {
    for (auto const space : {mark_space::trusted, mark_space::user}) {
        std::string const prefix(mark::prefix(space));
        for (std::string const& key : {prefix + "opaque", prefix + "overlay.opaque", prefix + "x", prefix + "overlay.",
                                      std::string("user.other"), prefix.substr(0, prefix.size() - 1)}) {
            auto const stored = mark::escape(space, key).value();
            CHECK((stored == key) == !key.starts_with(prefix));
            CHECK(mark::unescape(space, stored) == key);
        }
        CHECK(mark::escape(space, prefix + "opaque").value() == prefix + "overlay.opaque");
        CHECK(mark::escape(space, prefix).error() == errc::einval);
    }
}

TEST_CASE("[mark.3] own marks are not seen") {
    CHECK(mark::unescape(mark_space::trusted, "trusted.overlay.opaque") == std::nullopt);
    CHECK(mark::unescape(mark_space::trusted, "trusted.overlay.overlay.") == std::nullopt);
    CHECK(mark::unescape(mark_space::trusted, "trusted.overlay.") == std::nullopt);
    CHECK(mark::unescape(mark_space::trusted, "user.overlay.opaque") == "user.overlay.opaque");
}

TEST_CASE("[mark.4] a character device 0/0 is a whiteout, and nothing like it is") {
    attributes a;
    a.type = file_type::character;
    CHECK(mark::is_whiteout_device(a));
    a.rdev = {0, 1};
    CHECK_FALSE(mark::is_whiteout_device(a));
    a.rdev = {1, 0};
    CHECK_FALSE(mark::is_whiteout_device(a));
    a.rdev = {};
    for (auto const type : {file_type::block, file_type::fifo, file_type::socket, file_type::regular}) {
        a.type = type;
        CHECK_FALSE(mark::is_whiteout_device(a));
    }
}

TEST_CASE("[mark.5] what a name says in the aufs format") {
    using meaning = mark::aufs_meaning;
    for (auto const name : {"f"sv, "wh.f"sv, ".w"sv, ".wh"sv, "x.wh.f"sv, ".WH.f"sv})
        CHECK(mark::read_aufs(name).meaning == meaning::ordinary);
    CHECK(mark::read_aufs(".wh.f").meaning == meaning::hides);
    CHECK(mark::read_aufs(".wh.f").hidden == "f");
    CHECK(mark::read_aufs(".wh..hidden").hidden == ".hidden");
    CHECK(mark::read_aufs(".wh....").hidden == "...");
    CHECK(mark::read_aufs(".wh..wh..opq").meaning == meaning::opaque_directory);
    // Nothing that these could delete has a name.
    for (auto const name : {".wh."sv, ".wh.."sv, ".wh..."sv, ".wh..wh.aufs"sv, ".wh..wh.plnk"sv, ".wh..wh..opqx"sv})
        CHECK(mark::read_aufs(name).meaning == meaning::internal);
}
