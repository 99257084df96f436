// Extended attributes of the object that a directory and a name tell, without following a link and without opening
// anything.
//
// Decided here: Linux 6.13 has calls for that. On older kernels the directory's link in /proc with the name behind it
// (proc_path), and the calls that do not follow the last component, do the same. Where /proc is not mounted either:
// eopnotsupp.
//
// The empty name, the directory itself, is asked for as ".", since its descriptor is one that only *at calls take;
// where the process may not search that directory, as the target of its link in /proc.
//
// Concurrency: no state but what `sys` remembers of the kernel.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/open.hpp>
#include <lamina/core/xattr.hpp>
#include <lamina/posix/fd.hpp>
#include <lamina/posix/name.hpp>
#include <lamina/posix/resolve.hpp>

namespace lamina::detail {

// direct(name) is the call of Linux 6.13; by_path(path, follow) the one for every kernel.
template <class Direct, class ByPath>
[[nodiscard]] ssize_t on_attributes(int directory, char const* name, resolution how, Direct&& direct,
                                    ByPath&& by_path) {
    bool const itself = *name == '\0';
    if (!how.old_calls_only && !sys::lacks_xattrat.load(std::memory_order_relaxed)) {
        ssize_t const done = uninterrupted([&] { return direct(itself ? "." : name); });
        if (done >= 0 || (!sys::was_absent(sys::lacks_xattrat) && !(itself && errno == EACCES)))
            return done;
    }
    proc_path const path(directory, name);
    ssize_t const done = uninterrupted([&] { return by_path(path.c_str(), itself); });
    if (done < 0 && errno == ENOENT) {
        struct stat object;
        if (::fstatat(directory, name, &object, AT_SYMLINK_NOFOLLOW | (itself ? AT_EMPTY_PATH : 0)) == 0)
            errno = EOPNOTSUPP;  // it is /proc that is missing
    }
    return done;
}

// Calls read(buffer, size) with a small buffer, then with one that holds whatever Linux allows.
template <class Read>
[[nodiscard]] result<std::string> read_attribute(operation op, Read&& read) {
    char small[512];
    if (ssize_t const size = read(small, sizeof small); size >= 0)
        return std::string(small, static_cast<std::size_t>(size));
    if (errno != ERANGE)
        return last_error(op);
    std::string large(xattr_size_max, '\0');
    ssize_t const size = read(large.data(), large.size());
    if (size < 0)
        return last_error(op);
    large.resize(static_cast<std::size_t>(size));
    return large;
}

// What the answer to reading one attribute means: it, or that there is none.
[[nodiscard]] inline result<std::optional<std::string>> attribute_or_none(result<std::string> value) {
    if (value)
        return std::optional<std::string>(*std::move(value));
    if (value.error() == errc::enodata || value.error() == errc::eopnotsupp)
        return std::optional<std::string>();
    return unexpected(value.error());
}

// The keys in what listxattr(2) answered. Empty also where the file system has none.
[[nodiscard]] inline result<std::vector<std::string>> listed_keys(result<std::string> const& names) {
    std::vector<std::string> keys;
    if (!names && names.error() != errc::eopnotsupp)
        return unexpected(names.error());
    if (names)
        for (std::string_view rest = *names; !rest.empty();) {
            auto const end = rest.find('\0');
            keys.emplace_back(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        }
    return keys;
}

// Empty if there is no such attribute, or if the file system has none at all.
[[nodiscard]] inline result<std::optional<std::string>> get_attribute(int directory, char const* name,
                                                                      std::string_view key, resolution how) {
    terminated_key const terminated(key);
    if (terminated.judged() != errc::ok)
        return fail(terminated.judged(), operation::get_xattr);
    char const* const k = terminated.c_str();
    return attribute_or_none(read_attribute(operation::get_xattr, [&](char* to, std::size_t size) {
        return on_attributes(
            directory, name, how,
            [&](char const* n) { return sys::getxattrat(directory, n, AT_SYMLINK_NOFOLLOW, k, to, size); },
            [&](char const* p, bool follow) {
                return follow ? ::getxattr(p, k, to, size) : ::lgetxattr(p, k, to, size);
            });
    }));
}
// The same of an open file.
[[nodiscard]] inline result<std::optional<std::string>> get_attribute(int file, std::string_view key) {
    terminated_key const terminated(key);
    if (terminated.judged() != errc::ok)
        return fail(terminated.judged(), operation::get_xattr);
    return attribute_or_none(read_attribute(operation::get_xattr, [&](char* to, std::size_t size) {
        return uninterrupted([&] { return ::fgetxattr(file, terminated.c_str(), to, size); });
    }));
}

// Whether the object could have an attribute of that key, as far as asking for it tells: nothing is changed.
[[nodiscard]] inline bool may_have_attribute(int directory, char const* name, char const* key, resolution how) {
    return on_attributes(
               directory, name, how,
               [&](char const* n) { return sys::getxattrat(directory, n, AT_SYMLINK_NOFOLLOW, key, nullptr, 0); },
               [&](char const* p, bool follow) {
                   return follow ? ::getxattr(p, key, nullptr, 0) : ::lgetxattr(p, key, nullptr, 0);
               }) >= 0 ||
           errno == ENODATA;
}

[[nodiscard]] inline result<std::vector<std::string>> list_attributes(int directory, char const* name, resolution how) {
    return listed_keys(read_attribute(operation::list_xattrs, [&](char* to, std::size_t size) {
        return on_attributes(
            directory, name, how,
            [&](char const* n) { return sys::listxattrat(directory, n, AT_SYMLINK_NOFOLLOW, to, size); },
            [&](char const* p, bool follow) { return follow ? ::listxattr(p, to, size) : ::llistxattr(p, to, size); });
    }));
}
[[nodiscard]] inline result<std::vector<std::string>> list_attributes(int file) {
    return listed_keys(read_attribute(operation::list_xattrs, [&](char* to, std::size_t size) {
        return uninterrupted([&] { return ::flistxattr(file, to, size); });
    }));
}

[[nodiscard]] inline result<void> set_attribute(int directory, char const* name, std::string_view key,
                                                std::string_view value, xattr_flags flags, resolution how) {
    terminated_key const terminated(key);
    if (terminated.judged() != errc::ok)
        return fail(terminated.judged(), operation::set_xattr);
    if (value.size() > xattr_size_max)
        return fail(errc::e2big, operation::set_xattr);
    char const* const k = terminated.c_str();
    auto const mode = static_cast<int>(flags);  // create and replace have Linux's values
    if (on_attributes(
            directory, name, how,
            [&](char const* n) {
                return sys::setxattrat(directory, n, AT_SYMLINK_NOFOLLOW, k, value.data(), value.size(),
                                       static_cast<std::uint32_t>(flags));
            },
            [&](char const* p, bool follow) {
                return follow ? ::setxattr(p, k, value.data(), value.size(), mode)
                              : ::lsetxattr(p, k, value.data(), value.size(), mode);
            }) < 0)
        return last_error(operation::set_xattr);
    return {};
}
static_assert(static_cast<int>(xattr_flags::create) == XATTR_CREATE &&
              static_cast<int>(xattr_flags::replace) == XATTR_REPLACE);

[[nodiscard]] inline result<void> remove_attribute(int directory, char const* name, std::string_view key,
                                                   resolution how) {
    terminated_key const terminated(key);
    if (terminated.judged() != errc::ok)
        return fail(terminated.judged(), operation::remove_xattr);
    char const* const k = terminated.c_str();
    if (on_attributes(
            directory, name, how,
            [&](char const* n) { return sys::removexattrat(directory, n, AT_SYMLINK_NOFOLLOW, k); },
            [&](char const* p, bool follow) { return follow ? ::removexattr(p, k) : ::lremovexattr(p, k); }) < 0)
        return last_error(operation::remove_xattr);
    return {};
}

}  // namespace lamina::detail
