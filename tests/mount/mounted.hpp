// A mount of an overlay for a test, made by the program that is tested and operated by plain system calls.
//
// LAMINA_FUSE names the program; its options are those of fuse-overlayfs, and LAMINA_TEST_OPTIONS are more of them. `LAMINA_FUSE=kernel` runs the same tests on
// the kernel's overlay, which is the reference for all of them; LAMINA_TEST_MOUNTED=<directory> on a directory that
// somebody else has mounted, where there is nothing below to look at and no mounting again.
//
// Nothing stays behind and nothing hangs: mounts are in a mount namespace of the test's own, a daemon dies with its
// test, and one that gives no answer for LAMINA_TEST_PATIENCE seconds (60) is cut off: whoever waits for it then gets an
// error. One thread uses these; the watchdog is another.
#pragma once

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "model/scratch.hpp"
#include "oracle/kernel_mount.hpp"

namespace mounting {

[[nodiscard]] inline std::string from_environment(char const* variable) {
    char const* const text = std::getenv(variable);
    return text == nullptr ? std::string() : std::string(text);
}
[[nodiscard]] inline std::string program() { return from_environment("LAMINA_FUSE"); }
[[nodiscard]] inline bool is_kernel() { return program() == "kernel"; }
[[nodiscard]] inline std::string given_directory() { return from_environment("LAMINA_TEST_MOUNTED"); }

// Why nothing can be mounted here; empty if it can.
[[nodiscard]] inline std::string const& obstacle() {
    static std::string const why = []() -> std::string {
        if (!given_directory().empty())
            return {};
        if (program().empty())
            return "LAMINA_FUSE names no program";
        if (::geteuid() != 0)
            return "only root mounts";
        if (!is_kernel() && ::access(program().c_str(), X_OK) != 0)
            return "there is no " + program();
        if (!is_kernel() && ::access("/dev/fuse", R_OK | W_OK) != 0)
            return std::string("/dev/fuse: ") + std::strerror(errno);
        return oracle::private_mounts();
    }();
    return why;
}

// Whether the test is left out. Says so in one line, for all tests of the program.
[[nodiscard]] inline bool cannot_mount() {
    static bool said = false;
    if (!obstacle().empty() && !std::exchange(said, true))
        WARN("skipped, as all tests of mounts: " << obstacle());
    return !obstacle().empty();
}

// What a number of seconds or steps is to be, unless the environment says otherwise.
[[nodiscard]] inline unsigned long number(char const* variable, unsigned long otherwise) {
    auto const text = from_environment(variable);
    return text.empty() ? otherwise : std::strtoul(text.c_str(), nullptr, 10);
}

// Calls `too_late` once, from a thread of its own, unless it has gone before: whoever waits for an answer out of a FUSE
// mount gets no signals.
class watchdog {
public:
    explicit watchdog(std::function<void()> too_late)
        : thread_([this, too_late = std::move(too_late)] {
              std::unique_lock lock(mutex_);
              auto const patience = std::chrono::seconds(number("LAMINA_TEST_PATIENCE", 60));
              if (!changed_.wait_for(lock, patience, [this] { return over_; }))
                  too_late();
          }) {}
    watchdog(watchdog const&) = delete;
    watchdog& operator=(watchdog const&) = delete;
    ~watchdog() {
        {
            std::lock_guard const lock(mutex_);
            over_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;  // last: it uses the others
};

// The parts of an overlay.
struct layers {
    std::vector<std::string> lowers;  // the topmost first
    std::string upper, work;          // empty: it cannot be changed
};

// One mount by the program that is tested. Throws why there is none.
class mount {
public:
    // `options` are further mount options, joined by commas.
    mount(layers const& of, std::string at, std::string const& options = "") : at_(std::move(at)) {
        std::string data = "lowerdir=";
        for (std::size_t i = 0; i < of.lowers.size(); ++i)
            data += (i == 0 ? "" : ":") + of.lowers[i];
        if (!of.upper.empty())
            data += ",upperdir=" + of.upper + ",workdir=" + of.work;
        data += ",redirect_dir=on";
        if (is_kernel()) {
            data += ",index=off,metacopy=off,xino=on";
            bool const read_only = options.find("ro") != options.npos;
            if (::mount("overlay", at_.c_str(), "overlay", read_only ? MS_RDONLY : 0, data.c_str()) != 0)
                throw std::runtime_error("mount " + data + ": " + std::strerror(errno));
        } else {
            for (auto const& more : {options, from_environment("LAMINA_TEST_OPTIONS")})
                data += (more.empty() ? "" : ",") + more;
            start(data);
        }
    }
    mount(mount const&) = delete;
    mount& operator=(mount const&) = delete;
    ~mount() { (void)close(); }

    // 0 for the kernel's.
    [[nodiscard]] pid_t daemon() const { return daemon_; }
    // Tells the daemon to end. Whether it did, well, and nothing is mounted there any more.
    bool end_by(int signal) {
        struct stat mounted_there, now;
        if (daemon_ == 0 || ::stat(at_.c_str(), &mounted_there) != 0 || ::kill(daemon_, signal) != 0)
            return false;
        int status = 0;
        bool const well = ::waitpid(daemon_, &status, 0) == daemon_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        daemon_ = 0;
        bool const gone = ::stat(at_.c_str(), &now) == 0 && now.st_dev != mounted_there.st_dev;
        if (gone)
            at_.clear();
        guard_.reset();
        return well && gone && !was_cut_off_;
    }
    // Whether the mount could be ended, with nobody using it any more, and its daemon has ended well.
    bool close() {
        if (at_.empty())
            return true;
        bool well = ::umount2(at_.c_str(), 0) == 0;
        if (!well)
            (void)::umount2(at_.c_str(), MNT_DETACH);
        if (daemon_ != 0) {
            int status = 0;
            // The watchdog sees to it that this ends.
            if (!well)
                (void)::kill(daemon_, SIGTERM);
            well = ::waitpid(daemon_, &status, 0) == daemon_ && well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        guard_.reset();
        if (was_cut_off_)
            WARN("the daemon gave no answer and was cut off");
        well = well && !was_cut_off_;
        at_.clear();
        daemon_ = 0;
        return well;
    }

private:
    void start(std::string const& options) {
        struct stat before, now;
        if (::stat(at_.c_str(), &before) != 0)
            throw std::runtime_error(at_ + ": " + std::strerror(errno));
        auto const runs = program();
        pid_t const parent = ::getpid();
        daemon_ = ::fork();
        if (daemon_ == 0) {
            // It goes when the test goes.
            if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent)
                ::_exit(126);
            ::execl(runs.c_str(), runs.c_str(), "-f", "-o", options.c_str(), at_.c_str(), nullptr);
            ::_exit(127);
        }
        if (daemon_ < 0)
            throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
        guard_.emplace([this] {
            was_cut_off_ = true;
            // A daemon that waits for its own mount does not die before its connection is gone.
            (void)::umount2(at_.c_str(), MNT_FORCE);
            (void)::kill(daemon_, SIGKILL);
        });
        for (;;) {
            int status = 0;
            if (::waitpid(daemon_, &status, WNOHANG) == daemon_) {
                daemon_ = 0;
                throw std::runtime_error(runs + " -o " + options + " has ended at once, with " +
                                         std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)));
            }
            if (::stat(at_.c_str(), &now) == 0 && now.st_dev != before.st_dev)
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    std::string at_;
    pid_t daemon_ = 0;
    std::atomic<bool> was_cut_off_ = false;
    std::optional<watchdog> guard_;
};

// A directory below the temporary one with the parts of an overlay in it, and the mount, once open() has been called.
// What a test wants to find in a lower layer it puts into lower() before.
class overlay {
public:
    explicit overlay(std::size_t lowers = 1) {
        if (!given_directory().empty()) {
            direct_ = given_directory() + "/lamina-test." + std::to_string(::getpid()) + "." + std::to_string(++count_);
            make(direct_);
            return;
        }
        place_.emplace();
        for (std::size_t i = 0; i < lowers; ++i) {
            parts_.lowers.push_back(*place_ / ("lower" + std::to_string(i)));
            make(parts_.lowers.back());
        }
        parts_.upper = *place_ / "upper";
        parts_.work = *place_ / "work";
        for (auto const& each : {parts_.upper, parts_.work, *place_ / "merged"})
            make(each);
    }
    overlay(overlay const&) = delete;
    overlay& operator=(overlay const&) = delete;
    ~overlay() {
        CHECK(close());
        if (!direct_.empty())
            (void)std::system(("rm -rf '" + direct_ + "'").c_str());  // it is in the tester's directory, and has its result
    }

    // Mounted, and with nothing below but what the test puts there itself.
    [[nodiscard]] bool is_direct() const { return !direct_.empty(); }
    [[nodiscard]] std::string lower(std::size_t i = 0) const { return is_direct() ? direct_ : parts_.lowers.at(i); }
    [[nodiscard]] std::string const& upper() const { return parts_.upper; }
    [[nodiscard]] layers const& parts() const { return parts_; }
    [[nodiscard]] layers& parts() { return parts_; }
    [[nodiscard]] std::string root() const { return is_direct() ? direct_ : *place_ / "merged"; }
    [[nodiscard]] std::string operator/(std::string const& name) const { return root() + "/" + name; }
    // A place of the test's that is not in the mount.
    [[nodiscard]] std::string outside(std::string const& name) const {
        return place_ ? *place_ / name : "/tmp/lamina-outside." + std::to_string(::getpid()) + name;
    }
    [[nodiscard]] pid_t daemon() const { return mount_ ? mount_->daemon() : 0; }

    void open(std::string const& options = "") {
        options_ = options;
        if (!is_direct())
            mount_.emplace(parts_, root(), options);
    }
    // Whether all went well.
    bool close() {
        bool const well = !mount_ || mount_->close();
        mount_.reset();
        return well;
    }
    bool end_by(int signal) {
        bool const well = mount_ && mount_->end_by(signal);
        mount_.reset();
        return well;
    }
    // The same again: whatever was only remembered is gone.
    void remount() {
        REQUIRE(close());
        open(options_);
    }

private:
    static void make(std::string const& directory) {
        if (::mkdir(directory.c_str(), 0755) != 0)
            throw std::runtime_error(directory + ": " + std::strerror(errno));
    }
    static inline unsigned count_ = 0;
    std::optional<model::scratch> place_;
    std::string direct_;
    layers parts_;
    std::string options_;
    std::optional<mount> mount_;
};

}  // namespace mounting
