// A directory of the running kernel as the other side of a comparison, asked by bare system calls. Where a primitive is
// stricter than the call (it opens regular files only, it follows no link), this side is as strict.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "memory_side.hpp"

namespace memory_test {

class kernel_side {
public:
    // `above` is a directory on the file system that is to be asked.
    explicit kernel_side(std::string const& above) : path_(above + "/lamina-memory-XXXXXX") {
        if (::mkdtemp(path_.data()) != nullptr && ::chmod(path_.c_str(), 0755) == 0)
            root_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        files.fill(-1);
        directories.fill(-1);
    }
    kernel_side(kernel_side const&) = delete;
    kernel_side& operator=(kernel_side const&) = delete;
    ~kernel_side() {
        for (int const fd : files)
            if (fd >= 0)
                ::close(fd);
        for (int const fd : directories)
            if (fd >= 0)
                ::close(fd);
        if (root_ >= 0)
            ::close(root_);
        std::error_code ignored;  // what is left is left in a directory for temporary files
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] bool usable() const { return root_ >= 0; }
    [[nodiscard]] bool takes_user_xattrs() const {
        return ::fsetxattr(root_, "user.probe", "", 0, 0) == 0 && ::fremovexattr(root_, "user.probe") == 0;
    }

    template <class F>
    answer in(place const& at, F f) {
        if (at.held && directories[*at.held] < 0)
            return {0, "nothing held"};
        int here = ::dup(at.held ? directories[*at.held] : root_);
        for (auto const& name : at.above) {
            int const next = ::openat(here, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            int const code = errno;
            ::close(here);
            if (next < 0)
                return {code, {}};
            here = next;
        }
        auto const done = f(here);
        ::close(here);
        return done;
    }
    static answer said(long done, std::string told = {}) {
        return done < 0 ? answer{errno, {}} : answer{0, std::move(told)};
    }
    template <class F>
    answer with(std::size_t slot, F f) {
        return files[slot] >= 0 ? f(files[slot]) : answer{0, "nothing open"};
    }
    answer keep(std::size_t slot, int fd) {
        auto const done = said(fd);
        if (fd >= 0) {
            close(slot);
            files[slot] = fd;
        }
        return done;
    }
    static std::string proc(int dir, std::string const& name) { return fmt::format("/proc/self/fd/{}/{}", dir, name); }

    answer create(place const& at, std::size_t slot, unsigned mode) {
        return in(at, [&](int dir) {
            return keep(slot, ::openat(dir, at.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
        });
    }
    answer make_directory(place const& at, unsigned mode) {
        return in(at, [&](int dir) { return said(::mkdirat(dir, at.name.c_str(), mode)); });
    }
    answer make_symlink(place const& at, std::string const& target) {
        return in(at, [&](int dir) { return said(::symlinkat(target.c_str(), dir, at.name.c_str())); });
    }
    answer make_node(place const& at, lamina::file_type type, unsigned mode, lamina::device_number device) {
        using lamina::file_type;
        unsigned const format = type == file_type::character ? S_IFCHR
                                : type == file_type::block   ? S_IFBLK
                                : type == file_type::fifo    ? S_IFIFO
                                : type == file_type::socket  ? S_IFSOCK
                                                             : S_IFREG;
        return in(at, [&](int dir) {
            return said(::mknodat(dir, at.name.c_str(), format | mode, makedev(device.major, device.minor)));
        });
    }
    answer link(place const& from, place const& to) {
        return in(from, [&](int one) {
            return in(to, [&](int two) { return said(::linkat(one, from.name.c_str(), two, to.name.c_str(), 0)); });
        });
    }
    answer rename(place const& from, place const& to, unsigned flags) {
        return in(from, [&](int one) {
            return in(to, [&](int two) {
                return said(::syscall(SYS_renameat2, one, from.name.c_str(), two, to.name.c_str(), flags));
            });
        });
    }
    answer remove(place const& at) {
        return in(at, [&](int dir) { return said(::unlinkat(dir, at.name.c_str(), 0)); });
    }
    answer remove_directory(place const& at) {
        return in(at, [&](int dir) { return said(::unlinkat(dir, at.name.c_str(), AT_REMOVEDIR)); });
    }
    answer set_mode(place const& at, unsigned mode) {
        return in(at, [&](int dir) { return said(::fchmodat(dir, at.name.c_str(), mode, AT_SYMLINK_NOFOLLOW)); });
    }
    answer set_owner(place const& at, unsigned uid, unsigned gid) {
        return in(at, [&](int dir) { return said(::fchownat(dir, at.name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW)); });
    }
    answer set_times(place const& at, lamina::time_change const& times) {
        using action = lamina::time_change::action;
        auto const as_timespec = [](action what, lamina::timestamp to) {
            return timespec{to.seconds, what == action::keep  ? UTIME_OMIT
                                        : what == action::now ? UTIME_NOW
                                                              : static_cast<long>(to.nanoseconds)};
        };
        timespec const both[2] = {as_timespec(times.access, times.atime), as_timespec(times.modification, times.mtime)};
        return in(at, [&](int dir) {
            struct stat is {};
            if (::fstatat(dir, at.name.c_str(), &is, AT_SYMLINK_NOFOLLOW) < 0 ||
                ::utimensat(dir, at.name.c_str(), both, AT_SYMLINK_NOFOLLOW) < 0 ||
                ::fstatat(dir, at.name.c_str(), &is, AT_SYMLINK_NOFOLLOW) < 0)
                return said(-1);
            return answer{0, memory_side::set_times_told(times, stamp(is.st_atim), stamp(is.st_mtim))};
        });
    }
    answer set_xattr(place const& at, std::string const& key, std::string const& value, unsigned flags) {
        return in(at, [&](int dir) {
            return said(::lsetxattr(proc(dir, at.name).c_str(), key.c_str(), value.data(), value.size(),
                                    static_cast<int>(flags)));
        });
    }
    answer remove_xattr(place const& at, std::string const& key) {
        return in(at, [&](int dir) { return said(::lremovexattr(proc(dir, at.name).c_str(), key.c_str())); });
    }
    answer resize(place const& at, std::uint64_t size) {
        return in(at, [&](int dir) {
            struct stat is {};
            if (::fstatat(dir, at.name.c_str(), &is, AT_SYMLINK_NOFOLLOW) < 0)
                return said(-1);
            if (S_ISLNK(is.st_mode))
                return answer{EINVAL, {}};  // truncate(2) would follow it; a primitive does not
            return said(::truncate(proc(dir, at.name).c_str(), static_cast<off_t>(size)));
        });
    }
    answer read_symlink(place const& at) {
        return in(at, [&](int dir) {
            std::string target(4096, '\0');
            auto const count = ::readlinkat(dir, at.name.c_str(), target.data(), target.size());
            return said(count, count < 0 ? "" : target.substr(0, static_cast<std::size_t>(count)));
        });
    }
    answer status(place const& at) {
        return in(at, [&](int dir) {
            struct stat is {};
            int const done = ::fstatat(dir, at.name.c_str(), &is, AT_SYMLINK_NOFOLLOW);
            return said(done, done < 0 ? "" : describe(attributes_of(is)));
        });
    }
    answer list(place const& at) {
        return in(at, [&](int dir) {
            auto* const stream = ::fdopendir(::dup(dir));
            ::rewinddir(stream);
            std::vector<std::string> names;
            errno = 0;
            while (auto const* const entry = ::readdir(stream))
                if (std::string const name = entry->d_name; name != "." && name != "..") {
                    struct stat is {};
                    ::fstatat(dir, entry->d_name, &is, AT_SYMLINK_NOFOLLOW);
                    names.push_back(fmt::format("{} {}", name, lamina::name(attributes_of(is).type)));
                }
            auto done = answer{errno, {}};
            // readdir(3) hides that the directory is gone.
            struct stat is {};
            if (done.code == 0 && ::fstat(dir, &is) == 0 && is.st_nlink == 0)
                done.code = ENOENT;
            ::closedir(stream);
            std::sort(names.begin(), names.end());
            if (done.code == 0)
                done.told = joined(names, ", ");
            return done;
        });
    }
    answer hold(place const& at, std::size_t slot) {
        return in(at, [&](int dir) {
            int const fd = ::openat(dir, at.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            auto const done = said(fd);
            if (fd >= 0) {
                if (directories[slot] >= 0)
                    ::close(directories[slot]);
                directories[slot] = fd;
            }
            return done;
        });
    }
    answer open(place const& at, std::size_t slot, lamina::open_flags flags) {
        using lamina::open_flags;
        int how = O_NOFOLLOW | O_CLOEXEC;
        how |= !lamina::has(flags, open_flags::read)                         ? O_WRONLY
               : !lamina::has(flags, open_flags::write | open_flags::append) ? O_RDONLY
                                                                             : O_RDWR;
        how |= lamina::has(flags, open_flags::append) ? O_APPEND : 0;
        how |= lamina::has(flags, open_flags::truncate) ? O_TRUNC : 0;
        return in(at, [&](int dir) {
            struct stat is {};
            if (::fstatat(dir, at.name.c_str(), &is, AT_SYMLINK_NOFOLLOW) < 0)
                return said(-1);
            // A primitive opens regular files only.
            if (!S_ISREG(is.st_mode))
                return answer{S_ISLNK(is.st_mode) ? ELOOP : S_ISDIR(is.st_mode) ? EISDIR : ENXIO, {}};
            return keep(slot, ::openat(dir, at.name.c_str(), how));
        });
    }
    answer make_unnamed(place const& at, std::size_t slot, unsigned mode) {
        return in(at, [&](int dir) {
            struct stat is {};
            if (::fstat(dir, &is) == 0 && is.st_nlink == 0)
                return answer{ENOENT, {}};  // Linux makes one even there
            return keep(slot, ::openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
        });
    }
    answer publish(std::size_t slot, place const& at) {
        return with(slot, [&](int fd) {
            return in(at, [&](int dir) {
                return said(::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd).c_str(), dir, at.name.c_str(),
                                     AT_SYMLINK_FOLLOW));
            });
        });
    }
    answer close(std::size_t slot) {
        if (files[slot] >= 0)
            ::close(files[slot]);
        files[slot] = -1;
        return {};
    }
    answer write(std::size_t slot, std::uint64_t offset, std::string const& text) {
        return with(slot, [&](int fd) {
            auto const done = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(offset));
            return said(done, std::to_string(done));
        });
    }
    answer read(std::size_t slot, std::uint64_t offset, std::size_t count) {
        return with(slot, [&](int fd) {
            std::string text(count, '?');
            auto const done = ::pread(fd, text.data(), count, static_cast<off_t>(offset));
            return said(done, done < 0 ? "" : text.substr(0, static_cast<std::size_t>(done)));
        });
    }
    answer cut(std::size_t slot, std::uint64_t size) {
        return with(slot, [&](int fd) { return said(::ftruncate(fd, static_cast<off_t>(size))); });
    }
    answer change_mode(std::size_t slot, unsigned mode) {
        return with(slot, [&](int fd) { return said(::fchmod(fd, mode)); });
    }
    answer file_status(std::size_t slot) {
        return with(slot, [&](int fd) {
            struct stat is {};
            int const done = ::fstat(fd, &is);
            return said(done, describe(attributes_of(is)));
        });
    }
    answer copy(std::size_t to, std::size_t from, std::uint64_t from_at, std::uint64_t to_at, std::uint64_t count) {
        return with(to, [&](int one) {
            return with(from, [&](int two) {
                auto in_at = static_cast<loff_t>(from_at);
                auto out_at = static_cast<loff_t>(to_at);
                std::uint64_t total = 0;
                // The kernel may copy less than asked, hence the loop; and a file that is copied into itself may grow
                // by it.
                struct stat is {};
                if (::fstat(two, &is) == 0 && from_at <= static_cast<std::uint64_t>(is.st_size))
                    count = std::min(count, static_cast<std::uint64_t>(is.st_size) - from_at);
                for (;;) {
                    auto const done = ::copy_file_range(two, &in_at, one, &out_at, count - total, 0);
                    if (done < 0)
                        return said(-1);
                    total += static_cast<std::uint64_t>(done);
                    if (done == 0 || total == count)
                        return answer{0, std::to_string(total)};
                }
            });
        });
    }

    [[nodiscard]] std::map<std::string, description> all() {
        std::map<std::string, description> found;
        gather(path_, "/", found);
        return found;
    }

    std::array<int, slots> files;
    std::array<int, slots> directories;

private:
    static lamina::timestamp stamp(timespec const& time) {
        return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
    }
    static lamina::attributes attributes_of(struct stat const& is) {
        using lamina::file_type;
        lamina::attributes found;
        found.type = S_ISREG(is.st_mode)    ? file_type::regular
                     : S_ISDIR(is.st_mode)  ? file_type::directory
                     : S_ISLNK(is.st_mode)  ? file_type::symlink
                     : S_ISCHR(is.st_mode)  ? file_type::character
                     : S_ISBLK(is.st_mode)  ? file_type::block
                     : S_ISFIFO(is.st_mode) ? file_type::fifo
                                            : file_type::socket;
        found.mode = is.st_mode & 07777;
        found.uid = is.st_uid;
        found.gid = is.st_gid;
        found.nlink = is.st_nlink;
        found.size = static_cast<std::uint64_t>(is.st_size);
        found.id = {is.st_dev, is.st_ino};
        found.rdev = {major(is.st_rdev), minor(is.st_rdev)};
        found.atime = stamp(is.st_atim);
        found.mtime = stamp(is.st_mtim);
        found.ctime = stamp(is.st_ctim);
        return found;
    }
    void gather(std::string const& path, std::string const& shown, std::map<std::string, description>& found) {
        struct stat is {};
        ::lstat(path.c_str(), &is);
        auto& one = found[shown];
        one.is = attributes_of(is);
        if (one.is.is_regular()) {
            int const fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
            one.data.resize(one.is.size);
            auto const count = ::read(fd, one.data.data(), one.data.size());
            one.data.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
            ::close(fd);
        } else if (one.is.is_symlink()) {
            one.data.resize(4096);
            auto const count = ::readlink(path.c_str(), one.data.data(), one.data.size());
            one.data.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        }
        std::string keys(65536, '\0');
        auto const listed = ::llistxattr(path.c_str(), keys.data(), keys.size());
        for (std::size_t at = 0; listed > 0 && at < static_cast<std::size_t>(listed);
             at += std::string_view(keys.data() + at).size() + 1) {
            std::string value(65536, '\0');
            auto const count = ::lgetxattr(path.c_str(), keys.data() + at, value.data(), value.size());
            if (std::string_view const key(keys.data() + at); count >= 0 && key != "security.selinux")
                one.xattrs[std::string(key)] = value.substr(0, static_cast<std::size_t>(count));
        }
        if (!one.is.is_directory())
            return;
        std::error_code ignored;  // an unreadable directory has no entries, and then the trees differ
        for (auto const& entry : std::filesystem::directory_iterator(path, ignored))
            gather(entry.path(), (shown == "/" ? "" : shown) + "/" + entry.path().filename().string(), found);
    }

    std::string path_;
    int root_ = -1;
};

}  // namespace memory_test
