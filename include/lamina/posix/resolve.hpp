// Opening below a directory: one name, or a path of many, and nothing outside.
//
// Decided here: no symbolic link is followed, no magic link, no "..", and, unless it was asked for, no mount is
// entered (EXDEV). openat2(2) says all of that in one call. Where it is missing, each component is opened by itself,
// O_NOFOLLOW, and compared with the directory that it was opened in; a mount is then told by statx(2), or on kernels
// before 5.8 by its device number alone, which does not show a bind mount of the same file system.
//
// Concurrency: no state but what `sys` remembers of the kernel. Others may rename and replace what is walked at any
// time; what is opened lies below.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <lamina/posix/fd.hpp>
#include <lamina/posix/file_system.hpp>
#include <lamina/posix/syscalls.hpp>

namespace lamina::detail {

// How names are resolved in one tree.
struct resolution {
    bool cross_mounts = false;
    bool old_calls_only = false;  // as if the kernel were Linux 4.11
    identified_by identity = identified_by::inode;

    [[nodiscard]] bool has_openat2() const noexcept {
        return !old_calls_only && !sys::lacks_openat2.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t resolve_flags() const noexcept {
        auto const always = sys::resolve_beneath | sys::resolve_no_symlinks | sys::resolve_no_magiclinks;
        return cross_mounts ? always : always | sys::resolve_no_xdev;
    }
};

// As many bytes as one system call takes as a path.
inline constexpr std::size_t path_bytes_max = 4095;

// Asks once per process whether openat2 is there. EPERM means a filter that is older than the call: opening "." has no
// other reason to fail so. ENOSYS may also come later, when a process puts itself under a filter.
inline void look_for_openat2() noexcept {
    static bool const looked = [] {
        sys::open_how const how{O_PATH | O_DIRECTORY | O_CLOEXEC, 0, sys::resolve_beneath};
        owned_fd const here(sys::openat2(AT_FDCWD, ".", how));
        if (!here && (errno == ENOSYS || errno == EPERM))
            sys::lacks_openat2.store(true, std::memory_order_relaxed);
        return true;
    }();
    static_cast<void>(looked);
}

// Sets errno; ENOSYS is remembered, and the caller has another way.
//
// Linux looks at the end of a scoped walk whether what it has come to still lies below where it began, and answers EXDEV if
// not: that is also what a rename in just that moment looks like (EAGAIN is the same for a walk through ".."). A mount stays
// where it is, so the call is repeated a few times before EXDEV is believed.
[[nodiscard]] inline owned_fd open_in_one_call(int directory, char const* path, int flags, resolution how) noexcept {
    constexpr int attempts = 8;
    sys::open_how const request{static_cast<std::uint64_t>(flags), 0, how.resolve_flags()};
    owned_fd opened;
    for (int i = 0; i != attempts; ++i) {
        opened = owned_fd(uninterrupted([&] { return sys::openat2(directory, path, request); }));
        if (opened || (errno != EXDEV && errno != EAGAIN))
            break;
    }
    if (!opened && errno == ENOSYS)
        sys::lacks_openat2.store(true, std::memory_order_relaxed);
    return opened;
}

// Whether `opened` is the root of a mount, or lies in another file system than the directory that it was found in.
[[nodiscard]] inline bool is_across_mount(int directory, int opened) noexcept {
    struct statx inner;
    if (::statx(opened, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &inner) == 0 &&
        (inner.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
        return (inner.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    struct stat a, b;
    if (::fstatat(directory, "", &a, AT_EMPTY_PATH) != 0 || ::fstatat(opened, "", &b, AT_EMPTY_PATH) != 0)
        return true;  // what cannot be judged is not entered
    return a.st_dev != b.st_dev;
}

// Opens one existing name in `directory`; a symbolic link is never followed. Sets errno, empty on failure.
// Requires: `name` is one component.
[[nodiscard]] inline owned_fd open_name(int directory, char const* name, int flags, resolution how) noexcept {
    int const all = flags | O_NOFOLLOW | O_CLOEXEC;
    if (how.cross_mounts)
        return owned_fd(uninterrupted([&] { return ::openat(directory, name, all); }));
    if (how.has_openat2())
        if (owned_fd opened = open_in_one_call(directory, name, all, how); opened || errno != ENOSYS)
            return opened;
    // O_TRUNC would have its effect before the mount is recognised.
    owned_fd opened(uninterrupted([&] { return ::openat(directory, name, all & ~O_TRUNC); }));
    if (!opened)
        return opened;
    if (is_across_mount(directory, opened.get())) {
        errno = EXDEV;
        return {};
    }
    if ((flags & O_TRUNC) != 0 && uninterrupted([&] { return ::ftruncate(opened.get(), 0); }) != 0)
        return {};
    return opened;
}

// A descriptor that serves for *at calls and for nothing else, so that a directory which may not be read can be
// entered.
inline constexpr int directory_flags = O_PATH | O_DIRECTORY;

// Opens the directory that lies at `path` below `directory`, of any length. `path` is single components with one
// slash between two; it is scratch space for the call. Sets errno, empty on failure.
[[nodiscard]] inline owned_fd open_directory_below(int directory, std::string& path, resolution how) noexcept {
    owned_fd reached;
    std::size_t start = 0;
    for (;;) {
        bool const at_once = how.has_openat2();
        std::size_t end = path.size();
        if (!at_once)
            end = path.find('/', start);
        else if (end - start > path_bytes_max)
            end = path.rfind('/', start + path_bytes_max);
        if (end == std::string::npos)
            end = path.size();
        bool const last = end == path.size();
        if (!last)
            path[end] = '\0';
        int const from = reached ? reached.get() : directory;
        owned_fd next;
        if (at_once)
            next = open_in_one_call(from, path.c_str() + start, directory_flags | O_NOFOLLOW | O_CLOEXEC, how);
        else
            next = open_name(from, path.c_str() + start, directory_flags, how);
        if (!next && at_once && errno == ENOSYS) {
            if (!last)
                path[end] = '/';
            continue;
        }
        if (!next || last)
            return next;
        reached = std::move(next);
        start = end + 1;
    }
}

}  // namespace lamina::detail
