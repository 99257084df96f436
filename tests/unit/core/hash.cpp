#include <lamina/core/path.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace lamina;

TEST_CASE("[hash.1] a name has one hash, however it is reached") {
    std::string const owned = "passwd";
    std::string const within = "etc/passwd";
    auto const part = std::string_view(within).substr(4);
    CHECK(name_ref("passwd").hash == name_ref(owned).hash);
    CHECK(name_ref(part).hash == name_ref(owned).hash);
    CHECK(name_ref(part).text == owned);
    CHECK(name_ref(std::string_view("x"), 7).hash == 7);
    CHECK(name_ref().empty());
}

TEST_CASE("[hash.2] what the words of eight bytes do not cover counts too") {
    // Names that differ in one byte, at every place of every length around the size of a word.
    for (std::size_t length = 1; length <= 24; ++length) {
        std::string const plain(length, 'a');
        for (std::size_t at = 0; at != length; ++at) {
            auto other = plain;
            other[at] = 'b';
            INFO("length " << length << ", byte " << at);
            CHECK(name_ref(plain).hash != name_ref(other).hash);
        }
        INFO("length " << length);
        CHECK(name_ref(plain).hash != name_ref(plain + 'a').hash);
        CHECK(name_ref(plain).hash != name_ref(plain + '\0').hash);
    }
}

TEST_CASE("[hash.3] names that count up spread over the slots of a table") {
    // 65,536 names into 16,384 slots: 4 each. A Poisson distribution passes 20 in a slot once in 10^8 slots.
    constexpr std::uint32_t slots = 1u << 14;
    constexpr std::uint32_t names = 1u << 16;
    for (std::string const stem : {"file", "a-rather-long-name-that-all-of-them-begin-with-", ""}) {
        std::vector<std::uint32_t> low(slots);
        std::vector<std::uint32_t> high(slots);
        for (std::uint32_t i = 0; i != names; ++i) {
            auto const hash = name_ref(stem + std::to_string(i)).hash;
            ++low[hash % slots];
            ++high[hash >> 18];
        }
        INFO("stem '" << stem << "'");
        CHECK(*std::max_element(low.begin(), low.end()) < 24);
        CHECK(*std::max_element(high.begin(), high.end()) < 24);
    }
}

TEST_CASE("[hash.4] a hundred thousand names collide as rarely as chance has it") {
    std::vector<std::uint32_t> hashes;
    for (int i = 0; i != 100'000; ++i)
        hashes.push_back(name_ref("lib" + std::to_string(i) + ".so").hash);
    std::sort(hashes.begin(), hashes.end());
    auto const distinct = std::unique(hashes.begin(), hashes.end()) - hashes.begin();
    CHECK(100'000 - distinct < 12);  // 1.16 expected in 32 bits
}
