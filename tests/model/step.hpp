// One operation of a script, as data, so that a script can be printed, replayed and cut down; and what came of it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/open.hpp>
#include <lamina/core/xattr.hpp>

#include "model/image.hpp"

namespace model {

enum class op : std::uint8_t {
    write, append, resize, truncate, create,
    make_directory, make_directories, symlink, link, node,
    rename, remove, remove_all, copy,
    mode, owner, times, set_xattr, remove_xattr,
    status, read, list, target, xattr,
    handle_open, handle_write, handle_append, handle_resize, handle_read, handle_status, handle_mode, handle_owner,
    handle_times, handle_xattr, handle_close,
    reopen,  // close the stack and open it again over the same layers
};

inline constexpr std::string_view op_names[] = {
    "write", "append", "resize", "truncate", "create",
    "make_directory", "make_directories", "symlink", "link", "node",
    "rename", "remove", "remove_all", "copy",
    "mode", "owner", "times", "set_xattr", "remove_xattr",
    "status", "read", "list", "target", "xattr",
    "handle_open", "handle_write", "handle_append", "handle_resize", "handle_read", "handle_status", "handle_mode",
    "handle_owner", "handle_times", "handle_xattr", "handle_close",
    "reopen",
};

struct step {
    op what = op::status;
    std::string a;          // the path; of link, rename and copy the existing one
    std::string b;          // the other path; a symbolic link's target; an attribute's key
    std::uint64_t n = 0;    // a size, offset, mode, owner or number of seconds
    std::uint64_t m = 0;    // the second such: length, group, seed of bytes
    lamina::rename_flags flags = lamina::rename_flags::none;
    lamina::xattr_flags setting = lamina::xattr_flags::none;
    lamina::file_type type = lamina::file_type::regular;
    bool follow = true;
    unsigned slot = 0;      // which handle
};

[[nodiscard]] inline std::string to_string(step const& s) {
    std::string text(op_names[static_cast<std::size_t>(s.what)]);
    auto const plain = static_cast<unsigned>(s.what);
    if (plain >= static_cast<unsigned>(op::handle_open) && s.what != op::reopen)
        text += " #" + std::to_string(s.slot);
    if (!s.a.empty() || !s.b.empty())
        text += " " + in_quotes(s.a);
    if (!s.b.empty())
        text += " " + in_quotes(s.b);
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, s.what == op::mode || s.what == op::make_directory ? " 0%llo" : " %llu",
                  static_cast<unsigned long long>(s.n));
    text += numbers;
    if (s.m != 0)
        text += " " + std::to_string(s.m);
    if (s.flags == lamina::rename_flags::exchange)
        text += " exchange";
    if (s.flags == lamina::rename_flags::no_replace)
        text += " no_replace";
    if (s.setting == lamina::xattr_flags::create)
        text += " only new";
    if (s.setting == lamina::xattr_flags::replace)
        text += " only replace";
    if (s.what == op::node)
        text += " " + std::string(lamina::name(s.type));
    if (!s.follow)
        text += " nofollow";
    return text;
}

// What a step gave: an error, or what was asked for in words.
struct outcome {
    lamina::errc code = lamina::errc::ok;
    std::string answer;
    friend bool operator==(outcome const&, outcome const&) = default;
};

[[nodiscard]] inline std::string to_string(outcome const& o) {
    std::string const known(lamina::mnemonic(o.code));
    std::string text = known.empty() ? "errno " + std::to_string(static_cast<int>(o.code)) : known;
    if (!o.answer.empty())
        text += " " + in_quotes(o.answer);
    return text;
}

// Bytes that differ by seed and have holes in some, so that misplaced pieces show.
[[nodiscard]] inline std::string bytes_for(std::uint64_t size, std::uint64_t seed) {
    std::string bytes(size, '\0');
    std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i % 7 == 0)
            state = state * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = static_cast<char>('a' + ((state >> (8 * (i % 7))) & 15));
    }
    return bytes;
}

// An ACL: the owner, a user, the owning group, a group, the mask, others; some without the three in the middle, which Linux
// takes as the mode alone, and one in eight that is none.
[[nodiscard]] inline std::string acl_for(std::uint64_t seed) {
    if (seed % 8 == 0)
        return bytes_for(seed / 8 % 40, seed);
    std::string bytes("\x02\0\0\0", 4);
    auto const entry = [&](unsigned tag, std::uint64_t permissions, std::uint32_t id) {
        for (std::uint64_t const value : {std::uint64_t{tag}, permissions & 7})
            bytes.append({static_cast<char>(value & 0xff), static_cast<char>(value >> 8)});
        for (int shift = 0; shift != 32; shift += 8)
            bytes += static_cast<char>(id >> shift);
    };
    constexpr std::uint32_t nobody = 0xffffffff;
    bool const named = seed % 3 != 0;
    entry(0x01, seed >> 3, nobody);
    if (named)
        entry(0x02, seed >> 6, 1234);
    entry(0x04, seed >> 9, nobody);
    if (named) {
        entry(0x08, seed >> 12, 5678);
        entry(0x10, seed >> 15, nobody);
    }
    entry(0x20, seed >> 18, nobody);
    return bytes;
}
[[nodiscard]] inline std::string value_for(step const& s) {
    return s.b == lamina::xattr::acl_access || s.b == lamina::xattr::acl_default ? acl_for(s.m) : bytes_for(s.n, s.m);
}

}  // namespace model
