#include "mounts.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

namespace fs = std::filesystem;

namespace {

constexpr char const* uring_switch = "/sys/module/fuse/parameters/enable_uring";

[[noreturn]] void fail(std::string const& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

std::string joined(std::vector<fs::path> const& all, std::string const& between, std::string const& after = "") {
    std::string text;
    for (auto const& one : all)
        text += (text.empty() ? "" : between) + one.string() + after;
    return text;
}

std::string overlay_options(places const& where) {
    return "lowerdir=" + joined(where.lowers, ":") + ",upperdir=" + where.upper.string() +
           ",workdir=" + where.work.string();
}

// --- how each is started, so that it stays in the foreground -------------------------------------------------------

std::vector<std::string> as_fuse_overlayfs(places const& where, std::string const& program, std::string const& more) {
    return {program, "-f", "-o", overlay_options(where) + (more.empty() ? "" : "," + more), where.merged.string()};
}
std::vector<std::string> as_unionfs(places const& where, std::string const& program, std::string const&) {
    return {program, "-f", "-o", "cow,use_ino", where.upper.string() + "=RW:" + joined(where.lowers, ":", "=RO"),
            where.merged.string()};
}
std::vector<std::string> as_mergerfs(places const& where, std::string const& program, std::string const&) {
    return {program, "-f", "-o", "category.create=ff,use_ino,cache.files=auto-full,fsname=mergerfs",
            where.upper.string() + "=RW:" + joined(where.lowers, ":", "=RO"), where.merged.string()};
}

// --------------------------------------------------------------------------------------------------------------------

std::string first_line_of(char const* file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}
bool write_to(char const* file, std::string const& text) {
    std::ofstream out(file);
    out << text;
    return static_cast<bool>(out.flush());
}

// Its words as a program is given them. Lives as long as `words`.
std::vector<char*> arguments(std::vector<std::string> const& words) {
    std::vector<char*> all;
    for (auto const& word : words)
        all.push_back(const_cast<char*>(word.c_str()));
    all.push_back(nullptr);
    return all;
}

// Also where it had to be killed.
void wait_for(pid_t child, std::chrono::milliseconds patience) {
    auto const until = std::chrono::steady_clock::now() + patience;
    while (::waitpid(child, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > until) {
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void unmount(fs::path const& at) {
    if (::umount2(at.c_str(), 0) == 0 || ::umount2(at.c_str(), MNT_DETACH) == 0)
        return;
    // Without privilege there is a program that may do it.
    try {
        run_command({"fusermount3", "-u", "-z", at.string()}, "/");
    } catch (std::exception const&) {
        // Then the mount goes with its daemon.
    }
}

}  // namespace

std::string private_mounts() {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return std::string("mounts are visible to everybody: ") + std::strerror(errno);
    return {};
}

bool is_in_path(std::string const& program) {
    if (program.find('/') != program.npos)
        return ::access(program.c_str(), X_OK) == 0;
    char const* const path = std::getenv("PATH");
    std::istringstream all(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string directory; std::getline(all, directory, ':');)
        if (::access((directory + '/' + program).c_str(), X_OK) == 0)
            return true;
    return false;
}

void run_command(std::vector<std::string> const& words, fs::path const& in) {
    auto const given = arguments(words);
    pid_t const child = ::fork();
    if (child == 0) {
        int const nowhere = ::open("/dev/null", O_RDWR);
        if (nowhere < 0 || ::dup2(nowhere, 0) < 0 || ::dup2(nowhere, 1) < 0 || ::dup2(nowhere, 2) < 0 ||
            ::chdir(in.c_str()) != 0)
            ::_exit(126);
        ::execvp(given.front(), given.data());
        ::_exit(127);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child)
        fail(words.front());
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw std::runtime_error(words.front() + " ended with " +
                                 std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)));
}

mounted::mounted(candidate const& who, places const& where)
    : where_(where), log_(where.merged.parent_path() / "said") {
    if (who.uring != candidate::io_uring::as_it_is) {
        uring_before_ = first_line_of(uring_switch);
        std::string const wanted = who.uring == candidate::io_uring::on ? "Y" : "N";
        if (uring_before_ == wanted)
            uring_before_.clear();
        else if (!write_to(uring_switch, wanted))
            throw std::runtime_error("the kernel's io_uring for FUSE cannot be switched");
    }
    try {
        switch (who.how) {
        case candidate::kind::native: break;
        case candidate::kind::kernel: {
            auto const options = overlay_options(where_) + "," + who.more;
            if (::mount("overlay", where_.merged.c_str(), "overlay", 0, options.c_str()) != 0)
                fail("mount an overlay");
            is_mounted_ = true;
            break;
        }
        case candidate::kind::daemon: start_daemon(who); break;
        }
    } catch (...) {
        if (!uring_before_.empty())
            write_to(uring_switch, uring_before_);
        throw;
    }
}

mounted::~mounted() {
    if (is_mounted_)
        unmount(where_.merged);
    if (daemon_ != 0)
        wait_for(daemon_, std::chrono::seconds(20));
    // Nothing can be done where it fails: whoever may write once may write twice.
    if (!uring_before_.empty())
        write_to(uring_switch, uring_before_);
}

void mounted::start_daemon(candidate const& who) {
    struct stat before, now;
    if (::stat(where_.merged.c_str(), &before) != 0)
        fail(where_.merged.string());
    auto const words = who.command(where_, who.program, who.more);
    auto const given = arguments(words);
    pid_t const parent = ::getpid();
    daemon_ = ::fork();
    if (daemon_ < 0)
        fail("fork");
    if (daemon_ == 0) {
        // It goes when this program goes.
        if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent)
            ::_exit(126);
        int const log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int const nowhere = ::open("/dev/null", O_RDWR);
        if (log < 0 || nowhere < 0 || ::dup2(nowhere, 0) < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0)
            ::_exit(126);
        ::execvp(given.front(), given.data());
        ::_exit(127);
    }
    // A mount point that is being mounted may keep stat waiting until the daemon answers, for ever if it never does.
    watchdog const guard(daemon_, std::chrono::seconds(20));
    for (;;) {
        int status = 0;
        if (::waitpid(daemon_, &status, WNOHANG) == daemon_) {
            daemon_ = 0;
            throw std::runtime_error(who.program + " has ended at once: " + said());
        }
        if (::stat(where_.merged.c_str(), &now) == 0 && now.st_dev != before.st_dev)
            break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    is_mounted_ = true;
}

std::optional<unsigned> mounted::connection() const {
    struct stat st;
    if (daemon_ == 0 || ::stat(where_.merged.c_str(), &st) != 0)
        return std::nullopt;
    return static_cast<unsigned>(minor(st.st_dev));
}

std::string mounted::said() const {
    std::ifstream in(log_);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text.size() > 300 ? "..." + text.substr(text.size() - 300) : text;
}

struct watchdog::state {
    std::mutex mutex;
    std::condition_variable changed;
    bool over = false;
    std::thread thread;
};

watchdog::watchdog(pid_t daemon, std::chrono::seconds limit) : state_(std::make_unique<state>()) {
    // In a thread: whoever waits for an answer out of a FUSE mount gets no signals.
    state_->thread = std::thread([daemon, limit, s = state_.get()] {
        std::unique_lock lock(s->mutex);
        if (!s->changed.wait_for(lock, limit, [&] { return s->over; }) && daemon > 0)
            ::kill(daemon, SIGKILL);
    });
}

watchdog::~watchdog() {
    {
        std::lock_guard const lock(state_->mutex);
        state_->over = true;
    }
    state_->changed.notify_one();
    state_->thread.join();
}

std::vector<candidate> candidates(std::string const& ours, std::regex const& wanted_names, fs::path const& try_in,
                                  std::vector<std::string>& skipped) {
    using kind = candidate::kind;
    using uring = candidate::io_uring;
    auto const first_of = [](std::vector<std::string> const& names) {
        auto const found = std::find_if(names.begin(), names.end(), is_in_path);
        return found == names.end() ? std::string() : *found;
    };
    std::vector<candidate> wanted = {
        {.name = "native", .how = kind::native},
        {.name = "kernel", .how = kind::kernel, .more = "redirect_dir=on,metacopy=on"},
        {.name = "kernel_volatile", .how = kind::kernel, .more = "redirect_dir=on,metacopy=on,volatile",
         .flushes = false},
        {.name = "fuse_overlayfs", .command = as_fuse_overlayfs, .program = first_of({"fuse-overlayfs"})},
        {.name = "unionfs_fuse", .command = as_unionfs, .program = first_of({"unionfs-fuse", "unionfs"})},
        // What it is told to be read-only it still writes to.
        {.name = "mergerfs", .copies_up = false, .command = as_mergerfs, .program = first_of({"mergerfs"})},
    };
    bool const has_switch = ::access(uring_switch, F_OK) == 0;
    bool const can_switch = ::access(uring_switch, W_OK) == 0;
    auto const plain = can_switch ? uring::off : uring::as_it_is;
    wanted.push_back({.name = "lamina", .command = as_fuse_overlayfs, .program = ours, .more = "redirect_dir=on",
                      .uring = plain});
    wanted.push_back({.name = "lamina_passthrough", .command = as_fuse_overlayfs, .program = ours,
                      .more = "redirect_dir=on,passthrough", .uring = plain});
    if (can_switch || first_line_of(uring_switch) == "Y")
        wanted.push_back({.name = "lamina_uring", .command = as_fuse_overlayfs, .program = ours,
                          .more = "redirect_dir=on", .uring = can_switch ? uring::on : uring::as_it_is});
    else
        skipped.push_back(std::string("lamina_uring: ") +
                          (has_switch ? "io_uring is off for FUSE, and not ours to switch" : "the kernel has none"));

    std::vector<candidate> able;
    for (auto& one : wanted) {
        if (!std::regex_search(one.name, wanted_names))
            continue;
        if (one.how == kind::daemon && one.program.empty()) {
            skipped.push_back(one.name + ": not installed");
            continue;
        }
        try {
            // Whether a mount is allowed depends on more than on who one is.
            places where{{try_in / "l"}, try_in / "u", try_in / "w", try_in / "m"};
            fs::remove_all(try_in);
            for (auto const& each : {where.lowers.front(), where.upper, where.work, where.merged})
                fs::create_directories(each);
            mounted const attempt(one, where);
            able.push_back(std::move(one));
        } catch (std::exception const& failure) {
            skipped.push_back(one.name + ": " + failure.what());
        }
    }
    fs::remove_all(try_in);
    return able;
}

}  // namespace bench
