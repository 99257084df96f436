// What others do to a real directory while it is used, what lies in it, and what the kernel or a filter withholds.
#include "scratch.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <thread>

using namespace lamina;

namespace {

// For some time, exchanges two names in a directory as fast as it can.
class swapper {
public:
    swapper(std::string first, std::string second)
        : thread_([this, a = std::move(first), b = std::move(second)] {
              while (!over_.load()) {
                  if (::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0)
                      failed_ = true;
                  ++swaps_;
              }
          }) {}
    swapper(swapper const&) = delete;
    swapper& operator=(swapper const&) = delete;
    ~swapper() {
        over_ = true;
        thread_.join();
        CHECK_FALSE(failed_);
        CHECK(swaps_ > 10);
    }

private:
    std::atomic<bool> over_{false};
    std::atomic<bool> failed_{false};
    std::atomic<int> swaps_{0};
    std::thread thread_;
};

// Something that nobody may touch, read or list, and a link to it.
struct forbidden {
    scratch_directory place;
    struct stat before {};

    forbidden() {
        place.write("file", "secret");
        REQUIRE(::mkdir((place / "sub").c_str(), 0755) == 0);
        REQUIRE(::stat((place / "file").c_str(), &before) == 0);
    }
    void check_untouched() const {
        CHECK(slurp(place / "file") == "secret");
        struct stat after;
        REQUIRE(::stat((place / "file").c_str(), &after) == 0);
        CHECK(after.st_mode == before.st_mode);
        CHECK(after.st_nlink == before.st_nlink);
        CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
        CHECK(after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);  // covers owner and attributes too
        auto tree = place.open();
        CHECK(names_in(tree, tree.root()) == std::vector<std::string>{"file", "sub"});
        CHECK(tree.list("sub").value().empty());
    }
};

template <class Body>
void for_a_while(Body&& body) {
    timespec start, now;
    ::clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 50; ++i)
            body();
        ::clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 < 700);
}

std::string text_of(result<posix_file> opened) {
    if (!opened)
        return {};
    char buffer[16];
    auto const got = opened->read_at(std::as_writable_bytes(std::span(buffer)), 0);
    return got ? std::string(buffer, *got) : std::string();
}

}  // namespace

TEST_CASE("[posix.70] a directory that turns into a link and back leads nowhere") {
    bool const old = GENERATE(false, true);
    forbidden outside;
    scratch_directory scratch;
    posix_options options;
    options.old_calls_only = old;
    options.max_descriptors = 4;
    auto tree = scratch.open(options);
    auto const root = tree.root();
    REQUIRE(tree.create_directories("d/sub/deep"));
    REQUIRE(tree.write("d/file", "mine"));
    REQUIRE(::symlink(outside.place.path().c_str(), (scratch / "l").c_str()) == 0);
    std::vector<node_guard<posix_directory>> crowd;
    for (int i = 0; i < 8; ++i) {
        REQUIRE(tree.create_directory_at(root, "c" + std::to_string(i), 0755));
        crowd.emplace_back(tree, tree.open_directory_at(root, "c" + std::to_string(i)).value());
    }
    node_guard deep(tree, tree.descend(root, "d/sub/deep").reached);
    int entered = 0, refused = 0, reopened = 0, stale = 0;
    {
        swapper const others(scratch / "d", scratch / "l");
        for_a_while([&] {
            if (auto const d = tree.open_directory_at(root, "d")) {
                node_guard held(tree, *d);
                ++entered;
                CHECK(text_of(tree.open_at(*d, "file", open_flags::read)) == "mine");
                if (auto made = tree.create_at(*d, "new", 0600))
                    CHECK(tree.remove_at(*d, "new"));
                CHECK(names_in(tree, *d).front() == "file");
            } else {
                ++refused;
                CHECK(d.error() == errc::enotdir);
            }
            auto const down = tree.descend(root, "d/sub");
            if (down.used != 0 && tree.create_at(down.reached, "fresh", 0600))
                CHECK(tree.remove_at(down.reached, "fresh"));
            tree.release(down.reached);
            for (auto const& other : crowd)
                REQUIRE(tree.lookup(*other, "x"));
            auto const found = tree.create_at(*deep, "made", 0600);
            if (found)
                CHECK(tree.remove_at(*deep, "made"));
            ++(found ? reopened : stale);
            CHECK((found || found.error() == errc::estale || found.error() == errc::eexist));
            CHECK(tree.read("d/file").value_or("mine") == "mine");
            if (auto const written = tree.write("d/sub/written", "x"); !written)
                CHECK(written.error() != errc::eperm);
        });
    }
    CAPTURE(entered, refused, reopened, stale);
    CHECK(entered > 0);
    CHECK(refused > 0);
    CHECK(reopened > 0);
    outside.check_untouched();
}

TEST_CASE("[posix.71] a file that turns into a link and back: the link is changed or refused, never what it leads to") {
    bool const old = GENERATE(false, true);
    forbidden outside;
    scratch_directory scratch;
    posix_options options;
    options.old_calls_only = old;
    auto tree = scratch.open(options);
    auto const root = tree.root();
    scratch.write("f", "mine");
    REQUIRE(::symlink((outside.place / "file").c_str(), (scratch / "l").c_str()) == 0);
    {
        swapper const others(scratch / "f", scratch / "l");
        for_a_while([&] {
            // Any of these may fail: with the error that a link earns.
            auto const text = text_of(tree.open_at(root, "f", open_flags::read));
            CHECK((text.empty() || text == "mine"));
            if (auto file = tree.open_known_regular_at(root, "f", open_flags::write | open_flags::truncate))
                CHECK(file->write_at(bytes_of("mine"), 0));
            else
                CHECK(file.error() == errc::eloop);
            (void)tree.set_mode_at(root, "f", 0777);
            (void)tree.set_owner_at(root, "f", keep_user, ::getegid());
            (void)tree.set_times_at(root, "f", time_change::touch());
            (void)tree.set_xattr_at(root, "f", "user.k", "v", xattr_flags::none);
            (void)tree.resize_at(root, "f", 4);
            (void)tree.link_at(root, "f", root, "another");
            (void)tree.remove_at(root, "another");
        });
    }
    outside.check_untouched();
}

TEST_CASE("[posix.72] a file that turns into a fifo does not make anybody wait") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    scratch.write("f", "mine");
    REQUIRE(::mkfifo((scratch / "p").c_str(), 0600) == 0);
    swapper const others(scratch / "f", scratch / "p");
    for_a_while([&] {
        for (auto const flags : {open_flags::read, open_flags::write, open_flags::read_write}) {
            (void)tree.open_at(root, "f", flags);
            (void)tree.open_known_regular_at(root, "f", flags);
        }
        (void)tree.resize_at(root, "f", 4);
    });
}

TEST_CASE("[posix.73] magic links are links") {
    for (bool const old : {false, true}) {
        posix_options options;
        options.old_calls_only = old;
        auto tree = posix_directory::open("/proc/self", options).value();
        auto const root = tree.root();
        CHECK(tree.open_directory_at(root, "cwd").error() == errc::enotdir);
        CHECK(tree.open_directory_at(root, "root").error() == errc::enotdir);
        CHECK(tree.open_at(root, "exe", open_flags::read).error() == errc::eloop);
        CHECK(tree.open_known_regular_at(root, "exe", open_flags::read).error() == errc::eloop);
        for (std::string_view const names : {"cwd/etc", "root/etc", "root/usr/bin"}) {
            auto const down = tree.descend(root, names);
            CHECK(down.used == 0);
            tree.release(down.reached);
        }
        int const held = ::open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto const down = tree.descend(root, "fd/" + std::to_string(held) + "/x");
        CHECK(down.used == 2);
        CHECK(tree.open_directory_at(down.reached, std::to_string(held)).error() == errc::enotdir);
        tree.release(down.reached);
        ::close(held);
        // Read as text, "/" is the tree's own root.
        CHECK(tree.read("root/etc/passwd").error() == errc::enoent);
    }
}

TEST_CASE("[posix.74] what is mounted below the root is a boundary, unless asked for") {
    if (::geteuid() != 0) {
        WARN("skipped: needs to mount");
        return;
    }
    scratch_directory scratch;
    for (char const* const name : {"tmp", "bind", "source", "source/below"})
        REQUIRE(::mkdir((scratch / name).c_str(), 0755) == 0);
    scratch.write("plain", "below the mount");
    scratch.write("source/file", "bound");
    if (::mount("tmpfs", (scratch / "tmp").c_str(), "tmpfs", 0, nullptr) != 0) {
        WARN("skipped: this process may not mount");
        return;
    }
    scratch.write("tmp/file", "mounted");
    REQUIRE(::mkdir((scratch / "tmp/dir").c_str(), 0755) == 0);
    REQUIRE(::mount((scratch / "source").c_str(), (scratch / "bind").c_str(), nullptr, MS_BIND, nullptr) == 0);
    REQUIRE(::mount((scratch / "source/file").c_str(), (scratch / "plain").c_str(), nullptr, MS_BIND, nullptr) == 0);
    for (bool const old : {false, true}) {
        CAPTURE(old);
        posix_options options;
        options.old_calls_only = old;
        auto tree = scratch.open(options);
        auto const root = tree.root();
        for (char const* const name : {"tmp", "bind"}) {
            CHECK(tree.lookup(root, name).value()->is_directory());
            CHECK(tree.open_directory_at(root, name).error() == errc::exdev);
            CHECK(tree.remove_directory_at(root, name).error() == errc::ebusy);
        }
        auto const down = tree.descend(root, "bind/below");
        CHECK(down.used == 0);
        tree.release(down.reached);
        CHECK(tree.read("tmp/file").error() == errc::exdev);
        CHECK(tree.list("bind").error() == errc::exdev);
        CHECK(tree.open_at(root, "plain", open_flags::read).error() == errc::exdev);
        CHECK(tree.open_at(root, "plain", open_flags::write | open_flags::truncate).error() == errc::exdev);
        CHECK(slurp(scratch / "source/file") == "bound");

        options.cross_mounts = true;
        auto crossing = scratch.open(options);
        CHECK(crossing.read("tmp/file").value() == "mounted");
        CHECK(crossing.read("bind/file").value() == "bound");
        CHECK(crossing.read("plain").value() == "bound");
        node_guard dir(crossing, crossing.descend(crossing.root(), "tmp/dir").reached);
        CHECK(crossing.rename("tmp/file", "outside").error() == errc::exdev);
        // A root that is itself a mount point is a root like any other.
        auto inner = posix_directory::open(scratch / "tmp", {.old_calls_only = old}).value();
        CHECK(inner.read("file").value() == "mounted");
        CHECK(inner.list("dir").value().empty());
    }
    CHECK(::umount((scratch / "plain").c_str()) == 0);
    CHECK(::umount((scratch / "bind").c_str()) == 0);
    CHECK(::umount((scratch / "tmp").c_str()) == 0);
}

TEST_CASE("[posix.75] without privilege: what may be searched can be entered, what may not be is refused") {
    scratch_directory scratch;
    for (char const* const name : {"search", "search/inner", "read", "none"})
        REQUIRE(::mkdir((scratch / name).c_str(), 0755) == 0);
    scratch.write("search/inner/file", "found");
    scratch.write("search/secret", "no");
    REQUIRE(::chmod((scratch / "search/secret").c_str(), 0600) == 0);
    REQUIRE(::chmod((scratch / "search").c_str(), 0711) == 0);
    REQUIRE(::chmod((scratch / "read").c_str(), 0744) == 0);
    REQUIRE(::chmod((scratch / "none").c_str(), 0700) == 0);
    if (::geteuid() != 0) {
        WARN("skipped: everything here is this user's own");
        return;
    }
    for (bool const old : {false, true}) {
        CHECK(in_child_as_nobody([&]() -> std::string {
                  posix_options options;
                  options.old_calls_only = old;
                  auto tree = posix_directory::open(scratch.path(), options).value();
                  auto const root = tree.root();
                  auto const search = tree.open_directory_at(root, "search").value();
                  if (tree.list_at(search, [](directory_entry const&) { return true; }).error() != errc::eacces)
                      return "listed";
                  if (tree.sync_directory(search).error() != errc::eacces)
                      return "flushed";
                  auto const inner = tree.open_directory_at(search, "inner").value();
                  if (text_of(tree.open_at(inner, "file", open_flags::read)) != "found")
                      return "file";  // root's file: O_NOATIME is refused, reading is not
                  if (tree.open_at(search, "secret", open_flags::read).error() != errc::eacces)
                      return "secret";
                  if (tree.create_at(search, "new", 0600).error() != errc::eacces)
                      return "created";
                  auto const read = tree.open_directory_at(root, "read").value();
                  if (!tree.list_at(read, [](directory_entry const&) { return true; }))
                      return "list";
                  if (tree.lookup(read, "x").error() != errc::eacces)
                      return "searched";
                  auto const none = tree.open_directory_at(root, "none").value();
                  if (tree.open_at(none, "x", open_flags::read).error() != errc::eacces)
                      return "entered";
                  if (tree.set_mode_at(root, "none", 0777).error() != errc::eperm)
                      return "set_mode";
                  if (tree.set_owner_at(root, "none", 65534, keep_group).error() != errc::eperm)
                      return "set_owner";
                  auto const down = tree.descend(root, "search/inner");
                  if (down.reached != inner)
                      return "descend";
                  if (auto made = tree.create_at(root, old ? "old" : "new", 0644); !made)
                      return to_string(made.error());
                  if (auto unnamed = tree.create_unnamed(root, 0644))
                      if (auto const published = tree.publish_at(*unnamed, root, old ? "old2" : "new2"); !published)
                          return "publish: " + to_string(published.error());
                  for (node const n : {search, inner, read, none, down.reached})
                      tree.release(n);
                  return {};
              }) == "");
    }
}

namespace {

// From here on in this process, system calls newer than Linux 4.11 that this library uses answer `code`.
bool withhold_new_calls(int code) {
    constexpr auto call = [](unsigned number) {
        return sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    };
    auto const refuse = sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)));
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        call(437), refuse, call(452), refuse, call(463), refuse,
        call(464), refuse, call(465), refuse, call(466), refuse,
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog const filter{static_cast<unsigned short>(std::size(program)), program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

std::string use_everything(posix_directory& tree, std::string const& outside) {
    auto const root = tree.root();
    if (!tree.create_directories("a/b/c") || !tree.write("a/b/c/file", "x") || !tree.create_symlink(outside, "a/out"))
        return "making";
    if (tree.read("a/b/c/file").value_or("") != "x")
        return "reading";
    auto const down = tree.descend(root, "a/b/c");
    if (down.used != 5)
        return "descending";
    if (!tree.set_mode_at(down.reached, "file", 0640) || tree.lookup(down.reached, "file").value()->mode != 0640)
        return "set_mode_at a file";
    if (!tree.set_mode_at(down.reached, "", 0710) || tree.lookup(down.reached, "").value()->mode != 0710)
        return "set_mode_at a directory";
    auto const a = tree.open_directory_at(root, "a").value();
    if (tree.set_mode_at(a, "out", 0777).error() != errc::eopnotsupp)
        return "set_mode_at a link";
    if (tree.open_directory_at(a, "out").error() != errc::enotdir)
        return "entering a link";
    if (tree.able().has(capability::user_xattrs)) {
        if (!tree.set_xattr_at(down.reached, "file", "user.k", "v", xattr_flags::create) ||
            tree.get_xattr_at(down.reached, "file", "user.k").value() != "v" ||
            tree.list_xattrs_at(down.reached, "file").value().empty() ||
            !tree.remove_xattr_at(down.reached, "file", "user.k"))
            return "attributes";
    } else if (tree.set_xattr_at(down.reached, "file", "user.k", "v", xattr_flags::create)) {
        return "user attributes are there and were not seen";
    }
    tree.release(a);
    tree.release(down.reached);
    return tree.remove_all("a").value_or(0) == 5 ? "" : "removing";
}

}  // namespace

TEST_CASE("[posix.76] a process that withholds the new calls from itself goes on in the old way") {
    forbidden outside;
    scratch_directory scratch;
    for (int const code : {ENOSYS, EPERM}) {
        CAPTURE(code);
        CHECK(in_child_as_nobody([&]() -> std::string {
                  auto early = posix_directory::open(scratch.path()).value();
                  if (auto const wrong = use_everything(early, outside.place.path()); !wrong.empty())
                      return "before: " + wrong;
                  if (!withhold_new_calls(code))
                      return {};  // not allowed to: nothing to be tested
                  if (code == ENOSYS)
                      if (auto const wrong = use_everything(early, outside.place.path()); !wrong.empty())
                          return "an open one: " + wrong;
                  if (code == EPERM)  // as in a process that finds the filter when it starts
                      detail::sys::lacks_openat2.store(true);
                  auto tree = posix_directory::open(scratch.path()).value();
                  return use_everything(tree, outside.place.path());
              }) == "");
    }
    outside.check_untouched();
}
