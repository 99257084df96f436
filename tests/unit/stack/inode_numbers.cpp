// Inode numbers of the merged view.
#include <cstdint>
#include <set>

#include <lamina/stack/inode.hpp>

#include "catch.hpp"

using lamina::file_id;
using lamina::detail::inode_numbers;

TEST_CASE("[inode.1] the first file system keeps its numbers, others differ in the upper bits") {
    inode_numbers numbers;
    CHECK(numbers.compose({10, 1}) == 1);
    CHECK(numbers.compose({10, 0xffff'ffff'ffff}) == 0xffff'ffff'ffff);
    CHECK(numbers.compose({11, 1}) == (std::uint64_t{1} << 48 | 1));
    CHECK(numbers.compose({12, 1}) == (std::uint64_t{2} << 48 | 1));
    CHECK(numbers.compose({10, 1}) == 1);
    CHECK(numbers.compose({11, 1}) == (std::uint64_t{1} << 48 | 1));
}

TEST_CASE("[inode.2] numbers too large to be composed get one of their own, and keep it") {
    inode_numbers numbers;
    std::set<std::uint64_t> given;
    for (std::uint64_t device = 1; device <= 3; ++device)
        for (std::uint64_t const inode : {std::uint64_t{1} << 48, ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{5}})
            given.insert(numbers.compose({device, inode}));
    CHECK(given.size() == 12);
    for (std::uint64_t device = 1; device <= 3; ++device)
        for (std::uint64_t const inode : {std::uint64_t{1} << 48, ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{5}})
            CHECK(given.contains(numbers.compose({device, inode})));
}

TEST_CASE("[inode.3] more file systems than fit into the upper bits") {
    inode_numbers numbers;
    std::set<std::uint64_t> given;
    for (std::uint64_t device = 1; device <= 70'000; ++device)
        given.insert(numbers.compose({device, 7}));
    CHECK(given.size() == 70'000);
    CHECK(given.contains(numbers.compose({69'999, 7})));
}
