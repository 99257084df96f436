// What content is known by: an fs-verity digest, whose algorithm numbers are those of the kernel's
// (include/uapi/linux/fsverity.h) and so of the marks that hold one. It covers every byte of a file and its size, and
// nothing else of it. A value; how one is come by is a matter of backends.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lamina {

enum class digest_algorithm : std::uint8_t { sha256 = 1, sha512 = 2 };

// How many bytes it gives; 0 for a number that is none of the above.
[[nodiscard]] constexpr std::size_t digest_size(digest_algorithm algorithm) noexcept {
    switch (algorithm) {
    case digest_algorithm::sha256: return 32;
    case digest_algorithm::sha512: return 64;
    }
    return 0;
}

class digest {
public:
    static constexpr std::size_t max_size = 64;

    // Empty for an unknown algorithm, or bytes that are not of its length.
    [[nodiscard]] static constexpr std::optional<digest> of(digest_algorithm algorithm, std::span<std::byte const> bytes) noexcept {
        if (digest_size(algorithm) == 0 || bytes.size() != digest_size(algorithm))
            return std::nullopt;
        digest made(algorithm);
        std::copy(bytes.begin(), bytes.end(), made.room_.begin());
        return made;
    }

    [[nodiscard]] constexpr digest_algorithm algorithm() const noexcept { return algorithm_; }
    [[nodiscard]] constexpr std::span<std::byte const> bytes() const noexcept {
        return std::span(room_).first(digest_size(algorithm_));
    }

    // (What lies behind the bytes is always zero.)
    friend constexpr bool operator==(digest const&, digest const&) noexcept = default;

private:
    constexpr explicit digest(digest_algorithm algorithm) noexcept : algorithm_(algorithm) {}

    digest_algorithm algorithm_;
    std::array<std::byte, max_size> room_{};
};

}  // namespace lamina
