// Trees under several processes at once, at random, while everything that is remembered is forgotten beside them; and
// trees as two mounts show them. Outcomes cannot be foretold here, so what is asked is: no outcome that no file system
// gives; lookup, list and open agree (model/image.hpp); another mount of the same layers shows the same, and so does the
// kernel's overlay.
//
// LAMINA_SEED is the first seed, LAMINA_TEST_SECONDS how long each round lasts.
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <random>
#include <thread>

#include <lamina/posix/directory.hpp>

#include "model/image.hpp"
#include "mount/mounted.hpp"
#include "mount/words.hpp"

using namespace mounting;

namespace {

constexpr unsigned processes = 4;

// One of several that change the same tree.
class stresser {
public:
    stresser(std::string root, std::uint64_t seed) : root_(std::move(root)), random_(seed) {}

    // Until then, or until something is wrong that cannot be: its errno, and a line on stderr.
    int run(std::chrono::steady_clock::time_point until) {
        while (std::chrono::steady_clock::now() < until) {
            auto const what = below(22);
            int const outcome = step(what);
            if (!is_usual(outcome)) {
                std::fprintf(stderr, "step %zu on %s and %s: %s\n", what, a_.c_str(), b_.c_str(), std::strerror(outcome));
                return outcome;
            }
        }
        return 0;
    }

private:
    static bool is_usual(int outcome) {
        static constexpr std::array usual = {0,       ENOENT,    EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, ELOOP,
                                             EPERM,   ETXTBSY,   EMLINK, EBUSY,   ENXIO,  ENODATA,   ENOSPC, ENAMETOOLONG};
        return std::find(usual.begin(), usual.end(), outcome) != usual.end();
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
    std::string any() {
        static constexpr char const* names[] = {"a", "b", "c", "d", "e", "f", "a-longer-name-that-fills-more-than-a-slot"};
        std::string path = root_;
        for (auto depth = 1 + below(4); depth != 0; --depth)
            path += std::string("/") + names[below(std::size(names))];
        return path;
    }
    int step(std::size_t what) {
        a_ = any();
        b_ = any();
        auto const* const a = a_.c_str();
        auto const* const b = b_.c_str();
        struct stat st;
        switch (what) {
        case 0:
        case 1: return make_file(a_, std::string(below(3000), static_cast<char>('a' + below(26))));
        case 2:
        case 3: return make_directory(a_);
        case 4: return wrong(::unlink(a));
        case 5: return wrong(::rmdir(a));
        case 6:
        case 7: return wrong(::rename(a, b));
        case 8: return wrong(::renameat2(AT_FDCWD, a, AT_FDCWD, b, 1u << below(2)));
        case 9: return wrong(::link(a, b));
        case 10: return wrong(::symlink(below(2) == 0 ? "b" : "../a", a));
        case 11: return wrong(::chmod(a, 0700 | static_cast<mode_t>(below(64))));
        case 12: return wrong(::lchown(a, static_cast<uid_t>(below(3)), static_cast<gid_t>(below(3))));
        case 13: return wrong(::truncate(a, static_cast<off_t>(below(5000))));
        case 14: return append(a_, "appended");
        case 15: return wrong(::lsetxattr(a, below(2) == 0 ? "user.k" : "trusted.k", "value", below(6), 0));
        case 16: return wrong(::mknod(a, below(2) == 0 ? S_IFSOCK | 0600 : S_IFREG | 0600, 0));
        case 17: return wrong(::lstat(a, &st));
        case 18: {
            file const directory(a_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
            if (directory.why() != 0)
                return directory.why();
            // Also after it was removed or moved.
            (void)::unlinkat(directory.fd(), "a", 0);
            int const made = wrong(::mkdirat(directory.fd(), "b", 0755));
            DIR* const listed = ::opendir(a);
            while (listed != nullptr && ::readdir(listed) != nullptr) {
            }
            if (listed != nullptr)
                ::closedir(listed);
            return made;
        }
        case 19: {
            // In a file that no other process touches: what is unlinked stays, with all that was written to it.
            a_ = root_ + "/held-by-" + std::to_string(::getpid());
            file opened(a_, O_RDWR | O_CREAT | O_EXCL);
            if (opened.why() != 0)
                return opened.why();
            if (int const outcome = opened.write_at("held", 10))
                return outcome;
            if (::unlink(a_.c_str()) != 0)
                return errno;
            if (opened.read_at(4, 10) != "held" || opened.status().st_nlink != 0)
                return EIO;
            return wrong(::ftruncate(opened.fd(), 3));
        }
        case 20: return wrong(::removexattr(a, "user.k"));
        default: {
            auto const text = below(2) == 0 ? content(a_) : std::string();
            return text.starts_with("error: ") ? std::stoi(text.substr(7)) : 0;
        }
        }
    }

    std::string root_, a_, b_;
    std::mt19937_64 random_;
};

void make_lower(std::string const& root, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    static constexpr char const* names[] = {"a", "b", "c", "d"};
    for (auto const* const one : names) {
        auto const top = root + "/" + one;
        REQUIRE(make_directory(top) == 0);
        for (auto const* const two : names) {
            auto const path = top + "/" + two;
            switch (random() % 4) {
            case 0: REQUIRE(make_file(path, std::string(random() % 5000, 'l')) == 0); break;
            case 1: REQUIRE(wrong(::symlink("../a", path.c_str())) == 0); break;
            default:
                REQUIRE(make_directory(path) == 0);
                for (auto const* const three : names)
                    REQUIRE(make_file(path + "/" + three, path) == 0);
            }
        }
    }
}

// What a mount shows; contradictions are failures.
model::image look(std::string const& root) {
    auto tree = lamina::posix_directory::open(root).value();
    auto seen = model::photograph(tree);
    for (auto const& one : seen.contradictions) {
        // The kernel's gives another number in lists, where a directory has no mark.
        if (!is_kernel() || !one.ends_with("is listed under another number"))
            FAIL_CHECK(one);
    }
    return seen;
}
void require_same(model::image const& wanted, model::image const& found) {
    for (auto const& line : model::differences(wanted, found))
        FAIL_CHECK(line);
}

}  // namespace

TEST_CASE("[mount.trees.1] several processes change one tree: nothing breaks, and every later mount shows the same") {
    if (cannot_mount())
        return;
    auto const seed = number("LAMINA_SEED", 1);
    bool const forgetting = GENERATE(false, true);
    INFO((forgetting ? "everything is forgotten beside it" : "nothing is forgotten"));
    overlay tree(2);
    make_lower(tree.lower(0), seed);
    if (!tree.is_direct())
        make_lower(tree.lower(1), seed + 1);
    tree.open();
    auto const until = std::chrono::steady_clock::now() + std::chrono::seconds(number("LAMINA_TEST_SECONDS", 3));
    std::vector<pid_t> children;
    for (unsigned i = 0; i < processes; ++i) {
        pid_t const child = ::fork();
        if (child == 0) {
            ::alarm(static_cast<unsigned>(number("LAMINA_TEST_SECONDS", 3)) + 60);  // never longer, whatever it waits for
            ::_exit(stresser(tree.root(), seed * 100 + i + (forgetting ? 10 : 0)).run(until) != 0 ? 1 : 0);
        }
        children.push_back(child);
    }
    while (forgetting && std::chrono::steady_clock::now() < until) {
        (void)drop_caches();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (pid_t const child : children) {
        int status = 0;
        CHECK(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    auto const before = look(tree.root());
    CHECK(before.objects.size() > 10);
    (void)drop_caches();
    require_same(before, look(tree.root()));
    if (tree.is_direct())
        return;
    tree.remount();
    require_same(before, look(tree.root()));
    REQUIRE(tree.close());
    // What is in the upper means the same to the kernel.
    if (!is_kernel()) {
        oracle::kernel_mount const kernel(tree.parts().lowers, tree.parts().upper, tree.parts().work, tree.root(),
                                          "redirect_dir=on,index=off,metacopy=off,xino=on");
        auto opened = lamina::posix_directory::open(tree.root()).value();
        auto const seen = model::photograph(opened);
        require_same(before, seen);
    }
}
