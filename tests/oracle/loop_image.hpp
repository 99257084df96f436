// A file system of a kind that the test chooses, mounted for as long as the object lives: in an image behind a loop
// device, or tmpfs.
//
// The image lies in memory and never has a name, and the loop device frees itself with its last user. Within a mount
// namespace of the test's own (private_mounts in kernel_mount.hpp) that leaves nothing mounted, whatever becomes of the
// test. In memory also because every unmount flushes, for which a disk would take most of the time.
#pragma once

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace oracle {

// How a file system is made. Access times are those that are set: nothing else is to move them.
struct file_system {
    std::string kind;
    std::vector<std::string> make;  // the program, and what it takes before the device; nothing for tmpfs
};

[[nodiscard]] inline file_system ext4() {
    return {"ext4", {"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,nodiscard"}};
}
[[nodiscard]] inline file_system xfs() { return {"xfs", {"mkfs.xfs", "-q", "-f", "-K", "-m", "reflink=1"}}; }
[[nodiscard]] inline file_system btrfs() { return {"btrfs", {"mkfs.btrfs", "-q", "-f", "-K"}}; }
[[nodiscard]] inline file_system tmpfs() { return {"tmpfs", {}}; }

class loop_image {
public:
    // Whether it is there says obstacle(). Requires: mounts are private to this process; `at` is an empty directory.
    loop_image(file_system const& wanted, std::string at) : at_(std::move(at)) {
        if (wanted.make.empty()) {
            mount_it(wanted.kind, wanted.kind, "mode=0755");
            return;
        }
        descriptor const image{::memfd_create("lamina-oracle", MFD_CLOEXEC)};
        if (image.fd < 0 || ::ftruncate(image.fd, bytes) != 0) {
            stop("an image in memory");
            return;
        }
        std::string device;
        descriptor const loop{attach(image.fd, device)};
        if (loop.fd < 0)
            return;
        auto command = wanted.make;
        command.push_back(device);
        if (int const status = run(command); status == not_found)
            why_ = "there is no " + command.front();
        else if (status != 0)
            why_ = command.front() + " failed";
        else
            mount_it(device, wanted.kind, "");
    }
    loop_image(loop_image const&) = delete;
    loop_image& operator=(loop_image const&) = delete;
    ~loop_image() {
        // Lazily if something is still open: then a test has failed anyway.
        if (mounted_ && ::umount2(at_.c_str(), 0) != 0)
            (void)::umount2(at_.c_str(), MNT_DETACH);
    }

    // Why it cannot be had here; empty if it is mounted.
    [[nodiscard]] std::string const& obstacle() const { return why_; }
    [[nodiscard]] std::string const& path() const { return at_; }

private:
    static constexpr off_t bytes = off_t{512} << 20;  // not written, and so no memory; xfs wants at least 300 MiB
    static constexpr int not_found = 127;

    struct descriptor {
        int fd;
        explicit descriptor(int opened) : fd(opened) {}
        descriptor(descriptor const&) = delete;
        descriptor& operator=(descriptor const&) = delete;
        ~descriptor() {
            if (fd >= 0)
                ::close(fd);
        }
    };

    void stop(std::string const& what) { why_ = what + ": " + std::strerror(errno); }
    void mount_it(std::string const& device, std::string const& kind, char const* options) {
        if (::mount(device.c_str(), at_.c_str(), kind.c_str(), MS_NOATIME, options) != 0)
            return stop(kind + " cannot be mounted");
        mounted_ = true;
    }

    // The device with the image in it, or -1 and the reason noted. It lives as long as it is open or mounted.
    [[nodiscard]] int attach(int image, std::string& device) {
        descriptor const control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
        if (control.fd < 0) {
            stop("/dev/loop-control");
            return -1;
        }
        // Another process may take the free one first.
        for (int tries = 0; tries < 16; ++tries) {
            int const number = ::ioctl(control.fd, LOOP_CTL_GET_FREE);
            if (number < 0)
                break;
            device = "/dev/loop" + std::to_string(number);
            int const loop = ::open(device.c_str(), O_RDWR | O_CLOEXEC);
            if (loop < 0)
                break;
            loop_config wish{};
            wish.fd = static_cast<unsigned>(image);
            wish.info.lo_flags = LO_FLAGS_AUTOCLEAR;
            if (::ioctl(loop, LOOP_CONFIGURE, &wish) == 0)
                return loop;
            int const reason = errno;
            ::close(loop);
            errno = reason;
            if (reason != EBUSY)
                break;
        }
        stop("no loop device");
        return -1;
    }

    // Its exit status; not_found also where there is no such program.
    [[nodiscard]] static int run(std::vector<std::string>& command) {
        std::vector<char*> words;
        for (auto& word : command)
            words.push_back(word.data());
        words.push_back(nullptr);
        pid_t const child = ::fork();
        if (child == 0) {
            int const nowhere = ::open("/dev/null", O_RDWR);
            if (nowhere < 0 || ::dup2(nowhere, 1) < 0 || ::dup2(nowhere, 2) < 0)
                ::_exit(1);
            ::execvp(words.front(), words.data());
            ::_exit(errno == ENOENT ? not_found : 1);
        }
        int status = 0;
        if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status))
            return 1;
        return WEXITSTATUS(status);
    }

    std::string at_, why_;
    bool mounted_ = false;
};

}  // namespace oracle
