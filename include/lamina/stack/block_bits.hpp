// The bits of a block map, in the pieces in which they are written: sectors of 512 bytes, each with a sequence number
// and a checksum of its own, so that a torn write is seen and costs one sector.
//
// Concurrency: plain values.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <lamina/core/crc32c.hpp>

namespace lamina::detail {

template <class T>
constexpr void put_little(std::span<std::byte> out, std::size_t at, T value) noexcept {
    static_assert(std::is_unsigned_v<T>);
    for (std::size_t i = 0; i < sizeof(T); ++i)
        out[at + i] = static_cast<std::byte>(value >> (8 * i));
}
template <class T>
[[nodiscard]] constexpr T get_little(std::span<std::byte const> in, std::size_t at) noexcept {
    static_assert(std::is_unsigned_v<T>);
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value | static_cast<T>(static_cast<T>(in[at + i]) << (8 * i)));
    return value;
}

class block_sector {
public:
    static constexpr std::size_t bytes = 512;
    static constexpr std::size_t bits = 4000;  // 500 bytes; then 8 of the sequence number and 4 of the checksum

    std::uint64_t sequence = 0;

    [[nodiscard]] bool test(std::size_t bit) const noexcept { return (words_[bit / 64] >> (bit % 64) & 1) != 0; }
    void set(std::size_t bit) noexcept { words_[bit / 64] |= std::uint64_t{1} << (bit % 64); }
    void add(block_sector const& other) noexcept {
        for (std::size_t i = 0; i < words; ++i)
            words_[i] |= other.words_[i];
    }
    [[nodiscard]] bool same_bits(block_sector const& other) const noexcept { return words_ == other.words_; }
    // The first bit from `bit` on that is not `state`; `bits` if all are.
    [[nodiscard]] std::size_t run_end(std::size_t bit, bool state) const noexcept {
        while (bit < bits) {
            std::uint64_t const same = (state ? words_[bit / 64] : ~words_[bit / 64]) >> (bit % 64);
            auto const run = static_cast<std::size_t>(std::countr_one(same));
            std::size_t const left = 64 - bit % 64;
            if (run < left)
                return bit + run < bits ? bit + run : bits;
            bit += left;
        }
        return bits;
    }

    void encode(std::span<std::byte, bytes> out) const noexcept {
        for (std::size_t i = 0; i < bits / 8; ++i)
            out[i] = static_cast<std::byte>(words_[i / 8] >> (8 * (i % 8)));
        put_little(out, 500, sequence);
        put_little(out, 508, crc32c(out.first<508>()));
    }
    // False if it is damaged.
    [[nodiscard]] bool decode(std::span<std::byte const, bytes> in) noexcept {
        if (get_little<std::uint32_t>(in, 508) != crc32c(in.first<508>()))
            return false;
        words_.fill(0);
        for (std::size_t i = 0; i < bits / 8; ++i)
            words_[i / 8] |= static_cast<std::uint64_t>(in[i]) << (8 * (i % 8));
        sequence = get_little<std::uint64_t>(in, 500);
        return true;
    }

private:
    static constexpr std::size_t words = (bits + 63) / 64;
    std::array<std::uint64_t, words> words_{};
};

}  // namespace lamina::detail
