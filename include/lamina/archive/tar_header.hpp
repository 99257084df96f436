// One header block of 512 bytes: where its fields lie, how its numbers are written, and whether its checksum holds. The
// formats v7, ustar and GNU share the block and differ in what lies behind the link name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace lamina::detail {

inline constexpr std::size_t tar_block_size = 512;

struct tar_field {
    std::size_t offset;
    std::size_t length;
};

namespace tar_fields {

inline constexpr tar_field name{0, 100};
inline constexpr tar_field mode{100, 8};
inline constexpr tar_field uid{108, 8};
inline constexpr tar_field gid{116, 8};
inline constexpr tar_field size{124, 12};
inline constexpr tar_field mtime{136, 12};
inline constexpr tar_field checksum{148, 8};
inline constexpr std::size_t type = 156;
inline constexpr tar_field link{157, 100};
inline constexpr tar_field magic{257, 6};
inline constexpr tar_field device_major{329, 8};
inline constexpr tar_field device_minor{337, 8};
inline constexpr tar_field prefix{345, 155};  // ustar only: GNU keeps times and a sparse map here

// GNU's type 'S': pairs of offset and length, 12 bytes each, here and in the extension blocks that follow.
inline constexpr std::size_t sparse_map = 386;
inline constexpr std::size_t sparse_map_entries = 4;
inline constexpr std::size_t sparse_continues = 482;
inline constexpr tar_field sparse_real_size{483, 12};
inline constexpr std::size_t sparse_entry_size = 24;
inline constexpr std::size_t extension_entries = 21;
inline constexpr std::size_t extension_continues = 504;

}  // namespace tar_fields

// `size` rounded up to whole blocks; empty if that overflows.
[[nodiscard]] constexpr std::optional<std::uint64_t> tar_padded(std::uint64_t size) noexcept {
    if (size > std::numeric_limits<std::uint64_t>::max() - (tar_block_size - 1))
        return std::nullopt;
    return (size + (tar_block_size - 1)) / tar_block_size * tar_block_size;
}

// Octal digits after optional spaces, ended by a space, a NUL or the field's end (nothing at all is 0); or, with the
// first bit set, a big-endian two's complement number in the bits that remain, as GNU tar and star write what octal
// cannot hold. Empty if it is neither, or does not fit.
[[nodiscard]] constexpr std::optional<std::int64_t> parse_tar_number(std::string_view field) noexcept {
    if (field.empty())
        return 0;
    auto const first = static_cast<unsigned char>(field.front());
    if ((first & 0x80u) != 0) {
        // 0x40 is the sign of the number proper: the first bit says only that this is base 256.
        bool const negative = (first & 0x40u) != 0;
        std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
        for (std::size_t i = 0; i < field.size(); ++i) {
            std::uint64_t byte = static_cast<unsigned char>(field[i]);
            if (i == 0)
                byte = negative ? byte : byte & 0x7fu;
            // The nine bits that leave on the left, the new sign among them, must all be copies of the sign.
            auto const leaving = value >> 55;
            if (leaving != (negative ? 0x1ffu : 0u))
                return std::nullopt;
            value = value << 8 | byte;
        }
        return static_cast<std::int64_t>(value);
    }
    std::size_t at = 0;
    while (at < field.size() && field[at] == ' ')
        ++at;
    std::uint64_t value = 0;
    for (; at < field.size() && field[at] >= '0' && field[at] <= '7'; ++at) {
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) >> 3)
            return std::nullopt;
        value = value << 3 | static_cast<std::uint64_t>(field[at] - '0');
    }
    if (at < field.size() && field[at] != ' ' && field[at] != '\0')
        return std::nullopt;
    return static_cast<std::int64_t>(value);
}

// One block, of which somebody else keeps the bytes. Requires: exactly tar_block_size of them.
class tar_header {
public:
    explicit tar_header(char const* block) noexcept : block_(block) {}

    [[nodiscard]] bool is_zero() const noexcept {
        for (std::size_t i = 0; i < tar_block_size; i += 8)
            if (word(i) != 0)
                return false;
        return true;
    }

    // The sum of all bytes with the checksum's own as spaces. Old writers added them up as signed characters: both
    // sums count.
    [[nodiscard]] bool checksum_holds() const noexcept {
        auto const stored = number(tar_fields::checksum);
        if (!stored)
            return false;
        // Eight bytes at a time, in lanes of 16 bits: 64 words of at most 2 * 255 each fit.
        constexpr std::uint64_t even_bytes = 0x00ff00ff00ff00ffULL;
        constexpr std::uint64_t low_bits = 0x0101010101010101ULL;
        std::uint64_t lanes = 0;
        std::uint64_t high_lanes = 0;
        for (std::size_t i = 0; i < tar_block_size; i += 8) {
            auto const w = word(i);
            lanes += (w & even_bytes) + (w >> 8 & even_bytes);
            auto const high = w >> 7 & low_bits;
            high_lanes += (high & even_bytes) + (high >> 8 & even_bytes);
        }
        std::int64_t sum = sum_of_lanes(lanes);
        std::int64_t high_bytes = sum_of_lanes(high_lanes);
        for (char const c : text_of(tar_fields::checksum)) {
            auto const byte = static_cast<unsigned char>(c);
            sum += ' ' - byte;
            high_bytes -= byte >> 7;
        }
        return *stored == sum || *stored == sum - 256 * high_bytes;
    }

    [[nodiscard]] char type() const noexcept { return block_[tar_fields::type]; }
    [[nodiscard]] bool is_ustar() const noexcept {
        return text_of(tar_fields::magic) == std::string_view("ustar\0", 6);
    }

    [[nodiscard]] std::optional<std::int64_t> number(tar_field f) const noexcept {
        return parse_tar_number(text_of(f));
    }
    // A field that ends at its first NUL, or is full.
    [[nodiscard]] std::string_view text(tar_field f) const noexcept {
        auto const whole = text_of(f);
        return whole.substr(0, whole.find('\0'));  // npos: all of it
    }
    // The name, with the prefix that only ustar has.
    void name_into(std::string& name) const {
        name.clear();
        if (is_ustar())
            if (auto const prefix = text(tar_fields::prefix); !prefix.empty())
                name.append(prefix).append(1, '/');
        name.append(text(tar_fields::name));
    }

private:
    [[nodiscard]] std::string_view text_of(tar_field f) const noexcept { return {block_ + f.offset, f.length}; }
    [[nodiscard]] std::uint64_t word(std::size_t at) const noexcept {
        std::uint64_t w;
        std::memcpy(&w, block_ + at, sizeof w);
        return w;
    }
    [[nodiscard]] static std::int64_t sum_of_lanes(std::uint64_t lanes) noexcept {
        std::int64_t sum = 0;
        for (int shift = 0; shift < 64; shift += 16)
            sum += static_cast<std::int64_t>(lanes >> shift & 0xffff);
        return sum;
    }

    char const* block_;
};

}  // namespace lamina::detail
