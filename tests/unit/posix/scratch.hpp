// A directory that is gone after the test, and what only the tests of this room need to know about the process.
#pragma once

#include "catch.hpp"

#include <lamina/posix/directory.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

// The directory is made where TMPDIR says, or in /tmp; with a place of the test's own, there.
class scratch_directory {
public:
    explicit scratch_directory(std::string place = {}) {
        if (place.empty())
            place = std::getenv("TMPDIR") != nullptr ? std::getenv("TMPDIR") : "/tmp";
        path_ = place + "/lamina-posix-XXXXXX";
        REQUIRE(::mkdtemp(path_.data()) != nullptr);
        REQUIRE(::chmod(path_.c_str(), 0777) == 0);
    }
    scratch_directory(scratch_directory const&) = delete;
    scratch_directory& operator=(scratch_directory const&) = delete;
    ~scratch_directory() { std::system(("rm -rf '" + path_ + "'").c_str()) == 0 ? void() : std::abort(); }

    [[nodiscard]] std::string const& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string const& name) const { return path_ + "/" + name; }
    [[nodiscard]] lamina::posix_directory open(lamina::posix_options options = {}) const {
        return lamina::posix_directory::open(path_, options).value();
    }
    void write(std::string const& name, std::string const& bytes) const {
        std::ofstream file(path_ + "/" + name, std::ios::binary);
        file << bytes;
        REQUIRE(file.good());
    }

private:
    std::string path_;
};

inline std::string slurp(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* const all = ::opendir("/proc/self/fd");
    REQUIRE(all != nullptr);
    while (::readdir(all) != nullptr)
        ++count;
    ::closedir(all);
    return count - 3;  // ".", "..", and the one that counts
}

// Whether some descriptor of this process names `path`, which must be the object's path at this moment.
inline bool is_open(std::string const& path) {
    DIR* const all = ::opendir("/proc/self/fd");
    REQUIRE(all != nullptr);
    bool found = false;
    while (auto const* const entry = ::readdir(all)) {
        char target[4096];
        auto const size = ::readlinkat(::dirfd(all), entry->d_name, target, sizeof target);
        found = found || (size > 0 && std::string_view(target, static_cast<std::size_t>(size)) == path);
    }
    ::closedir(all);
    return found;
}

inline std::string read_whole(lamina::posix_file& file) {
    std::string bytes(std::size_t{1} << 16, '\0');
    auto const got = file.read_at(std::as_writable_bytes(std::span(bytes)), 0);
    REQUIRE(got);
    bytes.resize(*got);
    return bytes;
}
inline std::span<std::byte const> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::vector<std::string> names_in(lamina::posix_directory& tree, lamina::node dir) {
    std::vector<std::string> names;
    REQUIRE(tree.list_at(dir, [&](lamina::directory_entry const& entry) {
        names.emplace_back(entry.name);
        return true;
    }));
    std::sort(names.begin(), names.end());
    return names;
}

// Runs a test that says what is wrong, in a child process with no privilege. The child reports in one string, because
// assertions of Catch belong to the parent.
template <class Body>
std::string in_child_as_nobody(Body&& body) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_t const child = ::fork();
    REQUIRE(child != -1);
    if (child == 0) {
        ::close(ends[0]);
        std::string wrong;
        if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
            wrong = "cannot become nobody";
        else
            wrong = body();
        ssize_t const sent = ::write(ends[1], wrong.data(), wrong.size());
        ::_exit(sent == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    std::string wrong;
    char buffer[4096];
    for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        wrong.append(buffer, static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (status != 0)
        wrong += " (the child ended with status " + std::to_string(status) + ")";
    return wrong;
}
