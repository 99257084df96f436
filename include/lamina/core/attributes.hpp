// What stat(2) tells.
#pragma once

#include <cstdint>
#include <string_view>

#include <lamina/core/ident.hpp>

namespace lamina {

enum class file_type : std::uint8_t { unknown, regular, directory, symlink, character, block, fifo, socket };

[[nodiscard]] constexpr std::string_view name(file_type type) noexcept {
    constexpr std::string_view names[] = {"unknown",   "regular", "directory", "symlink",
                                          "character", "block",   "fifo",      "socket"};
    return names[static_cast<std::uint8_t>(type)];
}

// Seconds since 1970 (negative before) and nanoseconds, 0 to 999,999,999, that count forward also before 1970.
struct timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    friend constexpr bool operator==(timestamp, timestamp) noexcept = default;
    friend constexpr auto operator<=>(timestamp, timestamp) noexcept = default;
};

using mode_bits = std::uint32_t;  // permission, set-id and sticky bits: 07777; never the type
using user_id = std::uint32_t;
using group_id = std::uint32_t;

// As in chown(2): leave it as it is.
inline constexpr user_id keep_user = 0xffffffff;
inline constexpr group_id keep_group = 0xffffffff;

struct attributes {
    file_type type = file_type::unknown;
    mode_bits mode = 0;
    user_id uid = 0;
    group_id gid = 0;
    std::uint64_t nlink = 1;
    std::uint64_t size = 0;    // bytes
    std::uint64_t blocks = 0;  // units of 512 bytes that are allocated
    file_id id;
    device_number rdev;  // of a character or block device
    timestamp atime, mtime, ctime;

    [[nodiscard]] constexpr bool is_directory() const noexcept { return type == file_type::directory; }
    [[nodiscard]] constexpr bool is_regular() const noexcept { return type == file_type::regular; }
    [[nodiscard]] constexpr bool is_symlink() const noexcept { return type == file_type::symlink; }
};

// utimensat(2): each of the two is set, set to the present, or left alone.
struct time_change {
    enum class action : std::uint8_t { keep, now, set };
    action access = action::keep;
    action modification = action::keep;
    timestamp atime, mtime;

    [[nodiscard]] static constexpr time_change both(timestamp a, timestamp m) noexcept {
        return {action::set, action::set, a, m};
    }
    [[nodiscard]] static constexpr time_change touch() noexcept { return {action::now, action::now, {}, {}}; }
    [[nodiscard]] static constexpr time_change modified(timestamp m) noexcept {
        return {action::keep, action::set, {}, m};
    }
};

// statfs(2), as far as it makes sense for every backend. Bytes, not blocks.
struct space_info {
    std::uint64_t capacity = 0;
    std::uint64_t free = 0;
    std::uint64_t available = 0;  // to an unprivileged process
    std::uint64_t name_max = 255;
    std::uint64_t objects = 0;  // that there is room for, in all; 0: there is no such limit, or it is not known
    std::uint64_t free_objects = 0;
};

}  // namespace lamina
