#include <lamina/core/path.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace lamina;

namespace {

errc parsed(std::string_view bytes) {
    auto const outcome = path::parse(std::string(bytes));
    auto const view = path_view::parse(bytes);
    REQUIRE(outcome.has_value() == view.has_value());
    if (outcome)
        return errc::ok;
    CHECK(outcome.error() == view.error());
    CHECK(outcome.error().op == operation::parse);
    return outcome.error().code;
}

std::vector<std::string> components(path_view path) {
    std::vector<std::string> names;
    for (auto name = path.pop_front(); !name.empty(); name = path.pop_front())
        names.emplace_back(name);
    return names;
}

}  // namespace

// A literal is checked when it is compiled; bytes made at run time must be parsed first.
static_assert(!std::convertible_to<std::string, path_view>);
static_assert(!std::convertible_to<std::string_view, path_view>);
static_assert(!std::constructible_from<path_view, std::string>);
static_assert(!std::constructible_from<path, std::string>);
static_assert(std::convertible_to<path const&, path_view>);
static_assert(path_view("etc/passwd").bytes() == "etc/passwd");

TEST_CASE("[path.parse] bytes without NUL that stay below the root are a path") {
    for (std::string_view const good :
         {"",       "/",         "//",        ".",   "./",  "a",   "/a",    "a/", "a//b",     "a/./b",      "a/..",
          "a/../b", "a/b/../..", "a/../b/..", "...", "..a", "a..", "/.../", "\n", "\xff\xfe", "a/b/../../."})
        CHECK(parsed(good) == errc::ok);
}

TEST_CASE("[path.parse] dots that lead above the root are refused") {
    for (std::string_view const bad : {"..", "/..", "../", "./..", "a/../..", "/a/../..", "a/b/../../..", "a/../../b",
                                       "a/./../..", "//..", "a//..//.."})
        CHECK(parsed(bad) == errc::einval);
}

TEST_CASE("[path.parse] a NUL is refused wherever it stands") {
    using namespace std::string_view_literals;
    for (std::string_view const bad : {"\0"sv, "a\0"sv, "\0a"sv, "a/\0/b"sv, "a/b\0"sv})
        CHECK(parsed(bad) == errc::einval);
}

TEST_CASE("[path.parse] a component has 255 bytes at most, a path any number") {
    std::string const longest(255, 'x');
    std::string const too_long(256, 'x');
    CHECK(parsed(longest) == errc::ok);
    CHECK(parsed("a/" + longest + "/b") == errc::ok);
    CHECK(parsed(too_long) == errc::enametoolong);
    CHECK(parsed("a/" + too_long) == errc::enametoolong);
    CHECK(parsed(too_long + "/b") == errc::enametoolong);
    std::string deep;
    for (int i = 0; i != 5000; ++i)
        deep += "component/";
    CHECK(parsed(deep) == errc::ok);
}

TEST_CASE("[path.parse] the first thing wrong, from the left, is the one reported") {
    CHECK(parsed("../" + std::string(256, 'x')) == errc::einval);
    CHECK(parsed(std::string(256, 'x') + "/../..") == errc::enametoolong);
}

TEST_CASE("[path.components] are taken from the front, slashes do not count") {
    CHECK(components("").empty());
    CHECK(components("///").empty());
    CHECK(components("a") == std::vector<std::string>{"a"});
    CHECK(components("/a//b/./c/../d/") == std::vector<std::string>{"a", "b", ".", "c", "..", "d"});
}

TEST_CASE("[path.components] is_root: nothing but slashes and single dots") {
    for (path_view const root : {path_view(""), path_view("/"), path_view("."), path_view("./"), path_view("/././/")})
        CHECK(root.is_root());
    for (path_view const other : {path_view("a"), path_view("a/.."), path_view("..."), path_view("./a")})
        CHECK_FALSE(other.is_root());
}

TEST_CASE("[path.components] must_be_directory: after a slash or dots") {
    for (path_view const wants :
         {path_view("a/"), path_view("/"), path_view("."), path_view("a/."), path_view("a/b/.."), path_view("a//")})
        CHECK(wants.must_be_directory());
    for (path_view const any : {path_view(""), path_view("a"), path_view("/a"), path_view("..."), path_view("a/.b")})
        CHECK_FALSE(any.must_be_directory());
}

TEST_CASE("[path.components] split_last gives the parent's path and the last component") {
    auto const check = [](path_view whole, std::string_view parent, std::string_view last) {
        auto const [head, tail] = whole.split_last();
        CHECK(head.bytes() == parent);
        CHECK(tail == last);
    };
    check("a", "", "a");
    check("/a", "", "a");
    check("a/b", "a", "b");
    check("a/b//", "a", "b");
    check("/a/b/c", "/a/b", "c");
    check("a/..", "a", "..");
    check("", "", "");
    check("//", "", "");
}

TEST_CASE("[path.child] adds one judged name") {
    auto const etc = path::parse("etc").value();
    CHECK(etc.child("passwd").value().bytes() == "etc/passwd");
    CHECK(path().child("etc").value().bytes() == "etc");
    CHECK(path(path_view("etc/")).child("x").value().bytes() == "etc/x");
    CHECK(etc.child("").error() == errc::einval);
    CHECK(etc.child(".").error() == errc::einval);
    CHECK(etc.child("..").error() == errc::einval);
    CHECK(etc.child("a/b").error() == errc::einval);
    CHECK(etc.child(std::string_view("a\0b", 3)).error() == errc::einval);
    CHECK(etc.child(std::string(255, 'n')).has_value());
    CHECK(etc.child(std::string(256, 'n')).error() == errc::enametoolong);
}

TEST_CASE("[path.name] any byte but slash and NUL makes a name") {
    for (int byte = 0; byte != 256; ++byte) {
        char const c = static_cast<char>(byte);
        std::string const name{'x', c};
        INFO("byte " << byte);
        CHECK((judge_name(name) == errc::ok) == (c != '/' && c != '\0'));
    }
    CHECK(judge_name("...") == errc::ok);
    CHECK(judge_name(" ") == errc::ok);
}
