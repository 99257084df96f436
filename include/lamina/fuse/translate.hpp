// Between the words of the library and those of libfuse: stat(2), times, statvfs(3), open flags, errors.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/open.hpp>
#include <lamina/fuse/libfuse.hpp>

namespace lamina::detail {

[[nodiscard]] constexpr mode_t type_bits(file_type type) noexcept {
    switch (type) {
    case file_type::regular: return S_IFREG;
    case file_type::directory: return S_IFDIR;
    case file_type::symlink: return S_IFLNK;
    case file_type::character: return S_IFCHR;
    case file_type::block: return S_IFBLK;
    case file_type::fifo: return S_IFIFO;
    case file_type::socket: return S_IFSOCK;
    case file_type::unknown: break;
    }
    return 0;
}
[[nodiscard]] constexpr file_type type_in(mode_t mode) noexcept {
    for (auto const type : {file_type::regular, file_type::directory, file_type::symlink, file_type::character,
                            file_type::block, file_type::fifo, file_type::socket})
        if (type_bits(type) == (mode & S_IFMT))
            return type;
    return (mode & S_IFMT) == 0 ? file_type::regular : file_type::unknown;  // mknod(2): no type is a regular file
}

[[nodiscard]] inline timespec to_timespec(timestamp t) noexcept {
    timespec to{};
    to.tv_sec = static_cast<time_t>(t.seconds);
    to.tv_nsec = static_cast<long>(t.nanoseconds);
    return to;
}

[[nodiscard]] inline struct stat to_stat(attributes const& from, bool static_nlink) noexcept {
    struct stat to {};
    to.st_ino = from.id.inode;
    to.st_mode = type_bits(from.type) | from.mode;
    to.st_nlink = static_nlink && from.is_directory() ? 1 : from.nlink;
    to.st_uid = from.uid;
    to.st_gid = from.gid;
    to.st_rdev = makedev(from.rdev.major, from.rdev.minor);
    to.st_size = static_cast<off_t>(from.size);
    to.st_blksize = 4096;
    to.st_blocks = static_cast<blkcnt_t>(from.blocks);
    to.st_atim = to_timespec(from.atime);
    to.st_mtim = to_timespec(from.mtime);
    to.st_ctim = to_timespec(from.ctime);
    return to;
}

[[nodiscard]] inline time_change times_in(struct stat const& from, int changes) noexcept {
    using action = time_change::action;
    auto const pick = [changes](int set, int now) {
        return (changes & now) != 0 ? action::now : (changes & set) != 0 ? action::set : action::keep;
    };
    auto const stamp = [](timespec const& t) { return timestamp{t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)}; };
    return {pick(FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW), pick(FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW),
            stamp(from.st_atim), stamp(from.st_mtim)};
}

[[nodiscard]] inline struct statvfs to_statvfs(space_info const& from) noexcept {
    constexpr std::uint64_t block = 4096;
    struct statvfs to {};
    to.f_bsize = block;
    to.f_frsize = block;
    to.f_blocks = from.capacity / block;
    to.f_bfree = from.free / block;
    to.f_bavail = from.available / block;
    to.f_namemax = from.name_max;
    to.f_files = from.objects;
    to.f_ffree = from.free_objects;
    to.f_favail = from.free_objects;
    return to;
}

[[nodiscard]] constexpr bool opens_to_write(int flags) noexcept { return (flags & O_ACCMODE) != O_RDONLY; }

// What the kernel is answered. Never 0: an error that says nothing would be taken for success.
[[nodiscard]] constexpr int errno_of(error e) noexcept {
    int const code = static_cast<int>(e.code);
    return code > 0 ? code : static_cast<int>(errc::eio);
}

}  // namespace lamina::detail
