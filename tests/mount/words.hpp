// The words that the tests of a mount are written in: system calls with paths, whose outcome is an errno.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"

namespace mounting {

// 0, or what went wrong with the call that gave `outcome`.
template <class T>
[[nodiscard]] int wrong(T outcome) {
    return outcome < 0 ? errno : 0;
}

// Open as long as it lives.
class file {
public:
    file() = default;
    file(std::string const& path, int flags, mode_t mode = 0644) : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
        why_ = fd_ < 0 ? errno : 0;
    }
    explicit file(int fd) : fd_(fd), why_(fd < 0 ? errno : 0) {}
    file(file&& other) noexcept : fd_(std::exchange(other.fd_, -1)), why_(other.why_) {}
    file& operator=(file&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(why_, other.why_);
        return *this;
    }
    ~file() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    [[nodiscard]] int fd() const { return fd_; }
    // 0, or why it is not open.
    [[nodiscard]] int why() const { return why_; }

    int write(std::string_view bytes) {
        auto const n = ::write(fd_, bytes.data(), bytes.size());
        return n == static_cast<ssize_t>(bytes.size()) ? 0 : n < 0 ? errno : EIO;
    }
    int write_at(std::string_view bytes, off_t offset) {
        auto const n = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
        return n == static_cast<ssize_t>(bytes.size()) ? 0 : n < 0 ? errno : EIO;
    }
    // At most so many, in one call; "error: " and the number where it fails.
    [[nodiscard]] std::string read_at(std::size_t count, off_t offset) {
        std::string bytes(count, '?');
        auto const n = ::pread(fd_, bytes.data(), count, offset);
        if (n < 0)
            return "error: " + std::to_string(errno);
        bytes.resize(static_cast<std::size_t>(n));
        return bytes;
    }
    [[nodiscard]] struct stat status() const {
        struct stat st {};
        CHECK(wrong(::fstat(fd_, &st)) == 0);
        return st;
    }

private:
    int fd_ = -1;
    int why_ = EBADF;
};

[[nodiscard]] inline int make_file(std::string const& path, std::string_view bytes, mode_t mode = 0644) {
    file made(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    return made.why() != 0 ? made.why() : made.write(bytes);
}
[[nodiscard]] inline int make_directory(std::string const& path, mode_t mode = 0755) {
    return wrong(::mkdir(path.c_str(), mode));
}
[[nodiscard]] inline int append(std::string const& path, std::string_view bytes) {
    file opened(path, O_WRONLY | O_APPEND);
    return opened.why() != 0 ? opened.why() : opened.write(bytes);
}
// All of it; "error: " and the number where it fails.
[[nodiscard]] inline std::string content(std::string const& path) {
    file opened(path, O_RDONLY);
    if (opened.why() != 0)
        return "error: " + std::to_string(opened.why());
    std::string bytes;
    for (;;) {
        auto const more = opened.read_at(1 << 16, static_cast<off_t>(bytes.size()));
        if (more.empty() || more.starts_with("error: "))
            return bytes + more;
        bytes += more;
    }
}
// Of the object itself, also if it is a symbolic link. All zero, and a failed check, where there is none.
[[nodiscard]] inline struct stat status(std::string const& path) {
    struct stat st {};
    INFO(path);
    CHECK(wrong(::lstat(path.c_str(), &st)) == 0);
    return st;
}
[[nodiscard]] inline int exists(std::string const& path) {
    struct stat st;
    return wrong(::lstat(path.c_str(), &st));
}
[[nodiscard]] inline mode_t mode_of(std::string const& path) { return status(path).st_mode & 07777; }

// How often each name is listed, without the two that every directory has.
[[nodiscard]] inline std::map<std::string, unsigned> names_in(std::string const& path) {
    std::map<std::string, unsigned> names;
    DIR* const directory = ::opendir(path.c_str());
    INFO(path);
    CHECK(directory != nullptr);
    if (directory == nullptr)
        return names;
    while (dirent const* const entry = ::readdir(directory))
        if (std::string_view const name = entry->d_name; name != "." && name != "..")
            ++names[std::string(name)];
    ::closedir(directory);
    return names;
}

// Runs `body` in a child, which is somebody else there; its outcome is an errno. Nothing that the child does is a check.
[[nodiscard]] inline int in_child(std::function<int()> const& body) {
    pid_t const child = ::fork();
    if (child == 0)
        ::_exit(body());
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return ECHILD;
    return WEXITSTATUS(status);
}
[[nodiscard]] inline int as_user(uid_t uid, gid_t gid, std::function<int()> const& body,
                                 std::vector<gid_t> const& groups = {}) {
    return in_child([&] {
        if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(gid, gid, gid) != 0 ||
            ::setresuid(uid, uid, uid) != 0)
            return EXIT_FAILURE + 100;
        return body();
    });
}

// What only remembers names and pages forgets. Whether that was allowed.
inline bool drop_caches() {
    std::ofstream out("/proc/sys/vm/drop_caches");
    out << 3;
    return static_cast<bool>(out.flush());
}

}  // namespace mounting
