// The value of the mark `metacopy`: what is one, what is none, and that reading and writing agree.
#include "catch.hpp"

#include <array>
#include <cstddef>
#include <string>

#include <lamina/whiteout/metacopy_value.hpp>

namespace {

using namespace lamina;

std::string value(std::initializer_list<int> head, std::size_t digest_bytes) {
    std::string text;
    for (int const b : head)
        text.push_back(static_cast<char>(b));
    for (std::size_t i = 0; i < digest_bytes; ++i)
        text.push_back(static_cast<char>(i * 5 + 1));
    return text;
}

TEST_CASE("[verify.1] a mark without a digest: empty, or a header alone") {
    CHECK_FALSE(mark::read_metacopy("").value().recorded.has_value());
    CHECK_FALSE(mark::read_metacopy(value({0, 4, 0, 0}, 0)).value().recorded.has_value());
    CHECK(mark::write_metacopy({}).empty());
}

TEST_CASE("[verify.1] a mark with a digest is read as it was written") {
    for (auto const& [text, algorithm] : {std::pair(value({0, 36, 0, 1}, 32), digest_algorithm::sha256),
                                          std::pair(value({0, 68, 0, 2}, 64), digest_algorithm::sha512)}) {
        auto const read = mark::read_metacopy(text).value();
        REQUIRE(read.recorded.has_value());
        CHECK(read.recorded->algorithm() == algorithm);
        CHECK(read.recorded->bytes().size() == text.size() - 4);
        CHECK(static_cast<char>(read.recorded->bytes().back()) == text.back());
        CHECK(mark::write_metacopy(read) == text);
    }
}

TEST_CASE("[verify.1] what is no such value is eio, whatever it is") {
    std::string const good = value({0, 36, 0, 1}, 32);
    for (std::size_t size = 1; size < good.size(); ++size) {
        INFO(size);
        CHECK(mark::read_metacopy(good.substr(0, size)).error() == errc::eio);
    }
    CHECK(mark::read_metacopy(good + '\0').error() == errc::eio);
    // Each byte of the header, with all values that it may not have.
    for (std::size_t at = 0; at < 4; ++at)
        for (int wrong = 0; wrong < 256; ++wrong) {
            auto text = good;
            if (text[at] == static_cast<char>(wrong))
                continue;
            text[at] = static_cast<char>(wrong);
            INFO(at << ' ' << wrong);
            CHECK(mark::read_metacopy(text).error() == errc::eio);
        }
    CHECK(mark::read_metacopy(value({0, 68, 0, 1}, 64)).error() == errc::eio);
    CHECK(mark::read_metacopy(value({0, 36, 0, 2}, 32)).error() == errc::eio);
    CHECK(mark::read_metacopy(value({0, 4, 0, 1}, 0)).error() == errc::eio);
    CHECK(mark::read_metacopy(value({0, 36, 0, 0}, 32)).error() == errc::eio);
    CHECK(mark::read_metacopy(value({0, 4, 0, 1}, 256)).error() == errc::eio);  // 260 is 4 in a byte
    CHECK(mark::read_metacopy(value({0, 0, 0, 1}, 252)).error() == errc::eio);
}

TEST_CASE("[verify.1] a digest is as long as its algorithm makes it") {
    std::array<std::byte, 65> bytes{};
    bytes[31] = std::byte{7};
    CHECK(digest::of(digest_algorithm::sha256, std::span(bytes).first(32)).has_value());
    CHECK_FALSE(digest::of(digest_algorithm::sha256, std::span(bytes).first(31)).has_value());
    CHECK_FALSE(digest::of(digest_algorithm::sha256, std::span(bytes).first(64)).has_value());
    CHECK_FALSE(digest::of(digest_algorithm::sha512, std::span(bytes)).has_value());
    CHECK_FALSE(digest::of(digest_algorithm{0}, std::span(bytes).first(0)).has_value());
    CHECK_FALSE(digest::of(digest_algorithm{3}, std::span(bytes).first(32)).has_value());
    auto const a = *digest::of(digest_algorithm::sha256, std::span(bytes).first(32));
    bytes[0] = std::byte{1};
    auto const b = *digest::of(digest_algorithm::sha256, std::span(bytes).first(32));
    CHECK(a == a);
    CHECK_FALSE(a == b);
}

}  // namespace
