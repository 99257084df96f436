// The operations of a driver as a program makes them on a directory of the system, whatever is mounted there: one path,
// from one open directory, in as few system calls as it takes.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {

class descriptor {
public:
    descriptor() = default;
    descriptor(int fd, char const* what) : fd_(fd) {
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), what);
    }
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

    [[nodiscard]] std::size_t read_at(std::span<std::byte> out, std::uint64_t offset) {
        auto const n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
        if (n < 0)
            throw std::system_error(errno, std::generic_category(), "pread");
        return static_cast<std::size_t>(n);
    }

private:
    int fd_ = -1;
};

inline void check(int outcome, char const* what) {
    if (outcome < 0)
        throw std::system_error(errno, std::generic_category(), what);
}

class system_calls {
public:
    using path_type = std::string;
    using reader_type = descriptor;
    static path_type make_path(std::string const& text) { return text; }

    bool stat(path_type const& path) {
        struct ::stat st;
        if (::fstatat(root_.get(), path.c_str(), &st, 0) == 0)
            return true;
        if (errno != ENOENT)
            check(-1, "fstatat");
        return false;
    }
    std::size_t read(path_type const& path, std::span<std::byte> out) {
        return open_reader(path).read_at(out, 0);
    }
    reader_type open_reader(path_type const& path) { return open(root_.get(), path.c_str(), O_RDONLY); }

    void create(path_type const& path, std::string_view bytes) {
        changed_ = true;
        write(open(root_.get(), path.c_str(), O_WRONLY | O_CREAT | O_EXCL), bytes);
    }
    void append(path_type const& path, std::string_view bytes) {
        changed_ = true;
        write(open(root_.get(), path.c_str(), O_WRONLY | O_APPEND), bytes);
    }
    void overwrite(path_type const& path, std::string_view bytes) {
        changed_ = true;
        write(open(root_.get(), path.c_str(), O_WRONLY), bytes);
    }
    void set_mode(path_type const& path, unsigned mode) {
        changed_ = true;
        check(::fchmodat(root_.get(), path.c_str(), static_cast<mode_t>(mode), 0), "fchmodat");
    }
    void remove(path_type const& path) {
        changed_ = true;
        check(::unlinkat(root_.get(), path.c_str(), 0), "unlinkat");
    }
    void remove_all(path_type const& path) {
        changed_ = true;
        remove_below(open(root_.get(), path.c_str(), O_RDONLY | O_DIRECTORY));
        check(::unlinkat(root_.get(), path.c_str(), AT_REMOVEDIR), "unlinkat");
    }
    void rename(path_type const& from, path_type const& to) {
        changed_ = true;
        check(::renameat(root_.get(), from.c_str(), root_.get(), to.c_str()), "renameat");
    }

    std::size_t list(path_type const& path) {
        std::size_t names = 0;
        each_entry(open(root_.get(), path.c_str(), O_RDONLY | O_DIRECTORY),
                   [&](descriptor const&, char const*, unsigned char type) { names += type != DT_UNKNOWN; });
        return names;
    }
    std::size_t walk(path_type const& path) {
        return walk_below(open(root_.get(), path.c_str(), O_RDONLY | O_DIRECTORY));
    }

protected:
    system_calls() = default;
    void open_root(std::filesystem::path const& at) {
        root_ = open(AT_FDCWD, at.c_str(), O_PATH | O_DIRECTORY);
    }
    void close_root() { root_ = {}; }
    bool changed_ = true;  // since the tree was written

private:
    static descriptor open(int at, char const* path, int flags) {
        return {::openat(at, path, flags | O_CLOEXEC, 0666), "openat"};
    }
    static void write(descriptor const& file, std::string_view bytes) {
        auto const n = ::write(file.get(), bytes.data(), bytes.size());
        check(n == static_cast<ssize_t>(bytes.size()) ? 0 : -1, "write");
    }
    // The buffer that a program gets with getdents64 and no library between, as large as the library's own.
    template <class Visit>
    static void each_entry(descriptor const& directory, Visit&& visit) {
        struct record {
            std::uint64_t inode;
            std::int64_t offset;
            std::uint16_t length;
            unsigned char type;
            char name[1];
        };
        std::vector<std::byte> buffer(std::size_t{64} << 10);
        for (;;) {
            auto const n = ::syscall(SYS_getdents64, directory.get(), buffer.data(), buffer.size());
            check(static_cast<int>(n), "getdents64");
            if (n == 0)
                return;
            for (long at = 0; at < n;) {
                auto const* const one = reinterpret_cast<record const*>(buffer.data() + at);
                std::string_view const name(one->name);
                if (name != "." && name != "..")
                    visit(directory, one->name, one->type);
                at += one->length;
            }
        }
    }
    static std::size_t walk_below(descriptor const& directory) {
        std::size_t objects = 0;
        each_entry(directory, [&](descriptor const& in, char const* name, unsigned char type) {
            struct ::stat st;
            check(::fstatat(in.get(), name, &st, AT_SYMLINK_NOFOLLOW), "fstatat");
            ++objects;
            if (type == DT_DIR)
                objects += walk_below(open(in.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        });
        return objects;
    }
    static void remove_below(descriptor const& directory) {
        each_entry(directory, [&](descriptor const& in, char const* name, unsigned char type) {
            if (type == DT_DIR)
                remove_below(open(in.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
            check(::unlinkat(in.get(), name, type == DT_DIR ? AT_REMOVEDIR : 0), "unlinkat");
        });
    }

    descriptor root_;
};

}  // namespace bench
