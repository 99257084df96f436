// Overlays mounted by the running kernel, in a mount namespace of the test's own: whatever becomes of the test, nothing stays
// mounted.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace oracle {

inline bool write_text(char const* path, std::string const& text) {
    int const fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool const done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    return done;
}

// Gives the process a mount namespace of its own. Returns why it cannot, or nothing.
inline std::string private_mounts() {
    if (::unshare(CLONE_NEWNS) != 0)
        return std::string("no mount namespace: ") + std::strerror(errno);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return std::string("mounts cannot be made private: ") + std::strerror(errno);
    return {};
}

// The same for a process without privilege, in a user namespace in which it is root.
inline std::string private_user_mounts() {
    auto const uid = ::getuid();
    auto const gid = ::getgid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return std::string("no user namespace: ") + std::strerror(errno);
    if (!write_text("/proc/self/setgroups", "deny") ||
        !write_text("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
        !write_text("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"))
        return std::string("the user namespace cannot be mapped: ") + std::strerror(errno);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return std::string("mounts cannot be made private: ") + std::strerror(errno);
    return {};
}

// One mount. Requires: nothing below `at` is open when it ends.
class kernel_mount {
public:
    // Throws what the kernel says.
    kernel_mount(std::vector<std::string> const& lowers, std::string const& upper, std::string const& work, std::string at,
                 std::string const& options)
        : at_(std::move(at)) {
        std::string data = "lowerdir=";
        for (std::size_t i = 0; i < lowers.size(); ++i)
            data += (i == 0 ? "" : ":") + lowers[i];
        data += ",upperdir=" + upper + ",workdir=" + work + "," + options;
        if (::mount("overlay", at_.c_str(), "overlay", MS_NOATIME, data.c_str()) != 0)
            throw std::runtime_error("mount " + data + ": " + std::strerror(errno));
    }
    kernel_mount(kernel_mount const&) = delete;
    kernel_mount& operator=(kernel_mount const&) = delete;
    ~kernel_mount() {
        // Lazily if something is still open: then a test has failed anyway.
        if (::umount2(at_.c_str(), 0) != 0)
            (void)::umount2(at_.c_str(), MNT_DETACH);
    }

private:
    std::string at_;
};

}  // namespace oracle
