// The same operations on a memory tree and, by bare system calls, on a real directory, each reporting in the same
// words. For the test that compares the two.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <lamina/fmt.hpp>

#include <fmt/core.h>

#include "memory_fixture.hpp"

namespace memory_test {

constexpr std::size_t slots = 3;  // open files, and directories whose nodes are held

// Where something is done: at `name` below the directories `above`, begun at the root or at a held directory.
struct place {
    std::optional<std::size_t> held;
    std::vector<std::string> above;
    std::string name;
};

// What a call did: its errno, and what it told.
struct answer {
    int code = 0;
    std::string told;
    friend bool operator==(answer const&, answer const&) = default;
};

// What is compared of an object. Sizes and blocks of directories are the file system's own.
struct description {
    lamina::attributes is;
    std::string data;  // content, target
    std::map<std::string, std::string> xattrs;
};

[[nodiscard]] inline std::string describe(lamina::attributes const& is) {
    bool const device = is.type == lamina::file_type::character || is.type == lamina::file_type::block;
    return fmt::format("{} {:04o} nlink {} owner {}:{} size {} rdev {}:{}", lamina::name(is.type), is.mode, is.nlink,
                       is.uid, is.gid, is.is_directory() ? 0 : is.size, device ? is.rdev.major : 0,
                       device ? is.rdev.minor : 0);
}

class memory_side {
public:
    explicit memory_side(lamina::memory_options const& options) : tree(options) {}
    ~memory_side() {
        for (auto& held : directories)
            if (held)
                tree.release(*held);
    }

    // Calls f(node) for the directory of `at`.
    template <class F>
    answer in(place const& at, F f) {
        if (at.held && !directories[*at.held])
            return {0, "nothing held"};
        lamina::node here = at.held ? *directories[*at.held] : tree.root();
        tree.retain(here);
        for (auto const& name : at.above) {
            auto const next = tree.open_directory_at(here, name);
            tree.release(here);
            if (!next)
                return said(next);
            here = *next;
        }
        auto const done = f(here);
        tree.release(here);
        return done;
    }
    template <class T>
    static answer said(lamina::result<T> const& done, std::string told = {}) {
        return done ? answer{0, std::move(told)} : answer{static_cast<int>(done.error().code), {}};
    }
    template <class F>
    answer with(std::size_t slot, F f) {
        return files[slot] ? f(*files[slot]) : answer{0, "nothing open"};
    }

    answer create(place const& at, std::size_t slot, unsigned mode) {
        return in(at, [&](lamina::node dir) {
            auto made = tree.create_at(dir, at.name, mode);
            auto const done = said(made);
            if (made)
                files[slot] = std::move(*made);
            return done;
        });
    }
    answer make_directory(place const& at, unsigned mode) {
        return in(at, [&](lamina::node dir) { return said(tree.create_directory_at(dir, at.name, mode)); });
    }
    answer make_symlink(place const& at, std::string const& target) {
        return in(at, [&](lamina::node dir) { return said(tree.create_symlink_at(dir, at.name, target)); });
    }
    answer make_node(place const& at, lamina::file_type type, unsigned mode, lamina::device_number device) {
        return in(at, [&](lamina::node dir) { return said(tree.create_node_at(dir, at.name, type, mode, device)); });
    }
    answer link(place const& from, place const& to) {
        return in(from, [&](lamina::node one) {
            return in(to, [&](lamina::node two) { return said(tree.link_at(one, from.name, two, to.name)); });
        });
    }
    answer rename(place const& from, place const& to, unsigned flags) {
        return in(from, [&](lamina::node one) {
            return in(to, [&](lamina::node two) {
                return said(tree.rename_at(one, from.name, two, to.name, static_cast<lamina::rename_flags>(flags)));
            });
        });
    }
    answer remove(place const& at) {
        return in(at, [&](lamina::node dir) { return said(tree.remove_at(dir, at.name)); });
    }
    answer remove_directory(place const& at) {
        return in(at, [&](lamina::node dir) { return said(tree.remove_directory_at(dir, at.name)); });
    }
    answer set_mode(place const& at, unsigned mode) {
        return in(at, [&](lamina::node dir) { return said(tree.set_mode_at(dir, at.name, mode)); });
    }
    answer set_owner(place const& at, unsigned uid, unsigned gid) {
        return in(at, [&](lamina::node dir) { return said(tree.set_owner_at(dir, at.name, uid, gid)); });
    }
    answer set_times(place const& at, lamina::time_change const& times) {
        return in(at, [&](lamina::node dir) {
            auto const done = tree.set_times_at(dir, at.name, times);
            if (!done)
                return said(done);
            auto const is = status_of(tree, dir, at.name);
            return answer{0, set_times_told(times, is.atime, is.mtime)};
        });
    }
    answer set_xattr(place const& at, std::string const& key, std::string const& value, unsigned flags) {
        return in(at, [&](lamina::node dir) {
            return said(tree.set_xattr_at(dir, at.name, key, value, static_cast<lamina::xattr_flags>(flags)));
        });
    }
    answer remove_xattr(place const& at, std::string const& key) {
        return in(at, [&](lamina::node dir) { return said(tree.remove_xattr_at(dir, at.name, key)); });
    }
    answer resize(place const& at, std::uint64_t size) {
        return in(at, [&](lamina::node dir) { return said(tree.resize_at(dir, at.name, size)); });
    }
    answer read_symlink(place const& at) {
        return in(at, [&](lamina::node dir) {
            auto const target = tree.read_symlink_at(dir, at.name);
            return said(target, target ? *target : "");
        });
    }
    answer status(place const& at) {
        return in(at, [&](lamina::node dir) {
            auto const found = tree.lookup(dir, at.name);
            if (found && !*found)
                return answer{ENOENT, {}};
            return said(found, found ? describe(**found) : "");
        });
    }
    answer list(place const& at) {
        return in(at, [&](lamina::node dir) {
            std::vector<std::string> names;
            auto const done = tree.list_at(dir, [&](lamina::directory_entry const& entry) {
                names.push_back(fmt::format("{} {}", entry.name, lamina::name(entry.type)));
                return true;
            });
            std::sort(names.begin(), names.end());
            return said(done, fmt::format("{}", fmt::join(names, ", ")));
        });
    }
    answer hold(place const& at, std::size_t slot) {
        return in(at, [&](lamina::node dir) {
            auto const opened = tree.open_directory_at(dir, at.name);
            if (opened) {
                if (directories[slot])
                    tree.release(*directories[slot]);
                directories[slot] = *opened;
            }
            return said(opened);
        });
    }
    answer open(place const& at, std::size_t slot, lamina::open_flags flags) {
        return in(at, [&](lamina::node dir) {
            auto opened = tree.open_at(dir, at.name, flags);
            auto const done = said(opened);
            if (opened)
                files[slot] = std::move(*opened);
            return done;
        });
    }
    answer make_unnamed(place const& at, std::size_t slot, unsigned mode) {
        return in(at, [&](lamina::node dir) {
            auto made = tree.create_unnamed(dir, mode);
            auto const done = said(made);
            if (made)
                files[slot] = std::move(*made);
            return done;
        });
    }
    answer publish(std::size_t slot, place const& at) {
        return with(slot, [&](lamina::memory_file& file) {
            return in(at, [&](lamina::node dir) { return said(tree.publish_at(file, dir, at.name)); });
        });
    }
    answer close(std::size_t slot) {
        files[slot].reset();
        return {};
    }
    answer write(std::size_t slot, std::uint64_t offset, std::string const& text) {
        return with(slot, [&](lamina::memory_file& file) {
            auto const done = file.write_at(bytes(text), offset);
            return said(done, done ? std::to_string(*done) : "");
        });
    }
    answer read(std::size_t slot, std::uint64_t offset, std::size_t count) {
        return with(slot, [&](lamina::memory_file& file) {
            std::string text(count, '?');
            auto const done = file.read_at(std::as_writable_bytes(std::span(text)), offset);
            return said(done, done ? text.substr(0, *done) : "");
        });
    }
    answer cut(std::size_t slot, std::uint64_t size) {
        return with(slot, [&](lamina::memory_file& file) { return said(file.resize(size)); });
    }
    answer change_mode(std::size_t slot, unsigned mode) {
        return with(slot, [&](lamina::memory_file& file) { return said(file.set_mode(mode)); });
    }
    answer file_status(std::size_t slot) {
        return with(slot, [&](lamina::memory_file& file) { return answer{0, describe(file.status().value())}; });
    }
    answer copy(std::size_t to, std::size_t from, std::uint64_t from_at, std::uint64_t to_at, std::uint64_t count) {
        return with(to, [&](lamina::memory_file& one) {
            return with(from, [&](lamina::memory_file& two) {
                auto const done = one.copy_range_from(two, from_at, to_at, count);
                return said(done, done ? std::to_string(*done) : "");
            });
        });
    }

    // Everything below the root, by path.
    [[nodiscard]] std::map<std::string, description> all() {
        std::map<std::string, description> found;
        gather(tree.root(), "", found);
        return found;
    }

    static std::string set_times_told(lamina::time_change const& times, lamina::timestamp atime,
                                      lamina::timestamp mtime) {
        using action = lamina::time_change::action;
        return fmt::format("{} {}", times.access == action::set ? atime.seconds : 0,
                           times.modification == action::set ? mtime.seconds * 1000 + mtime.nanoseconds / 1000 : 0);
    }

    lamina::memory_tree tree;
    std::array<std::optional<lamina::memory_file>, slots> files;
    std::array<std::optional<lamina::node>, slots> directories;

private:
    void gather(lamina::node dir, std::string const& above, std::map<std::string, description>& found) {
        auto const describe_one = [&](std::string const& name, std::string const& path) {
            auto& one = found[path];
            one.is = status_of(tree, dir, name);
            if (one.is.is_regular()) {
                auto file = tree.open_at(dir, name, lamina::open_flags::read).value();
                one.data = read_all(file);
            } else if (one.is.is_symlink()) {
                one.data = tree.read_symlink_at(dir, name).value();
            }
            for (auto const& key : tree.list_xattrs_at(dir, name).value())
                one.xattrs[key] = tree.get_xattr_at(dir, name, key).value().value();
        };
        if (above.empty())
            describe_one("", "/");
        for (auto const& name : names_in(tree, dir)) {
            describe_one(name, above + "/" + name);
            if (found[above + "/" + name].is.is_directory()) {
                auto const below = tree.open_directory_at(dir, name).value();
                gather(below, above + "/" + name, found);
                tree.release(below);
            }
        }
    }
};

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
                done.told = fmt::format("{}", fmt::join(names, ", "));
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
