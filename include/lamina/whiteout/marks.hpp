// How deletions and other marks of an overlay are named in a layer: the facts of the kernel's overlayfs document
// (Documentation/filesystems/overlayfs.rst) and of OCI's layer specification ("Whiteouts"). Pure functions over names
// and values; what they mean for a lookup or a listing stands in rules.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/path.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

// How a layer writes down what is deleted.
//   kernel     character device 0/0, or (in a directory marked so) an empty file with an xattr; xattrs on directories.
//   aufs       `.wh.NAME` and `.wh..wh..opq`: also OCI's form, whether in a tar or extracted.
//   none       nothing in it is a mark.
//   automatic  the backend's usual form: aufs for a tar, kernel for everything else.
//   both       the kernel's and aufs's marks, side by side: what container engines unpack for fuse-overlayfs, and what
//              that writes. Of lowers only: an upper is written as the kernel's.
// A layer has one format, which is declared; it is never guessed entry by entry.
enum class whiteout_format : std::uint8_t { automatic, kernel, aufs, none, both };

// The namespace of the kernel's marks: `trusted.overlay.`, or `user.overlay.` for mounts made without privilege
// (userxattr).
enum class mark_space : std::uint8_t { automatic, trusted, user };

struct mark_style {
    whiteout_format format = whiteout_format::kernel;
    mark_space space = mark_space::trusted;

    [[nodiscard]] constexpr bool has_kernels() const noexcept {
        return format == whiteout_format::kernel || format == whiteout_format::both;
    }
    [[nodiscard]] constexpr bool has_aufs() const noexcept {
        return format == whiteout_format::aufs || format == whiteout_format::both;
    }
};

namespace mark {

// The kernel's marks, without their namespace.
inline constexpr std::string_view opaque = "opaque";
inline constexpr std::string_view redirect = "redirect";
inline constexpr std::string_view metacopy = "metacopy";
inline constexpr std::string_view whiteout = "whiteout";
inline constexpr std::string_view origin = "origin";
inline constexpr std::string_view impure = "impure";

// Not the kernel's: a file whose data is copied up block by block (`metacopy` holds `block_metacopy`, which the kernel
// calls damaged, and so refuses), and which map it has.
inline constexpr std::string_view block_map = "lamina";
inline constexpr std::string_view block_metacopy = "lb1";

inline constexpr std::string_view trusted_prefix = "trusted.overlay.";
inline constexpr std::string_view user_prefix = "user.overlay.";

[[nodiscard]] constexpr std::string_view prefix(mark_space space) noexcept {
    return space == mark_space::user ? user_prefix : trusted_prefix;
}
[[nodiscard]] inline std::string key(mark_space space, std::string_view which) {
    return std::string(prefix(space)).append(which);
}

// A key that names a mark of this overlay, or of one stacked on it: hidden from users, never copied up.
[[nodiscard]] constexpr bool is_own(mark_space space, std::string_view full_key) noexcept {
    return full_key.starts_with(prefix(space));
}

// A user's key as it is stored below: inside our own namespace it moves one level down, so that a nested overlay's
// marks are ordinary attributes to the one beneath it. einval for the bare prefix.
[[nodiscard]] inline result<std::string> escape(mark_space space, std::string_view full_key) {
    auto const own = prefix(space);
    if (!full_key.starts_with(own))
        return std::string(full_key);
    if (full_key.size() == own.size())
        return fail(errc::einval);
    return std::string(own).append("overlay.").append(full_key.substr(own.size()));
}
// A stored key as the user sees it; empty if it is one of our own marks and must not be seen.
[[nodiscard]] inline std::optional<std::string> unescape(mark_space space, std::string_view stored_key) {
    auto const own = prefix(space);
    if (!stored_key.starts_with(own))
        return std::string(stored_key);
    auto const rest = stored_key.substr(own.size());
    if (!rest.starts_with("overlay.") || rest.size() == std::string_view("overlay.").size())
        return std::nullopt;
    return std::string(own).append(rest.substr(std::string_view("overlay.").size()));
}

// The keys of those that are seen.
[[nodiscard]] inline std::vector<std::string> unescape_all(mark_space space, std::vector<std::string> const& stored) {
    std::vector<std::string> keys;
    for (auto const& key : stored)
        if (auto seen = unescape(space, key))
            keys.push_back(*std::move(seen));
    return keys;
}

[[nodiscard]] constexpr bool is_whiteout_device(attributes const& a) noexcept {
    return a.type == file_type::character && a.rdev == device_number{0, 0};
}

// aufs: what a name in a layer says.
inline constexpr std::string_view aufs_prefix = ".wh.";
inline constexpr std::string_view aufs_opaque = ".wh..wh..opq";

enum class aufs_meaning : std::uint8_t { ordinary, hides, opaque_directory, internal };
struct aufs_name {
    aufs_meaning meaning = aufs_meaning::ordinary;
    std::string_view hidden;  // with `hides`: the name that is deleted
};
[[nodiscard]] constexpr aufs_name read_aufs(std::string_view name) noexcept {
    if (!name.starts_with(aufs_prefix))
        return {};
    if (name == aufs_opaque)
        return {aufs_meaning::opaque_directory, {}};
    auto const hidden = name.substr(aufs_prefix.size());
    // `.wh..wh.` and what follows is aufs's own bookkeeping; a whiteout of "", "." or ".." means nothing.
    if (hidden.starts_with(aufs_prefix) || judge_name(hidden) != errc::ok)
        return {aufs_meaning::internal, {}};
    return {aufs_meaning::hides, hidden};
}

// A redirect's value, judged as the kernel judges it. The kernel takes the text up to the first NUL.
//   "name"    one component: that name, in the directory that the parent maps to in each layer below
//   "/a/b"    from the root of each layer below
// Errors: einval (empty, "/", an empty component, a relative path of several components), eacces (a component "." or
// "..").
[[nodiscard]] inline result<std::string> read_redirect(std::string_view value) {
    value = value.substr(0, value.find('\0'));
    if (value.empty())
        return fail(errc::einval, operation::lookup);
    bool const absolute = value.front() == '/';
    auto rest = absolute ? value.substr(1) : value;
    if (!absolute && rest.find('/') != std::string_view::npos)
        return fail(errc::einval, operation::lookup);
    for (bool more = true; more;) {
        auto const slash = rest.find('/');
        auto const component = rest.substr(0, slash);
        more = slash != std::string_view::npos;
        if (more)
            rest.remove_prefix(slash + 1);
        if (component.empty())
            return fail(errc::einval, operation::lookup);
        if (component == "." || component == "..")
            return fail(errc::eacces, operation::lookup);
        if (component.size() > name_max)
            return fail(errc::enametoolong, operation::lookup);
    }
    return std::string(value);
}

}  // namespace mark
}  // namespace lamina
