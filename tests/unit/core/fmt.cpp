#include "catch.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <lamina/fmt.hpp>

namespace somebody {

struct thing {};
[[maybe_unused]] std::string to_string(thing const&) { return "thing"; }

}  // namespace somebody

namespace lamina {

struct printed_for_the_test {
    friend std::string to_string(printed_for_the_test const&) { return "C etc/hostname"; }
};

}  // namespace lamina

using namespace lamina;

TEST_CASE("[fmt.1] an error prints as its to_string") {
    error const e{errc::exdev, operation::rename, 3};
    CHECK(fmt::format("{}", e) == "rename: EXDEV, crosses file systems or layers (layer 3)");
    CHECK(fmt::format("{}", path_error(e, "a/b")) == "a/b: rename: EXDEV, crosses file systems or layers (layer 3)");
    CHECK(fmt::format("{}", errc::enoent) == "ENOENT");
    CHECK(fmt::format("{}", static_cast<errc>(4711)) == "errno 4711");
    CHECK(fmt::format("{} {}", operation::copy_up, file_type::symlink) == "copy_up symlink");
}

TEST_CASE("[fmt.2] a path prints its bytes, whatever they are") {
    CHECK(fmt::format("{}", path::parse("etc/\xff\x01").value()) == "etc/\xff\x01");
    CHECK(fmt::format("{}", path_view("/a/")) == "/a/");
}

TEST_CASE("[fmt.3] width, alignment and precision work as for strings") {
    CHECK(fmt::format("[{:8}]", errc::eio) == "[EIO     ]");
    CHECK(fmt::format("[{:*>8}]", errc::eio) == "[*****EIO]");
    CHECK(fmt::format("[{:^7.2}]", errc::eio) == "[  EI   ]");
}

TEST_CASE("[fmt.4] a type of the library with a to_string of its own prints, one of others does not") {
    CHECK(fmt::format("{}", printed_for_the_test{}) == "C etc/hostname");
    STATIC_REQUIRE(lamina_fmt::printable<printed_for_the_test>);
    STATIC_REQUIRE_FALSE(lamina_fmt::printable<somebody::thing>);
    STATIC_REQUIRE_FALSE(lamina_fmt::printable<std::string>);
    STATIC_REQUIRE_FALSE(lamina_fmt::printable<std::vector<path>>);
    STATIC_REQUIRE_FALSE(lamina_fmt::printable<attributes>);
}

TEST_CASE("[fmt.5] a time prints as RFC 3339, on both sides of 1970, of leap days, and at the ends of its range") {
    CHECK(fmt::format("{}", timestamp{0, 0}) == "1970-01-01T00:00:00.000000000Z");
    CHECK(fmt::format("{}", timestamp{-1, 500'000'000}) == "1969-12-31T23:59:59.500000000Z");
    CHECK(fmt::format("{}", timestamp{-86400, 0}) == "1969-12-31T00:00:00.000000000Z");
    CHECK(fmt::format("{}", timestamp{951782400, 0}) == "2000-02-29T00:00:00.000000000Z");
    CHECK(fmt::format("{}", timestamp{4107542400, 0}) == "2100-03-01T00:00:00.000000000Z");  // 2100 has no leap day
    CHECK(fmt::format("{}", timestamp{1709251199, 1}) == "2024-02-29T23:59:59.000000001Z");
    CHECK(fmt::format("{}", timestamp{std::numeric_limits<std::int64_t>::max(), 999'999'999}) ==
          "292277026596-12-04T15:30:07.999999999Z");
    CHECK(fmt::format("{}", timestamp{std::numeric_limits<std::int64_t>::min(), 0}) ==
          "-292277022657-01-27T08:29:52.000000000Z");
}
