#include "catch.hpp"

#include <cstdint>
#include <limits>
#include <utility>

#include <lamina/archive/tar_array.hpp>

using lamina::detail::tar_array;

TEST_CASE("[tar.array.1] grows, keeps what it holds, and gives back the rest") {
    tar_array<std::uint64_t> a;
    CHECK(a.empty());
    for (std::uint64_t i = 0; i < 10000; ++i)
        REQUIRE(a.push(i * i));
    std::uint64_t const more[] = {1, 2, 3};
    REQUIRE(a.append(more, 3));
    REQUIRE(a.append(nullptr, 0));
    a.shrink();
    a.shrink();
    bool same = a.size() == 10003;
    for (std::uint64_t i = 0; i < 10000; ++i)
        same = same && a[i] == i * i;
    CHECK(same);
    CHECK(a.back() == 3);
    CHECK(a.part(9999, 2)[0] == 9999u * 9999u);
    a.pop();
    CHECK(a.back() == 2);
}

TEST_CASE("[tar.array.2] an element of itself can be added while it grows") {
    tar_array<int> a;
    REQUIRE(a.push(7));
    for (int i = 0; i < 100; ++i)
        REQUIRE(a.push(a[0]));
    CHECK(a.back() == 7);
}

TEST_CASE("[tar.array.3] more than there can be is refused, and nothing is changed") {
    tar_array<std::uint64_t> a;
    REQUIRE(a.push(5));
    std::uint64_t const one = 1;
    CHECK_FALSE(a.append(&one, std::numeric_limits<std::size_t>::max()));
    CHECK_FALSE(a.append(&one, std::numeric_limits<std::size_t>::max() / 8));
    CHECK_FALSE(a.fill(std::numeric_limits<std::size_t>::max() / 4, 0));
    CHECK(a.size() == 1);
    CHECK(a[0] == 5);
}

TEST_CASE("[tar.array.4] moves, and is empty afterwards") {
    tar_array<int> a;
    REQUIRE(a.fill(3, 9));
    auto b = std::move(a);
    CHECK(b.size() == 3);
    tar_array<int> c;
    REQUIRE(c.push(1));
    std::swap(b, c);
    CHECK(c.size() == 3);
    CHECK(b[0] == 1);
}
