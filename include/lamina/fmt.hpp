// Formatters for {fmt}, the only header of the library that includes it. Every type here becomes text first and is then
// formatted like a string, so that width, alignment and precision work as they do for strings.
//
// Whatever in this library has a `to_string` of its own (error, path_error, an overlay's change, ...) needs nothing
// here: it is found by argument-dependent lookup, and so its header need not know that fmt exists.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/path.hpp>

namespace lamina {

// Never defined. Outside this namespace it is found only for a type that belongs to lamina, which keeps the formatter
// below off types of others that have a `to_string` too.
template <class T>
void lamina_prints(T const&);

// "2024-02-29T12:00:00.000000001Z": RFC 3339, in UTC. Years of more or fewer than four digits are written as they are.
[[nodiscard]] inline std::string to_string(timestamp time) {
    constexpr std::int64_t day_seconds = 86400;
    // Floor division: a time before 1970 belongs to the day that it falls in, not to the next one.
    std::int64_t days = time.seconds / day_seconds;
    std::int64_t second = time.seconds % day_seconds;
    if (second < 0) {
        second += day_seconds;
        --days;
    }
    // The Gregorian calendar repeats every 400 years. A year that starts in March has its leap day at the end, which
    // turns the lengths of months into one linear formula.
    constexpr std::int64_t era_days = 146097;
    constexpr std::int64_t march_of_year_0 = 719468;  // days from 0000-03-01 to 1970-01-01
    days += march_of_year_0;
    std::int64_t era = days / era_days;
    std::int64_t day_of_era = days % era_days;
    if (day_of_era < 0) {
        day_of_era += era_days;
        --era;
    }
    std::int64_t const year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    std::int64_t const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    std::int64_t const month_from_march = (5 * day_of_year + 2) / 153;
    std::int64_t const day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    std::int64_t const month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    std::int64_t const year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", year, month, day, second / 3600,
                       second / 60 % 60, second % 60, time.nanoseconds);
}

// "ENOENT"; "errno 1234" for a value without a mnemonic.
[[nodiscard]] inline std::string to_string(errc code) {
    auto const known = mnemonic(code);
    return known.empty() ? "errno " + std::to_string(static_cast<int>(code)) : std::string(known);
}

[[nodiscard]] inline std::string to_string(operation op) { return std::string(name(op)); }
[[nodiscard]] inline std::string to_string(file_type type) { return std::string(name(type)); }
// The bytes as they are: a path is not text, and whoever prints to a terminal decides what to escape.
[[nodiscard]] inline std::string to_string(path_view p) { return std::string(p.bytes()); }
[[nodiscard]] inline std::string to_string(path const& p) { return p.bytes(); }

}  // namespace lamina

namespace lamina_fmt {

// Outside namespace lamina, so that both calls are resolved by argument-dependent lookup alone.
template <class T>
concept printable = requires(T const& value) {
    lamina_prints(value);
    { to_string(value) } -> std::same_as<std::string>;
};

}  // namespace lamina_fmt

template <class T>
    requires lamina_fmt::printable<T>
struct fmt::formatter<T, char> : fmt::formatter<fmt::string_view, char> {
    template <class Context>
    auto format(T const& value, Context& context) const {
        std::string const text = to_string(value);
        return fmt::formatter<fmt::string_view, char>::format(fmt::string_view(text.data(), text.size()), context);
    }
};
