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

}  // namespace model
