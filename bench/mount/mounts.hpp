// Who takes part in the comparison of mounts, and how each is mounted over a tree of layers and ended again.
//
// A mount is private to this program (a mount namespace of its own, where the machine allows it), and its daemon dies
// with this program: nothing is left behind, however it ends. A daemon that does not answer is killed by the watchdog,
// which turns what waits for it into errors: no run hangs.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

// The parts of what is to be mounted, all on the file system that is measured.
struct places {
    std::vector<std::filesystem::path> lowers;  // the topmost first
    std::filesystem::path upper;
    std::filesystem::path work;
    std::filesystem::path merged;  // the mount point
};

// One who takes part.
struct candidate {
    enum class kind { native, kernel, daemon };
    enum class io_uring { as_it_is, off, on };  // the kernel's switch for FUSE, while this one is mounted

    std::string name;
    kind how = kind::daemon;
    bool copies_up = true;         // changes what comes from a lower layer, without writing to that layer
    std::vector<std::string> (*command)(places const&, std::string const& program, std::string const& more) = nullptr;
    std::string program{};         // of a daemon
    std::string more{};            // further mount options
    io_uring uring = io_uring::as_it_is;
    bool flushes = true;           // to the disk, when asked to
};

// Those whose names are wanted that can be mounted here; why the others cannot goes to `skipped`. `ours` is the program
// of this library's mount, or empty.
[[nodiscard]] std::vector<candidate> candidates(std::string const& ours, std::regex const& wanted_names,
                                                std::filesystem::path const& try_in,
                                                std::vector<std::string>& skipped);

// Mounts become private to this program. Says why that cannot be had, which is no error.
[[nodiscard]] std::string private_mounts();

// Mounted as long as it lives. Throws why it cannot be mounted.
class mounted {
public:
    mounted(candidate const& who, places const& where);
    mounted(mounted const&) = delete;
    mounted& operator=(mounted const&) = delete;
    ~mounted();

    [[nodiscard]] std::filesystem::path const& path() const { return where_.merged; }
    // 0 where there is none.
    [[nodiscard]] pid_t daemon() const { return daemon_; }
    // The number by which the kernel knows a FUSE connection, if it is one.
    [[nodiscard]] std::optional<unsigned> connection() const;
    // What the daemon said on its standard error, the end of it.
    [[nodiscard]] std::string said() const;

private:
    void start_daemon(candidate const& who);

    places where_;
    std::filesystem::path log_;
    pid_t daemon_ = 0;
    bool is_mounted_ = false;
    std::string uring_before_;  // what the kernel's switch is put back to; empty: it was not touched
};

// Kills the daemon of the mount that it watches when it is not gone in time.
class watchdog {
public:
    watchdog(pid_t daemon, std::chrono::seconds limit);
    watchdog(watchdog const&) = delete;
    watchdog& operator=(watchdog const&) = delete;
    ~watchdog();

private:
    struct state;
    std::unique_ptr<state> state_;
};

// Runs a program, its output nowhere, and throws where it fails. The first word is looked for in PATH.
void run_command(std::vector<std::string> const& words, std::filesystem::path const& in);
[[nodiscard]] bool is_in_path(std::string const& program);

}  // namespace bench
