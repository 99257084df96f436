// Which user or group of the layer is which in the view, by ranges, as /proc/self/uid_map has them.
// A value; any thread may ask it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

// `count` ids from `inside` on, as the view shows them, are those from `outside` on, as the layer stores them.
struct id_range {
    std::uint32_t inside = 0;
    std::uint32_t outside = 0;
    std::uint32_t count = 0;
};

class id_map {
public:
    // Maps nothing.
    id_map() = default;

    // Errors: einval for an empty range, one that reaches 4294967295 (which means "none"), and two that overlap on a
    // side.
    [[nodiscard]] static result<id_map> of(std::vector<id_range> ranges) {
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            auto const& r = ranges[i];
            if (r.count == 0 || !fits(r.inside, r.count) || !fits(r.outside, r.count))
                return fail(errc::einval, operation::parse);
            for (std::size_t k = 0; k < i; ++k)
                if (overlap(r.inside, r.count, ranges[k].inside, ranges[k].count) ||
                    overlap(r.outside, r.count, ranges[k].outside, ranges[k].count))
                    return fail(errc::einval, operation::parse);
        }
        id_map made;
        made.ranges_ = std::move(ranges);
        return made;
    }
    // The text of a uid_map: lines of three decimal numbers, inside, outside and count. Errors: einval.
    [[nodiscard]] static result<id_map> parse(std::string_view text) {
        std::vector<id_range> ranges;
        while (!text.empty()) {
            auto line = text.substr(0, text.find('\n'));
            text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
            skip_blanks(line);
            if (line.empty())
                continue;
            auto const inside = take_number(line);
            auto const outside = take_number(line);
            auto const count = take_number(line);
            if (!inside || !outside || !count || !line.empty() || ranges.size() == ranges_max)
                return fail(errc::einval, operation::parse);
            ranges.push_back({*inside, *outside, *count});
        }
        return of(std::move(ranges));
    }

    // Empty for an id that no range has.
    [[nodiscard]] std::optional<std::uint32_t> to_inside(std::uint32_t outside) const noexcept {
        for (auto const& r : ranges_)
            if (outside >= r.outside && outside - r.outside < r.count)
                return r.inside + (outside - r.outside);
        return std::nullopt;
    }
    [[nodiscard]] std::optional<std::uint32_t> to_outside(std::uint32_t inside) const noexcept {
        for (auto const& r : ranges_)
            if (inside >= r.inside && inside - r.inside < r.count)
                return r.outside + (inside - r.inside);
        return std::nullopt;
    }

private:
    static constexpr std::size_t ranges_max = 340;  // as the kernel

    [[nodiscard]] static bool fits(std::uint32_t first, std::uint32_t count) noexcept {
        return count <= 0xffffffffu - first;
    }
    [[nodiscard]] static bool overlap(std::uint32_t a, std::uint32_t count_a, std::uint32_t b,
                                      std::uint32_t count_b) noexcept {
        return a < b ? b - a < count_a : a - b < count_b;
    }
    static void skip_blanks(std::string_view& text) noexcept {
        while (text.starts_with(' ') || text.starts_with('\t'))
            text.remove_prefix(1);
    }
    // One number and the blanks after it, off the front of `text`.
    [[nodiscard]] static std::optional<std::uint32_t> take_number(std::string_view& text) noexcept {
        std::uint64_t value = 0;
        std::size_t digits = 0;
        for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
            value = value * 10 + static_cast<std::uint64_t>(text[digits] - '0');
            if (value > 0xffffffffu)
                return std::nullopt;
        }
        text.remove_prefix(digits);
        if (digits == 0 || (!text.empty() && text.front() != ' ' && text.front() != '\t'))
            return std::nullopt;
        skip_blanks(text);
        return static_cast<std::uint32_t>(value);
    }

    std::vector<id_range> ranges_;
};

}  // namespace lamina
