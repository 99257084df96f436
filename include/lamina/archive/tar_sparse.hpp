// The map of a sparse file: which ranges of it the archive holds. Four spellings of it exist (tar_sparse_reader.hpp
// tells where each is found); whatever the spelling, the same is demanded of it here.
//
// The ranges lie in the archive one directly behind another. GNU tar pads each to a whole block, which is the same as
// long as all but the last are whole blocks, and they are in everything that it writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace lamina::detail {

struct sparse_range {
    std::uint64_t offset;
    std::uint64_t length;
};

struct sparse_extent {
    std::uint64_t offset;  // in the file
    std::uint64_t length;
    std::uint64_t stored;  // where its bytes begin in the source
};

// Places `ranges` behind one another from `stored` on. False unless they are in order, do not overlap, end within the
// file, and use exactly the `stored_size` bytes that are there. Ranges of nothing (writers end a map with one) are
// left out, ranges that touch become one.
[[nodiscard]] inline bool lay_out_sparse(std::span<sparse_range const> ranges, std::uint64_t file_size,
                                         std::uint64_t stored, std::uint64_t stored_size,
                                         std::vector<sparse_extent>& extents) {
    extents.clear();
    std::uint64_t end = 0;
    std::uint64_t used = 0;
    for (auto const& range : ranges) {
        if (range.offset < end || range.offset > file_size || range.length > file_size - range.offset ||
            range.length > stored_size - used)
            return false;
        if (range.length == 0)
            continue;
        if (!extents.empty() && range.offset == end)
            extents.back().length += range.length;
        else
            extents.push_back({range.offset, range.length, stored + used});
        end = range.offset + range.length;
        used += range.length;
    }
    return used == stored_size;
}

// A map written as decimal numbers, each ended by `separator`: offset, length, offset, length, ... In GNU's 1.0 the
// number of pairs comes first; then what follows it belongs to somebody else.
class sparse_map_text {
public:
    enum class state : std::uint8_t { more, done, bad, over_limit };

    sparse_map_text(char separator, bool counted, std::uint64_t most, std::vector<sparse_range>& ranges) noexcept
        : ranges_(&ranges), most_(most), separator_(separator), awaits_count_(counted), counted_(counted) {
        ranges.clear();
    }

    // Takes the next piece of the text. `done` only for a counted map.
    [[nodiscard]] state feed(std::string_view piece) {
        for (char const c : piece) {
            if (c == separator_) {
                if (auto const after = end_number(); after != state::more)
                    return after;
                continue;
            }
            if (c < '0' || c > '9')
                return state::bad;
            auto const digit = static_cast<std::uint64_t>(c - '0');
            if (value_ > (max - digit) / 10)
                return state::bad;
            value_ = value_ * 10 + digit;
            in_number_ = true;
        }
        return state::more;
    }

    // The end of a map that has no count; its last number may lack the separator.
    [[nodiscard]] state finish() {
        if (in_number_)
            if (auto const after = end_number(); after != state::more)
                return after;
        return awaits_length_ ? state::bad : state::done;
    }

private:
    static constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();

    state end_number() {
        if (!in_number_)
            return state::bad;
        auto const value = value_;
        value_ = 0;
        in_number_ = false;
        if (awaits_count_) {
            awaits_count_ = false;
            if (value > most_)
                return state::over_limit;
            left_ = value;
        } else if (!awaits_length_) {
            offset_ = value;
            awaits_length_ = true;
        } else {
            awaits_length_ = false;
            if (ranges_->size() >= most_)
                return state::over_limit;
            ranges_->push_back({offset_, value});
            if (counted_)
                --left_;
        }
        return counted_ && left_ == 0 && !awaits_length_ ? state::done : state::more;
    }

    std::vector<sparse_range>* ranges_;
    std::uint64_t most_;
    std::uint64_t left_ = 0;
    std::uint64_t value_ = 0;
    std::uint64_t offset_ = 0;
    char separator_;
    bool awaits_count_;
    bool counted_;
    bool awaits_length_ = false;
    bool in_number_ = false;
};

// The first extent that ends behind `offset`; the number of extents if none does.
[[nodiscard]] inline std::size_t first_extent_after(std::span<sparse_extent const> extents,
                                                    std::uint64_t offset) noexcept {
    std::size_t low = 0;
    std::size_t high = extents.size();
    while (low < high) {
        auto const middle = low + (high - low) / 2;
        if (extents[middle].offset + extents[middle].length <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

}  // namespace lamina::detail
