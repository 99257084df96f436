// What once was wrong with mounts. The kernel's overlay is the reference (mounted.hpp); options are for ours alone.
#include <sys/xattr.h>

#include <functional>

#include "mount/mounted.hpp"
#include "mount/words.hpp"

using namespace mounting;

TEST_CASE("[mount.issues.1] who writes by a handle to a removed name writes to what has other names") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open();
    for (auto const* const name : {"a", "c", "e"}) {
        REQUIRE(make_file(tree / name, "content") == 0);
        REQUIRE(wrong(::link((tree / name).c_str(), (tree / (std::string(name) + "2")).c_str())) == 0);
    }
    tree.remount();  // nothing is known of the second names
    file removed(tree / "a", O_RDWR);
    CHECK(wrong(::unlink((tree / "a").c_str())) == 0);
    CHECK(removed.write_at("CHANGED", 0) == 0);
    CHECK(wrong(::fchmod(removed.fd(), 0600)) == 0);
    CHECK(content(tree / "a2") == "CHANGED");
    CHECK(mode_of(tree / "a2") == 0600);
    CHECK(removed.status().st_ino == status(tree / "a2").st_ino);

    file replaced(tree / "c", O_RDWR);
    REQUIRE(make_file(tree / "new", "new") == 0);
    CHECK(wrong(::rename((tree / "new").c_str(), (tree / "c").c_str())) == 0);
    CHECK(wrong(::ftruncate(replaced.fd(), 3)) == 0);
    CHECK(content(tree / "c2") == "con");
    CHECK(content(tree / "c") == "new");

    file written(tree / "e", O_RDWR);
    CHECK(wrong(::unlink((tree / "e").c_str())) == 0);
    CHECK(content(tree / "e2") == "content");  // known now, and in the kernel's cache
    CHECK(written.write_at("CHANGED", 0) == 0);
    CHECK(content(tree / "e2") == "CHANGED");
    CHECK(written.status().st_nlink == 1);
    { file const a = std::move(removed), b = std::move(replaced), c = std::move(written); }  // closed
    tree.remount();
    CHECK(content(tree / "e2") == "CHANGED");
}

TEST_CASE("[mount.issues.2] names of a lower file stay two files where there is no index") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/a", "low") == 0);
    REQUIRE(wrong(::link((tree.lower() + "/a").c_str(), (tree.lower() + "/b").c_str())) == 0);
    tree.open("index=off");
    if (tree.is_direct())
        return;
    CHECK(append(tree / "a", "A") == 0);
    CHECK(content(tree / "b") == "low");
    CHECK(append(tree / "b", "B") == 0);
    CHECK(content(tree / "a") == "lowA");
    CHECK(content(tree / "b") == "lowB");
    // Those of the upper layer are one.
    CHECK(wrong(::link((tree / "a").c_str(), (tree / "c").c_str())) == 0);
    tree.remount();
    CHECK(status(tree / "a").st_ino == status(tree / "c").st_ino);
    CHECK(append(tree / "c", "C") == 0);
    CHECK(content(tree / "a") == "lowAC");
    CHECK(content(tree / "b") == "lowB");
}

TEST_CASE("[mount.issues.3] who looks at a file while it is renamed finds it, with several threads at work") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open("workers=4,timeout=0");
    REQUIRE(make_file(tree / "a", "content") == 0);
    file held(tree / "a", O_RDONLY);
    pid_t const child = ::fork();
    if (child == 0) {
        for (int i = 0; i < 2000; ++i)
            if (::rename((tree / "a").c_str(), (tree / "b").c_str()) != 0 ||
                ::rename((tree / "b").c_str(), (tree / "a").c_str()) != 0)
                ::_exit(1);
        ::_exit(0);
    }
    int lost = 0, ended = 0;
    struct stat st;
    while (::waitpid(child, &ended, WNOHANG) == 0) {
        lost += ::fstat(held.fd(), &st) != 0;
        lost += ::fgetxattr(held.fd(), "user.none", nullptr, 0) < 0 && errno != ENODATA;
    }
    CHECK(lost == 0);
    CHECK(ended == 0);
}

namespace {

// The mode of a file with `mode` that belongs to somebody, after somebody else has done something to it.
mode_t after(overlay const& tree, mode_t mode, std::function<int(file& to, file& from)> const& change) {
    auto const path = tree / "program";
    REQUIRE(make_file(path, "12345678") == 0);
    REQUIRE(make_file(tree / "source", "abc") == 0);
    REQUIRE(wrong(::chown(path.c_str(), 1000, 1000)) == 0);
    REQUIRE(wrong(::chmod(path.c_str(), mode)) == 0);
    CHECK(as_user(1001, 1001, [&] {
        file to(path, O_RDWR), from(tree / "source", O_RDONLY);
        return to.why() != 0 ? to.why() : change(to, from);
    }) == 0);
    mode_t const left = mode_of(path);
    CHECK(wrong(::unlink(path.c_str())) == 0);
    return left;
}

}  // namespace

TEST_CASE("[mount.issues.4] set-id bits go by each way to change data") {
    if (cannot_mount())
        return;
    overlay tree;
    for (auto const* const options : {"", "passthrough"}) {
        INFO(options);
        tree.open(options);
        CHECK(after(tree, 06777, [](file& to, file&) { return wrong(::fallocate(to.fd(), 0, 0, 100)); }) == 0777);
        CHECK(after(tree, 06777, [](file& to, file& from) {
            return wrong(::copy_file_range(from.fd(), nullptr, to.fd(), nullptr, 3, 0));
        }) == 0777);
        CHECK(after(tree, 06777, [](file& to, file&) { return to.write_at("x", 0); }) == 0777);
        CHECK(after(tree, 04757, [&](file&, file&) { return file(tree / "program", O_WRONLY | O_TRUNC).why(); }) == 0757);
        if (tree.is_direct() || is_kernel())
            break;
        REQUIRE(tree.close());
    }
}

TEST_CASE("[mount.issues.5] what was written is data, also while the kernel has not sent it") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open("writeback=1");
    file written(tree / "f", O_RDWR | O_CREAT);
    REQUIRE(written.write_at("end", 1 << 20) == 0);
    auto const data = ::lseek(written.fd(), 0, SEEK_DATA);
    CHECK(data >= 0);
    CHECK(data <= 1 << 20);
    CHECK(::lseek(written.fd(), 1 << 20, SEEK_HOLE) == (1 << 20) + 3);
}

TEST_CASE("[mount.issues.6] a removed directory that is open has no links, and can be flushed") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/low") == 0);
    tree.open();
    REQUIRE(make_directory(tree / "up") == 0);
    for (auto const* const name : {"low", "up"}) {
        INFO(name);
        file held(tree / name, O_RDONLY | O_DIRECTORY);
        CHECK(wrong(::rmdir((tree / name).c_str())) == 0);
        if (!is_kernel() && !tree.is_direct())  // which leaves a lower one its links
            CHECK(held.status().st_nlink == 0);
        CHECK(wrong(::fsync(held.fd())) == 0);
    }
}
