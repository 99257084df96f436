// stat(2) in the words of the library, and what makes a directory the same one when it is opened again.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>

#include <lamina/core/attributes.hpp>
#include <lamina/posix/fd.hpp>

namespace lamina::detail {

[[nodiscard]] constexpr file_type type_of(mode_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFREG: return file_type::regular;
        case S_IFDIR: return file_type::directory;
        case S_IFLNK: return file_type::symlink;
        case S_IFCHR: return file_type::character;
        case S_IFBLK: return file_type::block;
        case S_IFIFO: return file_type::fifo;
        case S_IFSOCK: return file_type::socket;
        default: return file_type::unknown;
    }
}

[[nodiscard]] inline attributes to_attributes(struct stat const& from) noexcept {
    auto const time = [](struct timespec const& t) {
        return timestamp{t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)};
    };
    attributes to;
    to.type = type_of(from.st_mode);
    to.mode = from.st_mode & 07777;
    to.uid = from.st_uid;
    to.gid = from.st_gid;
    to.nlink = from.st_nlink;
    to.size = static_cast<std::uint64_t>(from.st_size);
    to.blocks = static_cast<std::uint64_t>(from.st_blocks);
    to.id = {from.st_dev, from.st_ino};
    if (to.type == file_type::character || to.type == file_type::block)
        to.rdev = {major(from.st_rdev), minor(from.st_rdev)};
    to.atime = time(from.st_atim);
    to.mtime = time(from.st_mtim);
    to.ctime = time(from.st_ctim);
    return to;
}

// A time_change as utimensat(2) takes it; nothing if its nanoseconds are none. That check is not pedantry: two values
// above 10^9 are how the call spells "now" and "leave it".
struct timespec_pair {
    struct timespec times[2];
};
[[nodiscard]] inline std::optional<timespec_pair> to_timespec(time_change const& change) noexcept {
    constexpr std::uint32_t second = 1'000'000'000;
    timespec_pair pair{};
    auto const put = [](struct timespec& to, time_change::action action, timestamp at) {
        if (action == time_change::action::set && at.nanoseconds >= second)
            return false;
        to.tv_sec = action == time_change::action::set ? static_cast<time_t>(at.seconds) : 0;
        to.tv_nsec = action == time_change::action::set   ? static_cast<long>(at.nanoseconds)
                     : action == time_change::action::now ? UTIME_NOW
                                                          : UTIME_OMIT;
        return true;
    };
    if (!put(pair.times[0], change.access, change.atime) || !put(pair.times[1], change.modification, change.mtime))
        return std::nullopt;
    return pair;
}

// What tells whether a directory that was opened again by its name is the one that it was. The time of birth is part of
// it because a file system may give the inode number of a removed directory to the very next one that is made: ext4
// does.
struct directory_identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;         // 0: not known, equal to nothing
    std::int64_t birth_seconds = 0;  // 0 where birth says nothing
    std::uint32_t birth_nanoseconds = 0;
    friend bool operator==(directory_identity const& a, directory_identity const& b) noexcept {
        return a.inode != 0 && a.inode == b.inode && a.device == b.device && a.birth_seconds == b.birth_seconds &&
               a.birth_nanoseconds == b.birth_nanoseconds;
    }
};

// Asks nothing of a server: what the kernel knows of an open object is enough.
[[nodiscard]] inline directory_identity identify(int fd, bool by_birth) noexcept {
    struct statx extended;
    unsigned const wanted = by_birth ? STATX_INO | STATX_BTIME : STATX_INO;
    if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &extended) == 0) {
        directory_identity identity{makedev(extended.stx_dev_major, extended.stx_dev_minor), extended.stx_ino, 0, 0};
        if (by_birth && (extended.stx_mask & STATX_BTIME) != 0) {
            identity.birth_seconds = extended.stx_btime.tv_sec;
            identity.birth_nanoseconds = extended.stx_btime.tv_nsec;
        }
        return identity;
    }
    struct stat plain;  // a sandbox without statx
    if (::fstatat(fd, "", &plain, AT_EMPTY_PATH) == 0)
        return {plain.st_dev, plain.st_ino, 0, 0};
    return {};
}

}  // namespace lamina::detail
