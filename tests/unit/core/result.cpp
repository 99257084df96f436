#include <lamina/core/result.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace lamina;

namespace {

// Counts how many live, to tell a value that is lost or destroyed twice.
struct tracked {
    static inline int alive = 0;
    int number = 0;
    explicit tracked(int n = 0) : number(n) { ++alive; }
    tracked(tracked const& other) : number(other.number) { ++alive; }
    tracked(tracked&& other) noexcept : number(std::exchange(other.number, -1)) { ++alive; }
    tracked& operator=(tracked const&) = default;
    tracked& operator=(tracked&&) = default;
    ~tracked() { --alive; }
};

result<int> half(int n) {
    if (n % 2 != 0)
        return fail(errc::einval, operation::read);
    return n / 2;
}

result<int> quarter(int n) {
    LAMINA_TRY(int const once, half(n));
    LAMINA_TRY(int const twice, half(once));
    return twice;
}

result<void> only_even(int n) {
    LAMINA_CHECK(half(n));
    return {};
}

result<std::string, path_error> with_path(int n) {
    LAMINA_TRY(int const h, half(n));
    return std::to_string(h);
}

}  // namespace

static_assert(!std::is_convertible_v<result<bool>, bool>);
static_assert(!std::is_constructible_v<bool, result<bool>>);
static_assert(std::is_constructible_v<bool, result<int>>);
static_assert(std::is_constructible_v<bool, result<void>>);
static_assert(std::is_nothrow_move_constructible_v<result<std::unique_ptr<int>>>);
static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
static_assert(std::is_same_v<decltype(std::declval<result<std::vector<int>>>().value()), std::vector<int>>,
              "value() of a temporary must not be a reference into it");
static_assert(std::is_same_v<decltype(*std::declval<result<std::vector<int>>>()), std::vector<int>>);

TEST_CASE("[result.1] holds a value or an error") {
    result<int> const good = 4;
    REQUIRE(good.has_value());
    CHECK(*good == 4);
    CHECK(good.value() == 4);
    CHECK(good.value_or(9) == 4);
    result<int> const bad = fail(errc::enoent, operation::lookup, 2);
    REQUIRE_FALSE(bad.has_value());
    CHECK(bad.error() == error(errc::enoent, operation::lookup, 2));
    CHECK(bad.value_or(9) == 9);
}

TEST_CASE("[result.2] LAMINA_TRY and LAMINA_CHECK pass the error on") {
    CHECK(quarter(8).value() == 2);
    CHECK(quarter(6).error() == error(errc::einval, operation::read));
    CHECK(quarter(3).error() == errc::einval);
    CHECK(only_even(2).has_value());
    CHECK(only_even(3).error() == errc::einval);
}

TEST_CASE("[result.3] an error becomes a path_error where the caller's result wants one") {
    CHECK(with_path(4).value() == "2");
    CHECK(with_path(3).error() == errc::einval);
    CHECK(with_path(3).error().what.op == operation::read);
}

TEST_CASE("[result.4] a value is neither lost nor destroyed twice") {
    {
        result<tracked> a = tracked(1);
        result<tracked> b = a;
        result<tracked> c = std::move(a);
        CHECK(b->number == 1);
        CHECK(c->number == 1);
        a = fail(errc::eio);
        CHECK(tracked::alive == 2);
        a = b;
        CHECK(a->number == 1);
        b = fail(errc::eio);
        b = std::move(c);
        CHECK(b->number == 1);
        auto& self = b;
        b = self;
        CHECK(b->number == 1);
        tracked const taken = std::move(b).value();
        CHECK(taken.number == 1);
    }
    CHECK(tracked::alive == 0);
}

TEST_CASE("[result.5] what only moves can be a value") {
    result<std::unique_ptr<int>> made = std::make_unique<int>(3);
    auto const taken = *std::move(made);
    REQUIRE(taken != nullptr);
    CHECK(*taken == 3);
}

TEST_CASE("[result.6] a loop over a temporary's value does not walk over a dead object") {
    auto const make = []() -> result<std::vector<std::string>> {
        return std::vector<std::string>{"a string that is too long to be held in place",
                                        "another one of these strings"};
    };
    std::size_t bytes = 0;
    for (auto const& text : make().value())  // under AddressSanitizer this would stop, were value() a reference
        bytes += text.size();
    CHECK(bytes == 45 + 28);
}

TEST_CASE("[result.7] and_then, transform, or_else, transform_error") {
    CHECK(half(8).and_then(half).value() == 2);
    CHECK(half(6).and_then(half).error() == errc::einval);
    CHECK(half(3).and_then(half).error() == errc::einval);
    CHECK(half(8).transform([](int n) { return std::to_string(n); }).value() == "4");
    CHECK_FALSE(half(3).transform([](int n) { return n; }).has_value());
    CHECK(half(3).or_else([](error) -> result<int> { return 0; }).value() == 0);
    CHECK(half(4).or_else([](error) -> result<int> { return 0; }).value() == 2);
    auto const named = half(3).transform_error([](error e) { return path_error(e, "p"); });
    CHECK(named.error().path == "p");

    result<void> const nothing;
    CHECK(only_even(2).and_then([] { return half(4); }).value() == 2);
    CHECK(only_even(3).and_then([] { return half(4); }).error() == errc::einval);
    CHECK(only_even(3).or_else([](error) { return result<void>(); }).has_value());
    CHECK(only_even(3).transform_error([](error e) { return path_error(e, "q"); }).error().path == "q");
    CHECK(nothing.has_value());
}

#if LAMINA_EXCEPTIONS
TEST_CASE("[result.8] value() without one throws what went wrong") {
    try {
        [[maybe_unused]] auto const none = half(3).value();
        FAIL("no exception");
    } catch (bad_result_access const& e) {
        CHECK(e.error() == errc::einval);
        CHECK(std::string(e.what()) == "read: EINVAL, invalid argument");
    }
    CHECK_THROWS_AS(only_even(3).value(), bad_result_access);
    try {
        result<void, path_error>(unexpected(path_error(errc::eio, "etc/x"))).value();
        FAIL("no exception");
    } catch (bad_result_access const& e) {
        CHECK(e.error().path == "etc/x");
    }
}
#endif

TEST_CASE("[result.9] can be computed when it is compiled") {
    constexpr result<int> good = 3;
    static_assert(good.has_value() && *good == 3);
    constexpr result<int> bad = fail(errc::eio);
    static_assert(bad.error() == errc::eio);
    SUCCEED();
}
