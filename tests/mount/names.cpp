// Names in a mount: what is found, listed, renamed and forgotten. The kernel's overlay is the reference (mounted.hpp).
#include <linux/fs.h>
#include <sys/xattr.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>
#include <thread>

#include "mount/mounted.hpp"
#include "mount/words.hpp"

using namespace mounting;

namespace {

int rename2(std::string const& from, std::string const& to, unsigned flags) {
    return wrong(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

}  // namespace

TEST_CASE("[mount.names.1] a name may have 255 bytes, of any value but two; one of 256 is ENAMETOOLONG everywhere") {
    if (cannot_mount())
        return;
    overlay tree;
    std::string const longest(255, 'n'), too_long(256, 'n');
    std::string every;
    for (int byte = 1; byte < 256; ++byte)
        if (byte != '/')
            every += static_cast<char>(byte);
    REQUIRE(make_file(tree.lower() + "/" + longest, "below") == 0);
    tree.open();
    CHECK(content(tree / longest) == "below");
    CHECK(exists(tree / too_long) == ENAMETOOLONG);
    CHECK(make_file(tree / too_long, "") == ENAMETOOLONG);
    CHECK(make_directory(tree / too_long) == ENAMETOOLONG);
    CHECK(wrong(::symlink("x", (tree / too_long).c_str())) == ENAMETOOLONG);
    CHECK(wrong(::rename((tree / longest).c_str(), (tree / too_long).c_str())) == ENAMETOOLONG);
    CHECK(make_file(tree / every, "every byte") == 0);
    CHECK(append(tree / longest, " and above") == 0);
    CHECK(content(tree / longest) == "below and above");
    CHECK(names_in(tree.root()) == std::map<std::string, unsigned>{{longest, 1}, {every, 1}});
    tree.remount();
    CHECK(content(tree / every) == "every byte");
    CHECK(wrong(::unlink((tree / longest).c_str())) == 0);
    CHECK(exists(tree / longest) == ENOENT);
    CHECK(make_file(tree / longest, "again") == 0);
    CHECK(content(tree / longest) == "again");
}

TEST_CASE("[mount.names.2] a lower directory that is renamed keeps its children, again and again, and after a remount") {
    if (cannot_mount())
        return;
    overlay tree;
    for (auto const* const path : {"/d", "/d/e", "/d/e/f", "/other"})
        REQUIRE(make_directory(tree.lower() + path) == 0);
    REQUIRE(make_file(tree.lower() + "/d/e/f/file", "deep") == 0);
    REQUIRE(make_file(tree.lower() + "/d/file", "shallow") == 0);
    tree.open();
    // Looked up before, so that what is remembered must follow.
    CHECK(content(tree / "d/e/f/file") == "deep");
    file inside(tree / "d/e/f", O_RDONLY | O_DIRECTORY);
    CHECK(rename2(tree / "d", tree / "moved", 0) == 0);
    CHECK(content(tree / "moved/e/f/file") == "deep");
    CHECK(exists(tree / "d") == ENOENT);
    CHECK(exists(tree / "d/file") == ENOENT);
    CHECK(wrong(::faccessat(inside.fd(), "file", R_OK, 0)) == 0);
    CHECK(rename2(tree / "moved/e", tree / "other/e", 0) == 0);
    CHECK(rename2(tree / "other", tree / "again", 0) == 0);
    CHECK(content(tree / "again/e/f/file") == "deep");
    CHECK(exists(tree / "moved/e") == ENOENT);
    CHECK(names_in(tree / "moved") == std::map<std::string, unsigned>{{"file", 1}});
    CHECK(make_directory(tree / "d") == 0);
    CHECK(names_in(tree / "d").empty());
    inside = file();
    tree.remount();
    CHECK(content(tree / "again/e/f/file") == "deep");
    CHECK(content(tree / "moved/file") == "shallow");
    CHECK(names_in(tree / "d").empty());
    CHECK(names_in(tree.root()) == std::map<std::string, unsigned>{{"again", 1}, {"moved", 1}, {"d", 1}});
}

TEST_CASE("[mount.names.3] what is removed and made again begins empty") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(make_file(tree.lower() + "/d/old", "old") == 0);
    tree.open();
    CHECK(wrong(::rmdir((tree / "d").c_str())) == ENOTEMPTY);
    CHECK(wrong(::unlink((tree / "d/old").c_str())) == 0);
    CHECK(wrong(::rmdir((tree / "d").c_str())) == 0);
    CHECK(make_file(tree / "d", "now a file") == 0);
    CHECK(exists(tree / "d/old") == ENOTDIR);
    CHECK(wrong(::unlink((tree / "d").c_str())) == 0);
    CHECK(make_directory(tree / "d") == 0);
    CHECK(names_in(tree / "d").empty());
    CHECK(exists(tree / "d/old") == ENOENT);
    tree.remount();
    CHECK(names_in(tree / "d").empty());
}

TEST_CASE("[mount.names.4] rename with flags: no replacement, exchange, and the flags that a user may not give") {
    if (cannot_mount())
        return;
    overlay tree;
    for (auto const* const name : {"/low", "/low2"})
        REQUIRE(make_file(tree.lower() + name, name) == 0);
    REQUIRE(make_directory(tree.lower() + "/dir") == 0);
    REQUIRE(make_file(tree.lower() + "/dir/in", "in") == 0);
    tree.open();
    REQUIRE(make_file(tree / "up", "/up") == 0);
    CHECK(rename2(tree / "up", tree / "low", RENAME_NOREPLACE) == EEXIST);
    CHECK(rename2(tree / "up", tree / "up", RENAME_NOREPLACE) == EEXIST);
    CHECK(rename2(tree / "up", tree / "new", RENAME_NOREPLACE) == 0);
    CHECK(rename2(tree / "new", tree / "low", RENAME_EXCHANGE) == 0);
    CHECK(content(tree / "low") == "/up");
    CHECK(content(tree / "new") == "/low");
    CHECK(rename2(tree / "low2", tree / "dir", RENAME_EXCHANGE) == 0);
    CHECK(content(tree / "low2/in") == "in");
    CHECK(content(tree / "dir") == "/low2");
    CHECK(rename2(tree / "low", tree / "none", RENAME_EXCHANGE) == ENOENT);
    CHECK(rename2(tree / "low", tree / "new", RENAME_EXCHANGE | RENAME_NOREPLACE) == EINVAL);
    CHECK(rename2(tree / "low2", tree / "low2/in/below", 0) == ENOTDIR);
    CHECK(make_directory(tree / "low2/sub") == 0);
    CHECK(rename2(tree / "low2", tree / "low2/sub/below", 0) == EINVAL);
    CHECK(rename2(tree / "low", tree / "low2", 0) == EISDIR);
    CHECK(rename2(tree / "low2", tree / "low", 0) == ENOTDIR);
    CHECK(make_directory(tree / "empty") == 0);
    CHECK(rename2(tree / "empty", tree / "low2", 0) == ENOTEMPTY);
    CHECK(rename2(tree / "low2", tree / "empty", 0) == 0);
    CHECK(content(tree / "empty/in") == "in");
    tree.remount();
    CHECK(content(tree / "empty/in") == "in");
    CHECK(exists(tree / "low2") == ENOENT);
    CHECK(content(tree / "dir") == "/low2");
    CHECK(content(tree / "low") == "/up");
}

TEST_CASE("[mount.names.5] a directory that is read stays its own copy: what comes and goes meanwhile neither doubles nor hides") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    std::set<std::string> untouched;
    for (unsigned i = 0; i < 2000; ++i) {
        auto const name = "name-of-some-length-" + std::to_string(i);
        REQUIRE(make_file(tree.lower() + "/d/" + name, "") == 0);
        if (i % 3 == 0)
            untouched.insert(name);
    }
    tree.open();
    DIR* const reading = ::opendir((tree / "d").c_str());
    REQUIRE(reading != nullptr);
    std::map<std::string, unsigned> seen;
    std::vector<std::pair<long, std::string>> cookies;  // what comes after each place
    unsigned turn = 0;
    for (;;) {
        long const at = ::telldir(reading);
        dirent const* const entry = ::readdir(reading);
        if (entry == nullptr)
            break;
        std::string const name = entry->d_name;
        ++seen[name];
        cookies.emplace_back(at, name);
        // Between any two, one goes that may not have come yet, one is made, and one changes its name.
        ++turn;
        auto const numbered = [](unsigned i) { return "d/name-of-some-length-" + std::to_string(i % 2000); };
        if (turn < 600) {
            if (turn * 3 % 2000 % 3 == 2)
                (void)::unlink((tree / numbered(turn * 3 + 2)).c_str());
            (void)make_file(tree / ("d/made" + std::to_string(turn)), "");
            if (unsigned const i = turn * 3 + 1; i < 2000)
                (void)::rename((tree / numbered(i)).c_str(), (tree / ("d/renamed" + std::to_string(i))).c_str());
        }
    }
    unsigned doubled = 0, missing = 0;
    for (auto const& [name, times] : seen)
        doubled += times != 1;
    for (auto const& name : untouched)
        missing += !seen.contains(name);
    CHECK(doubled == 0);
    CHECK(missing == 0);
    // A place that was told leads back to where it was told, as long as the directory is open.
    unsigned astray = 0;
    for (std::size_t i = 0; i < cookies.size(); i += 97) {
        auto const& [at, name] = cookies[i];
        if (!untouched.contains(name))
            continue;
        ::seekdir(reading, at);
        dirent const* const entry = ::readdir(reading);
        astray += entry == nullptr || name != entry->d_name;
    }
    CHECK(astray == 0);
    ::rewinddir(reading);
    std::map<std::string, unsigned> afterwards;
    while (dirent const* const entry = ::readdir(reading))
        ++afterwards[entry->d_name];
    ::closedir(reading);
    CHECK(std::all_of(afterwards.begin(), afterwards.end(), [](auto const& each) { return each.second == 1; }));
    afterwards.erase(".");
    afterwards.erase("..");
    CHECK(afterwards == names_in(tree / "d"));
}

TEST_CASE("[mount.names.6] a hundred thousand names in one directory, from below and from above") {
    if (cannot_mount())
        return;
    overlay tree;
    auto const count = static_cast<unsigned>(number("LAMINA_TEST_NAMES", 100'000));
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    for (unsigned i = 0; i < count / 2; ++i)
        REQUIRE(::mknod((tree.lower() + "/d/low" + std::to_string(i)).c_str(), S_IFREG | 0644, 0) == 0);
    tree.open();
    unsigned failed = 0;
    for (unsigned i = 0; i < count / 2; ++i)
        failed += ::mknod((tree / ("d/up" + std::to_string(i))).c_str(), S_IFREG | 0644, 0) != 0;
    CHECK(failed == 0);
    auto names = names_in(tree / "d");
    CHECK(names.size() == count / 2 * 2);
    CHECK(std::all_of(names.begin(), names.end(), [](auto const& each) { return each.second == 1; }));
    for (unsigned i = 0; i < count / 2; i += 100) {
        failed += ::unlink((tree / ("d/low" + std::to_string(i))).c_str()) != 0;
        names.erase("low" + std::to_string(i));
    }
    CHECK(failed == 0);
    CHECK(names_in(tree / "d") == names);
    tree.remount();
    CHECK(names_in(tree / "d") == names);
    CHECK(exists(tree / "d/low0") == ENOENT);
    CHECK(exists(tree / "d/low1") == 0);
}

TEST_CASE("[mount.names.7] a file that was just made is never missing, however often everything is forgotten beside it") {
    if (cannot_mount())
        return;
    if (!drop_caches()) {
        WARN("skipped: caches cannot be dropped");
        return;
    }
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(make_file(tree.lower() + "/d/below", "below") == 0);
    tree.open();
    std::atomic<bool> over = false;
    std::thread dropping([&] {
        while (!over)
            drop_caches();
    });
    auto const until = std::chrono::steady_clock::now() + std::chrono::seconds(number("LAMINA_TEST_SECONDS", 3));
    std::string failure;
    for (unsigned i = 0; failure.empty() && std::chrono::steady_clock::now() < until; ++i) {
        auto const path = tree / ("d/made" + std::to_string(i % 50));
        auto const step = [&](char const* what, int outcome) {
            if (outcome != 0 && failure.empty())
                failure = std::string(what) + ": " + std::strerror(outcome) + " in turn " + std::to_string(i);
        };
        auto const bytes = std::to_string(i);
        step("create", make_file(path, bytes));
        struct stat st;
        step("stat", wrong(::stat(path.c_str(), &st)));
        step("append", append(path, "x"));
        if (content(path) != bytes + "x")
            step("content", EIO);
        step("chmod", wrong(::chmod(path.c_str(), 0600)));
        step("rename", wrong(::rename(path.c_str(), (path + "r").c_str())));
        step("rename back", wrong(::rename((path + "r").c_str(), path.c_str())));
        step("link", wrong(::link(path.c_str(), (path + "l").c_str())));
        step("unlink", wrong(::unlink((path + "l").c_str())));
        step("mkdir", make_directory(path + "d"));
        step("create below", make_file(path + "d/in", bytes));
        step("unlink below", wrong(::unlink((path + "d/in").c_str())));
        step("rmdir", wrong(::rmdir((path + "d").c_str())));
        if (content(tree / "d/below") != "below")
            step("a lower file", EIO);
        step("unlink", wrong(::unlink(path.c_str())));
        if (exists(path) != ENOENT)
            step("still there", EEXIST);
    }
    over = true;
    dropping.join();
    CHECK(failure == "");
}

TEST_CASE("[mount.names.8] a handle leads to its object before and after everything was forgotten") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(make_file(tree.lower() + "/d/low", "low") == 0);
    tree.open();
    REQUIRE(make_file(tree / "d/up", "up") == 0);
    file const root(tree.root(), O_RDONLY | O_DIRECTORY);
    for (auto const* const name : {"d/low", "d/up", "d"}) {
        INFO(name);
        alignas(file_handle) char room[sizeof(file_handle) + MAX_HANDLE_SZ];
        auto* const handle = reinterpret_cast<file_handle*>(room);
        handle->handle_bytes = MAX_HANDLE_SZ;
        int where = 0;
        int const got = wrong(::name_to_handle_at(AT_FDCWD, (tree / name).c_str(), handle, &where, 0));
        if (got == EOPNOTSUPP) {
            // The kernel's gives handles with an index only.
            WARN("left out: there are no handles here");
            return;
        }
        REQUIRE(got == 0);
        auto const wanted = status(tree / name);
        for (bool const forgotten : {false, true}) {
            if (forgotten)
                (void)drop_caches();
            file const opened(::open_by_handle_at(root.fd(), handle, O_RDONLY));
            // Whoever has forgotten may say so, and then it is always this.
            if (forgotten && opened.why() == ESTALE)
                continue;
            REQUIRE(opened.why() == 0);
            CHECK(opened.status().st_ino == wanted.st_ino);
            CHECK(opened.status().st_mode == wanted.st_mode);
        }
        // And nothing else suffers.
        CHECK(exists(tree / name) == 0);
    }
}

TEST_CASE("[mount.names.9] hard links are one object, and their number is right while they come and go") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open();
    REQUIRE(make_file(tree / "a", "one") == 0);
    CHECK(wrong(::link((tree / "a").c_str(), (tree / "b").c_str())) == 0);
    REQUIRE(make_directory(tree / "d") == 0);
    CHECK(wrong(::link((tree / "b").c_str(), (tree / "d/c").c_str())) == 0);
    CHECK(status(tree / "a").st_nlink == 3);
    CHECK(status(tree / "d/c").st_nlink == 3);
    CHECK(status(tree / "a").st_ino == status(tree / "d/c").st_ino);
    CHECK(append(tree / "b", " more") == 0);
    CHECK(content(tree / "d/c") == "one more");
    CHECK(status(tree / "a").st_size == 8);
    CHECK(wrong(::chmod((tree / "d/c").c_str(), 0600)) == 0);
    CHECK(mode_of(tree / "a") == 0600);
    CHECK(wrong(::unlink((tree / "a").c_str())) == 0);
    CHECK(status(tree / "b").st_nlink == 2);
    CHECK(rename2(tree / "b", tree / "d/c", 0) == 0);  // the same object: nothing happens
    CHECK(status(tree / "b").st_nlink == 2);
    REQUIRE(make_file(tree / "e", "") == 0);
    CHECK(rename2(tree / "e", tree / "b", 0) == 0);
    CHECK(status(tree / "d/c").st_nlink == 1);
    CHECK(wrong(::link((tree / "d").c_str(), (tree / "f").c_str())) == EPERM);
    CHECK(wrong(::link((tree / "e").c_str(), (tree / "f").c_str())) == ENOENT);
    CHECK(wrong(::link((tree / "b").c_str(), (tree / "d/c").c_str())) == EEXIST);
    tree.remount();
    CHECK(status(tree / "d/c").st_nlink == 1);
    CHECK(content(tree / "d/c") == "one more");
}

TEST_CASE("[mount.names.10] a symbolic link that points into the mount is changed itself, and nobody waits for himself") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(make_file(tree.lower() + "/d/target", "target") == 0);
    REQUIRE(wrong(::symlink((tree / "d/target").c_str(), (tree.lower() + "/low").c_str())) == 0);
    tree.open();
    REQUIRE(wrong(::symlink((tree / "d/target").c_str(), (tree / "up").c_str())) == 0);
    for (auto const* const name : {"low", "up"}) {
        INFO(name);
        auto const path = tree / name;
        CHECK(wrong(::lchown(path.c_str(), 12, 34)) == 0);
        CHECK(status(path).st_uid == 12);
        CHECK(wrong(::lsetxattr(path.c_str(), "trusted.t", "v", 1, 0)) == 0);
        char value[8] = {};
        CHECK(::lgetxattr(path.c_str(), "trusted.t", value, sizeof value) == 1);
        CHECK(value[0] == 'v');
        CHECK(wrong(::lsetxattr(path.c_str(), "user.t", "v", 1, 0)) == EPERM);
        timespec const times[2] = {{1, 2}, {3, 4}};
        CHECK(wrong(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW)) == 0);
        CHECK(status(path).st_mtim.tv_nsec == 4);
        CHECK(wrong(::rename(path.c_str(), (path + "2").c_str())) == 0);
        CHECK(content(path + "2") == "target");
    }
    CHECK(status(tree / "d/target").st_uid == 0);
    CHECK(::lgetxattr((tree / "d/target").c_str(), "trusted.t", nullptr, 0) < 0);
}

TEST_CASE("[mount.names.11] statfs tells of the upper, and that names may have 255 bytes") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open();
    struct statvfs seen;
    REQUIRE(wrong(::statvfs(tree.root().c_str(), &seen)) == 0);
    CHECK(seen.f_namemax == 255);
    CHECK(seen.f_blocks > 0);
    CHECK(seen.f_frsize > 0);
    if (!tree.is_direct()) {
        struct statvfs above;
        REQUIRE(wrong(::statvfs(tree.upper().c_str(), &above)) == 0);
        CHECK(seen.f_blocks * seen.f_frsize == above.f_blocks * above.f_frsize);
        CHECK(seen.f_files == above.f_files);
    }
}

TEST_CASE("[mount.names.12] what cannot be changed says EROFS, and what would have been wrong anyway says that") {
    if (cannot_mount())
        return;
    overlay tree(2);
    if (tree.is_direct()) {
        WARN("left out: somebody else has mounted it");
        return;
    }
    REQUIRE(make_file(tree.lower(0) + "/f", "f") == 0);
    REQUIRE(make_directory(tree.lower(1) + "/d") == 0);
    bool const without_upper = GENERATE(true, false);
    INFO((without_upper ? "without an upper" : "with the option ro"));
    if (without_upper)
        tree.parts().upper = tree.parts().work = "";
    tree.open(without_upper ? "" : "ro");
    CHECK(content(tree / "f") == "f");
    CHECK(make_file(tree / "new", "") == EROFS);
    CHECK(make_directory(tree / "new") == EROFS);
    CHECK(make_directory(tree / "d") == EEXIST);
    CHECK(wrong(::unlink((tree / "f").c_str())) == EROFS);
    CHECK(wrong(::rmdir((tree / "d").c_str())) == EROFS);
    CHECK(wrong(::chmod((tree / "f").c_str(), 0600)) == EROFS);
    CHECK(file(tree / "f", O_WRONLY).why() == EROFS);
    CHECK(file(tree / "none", O_RDONLY).why() == ENOENT);
    CHECK(file(tree / "f", O_RDONLY | O_CREAT).why() == 0);
    CHECK(wrong(::truncate((tree / "f").c_str(), 0)) == EROFS);
    CHECK(wrong(::rename((tree / "f").c_str(), (tree / "g").c_str())) == EROFS);
    CHECK(wrong(::link((tree / "f").c_str(), (tree / "g").c_str())) == EROFS);
    CHECK(wrong(::symlink("f", (tree / "g").c_str())) == EROFS);
    CHECK(wrong(::setxattr((tree / "f").c_str(), "user.t", "v", 1, 0)) == EROFS);
    CHECK(wrong(::access((tree / "f").c_str(), W_OK)) == EROFS);
    CHECK(wrong(::access((tree / "f").c_str(), R_OK)) == 0);
    struct statvfs seen;
    REQUIRE(wrong(::statvfs(tree.root().c_str(), &seen)) == 0);
    CHECK((seen.f_flag & ST_RDONLY) != 0);
}

TEST_CASE("[mount.names.13] character device 0/0 cannot be made, and what is like a mark of an overlay is only a name") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open();
    CHECK(wrong(::mknod((tree / "w").c_str(), S_IFCHR | 0600, makedev(0, 0))) == EPERM);
    CHECK(wrong(::mknod((tree / "null").c_str(), S_IFCHR | 0600, makedev(1, 3))) == 0);
    CHECK(status(tree / "null").st_rdev == makedev(1, 3));
    CHECK(make_file(tree / ".wh.x", "a name") == 0);
    CHECK(make_directory(tree / ".wh..wh..opq") == 0);
    CHECK(content(tree / ".wh.x") == "a name");
    CHECK(names_in(tree.root()).size() == 3);
    CHECK(make_file(tree / "x", "") == 0);
    tree.remount();
    CHECK(names_in(tree.root()).size() == 4);
}

TEST_CASE("[mount.names.14] a directory that was removed while it is open: nothing can be made in it, and it lists nothing") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    tree.open();
    file const held(tree / "d", O_RDONLY | O_DIRECTORY);
    REQUIRE(held.why() == 0);
    CHECK(wrong(::rmdir((tree / "d").c_str())) == 0);
    CHECK(wrong(::mkdirat(held.fd(), "x", 0755)) == ENOENT);
    CHECK(file(::openat(held.fd(), "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644)).why() == ENOENT);
    CHECK(wrong(::faccessat(held.fd(), "..", F_OK, 0)) == 0);
    CHECK(make_directory(tree / "d") == 0);
    CHECK(make_file(tree / "d/x", "new") == 0);
    CHECK(wrong(::faccessat(held.fd(), "x", F_OK, 0)) == ENOENT);
}

TEST_CASE("[mount.names.15] two hundred layers") {
    if (cannot_mount())
        return;
    if (is_kernel()) {
        WARN("left out: their names do not fit into what mount(2) takes");
        return;
    }
    constexpr unsigned count = 200;
    overlay tree(count);
    for (unsigned i = 0; i < count; ++i) {
        auto const layer = tree.lower(tree.is_direct() ? 0 : i);
        (void)::mkdir((layer + "/d").c_str(), 0755);
        REQUIRE(make_file(layer + "/d/f" + std::to_string(i), std::to_string(i)) == 0);
        if (!tree.is_direct() || i == 0)
            REQUIRE(make_file(layer + "/d/same", std::to_string(i)) == 0);
    }
    tree.open();
    CHECK(names_in(tree / "d").size() == count + 1);
    unsigned differing = 0;
    for (unsigned i = 0; i < count; ++i)
        differing += content(tree / ("d/f" + std::to_string(i))) != std::to_string(i);
    CHECK(differing == 0);
    CHECK(content(tree / "d/same") == "0");
    CHECK(wrong(::unlink((tree / "d/same").c_str())) == 0);
    CHECK(exists(tree / "d/same") == ENOENT);
    CHECK(append(tree / "d/f199", "!") == 0);
    tree.remount();
    CHECK(exists(tree / "d/same") == ENOENT);
    CHECK(content(tree / "d/f199") == "199!");
}

TEST_CASE("[mount.names.16] a signal ends a mount in order, used a moment ago or never") {
    if (cannot_mount())
        return;
    if (is_kernel() || !given_directory().empty()) {
        WARN("left out: nobody serves it");
        return;
    }
    for (int const signal : {SIGTERM, SIGINT, SIGHUP, SIGTERM}) {
        INFO("signal " << signal);
        overlay tree;
        REQUIRE(make_file(tree.lower() + "/f", "below") == 0);
        tree.open();
        if (signal != SIGHUP) {
            CHECK(append(tree / "f", " and above") == 0);
            CHECK(names_in(tree.root()).size() == 1);
        }
        CHECK(tree.end_by(signal));
        tree.open();
        CHECK(content(tree / "f") == (signal != SIGHUP ? "below and above" : "below"));
    }
}
