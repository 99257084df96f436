// How values are written in a pax header: decimal numbers, times with a fraction, base64, and percent signs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <lamina/core/attributes.hpp>

namespace lamina::detail {

[[nodiscard]] constexpr std::optional<std::int64_t> parse_decimal(std::string_view digits) noexcept {
    bool const negative = digits.starts_with('-');
    if (negative)
        digits.remove_prefix(1);
    if (digits.empty())
        return std::nullopt;
    constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t value = 0;
    for (char const c : digits) {
        if (c < '0' || c > '9')
            return std::nullopt;
        auto const digit = static_cast<std::uint64_t>(c - '0');
        if (value > (max - digit) / 10)
            return std::nullopt;
        value = value * 10 + digit;
    }
    return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

// "-1.5" is one and a half seconds before 1970. Digits below a nanosecond are rounded down, towards the past.
[[nodiscard]] constexpr std::optional<timestamp> parse_pax_time(std::string_view text) noexcept {
    constexpr std::uint32_t second = 1'000'000'000;
    auto const point = text.find('.');
    auto const whole = text.substr(0, point);
    auto const fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
    bool const negative = whole.starts_with('-');
    bool const only_sign = whole.empty() || whole == "-";  // ".5"
    if (only_sign && fraction.empty())
        return std::nullopt;
    auto const seconds = only_sign ? std::optional<std::int64_t>(0) : parse_decimal(whole);
    if (!seconds)
        return std::nullopt;
    std::uint32_t nanoseconds = 0;
    bool rest = false;
    std::uint32_t weight = second / 10;
    for (char const c : fraction) {
        if (c < '0' || c > '9')
            return std::nullopt;
        nanoseconds += weight * static_cast<std::uint32_t>(c - '0');
        rest = rest || (weight == 0 && c != '0');
        weight /= 10;
    }
    if (!negative)
        return timestamp{*seconds, nanoseconds};
    if (rest)
        ++nanoseconds;
    if (nanoseconds == 0)
        return timestamp{*seconds, 0};
    return timestamp{*seconds - 1, second - nanoseconds};
}

// Standard base64, with or without its padding.
[[nodiscard]] inline std::optional<std::string> decode_base64(std::string_view text) {
    while (text.ends_with('='))
        text.remove_suffix(1);
    if (text.size() % 4 == 1)
        return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (char const c : text) {
        std::uint32_t value = 0;
        if (c >= 'A' && c <= 'Z')
            value = static_cast<std::uint32_t>(c - 'A');
        else if (c >= 'a' && c <= 'z')
            value = static_cast<std::uint32_t>(c - 'a') + 26;
        else if (c >= '0' && c <= '9')
            value = static_cast<std::uint32_t>(c - '0') + 52;
        else if (c == '+')
            value = 62;
        else if (c == '/')
            value = 63;
        else
            return std::nullopt;
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes += static_cast<char>(bits >> held & 0xff);
        }
    }
    return bytes;
}

// "%41" is "A". A '%' that no two hexadecimal digits follow stands for itself.
[[nodiscard]] inline std::string decode_percent(std::string_view text, bool only_percent_and_equals) {
    auto const digit = [](char c) {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (c >= 'A' && c <= 'F')
            return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        return -1;
    };
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            auto const high = digit(text[i + 1]);
            auto const low = digit(text[i + 2]);
            auto const c = static_cast<char>(high * 16 + low);
            if (high >= 0 && low >= 0 && (!only_percent_and_equals || c == '%' || c == '=')) {
                bytes += c;
                i += 2;
                continue;
            }
        }
        bytes += text[i];
    }
    return bytes;
}

}  // namespace lamina::detail
