// A name on its way into a system call: with a NUL behind it, and looked at once more. That a name is one component
// is the caller's duty (backend/concepts.hpp), but a slash or ".." that slipped through would leave the directory
// that the call is confined to, so the last door is locked too, for some ten nanoseconds.
#pragma once

#include <cstdio>
#include <cstring>
#include <string_view>

#include <lamina/core/path.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina::detail {

// One component, or nothing.
class terminated_name {
public:
    explicit terminated_name(std::string_view name) noexcept {
        bytes_[0] = '\0';
        if (name.size() > name_max) {
            judged_ = errc::enametoolong;
            return;
        }
        if (name.empty())
            return;
        std::memcpy(bytes_, name.data(), name.size());
        bytes_[name.size()] = '\0';
        if (std::memchr(bytes_, '/', name.size()) != nullptr || std::strlen(bytes_) != name.size() || name == "." ||
            name == "..") {
            judged_ = errc::einval;
            bytes_[0] = '\0';
        }
    }

    // ok, einval or enametoolong.
    [[nodiscard]] errc judged() const noexcept { return judged_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_[0] == '\0'; }
    [[nodiscard]] char const* c_str() const noexcept { return bytes_; }

private:
    errc judged_ = errc::ok;
    char bytes_[name_max + 1];
};

// The key of an extended attribute.
class terminated_key {
public:
    explicit terminated_key(std::string_view key) noexcept {
        bytes_[0] = '\0';
        if (key.empty() || key.size() > xattr_name_max) {
            judged_ = errc::erange;  // as setxattr(2)
            return;
        }
        std::memcpy(bytes_, key.data(), key.size());
        bytes_[key.size()] = '\0';
        if (std::strlen(bytes_) != key.size())
            judged_ = errc::einval;
    }

    // ok, einval or erange.
    [[nodiscard]] errc judged() const noexcept { return judged_; }
    [[nodiscard]] char const* c_str() const noexcept { return bytes_; }

private:
    errc judged_ = errc::ok;
    char bytes_[xattr_name_max + 1];
};

// "/proc/thread-self/fd/7", a link that leads to the open object itself; or with a name behind it. Not "self": a thread
// may have descriptors of its own, and the number of one of ours in another table is some other object.
class proc_path {
public:
    proc_path(int fd, char const* name) noexcept {
        char const* const between = *name == '\0' ? "" : "/";
        std::snprintf(bytes_, sizeof bytes_, "/proc/thread-self/fd/%d%s%s", fd, between, name);
    }
    [[nodiscard]] char const* c_str() const noexcept { return bytes_; }

private:
    char bytes_[40 + name_max];
};

}  // namespace lamina::detail
