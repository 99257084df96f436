// What only the machine can know: does this file system take trusted xattrs, can it exchange two names? A backend
// answers once, when it is opened; the overlay chooses among the algorithms that compiled.
#pragma once

#include <cstdint>

namespace lamina {

enum class capability : std::uint32_t {
    write = 1u << 0,
    hard_links = 1u << 1,
    user_xattrs = 1u << 2,      // user.* on regular files and directories
    trusted_xattrs = 1u << 3,   // trusted.*, on every type
    special_files = 1u << 4,    // devices other than 0/0
    whiteout_device = 1u << 5,  // character device 0/0
    no_replace = 1u << 6,       // rename_flags::no_replace
    exchange = 1u << 7,         // rename_flags::exchange
    unnamed_files = 1u << 8,    // create_unnamed and publish_at
    persistent_inodes = 1u << 9, // inode numbers survive re-opening
    change_owner = 1u << 10,    // chown to others
    clone = 1u << 11,           // whole-file reflink
    rename_whiteout = 1u << 12, // rename_flags::whiteout
    content_digests = 1u << 13, // verity_digest of files: there may be some
    separates_links = 1u << 14, // a change of a file may leave its other names as they were, with their own number
};

class capabilities {
public:
    constexpr capabilities() = default;
    constexpr capabilities(capability c) noexcept : bits_(static_cast<std::uint32_t>(c)) {}
    [[nodiscard]] constexpr bool has(capability c) const noexcept {
        return (bits_ & static_cast<std::uint32_t>(c)) != 0;
    }
    [[nodiscard]] constexpr capabilities without(capabilities c) const noexcept {
        capabilities left;
        left.bits_ = bits_ & ~c.bits_;
        return left;
    }
    friend constexpr capabilities operator|(capabilities a, capabilities b) noexcept {
        capabilities both;
        both.bits_ = a.bits_ | b.bits_;
        return both;
    }
    friend constexpr bool operator==(capabilities, capabilities) noexcept = default;

private:
    std::uint32_t bits_ = 0;
};
[[nodiscard]] constexpr capabilities operator|(capability a, capability b) noexcept {
    return capabilities(a) | capabilities(b);
}

}  // namespace lamina
