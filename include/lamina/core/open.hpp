// How a file is opened, how a name is moved, how an attribute is set, how a link is treated.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lamina {

enum class open_flags : std::uint32_t {
    read = 1,
    write = 2,
    read_write = 3,
    append = 4,     // every write goes to the end; implies write
    create = 8,     // path level only: primitives have create_at
    exclusive = 16, // with create: eexist if the name is taken
    truncate = 32,
};

// renameat2(2). `exchange` together with another: einval. `whiteout` leaves a character device 0/0 at the old name, in
// the same atomic step; an overlay asks it of its upper (where `capability::rename_whiteout` is there) and refuses it
// of its users.
enum class rename_flags : std::uint32_t { none = 0, no_replace = 1, exchange = 2, whiteout = 4 };

// setxattr(2).
enum class xattr_flags : std::uint32_t { none = 0, create = 1, replace = 2 };

// What chattr(1) sets, with Linux's numbers (FS_IOC_GETFLAGS). A file system may have others; they are kept as they are.
enum class inode_flags : std::uint32_t {
    none = 0,
    synchronous = 0x08,
    immutable = 0x10,
    append_only = 0x20,
    no_dump = 0x40,
    no_atime = 0x80,
};

// Whether a symbolic link that the last component names is followed.
enum class links : std::uint8_t { follow, no_follow };

enum class sync_kind : std::uint8_t { data, everything };

// What becomes of a range of a file, as fallocate(2) has it and with its numbers.
enum class allocation : std::uint32_t {
    plain = 0x00,                 // room for it; the file grows to hold it
    keep_size = 0x01,             // room for it, also past the end, where the file stays as long as it is
    punch_hole = 0x03,            // no room: it reads as zeros
    collapse_range = 0x08,        // taken out: what follows moves down
    zero_range = 0x10,            // room for it, and it reads as zeros; the file grows to hold it
    zero_range_keep_size = 0x11,
    insert_range = 0x20,          // a hole put in: what follows moves up
};
// Whether it is one of those, for who has a number from elsewhere.
[[nodiscard]] constexpr bool is_known(allocation a) noexcept {
    switch (a) {
    case allocation::plain:
    case allocation::keep_size:
    case allocation::punch_hole:
    case allocation::collapse_range:
    case allocation::zero_range:
    case allocation::zero_range_keep_size:
    case allocation::insert_range: return true;
    }
    return false;
}
[[nodiscard]] constexpr bool may_grow(allocation a) noexcept {
    return a == allocation::plain || a == allocation::zero_range;
}

template <class F>
inline constexpr bool is_flags = false;
template <>
inline constexpr bool is_flags<open_flags> = true;
template <>
inline constexpr bool is_flags<rename_flags> = true;
template <>
inline constexpr bool is_flags<xattr_flags> = true;
template <>
inline constexpr bool is_flags<inode_flags> = true;

template <class F>
    requires is_flags<F>
[[nodiscard]] constexpr F operator|(F a, F b) noexcept {
    return static_cast<F>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
template <class F>
    requires is_flags<F>
[[nodiscard]] constexpr F operator&(F a, F b) noexcept {
    return static_cast<F>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
// Those of `set` that are not in `taken`.
template <class F>
    requires is_flags<F>
[[nodiscard]] constexpr F without(F set, F taken) noexcept {
    return static_cast<F>(static_cast<std::uint32_t>(set) & ~static_cast<std::uint32_t>(taken));
}
// Whether `set` holds any of `wanted`.
template <class F>
    requires is_flags<F>
[[nodiscard]] constexpr bool has(F set, F wanted) noexcept {
    return static_cast<std::uint32_t>(set & wanted) != 0;
}
[[nodiscard]] constexpr bool wants_write(open_flags f) noexcept {
    return has(f, open_flags::write | open_flags::append | open_flags::truncate);
}

}  // namespace lamina
