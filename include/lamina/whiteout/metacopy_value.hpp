// The value of the mark `metacopy`, as the kernel writes it (fs/overlayfs/overlayfs.h, struct ovl_metacopy): empty, or
//
//     00        version
//     length    of the whole value
//     00        flags, of which none is defined
//     algorithm 1 SHA-256, 2 SHA-512; 0 with no digest behind it
//     digest    fs-verity's, of the data
//
// Whatever else is written there means nothing that can be trusted, and the data of such a file is not given out. A pure
// function over bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <lamina/core/digest.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina::mark {

// What a half copy says about its data.
struct metacopy_value {
    std::optional<digest> recorded;
};

// Errors: eio for a value that is none. (The kernel: under 4 bytes always, otherwise where it verifies.)
[[nodiscard]] inline result<metacopy_value> read_metacopy(std::string_view value) {
    constexpr std::size_t header = 4;
    if (value.empty())
        return metacopy_value{};
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(value[i]); };
    if (value.size() < header || byte(0) != 0 || byte(1) != value.size() || byte(2) != 0)
        return fail(errc::eio, operation::get_xattr);
    if (byte(3) == 0 && value.size() == header)
        return metacopy_value{};
    auto const recorded = digest::of(static_cast<digest_algorithm>(byte(3)), std::as_bytes(std::span(value.substr(header))));
    if (!recorded)
        return fail(errc::eio, operation::get_xattr);
    return metacopy_value{recorded};
}

[[nodiscard]] inline std::string write_metacopy(metacopy_value const& value) {
    if (!value.recorded)
        return {};
    auto const bytes = value.recorded->bytes();
    std::string text{'\0', static_cast<char>(4 + bytes.size()), '\0', static_cast<char>(value.recorded->algorithm())};
    for (std::byte const b : bytes)
        text.push_back(static_cast<char>(b));
    return text;
}

}  // namespace lamina::mark
