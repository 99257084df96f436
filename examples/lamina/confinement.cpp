#include "confinement.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

namespace lamina_program {

namespace {

std::string failure(std::string const& what) { return what + ": " + std::strerror(errno); }

bool write_text(std::string const& path, std::string const& text) {
    int const fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool const written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    int const why = errno;
    ::close(fd);
    errno = why;
    return written;
}

struct subordinate {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};
// The largest range of `who` in /etc/subuid or /etc/subgid: lines "name or uid:first:count".
std::optional<subordinate> find_subordinate(char const* file, std::string const& name, uid_t uid) {
    std::ifstream lines(file);
    std::optional<subordinate> best;
    for (std::string line; std::getline(lines, line);) {
        auto const first = line.find(':');
        auto const second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos || (line.substr(0, first) != name && line.substr(0, first) != std::to_string(uid)))
            continue;
        subordinate found;
        auto const number = [&](std::size_t from, std::size_t to, std::uint64_t& into) {
            return std::from_chars(line.data() + from, line.data() + to, into).ec == std::errc{};
        };
        if (number(first + 1, second, found.first) && number(second + 1, line.size(), found.count) &&
            (!best || found.count > best->count))
            best = found;
    }
    return best;
}

// inside, outside, count: `inside` is one's own id, all below and above it are subordinate.
std::vector<std::string> map_words(std::uint64_t inside, std::uint64_t own, subordinate rest) {
    std::vector<std::string> words;
    auto const add = [&](std::uint64_t a, std::uint64_t b, std::uint64_t count) {
        if (count != 0)
            words.insert(words.end(), {std::to_string(a), std::to_string(b), std::to_string(count)});
    };
    auto const below = inside < rest.count ? inside : rest.count;
    add(0, rest.first, below);
    add(inside, own, 1);
    add(inside + 1, rest.first + below, rest.count - below);
    return words;
}

bool run_tool(char const* tool, pid_t process, std::vector<std::string> const& words) {
    pid_t const child = ::fork();
    if (child < 0)
        return false;
    if (child == 0) {
        std::vector<std::string> all{tool, std::to_string(process)};
        all.insert(all.end(), words.begin(), words.end());
        std::vector<char*> pointers;
        for (auto& word : all)
            pointers.push_back(word.data());
        pointers.push_back(nullptr);
        // What it says about ranges that it does not grant is no matter of the caller's: there is another way.
        if (int const nothing = ::open("/dev/null", O_WRONLY); nothing >= 0)
            (void)::dup2(nothing, 2);
        ::execvp(tool, pointers.data());
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool write_subordinate_maps(pid_t process, uid_t own_uid, gid_t own_gid, bool as_root) {
    auto const* const entry = ::getpwuid(own_uid);
    std::string const name = entry != nullptr ? entry->pw_name : "";
    auto const users = find_subordinate("/etc/subuid", name, own_uid);
    auto const groups = find_subordinate("/etc/subgid", name, own_uid);
    if (!users || !groups)
        return false;
    // The group map first: if it fails, the namespace can still be given a single id.
    return run_tool("newgidmap", process, map_words(as_root ? 0 : own_gid, own_gid, *groups)) &&
           run_tool("newuidmap", process, map_words(as_root ? 0 : own_uid, own_uid, *users));
}

std::uint32_t overflow_of(char const* file) {
    std::uint32_t id = 65534;
    std::ifstream(file) >> id;
    return id;
}

// What is mounted here is not seen outside. What is unmounted outside is unmounted here too, or it would stay busy.
trouble keep_mounts_here() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
        return failure("the mounts cannot be kept apart");
    return {};
}

}  // namespace

map_writer::map_writer() {
    int down[2], up[2];
    if (::pipe2(down, O_CLOEXEC) != 0)
        return;
    if (::pipe2(up, O_CLOEXEC) != 0) {
        ::close(down[0]);
        ::close(down[1]);
        return;
    }
    pid_t const parent = ::getpid();
    uid_t const uid = ::geteuid();
    gid_t const gid = ::getegid();
    child_ = ::fork();
    if (child_ == 0) {
        ::close(down[1]);
        ::close(up[0]);
        char as_root = 0;
        if (::read(down[0], &as_root, 1) == 1) {
            char const done = write_subordinate_maps(parent, uid, gid, as_root != 0) ? 1 : 0;
            (void)!::write(up[1], &done, 1);
        }
        ::_exit(0);
    }
    ::close(down[0]);
    ::close(up[1]);
    request_ = down[1];
    answer_ = up[0];
}

map_writer::~map_writer() {
    for (int const fd : {request_, answer_})
        if (fd >= 0)
            ::close(fd);
    if (child_ > 0)
        while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
        }
}

bool map_writer::write(bool as_root) {
    char const wish = as_root ? 1 : 0;
    char done = 0;
    return child_ > 0 && ::write(request_, &wish, 1) == 1 && ::read(answer_, &done, 1) == 1 && done == 1;
}

trouble confine(bool as_root, identity& who) {
    who.uid = ::geteuid();
    who.gid = ::getegid();
    if (who.uid == 0 && ::unshare(CLONE_NEWNS) == 0)
        return keep_mounts_here();

    uid_t const own_uid = who.uid;
    gid_t const own_gid = who.gid;
    {
        map_writer outside;
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return failure("no namespaces are to be had (a user namespace is needed, or root)");
        who.user_namespace = true;
        who.uid = as_root ? 0 : own_uid;
        who.gid = as_root ? 0 : own_gid;
        who.shown.only = overflow_of("/proc/sys/kernel/overflowuid");
        if (outside.write(as_root)) {
            who.shown.user = 0;
            who.shown.group = 0;
        } else {
            std::string const users = std::to_string(who.uid) + ' ' + std::to_string(own_uid) + " 1\n";
            std::string const groups = std::to_string(who.gid) + ' ' + std::to_string(own_gid) + " 1\n";
            // A kernel before 3.19 has no such file, and no need of it.
            if (!write_text("/proc/self/setgroups", "deny") && errno != ENOENT)
                return failure("/proc/self/setgroups");
            // The group map may be there already, if only the user map was refused.
            if (!write_text("/proc/self/gid_map", groups) && errno != EPERM)
                return failure("/proc/self/gid_map");
            if (!write_text("/proc/self/uid_map", users))
                return failure("/proc/self/uid_map");
            who.shown.user = who.uid;
            who.shown.group = who.gid;
        }
    }
    // Without this, ids that were not mapped when the process was made would stay as they are.
    if (::setresgid(who.gid, who.gid, who.gid) != 0 || ::setresuid(who.uid, who.uid, who.uid) != 0)
        return failure("the ids inside cannot be taken");
    return keep_mounts_here();
}

trouble enter(surroundings const& around) {
    if (::unshare(CLONE_NEWNS) != 0)
        return failure("no mount namespace");
    if (auto failed = keep_mounts_here())
        return failed;
    for (auto const& path : around.shared) {
        auto const place = around.tree + path;
        struct stat object;
        if (::stat(path.c_str(), &object) != 0 || ::stat(place.c_str(), &object) != 0)
            continue;
        if (::mount(path.c_str(), place.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
            return failure("'" + path + "' cannot be shown in the tree");
    }
    for (auto const& path : around.hidden) {
        auto const place = around.tree + path;
        struct stat object;
        if (::stat(place.c_str(), &object) == 0 && S_ISDIR(object.st_mode) &&
            ::mount("none", place.c_str(), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k,mode=555") != 0)
            return failure("'" + path + "' cannot be hidden");
    }
    if (::chdir(around.tree.c_str()) != 0)
        return failure(around.tree);
    // The new root on top of the old one, and the old one taken from under it. Where the root is no mount (an initial
    // ramdisk), only the view of it changes.
    if (::syscall(SYS_pivot_root, ".", ".") == 0) {
        if (::umount2(".", MNT_DETACH) != 0)
            return failure("the old root cannot be left");
        if (::chdir("/") != 0)
            return failure("/");
    } else if (::chroot(".") != 0) {
        return failure("the tree cannot be entered");
    }
    if (::chdir(around.directory.c_str()) != 0) {
        if (::chdir("/") != 0)
            return failure("/");
        ::setenv("PWD", "/", 1);
    }
    return {};
}

}  // namespace lamina_program
