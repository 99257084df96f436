// An open regular file of a real directory: a descriptor, and one system call per member.
//
// Concurrency: any member may be called from any thread; nothing here depends on the descriptor's own offset, which
// SEEK_DATA and SEEK_HOLE move about. Close (the destructor) and move-assignment must not run beside another call.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/open.hpp>
#include <lamina/posix/fd.hpp>
#include <lamina/posix/name.hpp>
#include <lamina/posix/stat.hpp>
#include <lamina/posix/verity.hpp>
#include <lamina/posix/xattr.hpp>

namespace lamina {

class posix_file {
public:
    // Requires: `fd` is an open regular file.
    explicit posix_file(owned_fd fd) noexcept : fd_(std::move(fd)) {}

    // Fewer bytes than asked only at the end of the file; 0 at or past it. Errors: ebadf if it was opened for writing
    // only.
    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        if (offset > offset_max)
            return std::size_t{0};
        std::size_t done = 0;
        std::size_t const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), offset_max - offset));
        do {  // at least once, also for no bytes: it may be open for writing only
            auto const got = detail::uninterrupted(
                [&] { return ::pread(fd(), out.data() + done, wanted - done, static_cast<off_t>(offset + done)); });
            if (got < 0)
                return detail::last_error(operation::read);
            if (got == 0)
                break;
            done += static_cast<std::size_t>(got);
        } while (done < wanted);
        return done;
    }

    // The first offset at or after `offset` that holds data; the file's size if none does. A file system that keeps
    // no account of holes says that all of it is data.
    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) { return seek(offset, SEEK_DATA); }
    // The same for holes; what lies past the end counts as one.
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) { return seek(offset, SEEK_HOLE); }

    // Also after the file's name is gone.
    [[nodiscard]] result<attributes> status() {
        struct stat object;
        if (::fstat(fd(), &object) != 0)
            return detail::last_error(operation::lookup);
        return detail::to_attributes(object);
    }

    // As the kernel keeps and enforces it (fs-verity). Empty for a file without one, and for an algorithm that is not
    // known here.
    [[nodiscard]] result<std::optional<digest>> verity_digest() { return detail::measure_verity(fd()); }

    // See has_data_descriptor.
    [[nodiscard]] std::optional<int> data_descriptor() const noexcept { return fd(); }
    [[nodiscard]] bool descriptor_is_final() const noexcept { return true; }

    // At least one byte of `bytes`, as write(2); past the end makes a hole. In a file that was opened to append,
    // Linux writes at the end whatever `offset` says. Errors: ebadf, efbig, enospc, edquot.
    [[nodiscard]] result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        if (offset > offset_max)
            return fail(errc::efbig, operation::write);
        return written(detail::uninterrupted(
            [&] { return ::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); }));
    }
    // Atomically at the end of the file as it then is. Errors: as write_at; eopnotsupp before Linux 4.16, unless the
    // file was opened to append.
    [[nodiscard]] result<std::size_t> append(std::span<std::byte const> bytes) {
        struct iovec const one{const_cast<std::byte*>(bytes.data()), bytes.size()};
        auto done = detail::uninterrupted([&] { return ::pwritev2(fd(), &one, 1, -1, RWF_APPEND); });
        if (done < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
            int const flags = ::fcntl(fd(), F_GETFL);
            if (flags < 0 || (flags & O_APPEND) == 0)
                return fail(errc::eopnotsupp, operation::write);
            done = detail::uninterrupted([&] { return ::write(fd(), bytes.data(), bytes.size()); });
        }
        return written(done);
    }
    // Cuts, or extends by a hole. Errors: einval if it was not opened for writing, efbig.
    [[nodiscard]] result<void> resize(std::uint64_t size) {
        if (size > offset_max)
            return fail(errc::efbig, operation::resize);
        return run(operation::resize, [&] { return ::ftruncate(fd(), static_cast<off_t>(size)); });
    }
    // Errors: ebadf if it was not opened for writing, einval, efbig, enospc; eopnotsupp where the file system cannot.
    [[nodiscard]] result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length) {
        if (!is_known(how))
            return fail(errc::eopnotsupp, operation::allocate);
        if (offset > offset_max || length > offset_max)
            return fail(errc::efbig, operation::allocate);
        return run(operation::allocate, [&] {
            return ::fallocate(fd(), static_cast<int>(how), static_cast<off_t>(offset), static_cast<off_t>(length));
        });
    }
    [[nodiscard]] result<void> sync(sync_kind kind) {
        return run(operation::sync, [&] { return kind == sync_kind::data ? ::fdatasync(fd()) : ::fsync(fd()); });
    }

    [[nodiscard]] result<void> set_mode(mode_bits mode) {
        return run(operation::set_mode, [&] { return ::fchmod(fd(), mode & 07777); });
    }
    [[nodiscard]] result<void> set_owner(user_id uid, group_id gid) {
        return run(operation::set_owner, [&] { return ::fchown(fd(), uid, gid); });
    }
    // Errors: einval if the nanoseconds are 10^9 or more. What the file system cannot hold it clamps without a word,
    // as utimensat.
    [[nodiscard]] result<void> set_times(time_change const& change) {
        auto const pair = detail::to_timespec(change);
        if (!pair)
            return fail(errc::einval, operation::set_times);
        return run(operation::set_times, [&] { return ::futimens(fd(), pair->times); });
    }
    // Errors: enodata (replace), eexist (create), erange (the key), e2big (the value), eperm, eopnotsupp, enospc.
    [[nodiscard]] result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        detail::terminated_key const terminated(key);
        if (terminated.judged() != errc::ok)
            return fail(terminated.judged(), operation::set_xattr);
        return run(operation::set_xattr, [&] {
            return ::fsetxattr(fd(), terminated.c_str(), value.data(), value.size(), static_cast<int>(flags));
        });
    }
    // Empty if there is no such attribute, or if the file system has none at all. Errors: erange, einval (the key).
    [[nodiscard]] result<std::optional<std::string>> get_xattr(std::string_view key) {
        return detail::get_attribute(fd(), key);
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs() { return detail::list_attributes(fd()); }
    // Errors: enodata, erange (the key), eperm, eopnotsupp.
    [[nodiscard]] result<void> remove_xattr(std::string_view key) {
        detail::terminated_key const terminated(key);
        if (terminated.judged() != errc::ok)
            return fail(terminated.judged(), operation::remove_xattr);
        return run(operation::remove_xattr, [&] { return ::fremovexattr(fd(), terminated.c_str()); });
    }
    // Errors: eopnotsupp where the file system has none.
    [[nodiscard]] result<inode_flags> flags() {
        constexpr unsigned long get_flags = _IOR('f', 1, long);  // FS_IOC_GETFLAGS; it moves an int all the same
        int found = 0;
        if (detail::uninterrupted([&] { return ::ioctl(fd(), get_flags, &found); }) != 0)
            return no_flags(operation::get_flags);
        return static_cast<inode_flags>(found);
    }
    // Errors: eopnotsupp where the file system has none, or not these; eperm.
    [[nodiscard]] result<void> set_flags(inode_flags flags) {
        constexpr unsigned long set_flags = _IOW('f', 2, long);
        int const wanted = static_cast<int>(flags);
        if (detail::uninterrupted([&] { return ::ioctl(fd(), set_flags, &wanted); }) != 0)
            return no_flags(operation::set_flags);
        return {};
    }

    // Moves at most `count` bytes inside the kernel; how many, 0 at the end of `from`. One call moves 2 GiB at most.
    // Errors: exdev, eopnotsupp, einval where this pair cannot.
    [[nodiscard]] result<std::uint64_t> copy_range_from(posix_file& from, std::uint64_t from_offset,
                                                        std::uint64_t to_offset, std::uint64_t count) {
        if (from_offset > offset_max)
            return std::uint64_t{0};
        if (to_offset > offset_max)
            return fail(errc::efbig, operation::write);
        off_t in = static_cast<off_t>(from_offset);
        off_t out = static_cast<off_t>(to_offset);
        auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(count, 0x7ffff000));
        auto const moved =
            detail::uninterrupted([&] { return ::copy_file_range(from.fd(), &in, fd(), &out, size, 0); });
        if (moved >= 0)
            return static_cast<std::uint64_t>(moved);
        if (errno == ENOSYS)
            return fail(errc::eopnotsupp, operation::write);
        return detail::last_error(operation::write);
    }
    // Shares all blocks of `from`. Errors: exdev, eopnotsupp, einval where this pair cannot.
    [[nodiscard]] result<void> clone_from(posix_file& from) {
        constexpr unsigned long ficlone = _IOW(0x94, 9, int);  // FICLONE; linux/fs.h does not go with sys/mount.h
        if (detail::uninterrupted([&] { return ::ioctl(fd(), ficlone, from.fd()); }) == 0)
            return {};
        if (errno == ENOTTY || errno == ENOSYS)
            return fail(errc::eopnotsupp, operation::write);
        return detail::last_error(operation::write);
    }

    // For what the library has no word for: sendfile, mmap, locks. Still owned by this object.
    [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }

private:
    static constexpr std::uint64_t offset_max = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    [[nodiscard]] static unexpected<error> no_flags(operation op) noexcept {
        if (errno == ENOTTY || errno == ENOSYS)
            return fail(errc::eopnotsupp, op);
        return detail::last_error(op);
    }
    [[nodiscard]] static result<std::size_t> written(ssize_t count) noexcept {
        if (count < 0)
            return detail::last_error(operation::write);
        return static_cast<std::size_t>(count);
    }
    template <class Call>
    [[nodiscard]] static result<void> run(operation op, Call&& call) noexcept {
        if (detail::uninterrupted(call) != 0)
            return detail::last_error(op);
        return {};
    }

    [[nodiscard]] result<std::uint64_t> seek(std::uint64_t offset, int what) {
        bool none_left = offset > offset_max;
        if (!none_left) {
            auto const at = ::lseek(fd(), static_cast<off_t>(offset), what);
            if (at >= 0)
                return static_cast<std::uint64_t>(at);
            none_left = errno == ENXIO;
            if (!none_left && errno != EINVAL && errno != EOPNOTSUPP)
                return detail::last_error(operation::read);
        }
        struct stat object;
        if (::fstat(fd(), &object) != 0)
            return detail::last_error(operation::read);
        auto const size = static_cast<std::uint64_t>(object.st_size);
        return none_left || what == SEEK_HOLE ? size : std::min(offset, size);
    }

    static_assert(static_cast<int>(allocation::keep_size) == FALLOC_FL_KEEP_SIZE &&
                  static_cast<int>(allocation::punch_hole) == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) &&
                  static_cast<int>(allocation::collapse_range) == FALLOC_FL_COLLAPSE_RANGE &&
                  static_cast<int>(allocation::zero_range) == FALLOC_FL_ZERO_RANGE &&
                  static_cast<int>(allocation::insert_range) == FALLOC_FL_INSERT_RANGE);

    owned_fd fd_;
};

}  // namespace lamina
