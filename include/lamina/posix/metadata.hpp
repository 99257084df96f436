// Changes of one object by directory and name that need more than one system call, or another one on an older kernel.
//
// Concurrency: no state but what `sys` remembers of the kernel.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <limits>

#include <lamina/core/attributes.hpp>
#include <lamina/posix/fd.hpp>
#include <lamina/posix/resolve.hpp>
#include <lamina/posix/stat.hpp>
#include <lamina/posix/xattr.hpp>

namespace lamina::detail {

// chmod that follows no link. Before Linux 6.6 there is none: then the object is opened, without opening what it
// stands for, and changed through its link in /proc, which leads to that very object.
[[nodiscard]] inline result<void> change_mode(int directory, char const* name, mode_bits mode, resolution how) {
    constexpr auto op = operation::set_mode;
    bool const itself = *name == '\0';
    if (!how.old_calls_only && !sys::lacks_fchmodat2.load(std::memory_order_relaxed)) {
        int const flags = AT_SYMLINK_NOFOLLOW | (itself ? AT_EMPTY_PATH : 0);
        if (uninterrupted([&] { return sys::fchmodat2(directory, name, mode & 07777, flags); }) == 0)
            return {};
        if (!sys::was_absent(sys::lacks_fchmodat2))
            return last_error(op);
    }
    owned_fd opened;
    if (!itself) {
        opened = open_name(directory, name, O_PATH, how);
        if (!opened)
            return last_error(op);
    }
    int const object = itself ? directory : opened.get();
    struct stat found;
    if (::fstatat(object, "", &found, AT_EMPTY_PATH) != 0)
        return last_error(op);
    if (S_ISLNK(found.st_mode))
        return fail(errc::eopnotsupp, op);
    if (uninterrupted([&] { return ::chmod(proc_path(object, "").c_str(), mode & 07777); }) != 0) {
        if (errno == ENOENT)
            return fail(errc::eopnotsupp, op);  // no /proc
        return last_error(op);
    }
    return {};
}

// Linux has no truncate that follows no link: it is opened, once it is known to be a file that opening does nothing to.
[[nodiscard]] inline result<void> change_size(int directory, char const* name, std::uint64_t size, resolution how) {
    constexpr auto op = operation::resize;
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        return fail(errc::efbig, op);
    struct stat found;
    if (::fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return last_error(op);
    if (S_ISDIR(found.st_mode))
        return fail(errc::eisdir, op);
    if (!S_ISREG(found.st_mode))
        return fail(errc::einval, op);
    owned_fd const opened = open_name(directory, name, O_WRONLY | O_NONBLOCK | O_NOCTTY, how);
    if (!opened)
        return last_error(op);
    // ftruncate(2) would move the times all the same, which truncate(2) does not.
    if (static_cast<std::uint64_t>(found.st_size) == size)
        return {};
    if (uninterrupted([&] { return ::ftruncate(opened.get(), static_cast<off_t>(size)); }) != 0)
        return last_error(op);
    return {};
}

// The empty name means the directory.
[[nodiscard]] inline result<void> change_times(int directory, char const* name, time_change const& change) {
    auto const pair = to_timespec(change);
    if (!pair)
        return fail(errc::einval, operation::set_times);
    bool const itself = *name == '\0';
    if (::utimensat(directory, name, pair->times, itself ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW) == 0)
        return {};
    // Before Linux 5.8 an empty path is einval; "." needs search permission, which is all that it lacks.
    if (itself && errno == EINVAL && ::utimensat(directory, ".", pair->times, 0) == 0)
        return {};
    return last_error(operation::set_times);
}

// mknod(2). Errors: einval for a type that it does not make, or a device number that it would cut.
[[nodiscard]] inline result<void> make_node(int directory, char const* name, file_type type, mode_bits mode,
                                            device_number device) {
    constexpr auto op = operation::create_node;
    mode_t kind = 0;
    switch (type) {
        case file_type::regular: kind = S_IFREG; break;
        case file_type::character: kind = S_IFCHR; break;
        case file_type::block: kind = S_IFBLK; break;
        case file_type::fifo: kind = S_IFIFO; break;
        case file_type::socket: kind = S_IFSOCK; break;
        default: return fail(errc::einval, op);
    }
    bool const is_device = type == file_type::character || type == file_type::block;
    if (is_device && (device.major > 0xfff || device.minor > 0xfffff))
        return fail(errc::einval, op);
    dev_t const number = is_device ? makedev(device.major, device.minor) : 0;
    if (uninterrupted([&] { return ::mknodat(directory, name, kind | (mode & 07777), number); }) != 0)
        return last_error(op);
    return {};
}

// Gives an open file that has no name its first one. Naming it by its descriptor alone is refused to some before
// Linux 6.10; its link in /proc leads to the same object.
[[nodiscard]] inline result<void> link_open_file(int file, int directory, char const* name) {
    if (uninterrupted([&] { return ::linkat(file, "", directory, name, AT_EMPTY_PATH); }) == 0)
        return {};
    if (errno != ENOENT && errno != EPERM)
        return last_error(operation::link);
    proc_path const link(file, "");
    if (uninterrupted([&] { return ::linkat(AT_FDCWD, link.c_str(), directory, name, AT_SYMLINK_FOLLOW); }) == 0)
        return {};
    return last_error(operation::link);
}

}  // namespace lamina::detail
