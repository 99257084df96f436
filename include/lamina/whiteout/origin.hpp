// The marks by which an upper remembers where its objects came from, as the kernel writes them (fs/overlayfs/
// overlayfs.h, `struct ovl_fb`, and copy_up.c; Documentation/filesystems/overlayfs.rst, "Inode properties" and
// "Index"):
//
//   origin   on what was copied up: the handle of the lower object. On the upper's root: of the topmost lower's root.
//   upper    on the index directory: the handle of the upper's root, with a flag that says so.
//   nlink    on an indexed object: how many links the merged view shows, relative to the upper's or to the lower's count.
//   impure   "y" on a directory of the upper in which something has an origin.
//
// A handle is `00 fb length flags type uuid[16] id[]`, and the name of an index entry is all of its bytes in lower-case
// hexadecimal digits. Pure functions over bytes that somebody else may have written.
#pragma once

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <lamina/core/handle.hpp>

namespace lamina::mark {

inline constexpr std::string_view upper_root = "upper";
inline constexpr std::string_view link_count = "nlink";

enum class handle_of : std::uint8_t { lower, upper };

inline constexpr std::size_t handle_head = 5, handle_uuid = 16;
inline constexpr unsigned char handle_magic = 0xfb, big_endian = 1, any_endian = 2, of_upper = 4;

[[nodiscard]] inline std::string write_handle(object_handle const& handle, handle_of what) {
    std::string bytes;
    auto const put = [&](unsigned value) { bytes.push_back(static_cast<char>(value)); };
    put(0);
    put(handle_magic);
    put(static_cast<unsigned>(handle_head + handle_uuid + handle.id.size()));
    // The id is in this machine's order: the kernel compares the flag with its own.
    constexpr bool big = std::endian::native == std::endian::big;
    put((big ? big_endian : 0u) | (what == handle_of::upper ? of_upper : 0u));
    put(handle.type);
    for (unsigned char const byte : handle.file_system)
        put(byte);
    return bytes.append(handle.id);
}

// Empty for bytes that are no handle, or one of a form or a machine that nothing can be known of: the origin is then
// unknown, which is no error.
[[nodiscard]] inline std::optional<object_handle> read_handle(std::string_view bytes) {
    auto const at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() <= handle_head + handle_uuid || bytes.size() > handle_head + handle_uuid + object_handle::max_id)
        return std::nullopt;
    if (at(0) != 0 || at(1) != handle_magic || at(2) != bytes.size() || (at(3) & ~(big_endian | any_endian | of_upper)) != 0)
        return std::nullopt;
    bool const big = (at(3) & big_endian) != 0;
    if ((at(3) & any_endian) == 0 && big != (std::endian::native == std::endian::big))
        return std::nullopt;
    object_handle handle;
    handle.type = at(4);
    for (std::size_t i = 0; i != handle_uuid; ++i)
        handle.file_system[i] = at(handle_head + i);
    handle.id = bytes.substr(handle_head + handle_uuid);
    return handle;
}

[[nodiscard]] inline std::string index_name(std::string_view handle_bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string name;
    for (char const c : handle_bytes) {
        auto const byte = static_cast<unsigned char>(c);
        name.push_back(digits[byte >> 4]);
        name.push_back(digits[byte & 15]);
    }
    return name;
}

// The count of links that the merged view shows: `base` plus `difference`, where base is the upper object's own count
// (its name in the index included) or the lower object's.
struct link_difference {
    bool to_upper = true;
    std::int64_t difference = 0;
};
[[nodiscard]] inline std::string write_link_count(link_difference count) {
    std::string text(count.to_upper ? "U" : "L");
    if (count.difference >= 0)
        text.push_back('+');
    char digits[24];
    return text.append(digits, std::to_chars(digits, digits + sizeof digits, count.difference).ptr);
}
// Empty for anything else.
[[nodiscard]] inline std::optional<link_difference> read_link_count(std::string_view text) {
    if (text.size() < 3 || (text[0] != 'U' && text[0] != 'L') || (text[1] != '+' && text[1] != '-'))
        return std::nullopt;
    link_difference count{text[0] == 'U', 0};
    auto const* const first = text.data() + (text[1] == '+' ? 2 : 1);
    auto const* const end = text.data() + text.size();
    std::int32_t value = 0;
    auto const [stop, failed] = std::from_chars(first, end, value);
    if (failed != std::errc() || stop != end)
        return std::nullopt;
    count.difference = value;
    return count;
}

}  // namespace lamina::mark
