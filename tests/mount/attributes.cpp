// Owners, modes, times, ACLs and other attributes in a mount, and who may do what. The kernel's overlay is the reference
// (mounted.hpp). Needs to be able to become somebody else.
#include <sys/xattr.h>

#include <algorithm>
#include <array>

#include "mount/mounted.hpp"
#include "mount/words.hpp"

using namespace mounting;

namespace {

constexpr uid_t ann = 1001, bob = 1002;
constexpr gid_t staff = 2001, guests = 2002;

struct acl_entry {
    unsigned tag;
    unsigned permissions;
    std::uint32_t id;
};
constexpr std::uint32_t nobody = 0xffffffff;

// As system.posix_acl_access and system.posix_acl_default hold it.
std::string acl(std::vector<acl_entry> const& entries) {
    std::string bytes("\x02\0\0\0", 4);
    for (auto const& each : entries) {
        for (unsigned const value : {each.tag, each.permissions})
            bytes.append({static_cast<char>(value & 0xff), static_cast<char>(value >> 8)});
        for (int shift = 0; shift != 32; shift += 8)
            bytes += static_cast<char>(each.id >> shift);
    }
    return bytes;
}
// The owner may do all, `user` this, the group that, others something else.
std::string acl_for(std::uint32_t user, unsigned its, unsigned group, unsigned others) {
    return acl({{0x01, 7, nobody}, {0x02, its, user}, {0x04, group, nobody}, {0x10, 7, nobody}, {0x20, others, nobody}});
}

std::string get_xattr(std::string const& path, char const* key) {
    std::array<char, 4096> value;
    auto const size = ::lgetxattr(path.c_str(), key, value.data(), value.size());
    return size < 0 ? "error: " + std::to_string(errno) : std::string(value.data(), static_cast<std::size_t>(size));
}
int set_xattr(std::string const& path, char const* key, std::string_view value, int flags = 0) {
    return wrong(::lsetxattr(path.c_str(), key, value.data(), value.size(), flags));
}
std::vector<std::string> xattrs_of(std::string const& path) {
    std::array<char, 4096> names;
    auto const size = ::llistxattr(path.c_str(), names.data(), names.size());
    std::vector<std::string> all;
    for (ssize_t at = 0; at < size;) {
        all.emplace_back(names.data() + at);
        at += static_cast<ssize_t>(all.back().size()) + 1;
    }
    std::sort(all.begin(), all.end());
    return all;
}
int chown_to(std::string const& path, uid_t uid, gid_t gid) { return wrong(::lchown(path.c_str(), uid, gid)); }

struct masked {
    explicit masked(mode_t mask) : before(::umask(mask)) {}
    masked(masked const&) = delete;
    masked& operator=(masked const&) = delete;
    ~masked() { ::umask(before); }
    mode_t before;
};

// A place where everybody may make things.
void open_to_all(overlay const& tree, std::string const& directory) {
    REQUIRE(make_directory(tree.lower() + "/" + directory) == 0);
    REQUIRE(wrong(::chmod((tree.lower() + "/" + directory).c_str(), 0777)) == 0);
}

}  // namespace

TEST_CASE("[mount.attributes.1] what somebody makes is his, with the mode that he asked for and his umask left") {
    if (cannot_mount())
        return;
    overlay tree;
    open_to_all(tree, "d");
    tree.open();
    CHECK(as_user(ann, staff, [&] {
              ::umask(027);
              int failed = make_file(tree / "d/file", "mine", 0666);
              failed = failed != 0 ? failed : make_directory(tree / "d/directory", 0777);
              failed = failed != 0 ? failed : wrong(::symlink("file", (tree / "d/link").c_str()));
              failed = failed != 0 ? failed : wrong(::mkfifo((tree / "d/fifo").c_str(), 0666));
              return failed != 0 ? failed : wrong(::mknod((tree / "d/node").c_str(), S_IFREG | 0777, 0));
          }) == 0);
    for (auto const* const name : {"d/file", "d/directory", "d/link", "d/fifo", "d/node"}) {
        INFO(name);
        CHECK(status(tree / name).st_uid == ann);
        CHECK(status(tree / name).st_gid == staff);
    }
    CHECK(mode_of(tree / "d/file") == 0640);
    CHECK(mode_of(tree / "d/directory") == 0750);
    CHECK(mode_of(tree / "d/fifo") == 0640);
    CHECK(mode_of(tree / "d/node") == 0750);
    tree.remount();
    CHECK(status(tree / "d/file").st_uid == ann);
    CHECK(mode_of(tree / "d/directory") == 0750);
    // A mode that does not let its owner write is not in the way of who has just made it.
    CHECK(as_user(ann, staff, [&] { return make_file(tree / "d/closed", "written", 0400); }) == 0);
    CHECK(content(tree / "d/closed") == "written");
}

TEST_CASE("[mount.attributes.2] permission is judged for who asks, and a refused one copies nothing up") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/closed") == 0);
    REQUIRE(make_file(tree.lower() + "/closed/f", "secret") == 0);
    REQUIRE(wrong(::chmod((tree.lower() + "/closed").c_str(), 0700)) == 0);
    REQUIRE(make_file(tree.lower() + "/f", "public") == 0);
    REQUIRE(make_file(tree.lower() + "/anns", "anns") == 0);
    REQUIRE(chown_to(tree.lower() + "/anns", ann, staff) == 0);
    REQUIRE(wrong(::chmod((tree.lower() + "/anns").c_str(), 0640)) == 0);
    tree.open();
    auto const as_bob = [&](std::function<int()> const& what) { return as_user(bob, guests, what); };
    CHECK(as_bob([&] { return exists(tree / "closed/f"); }) == EACCES);
    CHECK(as_bob([&] { return file(tree / "closed", O_RDONLY | O_DIRECTORY).why(); }) == EACCES);
    CHECK(as_bob([&] { return make_file(tree / "closed/new", ""); }) == EACCES);
    CHECK(as_bob([&] { return make_file(tree / "new", ""); }) == EACCES);
    CHECK(as_bob([&] { return wrong(::unlink((tree / "f").c_str())); }) == EACCES);
    CHECK(as_bob([&] { return file(tree / "f", O_RDONLY).why(); }) == 0);
    CHECK(as_bob([&] { return file(tree / "f", O_WRONLY).why(); }) == EACCES);
    CHECK(as_bob([&] { return wrong(::truncate((tree / "f").c_str(), 0)); }) == EACCES);
    CHECK(as_bob([&] { return wrong(::chmod((tree / "f").c_str(), 0666)); }) == EPERM);
    CHECK(as_bob([&] { return wrong(::chown((tree / "f").c_str(), bob, guests)); }) == EPERM);
    CHECK(as_bob([&] { return wrong(::utimensat(AT_FDCWD, (tree / "f").c_str(), nullptr, 0)); }) == EACCES);
    timespec const then[2] = {{1, 2}, {3, 4}};
    CHECK(as_bob([&] { return wrong(::utimensat(AT_FDCWD, (tree / "f").c_str(), then, 0)); }) == EPERM);
    CHECK(as_bob([&] { return set_xattr(tree / "f", "user.k", "v"); }) == EACCES);
    CHECK(as_bob([&] { return set_xattr(tree / "f", "trusted.k", "v"); }) == EPERM);
    CHECK(as_bob([&] { return file(tree / "anns", O_RDONLY).why(); }) == EACCES);
    CHECK(as_bob([&] { return wrong(::access((tree / "anns").c_str(), R_OK)); }) == EACCES);
    CHECK(as_user(bob, guests, [&] { return file(tree / "anns", O_RDONLY).why(); }, {staff}) == 0);
    CHECK(as_user(ann, guests, [&] { return append(tree / "anns", "!"); }) == 0);
    CHECK(content(tree / "anns") == "anns!");
    CHECK(status(tree / "anns").st_uid == ann);
    CHECK(status(tree / "anns").st_gid == staff);
    CHECK(mode_of(tree / "anns") == 0640);
    if (!tree.is_direct())
        CHECK(exists(tree.upper() + "/f") == ENOENT);
}

TEST_CASE("[mount.attributes.3] set-id bits go when somebody else writes, truncates or changes the owner") {
    if (cannot_mount())
        return;
    overlay tree;
    for (auto const* const name : {"/written", "/cut", "/given", "/roots"}) {
        REQUIRE(make_file(tree.lower() + name, "program") == 0);
        REQUIRE(wrong(::chmod((tree.lower() + name).c_str(), 06777)) == 0);
    }
    tree.open();
    auto const as_ann = [&](std::function<int()> const& what) { return as_user(ann, staff, what); };
    CHECK(as_ann([&] { return file(tree / "written", O_WRONLY).why(); }) == 0);
    CHECK(mode_of(tree / "written") == 06777);
    CHECK(as_ann([&] { return append(tree / "written", "!"); }) == 0);
    CHECK(mode_of(tree / "written") == 0777);
    CHECK(as_ann([&] { return wrong(::truncate((tree / "cut").c_str(), 3)); }) == 0);
    CHECK(mode_of(tree / "cut") == 0777);
    CHECK(chown_to(tree / "given", ann, staff) == 0);
    CHECK(mode_of(tree / "given") == 0777);
    CHECK(append(tree / "roots", "!") == 0);
    CHECK(mode_of(tree / "roots") == 06777);
    REQUIRE(make_file(tree / "new", "program") == 0);
    REQUIRE(wrong(::chmod((tree / "new").c_str(), 04777)) == 0);
    CHECK(as_ann([&] { return append(tree / "new", "!"); }) == 0);
    CHECK(mode_of(tree / "new") == 0777);
    tree.remount();
    CHECK(mode_of(tree / "written") == 0777);
    CHECK(mode_of(tree / "new") == 0777);
}

TEST_CASE("[mount.attributes.4] a directory with the set-gid bit gives its group on, and the bit to directories") {
    if (cannot_mount())
        return;
    overlay tree;
    open_to_all(tree, "d");
    REQUIRE(chown_to(tree.lower() + "/d", 0, guests) == 0);
    REQUIRE(wrong(::chmod((tree.lower() + "/d").c_str(), 02777)) == 0);
    REQUIRE(make_file(tree.lower() + "/d/gone", "") == 0);
    tree.open();
    CHECK(wrong(::unlink((tree / "d/gone").c_str())) == 0);
    CHECK(as_user(ann, staff, [&] {
              int failed = make_file(tree / "d/f", "");
              failed = failed != 0 ? failed : make_file(tree / "d/gone", "");  // over a whiteout
              failed = failed != 0 ? failed : wrong(::mknod((tree / "d/x").c_str(), S_IFREG | 02755, 0));
              return failed != 0 ? failed : make_directory(tree / "d/sub");
          }) == 0);
    for (auto const* const name : {"d/f", "d/gone", "d/sub", "d/x"}) {
        INFO(name);
        CHECK(status(tree / name).st_uid == ann);
        CHECK(status(tree / name).st_gid == guests);
    }
    CHECK((mode_of(tree / "d/sub") & S_ISGID) != 0);
    CHECK((mode_of(tree / "d/f") & S_ISGID) == 0);
    // Who does not belong to the group cannot make a program that does.
    CHECK((mode_of(tree / "d/x") & S_ISGID) == 0);
}

TEST_CASE("[mount.attributes.5] in a sticky directory everybody removes and renames his own only") {
    if (cannot_mount())
        return;
    overlay tree;
    open_to_all(tree, "d");
    REQUIRE(wrong(::chmod((tree.lower() + "/d").c_str(), 01777)) == 0);
    REQUIRE(make_file(tree.lower() + "/d/anns", "") == 0);
    REQUIRE(chown_to(tree.lower() + "/d/anns", ann, staff) == 0);
    tree.open();
    REQUIRE(make_file(tree / "d/roots", "") == 0);
    auto const as_bob = [&](std::function<int()> const& what) { return as_user(bob, guests, what); };
    CHECK(as_bob([&] { return make_file(tree / "d/bobs", ""); }) == 0);
    for (auto const* const name : {"d/anns", "d/roots"}) {
        CHECK(as_bob([&] { return wrong(::unlink((tree / name).c_str())); }) == EPERM);
        CHECK(as_bob([&] { return wrong(::rename((tree / name).c_str(), (tree / "d/taken").c_str())); }) == EPERM);
        CHECK(as_bob([&] { return wrong(::rename((tree / "d/bobs").c_str(), (tree / name).c_str())); }) == EPERM);
    }
    CHECK(as_user(ann, staff, [&] { return wrong(::unlink((tree / "d/anns").c_str())); }) == 0);
    CHECK(as_bob([&] { return wrong(::unlink((tree / "d/bobs").c_str())); }) == 0);
}

TEST_CASE("[mount.attributes.6] ACLs are judged, show in the mode, and a default one is inherited instead of the umask") {
    if (cannot_mount())
        return;
    overlay tree;
    open_to_all(tree, "d");
    REQUIRE(make_file(tree.lower() + "/f", "for ann") == 0);
    REQUIRE(wrong(::chmod((tree.lower() + "/f").c_str(), 0600)) == 0);
    tree.open();
    if (int const outcome = set_xattr(tree / "f", "system.posix_acl_access", acl_for(ann, 4, 0, 0)); outcome == EOPNOTSUPP) {
        WARN("left out: there are no ACLs here");
        return;
    } else {
        REQUIRE(outcome == 0);
    }
    CHECK(mode_of(tree / "f") == 0770);
    CHECK(as_user(ann, staff, [&] { return file(tree / "f", O_RDONLY).why(); }) == 0);
    CHECK(as_user(ann, staff, [&] { return file(tree / "f", O_WRONLY).why(); }) == EACCES);
    CHECK(as_user(bob, guests, [&] { return file(tree / "f", O_RDONLY).why(); }) == EACCES);
    // The group's bits are the mask.
    CHECK(wrong(::chmod((tree / "f").c_str(), 0600)) == 0);
    CHECK(as_user(ann, staff, [&] { return file(tree / "f", O_RDONLY).why(); }) == EACCES);
    CHECK(set_xattr(tree / "d", "system.posix_acl_default", acl_for(ann, 7, 5, 1)) == 0);
    {
        masked const all(077);
        CHECK(make_file(tree / "d/f", "", 0666) == 0);
        CHECK(make_directory(tree / "d/sub", 0777) == 0);
        CHECK(make_file(tree / "d/sub/f", "", 0664) == 0);
        CHECK(wrong(::mkfifo((tree / "d/fifo").c_str(), 0666)) == 0);
    }
    CHECK(mode_of(tree / "d/f") == 0660);
    CHECK(mode_of(tree / "d/sub") == 0771);
    CHECK(mode_of(tree / "d/sub/f") == 0660);
    CHECK(mode_of(tree / "d/fifo") == 0660);
    CHECK(get_xattr(tree / "d/sub", "system.posix_acl_default") == get_xattr(tree / "d", "system.posix_acl_default"));
    CHECK(as_user(ann, staff, [&] { return append(tree / "d/f", "ann's"); }) == 0);
    CHECK(as_user(bob, guests, [&] { return file(tree / "d/f", O_RDONLY).why(); }) == EACCES);
    CHECK(set_xattr(tree / "f", "system.posix_acl_default", acl_for(ann, 6, 5, 1)) == EACCES);
    CHECK(set_xattr(tree / "d", "system.posix_acl_access", std::string("\x02\0\0\0 nonsense", 13)) == EINVAL);
    CHECK(as_user(bob, guests, [&] { return set_xattr(tree / "d", "system.posix_acl_access", acl_for(bob, 7, 7, 7)); }) ==
          EPERM);
    tree.remount();
    CHECK(as_user(ann, staff, [&] { return append(tree / "d/sub/f", "more"); }) == 0);
    CHECK(wrong(::lremovexattr((tree / "d").c_str(), "system.posix_acl_default")) == 0);
    {
        masked const usual(022);
        CHECK(make_file(tree / "d/g", "", 0666) == 0);
        CHECK(mode_of(tree / "d/g") == 0644);
    }
}

TEST_CASE("[mount.attributes.7] a default ACL of a lower directory is inherited, too") {
    if (cannot_mount())
        return;
    overlay tree;
    open_to_all(tree, "d");
    if (set_xattr(tree.lower() + "/d", "system.posix_acl_default", acl_for(ann, 6, 5, 1)) != 0) {
        WARN("left out: there are no ACLs here");
        return;
    }
    tree.open();
    masked const all(077);
    CHECK(make_file(tree / "d/f", "", 0666) == 0);
    CHECK(make_directory(tree / "d/sub", 0777) == 0);
    CHECK(mode_of(tree / "d/f") == 0660);
    CHECK(mode_of(tree / "d/sub") == 0771);
}

TEST_CASE("[mount.attributes.8] times have nanoseconds, may lie before 1970, and move when they should") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(make_file(tree.lower() + "/d/f", "f") == 0);
    timespec const past[2] = {{-86'400 * 365, 123'456'789}, {-1, 987'654'321}};
    REQUIRE(wrong(::utimensat(AT_FDCWD, (tree.lower() + "/d/f").c_str(), past, 0)) == 0);
    REQUIRE(wrong(::utimensat(AT_FDCWD, (tree.lower() + "/d").c_str(), past, 0)) == 0);
    tree.open();
    auto const is_past = [&](struct stat const& st) {
        return st.st_mtim.tv_sec == -1 && st.st_mtim.tv_nsec == 987'654'321;
    };
    CHECK(is_past(status(tree / "d/f")));
    CHECK(is_past(status(tree / "d")));
    CHECK(wrong(::chmod((tree / "d/f").c_str(), 0600)) == 0);
    CHECK(is_past(status(tree / "d/f")));
    CHECK(is_past(status(tree / "d")));  // a copy-up is no change of the directory
    timespec const future[2] = {{5'000'000'000, 1}, {5'000'000'001, 2}};
    CHECK(wrong(::utimensat(AT_FDCWD, (tree / "d/f").c_str(), future, 0)) == 0);
    CHECK(status(tree / "d/f").st_mtim.tv_sec == 5'000'000'001);
    CHECK(status(tree / "d/f").st_mtim.tv_nsec == 2);
    CHECK(status(tree / "d/f").st_atim.tv_sec == 5'000'000'000);
    timespec const one[2] = {{0, UTIME_OMIT}, {77, 88}};
    CHECK(wrong(::utimensat(AT_FDCWD, (tree / "d/f").c_str(), one, 0)) == 0);
    CHECK(status(tree / "d/f").st_atim.tv_sec == 5'000'000'000);
    CHECK(status(tree / "d/f").st_mtim.tv_sec == 77);
    tree.remount();
    CHECK(status(tree / "d/f").st_mtim.tv_nsec == 88);
    CHECK(append(tree / "d/f", "x") == 0);
    auto const now = ::time(nullptr);
    CHECK(status(tree / "d/f").st_mtim.tv_sec >= now - 5);
    CHECK(is_past(status(tree / "d")));
    CHECK(make_file(tree / "d/g", "") == 0);
    CHECK(status(tree / "d").st_mtim.tv_sec >= now - 5);
    // Written through a handle, then told a time: what was written before does not move it again.
    file opened(tree / "d/g", O_WRONLY);
    CHECK(opened.write("some bytes") == 0);
    CHECK(wrong(::futimens(opened.fd(), past)) == 0);
    CHECK(is_past(opened.status()));
    opened = file();
    CHECK(is_past(status(tree / "d/g")));
    tree.remount();
    CHECK(is_past(status(tree / "d/g")));
    CHECK(status(tree / "d/g").st_size == 10);
}

TEST_CASE("[mount.attributes.9] extended attributes: set, got, listed, removed, and none of the overlay's own shows") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(make_file(tree.lower() + "/d/f", "f") == 0);
    REQUIRE(set_xattr(tree.lower() + "/d/f", "user.below", "below") == 0);
    tree.open();
    CHECK(get_xattr(tree / "d/f", "user.below") == "below");
    CHECK(get_xattr(tree / "d/f", "user.none") == "error: " + std::to_string(ENODATA));
    CHECK(set_xattr(tree / "d/f", "user.a", "1", XATTR_CREATE) == 0);
    CHECK(set_xattr(tree / "d/f", "user.a", "2", XATTR_CREATE) == EEXIST);
    CHECK(set_xattr(tree / "d/f", "user.b", "2", XATTR_REPLACE) == ENODATA);
    CHECK(set_xattr(tree / "d/f", "user.a", std::string("two\0bytes", 9), XATTR_REPLACE) == 0);
    CHECK(set_xattr(tree / "d/f", "user.empty", "") == 0);
    CHECK(set_xattr(tree / "d/f", "trusted.t", "t") == 0);
    CHECK(get_xattr(tree / "d/f", "user.a") == std::string("two\0bytes", 9));
    CHECK(get_xattr(tree / "d/f", "user.empty").empty());
    CHECK(xattrs_of(tree / "d/f") == std::vector<std::string>{"trusted.t", "user.a", "user.below", "user.empty"});
    CHECK(::lgetxattr((tree / "d/f").c_str(), "user.a", nullptr, 0) == 9);
    char small[2];
    CHECK(wrong(::lgetxattr((tree / "d/f").c_str(), "user.a", small, sizeof small)) == ERANGE);
    CHECK(wrong(::llistxattr((tree / "d/f").c_str(), small, sizeof small)) == ERANGE);
    CHECK(wrong(::lremovexattr((tree / "d/f").c_str(), "user.below")) == 0);
    CHECK(wrong(::lremovexattr((tree / "d/f").c_str(), "user.below")) == ENODATA);
    CHECK(set_xattr(tree / "d/f", ("user." + std::string(251, 'k')).c_str(), "v") == ERANGE);
    // The directory is marked by now, as having something from below in it.
    CHECK(set_xattr(tree / "d", "user.d", "d") == 0);
    CHECK(xattrs_of(tree / "d") == std::vector<std::string>{"user.d"});
    CHECK(xattrs_of(tree.root()).empty());
    // As a member of a nested overlay: escaped, and ours nevertheless.
    CHECK(set_xattr(tree / "d", "trusted.overlay.opaque", "y") == 0);
    CHECK(names_in(tree / "d").contains("f"));
    CHECK(get_xattr(tree / "d", "trusted.overlay.opaque") == "y");
    CHECK(as_user(ann, staff, [&] {
              auto const seen = xattrs_of(tree / "d");
              return std::find(seen.begin(), seen.end(), "trusted.overlay.opaque") == seen.end() ? 0 : EPERM;
          }) == 0);
    tree.remount();
    CHECK(get_xattr(tree / "d/f", "user.a") == std::string("two\0bytes", 9));
    CHECK(get_xattr(tree / "d/f", "user.below") == "error: " + std::to_string(ENODATA));
    CHECK(get_xattr(tree / "d", "trusted.overlay.opaque") == "y");
}

TEST_CASE("[mount.attributes.10] capabilities of a program go when it is written to, or given to somebody") {
    if (cannot_mount())
        return;
    overlay tree;
    // cap_net_raw, as VFS_CAP_REVISION_2 has it.
    std::string const capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    for (auto const* const name : {"/written", "/given", "/kept"}) {
        REQUIRE(make_file(tree.lower() + name, "program", 0755) == 0);
        REQUIRE(set_xattr(tree.lower() + name, "security.capability", capability) == 0);
    }
    tree.open();
    for (auto const* const name : {"written", "given", "kept"})
        CHECK(get_xattr(tree / name, "security.capability") == capability);
    CHECK(wrong(::chmod((tree / "kept").c_str(), 0750)) == 0);
    CHECK(get_xattr(tree / "kept", "security.capability") == capability);
    CHECK(append(tree / "written", "!") == 0);
    CHECK(get_xattr(tree / "written", "security.capability") == "error: " + std::to_string(ENODATA));
    CHECK(chown_to(tree / "given", ann, staff) == 0);
    CHECK(get_xattr(tree / "given", "security.capability") == "error: " + std::to_string(ENODATA));
    tree.remount();
    CHECK(get_xattr(tree / "kept", "security.capability") == capability);
    CHECK(get_xattr(tree / "written", "security.capability") == "error: " + std::to_string(ENODATA));
}

TEST_CASE("[mount.attributes.11] an inode number belongs to one object, and keeps to it over copy-up and rename") {
    if (cannot_mount())
        return;
    overlay tree(3);
    std::map<std::string, ino_t> before;
    for (unsigned i = 0; i < 3; ++i) {
        auto const n = std::to_string(i);
        auto const layer = tree.lower(tree.is_direct() ? 0 : i);
        REQUIRE(make_directory(layer + "/d" + n) == 0);
        REQUIRE(make_file(layer + "/d" + n + "/f", n) == 0);
    }
    tree.open();
    REQUIRE(make_file(tree / "new", "") == 0);
    std::vector<std::string> const all = {"d0", "d1", "d2", "d0/f", "d1/f", "d2/f", "new"};
    for (auto const& path : all)
        before[path] = status(tree / path).st_ino;
    std::vector<ino_t> numbers;
    for (auto const& [path, number] : before)
        numbers.push_back(number);
    std::sort(numbers.begin(), numbers.end());
    CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
    std::vector<file> held;
    for (auto const& path : all)
        held.emplace_back(tree / path, O_RDONLY);
    for (auto const* const path : {"d0/f", "d1/f", "d2"})
        CHECK(wrong(::chmod((tree / path).c_str(), 0700)) == 0);
    CHECK(wrong(::rename((tree / "d0/f").c_str(), (tree / "d1/g").c_str())) == 0);
    CHECK(status(tree / "d1/g").st_ino == before["d0/f"]);
    CHECK(status(tree / "d1/f").st_ino == before["d1/f"]);
    CHECK(status(tree / "d2").st_ino == before["d2"]);
    CHECK(held[3].status().st_ino == before["d0/f"]);
    // And a listing tells the same.
    DIR* const directory = ::opendir((tree / "d1").c_str());
    REQUIRE(directory != nullptr);
    while (dirent const* const entry = ::readdir(directory))
        if (std::string_view const name = entry->d_name; name == "f" || name == "g")
            CHECK(entry->d_ino == status(tree / ("d1/" + std::string(name))).st_ino);
    ::closedir(directory);
}
