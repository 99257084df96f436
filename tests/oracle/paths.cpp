// What becomes of a path: the same random steps through the kernel, in a directory that is its root, and through the
// path-level members of a real directory, a tree in memory and an overlay. The errno of every step and the tree at the
// end must be the same.
//
// The paths are made to be mistaken about: dots, slashes in odd places, links in circles and out of the tree. A failure
// prints the seed; LAMINA_SEED=<seed> runs that one alone.
//
// Needs the right to chroot(2).
#include "catch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/temporary_directory.hpp"

using namespace lamina;

namespace {

enum class action {
    status,
    symlink_status,
    open,
    list,
    read_symlink,
    create_directory,
    create_symlink,
    create_fifo,
    hard_link,
    rename,
    remove,
    resize,
    permissions,
    count
};
constexpr char const* action_names[] = {
    "status",      "symlink_status", "open",   "list",   "read_symlink", "create_directory", "create_symlink",
    "create_fifo", "hard_link",      "rename", "remove", "resize",       "permissions"};

struct step {
    action what{};
    std::string path;
    std::string other;  // the second path, or a link's target
    open_flags opening{};
    rename_flags renaming{};
};

std::string to_string(step const& s) {
    std::string text = action_names[static_cast<int>(s.what)];
    text += " '" + s.path + "'";
    if (!s.other.empty())
        text += " '" + s.other + "'";
    if (s.what == action::open)
        text += " flags " + std::to_string(static_cast<unsigned>(s.opening));
    if (s.what == action::rename)
        text += " flags " + std::to_string(static_cast<unsigned>(s.renaming));
    return text;
}

class script {
public:
    explicit script(std::uint32_t seed) : random_(seed) {
        for (int i = 0; i != 80; ++i)
            steps_.push_back(make());
    }
    [[nodiscard]] std::vector<step> const& steps() const { return steps_; }

private:
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_()) % n; }

    // Half of them plain, since what is odd all the time meets nothing.
    std::string words() {
        static constexpr char const* plain[] = {"a",   "b",   "c",   "a/a", "a/b",   "b/a",   "b/b",
                                                "c/a", "c/b", "a/c", "b/c", "a/b/c", "b/a/a", "a/a/a"};
        if (below(2) == 0)
            return plain[below(std::size(plain))];
        static constexpr char const* components[] = {"a", "b", "c", "a", "b", "c", "d", ".", "..", ".."};
        std::string text = below(4) == 0 ? "/" : "";
        auto const count = 1 + below(4);
        for (std::uint32_t i = 0; i != count; ++i) {
            if (i != 0)
                text += below(10) == 0 ? "//" : "/";
            text += components[below(std::size(components))];
        }
        if (below(6) == 0)
            text += "/";
        return text;
    }
    // One that the library takes: it must not lead above the root in its own words.
    std::string path() {
        if (below(40) == 0)
            return "/";
        for (;;)
            if (auto text = words(); path_view::parse(text))
                return text;
    }

    step make() {
        step s;
        // More is made than removed, so that there is something to meet.
        static constexpr action favourites[] = {action::create_directory, action::create_symlink, action::open,
                                                action::create_directory, action::create_symlink, action::rename};
        s.what = steps_.size() < 20 || below(3) == 0
                     ? favourites[below(std::size(favourites))]
                     : static_cast<action>(below(static_cast<std::uint32_t>(action::count)));
        s.path = path();
        if (s.what == action::create_symlink)
            s.other = words();
        if (s.what == action::hard_link || s.what == action::rename)
            s.other = path();
        if (s.what == action::rename)
            s.renaming = static_cast<rename_flags>(below(2) == 0 ? 0 : below(4));
        if (s.what == action::open) {
            static constexpr open_flags some[] = {open_flags::read,
                                                  open_flags::write,
                                                  open_flags::read_write,
                                                  open_flags::read | open_flags::create,
                                                  open_flags::write | open_flags::create,
                                                  open_flags::read_write | open_flags::create | open_flags::exclusive,
                                                  open_flags::write | open_flags::create | open_flags::truncate,
                                                  open_flags::write | open_flags::append | open_flags::create,
                                                  open_flags::read_write | open_flags::truncate};
            s.opening = some[below(std::size(some))];
        }
        return s;
    }

    std::mt19937 random_;
    std::vector<step> steps_;
};

// --- the kernel

int native_flags(open_flags flags) {
    int native = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    bool const reads = has(flags, open_flags::read);
    bool const writes = has(flags, open_flags::write | open_flags::append);
    native |= reads && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    native |= has(flags, open_flags::append) ? O_APPEND : 0;
    native |= has(flags, open_flags::create) ? O_CREAT : 0;
    native |= has(flags, open_flags::exclusive) ? O_EXCL : 0;
    native |= has(flags, open_flags::truncate) ? O_TRUNC : 0;
    return native;
}

int open_natively(char const* path, open_flags flags) {
    int const fd = ::open(path, native_flags(flags), 0644);
    if (fd < 0)
        return errno;
    // The library opens regular files alone, and tells what else it met.
    struct stat object {};
    int code = ::fstat(fd, &object) != 0 ? errno
               : S_ISDIR(object.st_mode) ? EISDIR
               : S_ISREG(object.st_mode) ? 0
                                         : ENXIO;
    ::close(fd);
    return code;
}

int list_natively(char const* path) {
    int const fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ::close(fd);
    return 0;
}

int perform_natively(step const& s) {
    auto const code = [](int outcome) { return outcome < 0 ? errno : 0; };
    struct stat object {};
    char target[5000];
    char const* path = s.path.c_str();
    switch (s.what) {
    case action::status: return code(::stat(path, &object));
    case action::symlink_status: return code(::lstat(path, &object));
    case action::open: return open_natively(path, s.opening);
    case action::list: return list_natively(path);
    case action::read_symlink: return code(static_cast<int>(::readlink(path, target, sizeof target)));
    case action::create_directory: return code(::mkdir(path, 0755));
    case action::create_symlink: return code(::symlink(s.other.c_str(), path));
    case action::create_fifo: return code(::mkfifo(path, 0644));
    case action::hard_link: return code(::link(path, s.other.c_str()));
    case action::rename:
        return code(::renameat2(AT_FDCWD, path, AT_FDCWD, s.other.c_str(), static_cast<unsigned>(s.renaming)));
    case action::remove: {
        int const unlinked = code(::unlink(path));
        return unlinked == EISDIR ? code(::rmdir(path)) : unlinked;
    }
    case action::resize: return code(::truncate(path, 10));
    case action::permissions: return code(::chmod(path, 0711));
    case action::count: break;
    }
    return -1;
}

void look_natively(std::string const& directory, std::string const& prefix, std::vector<std::string>& seen) {
    DIR* const stream = ::opendir(directory.c_str());
    if (stream == nullptr)
        throw std::runtime_error("cannot list " + directory);
    std::vector<std::string> names;
    while (auto const* entry = ::readdir(stream))
        if (std::string const name = entry->d_name; name != "." && name != "..")
            names.push_back(name);
    ::closedir(stream);
    for (auto const& name : names) {
        auto const full = directory + "/" + name;
        struct stat object {};
        if (::lstat(full.c_str(), &object) != 0)
            throw std::runtime_error("cannot stat " + full);
        char const* type = S_ISDIR(object.st_mode)   ? "directory"
                           : S_ISREG(object.st_mode) ? "regular"
                           : S_ISLNK(object.st_mode) ? "symlink"
                                                     : "fifo";
        seen.push_back(
            prefix + name + " " + type + " " +
            (S_ISDIR(object.st_mode) ? "" : std::to_string(object.st_size) + " " + std::to_string(object.st_nlink)));
        if (S_ISDIR(object.st_mode))
            look_natively(full, prefix + name + "/", seen);
    }
}

struct account {
    std::vector<int> codes;
    std::vector<std::string> tree;
};

// False where this process may not change its root.
bool run_natively(script const& given, account& into) {
    conformance::temporary_directory const place;
    bool allowed = false;
    // In a thread of its own, whose root is changed for good.
    std::thread([&] {
        if (::unshare(CLONE_FS) != 0 || ::chroot(place.path().c_str()) != 0 || ::chdir("/") != 0)
            return;
        allowed = true;
        for (auto const& s : given.steps())
            into.codes.push_back(perform_natively(s));
    }).join();
    if (allowed) {
        look_natively(place.path(), "", into.tree);
        std::sort(into.tree.begin(), into.tree.end());
    }
    return allowed;
}

// --- ours

template <class T, class E>
int code_of(result<T, E> const& r) {
    return r.has_value() ? 0 : static_cast<int>(static_cast<error>(r.error()).code);
}

template <class B>
int perform(B& tree, step const& s) {
    auto const path = path_view::parse(s.path).value();
    auto const other = [&] { return path_view::parse(s.other).value(); };
    switch (s.what) {
    case action::status: return code_of(tree.status(path));
    case action::symlink_status: return code_of(tree.symlink_status(path));
    case action::open: return code_of(tree.open(path, s.opening, 0644));
    case action::list: return code_of(tree.list(path));
    case action::read_symlink: return code_of(tree.read_symlink(path));
    case action::create_directory: return code_of(tree.create_directory(path, 0755));
    case action::create_symlink: return code_of(tree.create_symlink(s.other, path));
    case action::create_fifo: return code_of(tree.create_node(path, file_type::fifo, 0644));
    case action::hard_link: return code_of(tree.create_hard_link(path, other()));
    case action::rename: return code_of(tree.rename(path, other(), s.renaming));
    case action::remove: return code_of(tree.remove(path));
    case action::resize: return code_of(tree.resize(path, 10));
    case action::permissions: return code_of(tree.permissions(path, 0711));
    case action::count: break;
    }
    return -1;
}

template <class B>
void compare(char const* subject, B& tree, script const& given, account const& kernel, std::uint32_t seed) {
    std::string history;
    for (std::size_t i = 0; i != given.steps().size(); ++i) {
        auto const& s = given.steps()[i];
        int const ours = perform(tree, s);
        history += "  " + to_string(s) + " -> " + std::to_string(ours) + "\n";
        if (ours != kernel.codes[i]) {
            FAIL(subject << ", seed " << seed << ", step " << i << ": the kernel says "
                         << mnemonic(static_cast<errc>(kernel.codes[i])) << ", we say "
                         << mnemonic(static_cast<errc>(ours)) << "\n"
                         << history);
        }
    }
    std::vector<std::string> seen;
    auto const walked = tree.walk("", [&](walk_entry const& entry) {
        auto const& o = entry.object;
        seen.push_back(std::string(entry.path) + " " + std::string(name(o.type)) + " " +
                       (o.is_directory() ? "" : std::to_string(o.size) + " " + std::to_string(o.nlink)));
    });
    REQUIRE(walked.has_value());
    std::sort(seen.begin(), seen.end());
    INFO(subject << ", seed " << seed << "\n" << history);
    CHECK(seen == kernel.tree);
}

bool run(std::uint32_t seed) {
    script const given(seed);
    account kernel;
    if (!run_natively(given, kernel))
        return false;
    {
        conformance::temporary_directory const place;
        auto directory = posix_directory::open(place.path()).value();
        compare("posix_directory", directory, given, kernel, seed);
    }
    {
        memory_tree memory;
        compare("memory_tree", memory, given, kernel, seed);
    }
    {
        memory_tree lower;
        memory_tree upper_tree;
        overlay root{upper(upper_tree), lamina::lower(lower)};
        compare("overlay", root, given, kernel, seed);
    }
    return true;
}

}  // namespace

TEST_CASE("[oracle.paths] any path means to us what it means to the kernel") {
    if (char const* chosen = std::getenv("LAMINA_SEED")) {
        REQUIRE(run(static_cast<std::uint32_t>(std::strtoul(chosen, nullptr, 10))));
        return;
    }
    char const* wanted = std::getenv("LAMINA_SEEDS");
    auto const seeds = wanted != nullptr ? static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10)) : 150u;
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        if (!run(seed)) {
            WARN("left out: this process may not chroot, so the kernel cannot be asked");
            return;
        }
    }
}
