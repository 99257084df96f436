// CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and btrfs: tells a torn or damaged record from a whole one. It
// protects against accidents, not against forgery.
//
// Concurrency: no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lamina {

namespace detail {

// The polynomial 0x1edc6f41 with its bits reversed: the checksum is of bits in the order in which they are sent.
[[nodiscard]] constexpr std::array<std::uint32_t, 256> make_crc32c_table() noexcept {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit)
            value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78 : value >> 1;
        table[i] = value;
    }
    return table;
}
inline constexpr auto crc32c_table = make_crc32c_table();

}  // namespace detail

[[nodiscard]] constexpr std::uint32_t crc32c(std::span<std::byte const> bytes) noexcept {
    std::uint32_t value = 0xffffffff;
    for (std::byte const b : bytes)
        value = detail::crc32c_table[(value ^ static_cast<std::uint32_t>(b)) & 0xff] ^ value >> 8;
    return ~value;
}

}  // namespace lamina
