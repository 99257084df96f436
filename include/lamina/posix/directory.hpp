// posix_directory: a real directory, and all below it, as a backend.
//
// Decided here: every primitive is one system call on (descriptor of the directory, one name) that follows no link;
// the exceptions say so. A node is a record (record.hpp) whose descriptor may have to be opened again first. The root
// is a descriptor, so renaming the path that it was opened by changes nothing. Mounts below the root are not entered
// unless asked for.
//
// A node of one posix_directory may be used with another one: an overlay renames from its work directory into its
// upper. The kernel then says whether the two are one file system.
//
// What others do to the directory meanwhile can make a node stale (estale, enoent) and never leads a call outside: a
// node is its directory, or nothing. To rename through this backend keeps nodes usable; a rename by others does so
// only while the directory's descriptor happens to be open.
//
// Concurrency: as the backend concept says. What the process's umask and credentials mean for a call is POSIX's.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/paths.hpp>
#include <lamina/posix/metadata.hpp>
#include <lamina/posix/reading.hpp>

namespace lamina {

class posix_directory : public detail::directory_reading, public path_interface<posix_directory> {
public:
    // Opens the directory at `path`, which is the process's own and may hold links. Errors: enoent, enotdir, eacces,
    // einval (a NUL).
    [[nodiscard]] static result<posix_directory> open(std::string_view path, posix_options options = {}) {
        std::string const terminated(path);
        if (path.find('\0') != std::string_view::npos)
            return fail(errc::einval, operation::mount);
        owned_fd root(detail::uninterrupted(
            [&] { return ::open(terminated.c_str(), detail::directory_flags | O_CLOEXEC); }));
        if (!root)
            return detail::last_error(operation::mount);
        return adopt(std::move(root), options);
    }
    using path_interface::open;  // of a file in it
    // Takes over an open directory; one that was opened with O_PATH will do. Errors: enotdir, ebadf.
    [[nodiscard]] static result<posix_directory> adopt(owned_fd root, posix_options options = {}) {
        struct stat object;
        if (::fstatat(root.get(), "", &object, AT_EMPTY_PATH) != 0)
            return detail::last_error(operation::mount);
        if (!S_ISDIR(object.st_mode))
            return fail(errc::enotdir, operation::mount);
        if (!options.old_calls_only)
            detail::look_for_openat2();
        return posix_directory(std::move(root), options);
    }

    // Tries in `scratch`, a directory where things may be made for a moment, what cannot be known otherwise, and
    // corrects able(). An overlay offers its work directory. Errors: what making a file reports.
    [[nodiscard]] result<void> probe(node scratch) {
        LAMINA_TRY(auto at, pin(scratch, operation::create));
        LAMINA_TRY(auto const found, detail::try_capabilities(at.fd(), able()));
        learn(found);
        return {};
    }

    // --- changing. Errors of every one also: enoent, enotdir, eacces, eperm, erofs, enospc, edquot, estale; einval and
    // enametoolong for a name that is none.

    // Open for reading and writing. Errors: eexist.
    [[nodiscard]] result<posix_file> create_at(node dir, name_ref name, mode_bits mode) {
        owned_fd made;
        LAMINA_CHECK(on_name(operation::create, dir, name, errc::eexist, [&](int at, char const* text) {
            made = owned_fd(::openat(at, text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 07777));
            return made ? 0 : -1;
        }));
        return posix_file(std::move(made));
    }
    // Errors: eexist, emlink.
    [[nodiscard]] result<void> create_directory_at(node dir, name_ref name, mode_bits mode) {
        return on_name(operation::create_directory, dir, name, errc::eexist,
                       [&](int at, char const* text) { return ::mkdirat(at, text, mode & 07777); });
    }
    // Errors: eexist, enametoolong; einval if the target holds a NUL, enoent if it is empty.
    [[nodiscard]] result<void> create_symlink_at(node dir, name_ref name, std::string_view target) {
        if (target.find('\0') != std::string_view::npos)
            return fail(errc::einval, operation::create_symlink);
        std::string const terminated(target);
        return on_name(operation::create_symlink, dir, name, errc::eexist,
                       [&](int at, char const* text) { return ::symlinkat(terminated.c_str(), at, text); });
    }
    // A device, fifo, socket, or an empty regular file. Errors: eexist, eperm, einval (another type, a device number
    // that does not fit).
    [[nodiscard]] result<void> create_node_at(node dir, name_ref name, lamina::file_type type, mode_bits mode,
                                              device_number device) {
        if (name.empty())
            return fail(errc::eexist, operation::create_node);
        return with(operation::create_node, dir, name, [&](int at, char const* text) {
            return detail::make_node(at, text, type, mode, device);
        });
    }
    // A second name, also for a link itself. Errors: eexist, eperm (a directory), emlink, exdev.
    [[nodiscard]] result<void> link_at(node from, name_ref existing, node to, name_ref name) {
        if (name.empty())
            return fail(errc::eexist, operation::link);
        return with(operation::link, from, existing, [&](int source, char const* old_text) {
            return on_name(operation::link, to, name, errc::eexist, [&](int target, char const* text) {
                if (*old_text == '\0') {
                    errno = EPERM;
                    return -1;
                }
                return ::linkat(source, old_text, target, text, 0);
            });
        });
    }
    // renameat2(2). Nodes of what was moved, and of all below, stay usable. Errors: eexist, enotempty, eisdir,
    // enotdir, exdev; einval (both flags, one that the file system lacks, into its own subtree), ebusy (an empty
    // name, a mount point).
    [[nodiscard]] result<void> rename_at(node from, name_ref old_name, node to, name_ref new_name, rename_flags flags) {
        constexpr auto op = operation::rename;
        return with(op, from, old_name, [&](int source, char const* old_text) {
            return with(op, to, new_name, [&](int target, char const* text) -> result<void> {
                if (*old_text == '\0' || *text == '\0')
                    return fail(errc::ebusy, op);
                return tree().move(detail::record_of(from), old_name, detail::record_of(to), new_name,
                                   has(flags, rename_flags::exchange),
                                   [&] { return rename_entry(source, old_text, target, text, flags); });
            });
        });
    }
    // Anything but a directory. Errors: enoent, eisdir.
    [[nodiscard]] result<void> remove_at(node dir, name_ref name) {
        return on_name(operation::remove, dir, name, errc::eisdir,
                       [&](int at, char const* text) { return ::unlinkat(at, text, 0); });
    }
    // Errors: enotempty, enotdir; ebusy for a mount point; einval if the name is empty.
    [[nodiscard]] result<void> remove_directory_at(node dir, name_ref name) {
        return on_name(operation::remove_directory, dir, name, errc::einval,
                       [&](int at, char const* text) { return ::unlinkat(at, text, AT_REMOVEDIR); });
    }

    // Errors: eopnotsupp for a link; also where neither Linux 6.6 nor /proc is there.
    [[nodiscard]] result<void> set_mode_at(node dir, name_ref name, mode_bits mode) {
        return with(operation::set_mode, dir, name,
                    [&](int at, char const* text) { return detail::change_mode(at, text, mode, how()); });
    }
    [[nodiscard]] result<void> set_owner_at(node dir, name_ref name, user_id uid, group_id gid) {
        return on_object(operation::set_owner, dir, name,
                         [&](int at, char const* text, int flags) { return ::fchownat(at, text, uid, gid, flags); });
    }
    // What the file system cannot hold it clamps without a word, as utimensat(2). Errors: einval (10^9 nanoseconds or
    // more).
    [[nodiscard]] result<void> set_times_at(node dir, name_ref name, time_change const& times) {
        return with(operation::set_times, dir, name,
                    [&](int at, char const* text) { return detail::change_times(at, text, times); });
    }
    // Errors: enodata (replace), eexist (create), eperm, eopnotsupp, erange (the key), e2big (the value).
    [[nodiscard]] result<void> set_xattr_at(node dir, name_ref name, std::string_view key, std::string_view value,
                                            xattr_flags flags) {
        return with(operation::set_xattr, dir, name, [&](int at, char const* text) {
            return detail::set_attribute(at, text, key, value, flags, how());
        });
    }
    // Errors: enodata, eperm, eopnotsupp.
    [[nodiscard]] result<void> remove_xattr_at(node dir, name_ref name, std::string_view key) {
        return with(operation::remove_xattr, dir, name, [&](int at, char const* text) {
            return detail::remove_attribute(at, text, key, how());
        });
    }
    // Four system calls. Errors: eisdir, einval (neither file nor directory), efbig.
    [[nodiscard]] result<void> resize_at(node dir, name_ref name, std::uint64_t size) {
        if (name.empty())
            return fail(errc::eisdir, operation::resize);
        return with(operation::resize, dir, name,
                    [&](int at, char const* text) { return detail::change_size(at, text, size, how()); });
    }

    // Errors: eacces if the directory may not be read: only an open one can be flushed.
    [[nodiscard]] result<void> sync_directory(node dir) {
        LAMINA_TRY(auto const at, pin(dir, operation::sync));
        owned_fd const opened = detail::open_for_listing(at.fd(), true);
        if (!opened || detail::uninterrupted([&] { return ::fsync(opened.get()); }) != 0)
            return detail::last_error(operation::sync);
        return {};
    }
    // Everything that was written to the root's file system, by anybody, is on stable storage when it returns.
    [[nodiscard]] result<void> sync_all() {
        LAMINA_TRY(auto const at, pin(root(), operation::sync));
        owned_fd const opened = detail::open_for_listing(at.fd(), true);
        if (!opened || detail::uninterrupted([&] { return ::syncfs(opened.get()); }) != 0)
            return detail::last_error(operation::sync);
        return {};
    }
    // Holds the directory for one owner, until the descriptor is closed: flock(2), so it binds those who ask, and no
    // others. Errors: ebusy if somebody holds it, in this process or another.
    [[nodiscard]] result<owned_fd> claim(node dir) {
        LAMINA_TRY(auto const at, pin(dir, operation::mount));
        owned_fd opened = detail::open_for_listing(at.fd(), true);
        if (!opened)
            return detail::last_error(operation::mount);
        if (detail::uninterrupted([&] { return ::flock(opened.get(), LOCK_EX | LOCK_NB); }) != 0)
            return errno == EWOULDBLOCK ? result<owned_fd>(fail(errc::ebusy, operation::mount))
                                        : detail::last_error(operation::mount);
        return opened;
    }
    // As the kernel names it. Errors: enoent without /proc.
    [[nodiscard]] result<std::array<std::byte, 16>> boot() {
        owned_fd const opened(detail::uninterrupted(
            [&] { return ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC); }));
        char text[36];  // 8-4-4-4-12 hexadecimal digits
        if (!opened || detail::uninterrupted([&] { return ::read(opened.get(), text, sizeof text); }) !=
                           static_cast<ssize_t>(sizeof text))
            return fail(errc::enoent, operation::mount);
        std::array<std::byte, 16> id{};
        std::size_t digits = 0;
        for (char const c : text) {
            if (c == '-')
                continue;
            int const value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (value < 0 || digits == 2 * id.size())
                return fail(errc::enoent, operation::mount);
            id[digits / 2] = id[digits / 2] << 4 | static_cast<std::byte>(value);
            ++digits;
        }
        return id;
    }
    // Of the root's file system.
    [[nodiscard]] result<space_info> space() {
        LAMINA_TRY(auto const at, pin(root(), operation::space));
        struct statfs what;
        if (detail::uninterrupted([&] { return ::fstatfs(at.fd(), &what); }) != 0)
            return detail::last_error(operation::space);
        auto const unit = static_cast<std::uint64_t>(what.f_frsize != 0 ? what.f_frsize : what.f_bsize);
        return space_info{what.f_blocks * unit, what.f_bfree * unit, what.f_bavail * unit,
                          static_cast<std::uint64_t>(what.f_namelen), what.f_files, what.f_ffree};
    }

    // A file without a name, open for reading and writing. Errors: eopnotsupp where the file system has none.
    [[nodiscard]] result<posix_file> create_unnamed(node dir, mode_bits mode) {
        LAMINA_TRY(auto const at, pin(dir, operation::create));
        owned_fd made(detail::uninterrupted(
            [&] { return ::openat(at.fd(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode & 07777); }));
        if (made)
            return posix_file(std::move(made));
        if (errno == EISDIR || errno == EINVAL)
            return fail(errc::eopnotsupp, operation::create);  // how a kernel answers that does not know the flag
        return detail::last_error(operation::create);
    }
    // Gives it its name, complete, in one step. Errors: eexist, exdev; enoent if it has had a name and lost it, and
    // where neither privilege nor /proc is there.
    [[nodiscard]] result<void> publish_at(posix_file& file, node dir, name_ref name) {
        if (name.empty())
            return fail(errc::eexist, operation::link);
        return with(operation::link, dir, name, [&](int at, char const* text) {
            return detail::link_open_file(file.native_handle(), at, text);
        });
    }

private:
    posix_directory(owned_fd root, posix_options const& options) : directory_reading(std::move(root), options) {}

    [[nodiscard]] static result<void> rename_entry(int source, char const* old_text, int target, char const* text,
                                                   rename_flags flags) {
        static_assert(static_cast<unsigned>(rename_flags::no_replace) == RENAME_NOREPLACE &&
                      static_cast<unsigned>(rename_flags::exchange) == RENAME_EXCHANGE &&
                      static_cast<unsigned>(rename_flags::whiteout) == RENAME_WHITEOUT);
        if (detail::uninterrupted([&] {
                return detail::sys::renameat2(source, old_text, target, text, static_cast<unsigned>(flags));
            }) != 0)
            return detail::last_error(operation::rename);
        return {};
    }
};

static_assert(writable_backend<posix_directory> && makes_unnamed_files<posix_directory> && descends<posix_directory>);
static_assert(opens_known_regular<posix_directory> && gives_handles<posix_directory> && tells_boots<posix_directory>);
static_assert(copies_from<posix_file, posix_file>);

}  // namespace lamina
