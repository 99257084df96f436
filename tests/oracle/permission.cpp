// Who may do what: the same steps, by the same callers, on a real directory through the kernel and through `checked`
// over a real directory and over a memory tree. The errno and the whole tree afterwards must be the same.
//
// Needs the right to become another user, and a file system below the temporary directory that takes trusted.* and
// ACLs.
#include "catch.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>

using namespace lamina;

namespace {

struct caller {
    char const* name;
    credentials who;
    unsigned kernel_capability;  // the one of `who.held`, or none_of / all_of
};
constexpr unsigned none_of = 1000;
constexpr unsigned all_of = 1001;

std::vector<caller> callers() {
    auto const stranger = [](char const* name, privilege p, unsigned number) {
        return caller{name, {.uid = 1002, .gid = 1002, .held = p}, number};
    };
    return {
        {"owner", {.uid = 1000, .gid = 1000}, none_of},
        {"owner outside the group", {.uid = 1000, .gid = 1005}, none_of},
        {"member of the group", {.uid = 1001, .gid = 1001, .groups = {7, 1000}}, none_of},
        {"stranger", {.uid = 1002, .gid = 1002}, none_of},
        {"root", credentials::root(), all_of},
        stranger("dac_override", privilege::dac_override, CAP_DAC_OVERRIDE),
        stranger("read_search", privilege::read_search, CAP_DAC_READ_SEARCH),
        stranger("fowner", privilege::fowner, CAP_FOWNER),
        stranger("chown", privilege::chown, CAP_CHOWN),
        stranger("fsetid", privilege::fsetid, CAP_FSETID),
        stranger("mknod", privilege::mknod, CAP_MKNOD),
        stranger("setfcap", privilege::setfcap, CAP_SETFCAP),
        stranger("sys_admin", privilege::sys_admin, CAP_SYS_ADMIN),
        {"root without privileges", {.uid = 0, .gid = 0}, none_of},
    };
}

// What the tree looks like before a step: d and t with their files, by mode and owner.
struct situation {
    mode_bits directory;
    mode_bits file;
    user_id directory_owner;
    user_id file_owner;
    group_id group = 1000;
    std::string directory_acl{};
    std::string file_acl{};
};

std::string acl(std::initializer_list<std::pair<acl_entry, int>> entries) {
    std::string made("\2\0\0\0", 4);
    auto const put = [&](std::uint32_t value, int bytes) {
        for (int i = 0; i < bytes; ++i)
            made += static_cast<char>((value >> (8 * i)) & 0xff);
    };
    for (auto const& [entry, unused] : entries) {
        put(static_cast<std::uint32_t>(entry.tag), 2);
        put(entry.permissions, 2);
        put(entry.id, 4);
    }
    return made;
}

// Gives 1002 and group 7 what the mode alone would not.
std::string acl_for_some(std::uint16_t owner, std::uint16_t named, std::uint16_t group, std::uint16_t mask,
                         std::uint16_t other) {
    constexpr std::uint32_t none = 0xffffffff;
    return acl({{{acl_tag::owner, owner, none}, 0},
                {{acl_tag::user, named, 1002}, 0},
                {{acl_tag::owning_group, group, none}, 0},
                {{acl_tag::group, named, 7}, 0},
                {{acl_tag::mask, mask, none}, 0},
                {{acl_tag::other, other, none}, 0}});
}

std::vector<situation> situations() {
    std::vector<situation> all;
    for (mode_bits const directory : {0755u, 0700u, 0070u, 0733u, 01777u, 01775u, 02775u, 0555u, 0111u, 0444u, 0000u})
        for (auto const owner : {1000u, 0u})
            all.push_back({directory, 0644, owner, 1000});
    for (mode_bits const file : {0600u, 0400u, 0200u, 0060u, 0006u, 04755u, 06755u, 02755u, 02644u, 0000u, 0100u})
        for (auto const owner : {1000u, 2000u})
            all.push_back({0777, file, 1000, owner});
    all.push_back({01777, 06777, 2000, 1000});
    all.push_back({01777, 06777, 2000, 2000});
    all.push_back({02777, 06777, 2000, 1000, 1001});
    all.push_back({03777, 02777, 2000, 2000, 3000});
    // With an ACL the group's bits of the mode are its mask.
    all.push_back({0770, 0660, 2000, 2000, 1000, acl_for_some(7, 7, 0, 7, 0), acl_for_some(6, 6, 0, 6, 0)});
    all.push_back({0750, 0640, 2000, 2000, 1000, acl_for_some(7, 7, 7, 5, 0), acl_for_some(6, 6, 6, 4, 0)});
    all.push_back({0707, 0606, 2000, 2000, 1000, acl_for_some(7, 7, 7, 0, 7), acl_for_some(6, 6, 6, 0, 6)});
    all.push_back({0777, 0666, 2000, 2000, 1000, acl_for_some(7, 0, 7, 7, 7), acl_for_some(6, 0, 6, 6, 6)});
    return all;
}

template <class R>
    requires requires(R const& outcome) { outcome.has_value(); }
int said(R const& outcome) {
    return outcome.has_value() ? 0 : static_cast<int>(static_cast<error>(outcome.error()).code);
}
int said(long outcome) { return outcome < 0 ? errno : 0; }

struct descriptor {
    int number;
    explicit descriptor(int n) : number(n) {}
    descriptor(descriptor const&) = delete;
    ~descriptor() {
        if (number >= 0)
            ::close(number);
    }
};
template <class Then>
int opened(char const* path, int flags, Then then) {
    descriptor const file(::open(path, flags | O_NOFOLLOW | O_CLOEXEC, 06755));
    return file.number < 0 ? errno : then(file.number);
}
template <class V, class Then>
int opened(V& tree, path_view path, open_flags flags, Then then) {
    auto file = tree.open(path, flags, 06755);
    return file ? then(*file) : said(file);
}

std::span<std::byte const> letter() { return std::as_bytes(std::span("x", 1)); }
constexpr timestamp some_time{1234567890, 5};

// A capability for no user namespace but the first, version 2.
std::string file_capability_bytes() {
    std::string bytes(20, '\0');
    bytes[3] = 2;
    return bytes;
}

// One step on the kernel's side (in the current directory, as the caller) and on ours.
template <class V>
struct step {
    char const* name;
    int (*kernel)();
    int (*ours)(V&);
};

template <class V>
std::vector<step<V>> looking_steps() {
    return {
        {"stat f",
         [] {
             struct stat s;
             return said(::lstat("d/f", &s));
         },
         [](V& v) { return said(v.symlink_status("d/f")); }},
        {"stat missing",
         [] {
             struct stat s;
             return said(::lstat("d/none", &s));
         },
         [](V& v) { return said(v.symlink_status("d/none")); }},
        {"stat deeper",
         [] {
             struct stat s;
             return said(::lstat("d/e/x", &s));
         },
         [](V& v) { return said(v.symlink_status("d/e/x")); }},
        {"stat through a link",
         [] {
             struct stat s;
             return said(::stat("d/l", &s));
         },
         [](V& v) { return said(v.status("d/l")); }},
        {"readlink",
         [] {
             char b[9];
             return said(::readlink("d/l", b, 9));
         },
         [](V& v) { return said(v.read_symlink("d/l")); }},
        {"list", [] { return opened("d", O_RDONLY | O_DIRECTORY, [](int) { return 0; }); },
         [](V& v) { return said(v.list("d")); }},
        {"list deeper", [] { return opened("d/e", O_RDONLY | O_DIRECTORY, [](int) { return 0; }); },
         [](V& v) { return said(v.list("d/e")); }},
        {"read",
         [] {
             return opened("d/f", O_RDONLY, [](int f) {
                 char b[9];
                 return said(::read(f, b, 9));
             });
         },
         [](V& v) { return said(v.read("d/f")); }},
        {"open to write", [] { return opened("d/f", O_WRONLY, [](int) { return 0; }); },
         [](V& v) { return opened(v, "d/f", open_flags::write, [](auto&) { return 0; }); }},
        {"open to read and write", [] { return opened("d/f", O_RDWR, [](int) { return 0; }); },
         [](V& v) { return opened(v, "d/f", open_flags::read_write, [](auto&) { return 0; }); }},
        {"open to read and truncate", [] { return opened("d/f", O_RDONLY | O_TRUNC, [](int) { return 0; }); },
         [](V& v) { return opened(v, "d/f", open_flags::read | open_flags::truncate, [](auto&) { return 0; }); }},
        {"open a directory to write", [] { return opened("d/e", O_WRONLY, [](int) { return 0; }); },
         [](V& v) { return opened(v, "d/e", open_flags::write, [](auto&) { return 0; }); }},
        {"get user xattr",
         [] {
             char b[9];
             return said(::lgetxattr("d/f", "user.k", b, 9));
         },
         [](V& v) { return said(v.get_xattr("d/f", "user.k", links::no_follow)); }},
        {"get user xattr of a directory",
         [] {
             char b[9];
             return said(::lgetxattr("d", "user.k", b, 9));
         },
         [](V& v) { return said(v.get_xattr("d", "user.k", links::no_follow)); }},
        {"get user xattr of a link",
         [] {
             char b[9];
             return said(::lgetxattr("d/l", "user.k", b, 9));
         },
         [](V& v) { return said(v.get_xattr("d/l", "user.k", links::no_follow)); }},
        {"get trusted xattr",
         [] {
             char b[9];
             return said(::lgetxattr("d/f", "trusted.k", b, 9));
         },
         [](V& v) { return said(v.get_xattr("d/f", "trusted.k", links::no_follow)); }},
        {"list xattrs, is a trusted one there",
         [] {
             char b[4096];
             auto const n = ::llistxattr("d/f", b, sizeof b);
             return n < 0                                                                                ? errno
                    : std::string(b, static_cast<std::size_t>(n)).find("trusted.k") == std::string::npos ? 0
                                                                                                         : 1000;
         },
         [](V& v) {
             auto const keys = v.xattrs("d/f", links::no_follow);
             if (!keys)
                 return said(keys);
             for (auto const& key : *keys)
                 if (key == "trusted.k")
                     return 1000;
             return 0;
         }},
    };
}

template <class V>
std::vector<step<V>> naming_steps() {
    return {
        {"create", [] { return opened("d/new", O_CREAT | O_EXCL | O_RDWR, [](int) { return 0; }); },
         [](V& v) {
             return opened(v, "d/new", open_flags::create | open_flags::exclusive | open_flags::read_write,
                           [](auto&) { return 0; });
         }},
        {"create what exists", [] { return opened("d/f", O_CREAT | O_EXCL | O_RDWR, [](int) { return 0; }); },
         [](V& v) {
             return opened(v, "d/f", open_flags::create | open_flags::exclusive | open_flags::read_write,
                           [](auto&) { return 0; });
         }},
        {"mkdir", [] { return said(::mkdir("d/new", 07777)); },
         [](V& v) { return said(v.create_directory("d/new", 07777)); }},
        {"mkdir what exists", [] { return said(::mkdir("d/e", 0755)); },
         [](V& v) { return said(v.create_directory("d/e", 0755)); }},
        {"symlink", [] { return said(::symlink("f", "d/new")); },
         [](V& v) { return said(v.create_symlink("f", "d/new")); }},
        {"mkfifo", [] { return said(::mknod("d/new", S_IFIFO | 06711, 0)); },
         [](V& v) { return said(v.create_node("d/new", file_type::fifo, 06711)); }},
        {"mknod regular", [] { return said(::mknod("d/new", S_IFREG | 02711, 0)); },
         [](V& v) { return said(v.create_node("d/new", file_type::regular, 02711)); }},
        {"mknod device", [] { return said(::mknod("d/new", S_IFCHR | 0600, makedev(1, 3))); },
         [](V& v) {
             return said(v.create_node("d/new", file_type::character, 0600, {1, 3}));
         }},
        {"mknod whiteout", [] { return said(::mknod("d/new", S_IFCHR | 0600, makedev(0, 0))); },
         [](V& v) {
             return said(v.create_node("d/new", file_type::character, 0600, {0, 0}));
         }},
        {"link out", [] { return said(::link("d/f", "t/new")); },
         [](V& v) { return said(v.create_hard_link("d/f", "t/new")); }},
        {"link in", [] { return said(::link("t/g", "d/new")); },
         [](V& v) { return said(v.create_hard_link("t/g", "d/new")); }},
        {"link onto", [] { return said(::link("t/g", "d/f")); },
         [](V& v) { return said(v.create_hard_link("t/g", "d/f")); }},
        {"link a directory", [] { return said(::link("d/e", "t/new")); },
         [](V& v) {
             // By primitives: the path-level member answers eperm before it asks.
             auto const d = v.open_directory_at(v.root(), "d");
             auto const t = v.open_directory_at(v.root(), "t");
             int const answer = !d ? said(d) : !t ? said(t) : said(v.link_at(*d, "e", *t, "new"));
             for (auto const& opened : {d, t})
                 if (opened)
                     v.release(*opened);
             return answer;
         }},
        {"unlink", [] { return said(::unlink("d/f")); }, [](V& v) { return said(v.remove("d/f")); }},
        {"unlink missing", [] { return said(::unlink("d/none")); }, [](V& v) { return said(v.remove("d/none")); }},
        {"unlink elsewhere", [] { return said(::unlink("t/g")); }, [](V& v) { return said(v.remove("t/g")); }},
        {"rmdir", [] { return said(::rmdir("d/e")); }, [](V& v) { return said(v.remove("d/e")); }},
        {"rmdir a full one", [] { return said(::rmdir("d/full")); }, [](V& v) { return said(v.remove("d/full")); }},
        {"rename in place", [] { return said(::rename("d/f", "d/new")); },
         [](V& v) { return said(v.rename("d/f", "d/new")); }},
        {"rename onto", [] { return said(::rename("d/l", "d/f")); }, [](V& v) { return said(v.rename("d/l", "d/f")); }},
        {"rename out", [] { return said(::rename("d/f", "t/new")); },
         [](V& v) { return said(v.rename("d/f", "t/new")); }},
        {"rename out onto", [] { return said(::rename("d/f", "t/g")); },
         [](V& v) { return said(v.rename("d/f", "t/g")); }},
        {"rename in", [] { return said(::rename("t/g", "d/new")); },
         [](V& v) { return said(v.rename("t/g", "d/new")); }},
        {"rename in onto", [] { return said(::rename("t/g", "d/f")); },
         [](V& v) { return said(v.rename("t/g", "d/f")); }},
        {"rename missing", [] { return said(::rename("d/none", "t/new")); },
         [](V& v) { return said(v.rename("d/none", "t/new")); }},
        {"rename a directory in place", [] { return said(::rename("d/e", "d/new")); },
         [](V& v) { return said(v.rename("d/e", "d/new")); }},
        {"rename a directory out", [] { return said(::rename("d/e", "t/new")); },
         [](V& v) { return said(v.rename("d/e", "t/new")); }},
        {"rename a directory in", [] { return said(::rename("t/h", "d/new")); },
         [](V& v) { return said(v.rename("t/h", "d/new")); }},
        {"rename a directory onto one", [] { return said(::rename("t/h", "d/e")); },
         [](V& v) { return said(v.rename("t/h", "d/e")); }},
        {"rename between two names of one", [] { return said(::rename("d/f", "d/f2")); },
         [](V& v) { return said(v.rename("d/f", "d/f2")); }},
        {"rename without replacing",
         [] { return said(::renameat2(AT_FDCWD, "d/f", AT_FDCWD, "t/g", RENAME_NOREPLACE)); },
         [](V& v) { return said(v.rename("d/f", "t/g", rename_flags::no_replace)); }},
        {"exchange", [] { return said(::renameat2(AT_FDCWD, "d/f", AT_FDCWD, "t/g", RENAME_EXCHANGE)); },
         [](V& v) { return said(v.rename("d/f", "t/g", rename_flags::exchange)); }},
        {"exchange file and directory",
         [] { return said(::renameat2(AT_FDCWD, "d/f", AT_FDCWD, "t/h", RENAME_EXCHANGE)); },
         [](V& v) { return said(v.rename("d/f", "t/h", rename_flags::exchange)); }},
        {"exchange directory and file",
         [] { return said(::renameat2(AT_FDCWD, "d/e", AT_FDCWD, "t/g", RENAME_EXCHANGE)); },
         [](V& v) { return said(v.rename("d/e", "t/g", rename_flags::exchange)); }},
        {"exchange with missing", [] { return said(::renameat2(AT_FDCWD, "d/e", AT_FDCWD, "t/new", RENAME_EXCHANGE)); },
         [](V& v) { return said(v.rename("d/e", "t/new", rename_flags::exchange)); }},
    };
}

template <user_id Uid, group_id Gid>
int chown_f() {
    return said(::lchown("d/f", Uid, Gid));
}
template <class V, user_id Uid, group_id Gid>
int chown_f_ours(V& v) {
    return said(v.owner("d/f", Uid, Gid, links::no_follow));
}
template <mode_bits Mode>
int chmod_f() {
    return said(::chmod("d/f", Mode));
}
template <class V, mode_bits Mode>
int chmod_f_ours(V& v) {
    return said(v.permissions("d/f", Mode));
}
int times_f(long access, long modification) {
    timespec const times[2] = {{1234567890, access}, {1234567890, modification}};
    return said(::utimensat(AT_FDCWD, "d/f", times, AT_SYMLINK_NOFOLLOW));
}
int set_xattr(char const* path, char const* key, std::string const& value) {
    return said(::lsetxattr(path, key, value.data(), value.size(), 0));
}

template <class V>
std::vector<step<V>> changing_steps() {
    using action = time_change::action;
    return {
        {"chmod 0600", chmod_f<0600>, chmod_f_ours<V, 0600>},
        {"chmod 06755", chmod_f<06755>, chmod_f_ours<V, 06755>},
        {"chmod 02644", chmod_f<02644>, chmod_f_ours<V, 02644>},
        {"chmod 01644", chmod_f<01644>, chmod_f_ours<V, 01644>},
        {"chmod directory", [] { return said(::chmod("d", 02711)); },
         [](V& v) { return said(v.permissions("d", 02711)); }},
        {"chown to 1000", chown_f<1000, keep_group>, chown_f_ours<V, 1000, keep_group>},
        {"chown to 1002", chown_f<1002, keep_group>, chown_f_ours<V, 1002, keep_group>},
        {"chgrp to 1000", chown_f<keep_user, 1000>, chown_f_ours<V, keep_user, 1000>},
        {"chgrp to 1001", chown_f<keep_user, 1001>, chown_f_ours<V, keep_user, 1001>},
        {"chgrp to 7", chown_f<keep_user, 7>, chown_f_ours<V, keep_user, 7>},
        {"chown both", chown_f<1002, 1002>, chown_f_ours<V, 1002, 1002>},
        {"chown to what it is", chown_f<1000, 1000>, chown_f_ours<V, 1000, 1000>},
        {"chown nothing", chown_f<keep_user, keep_group>, chown_f_ours<V, keep_user, keep_group>},
        {"chown directory", [] { return said(::lchown("d", 1002, 1002)); },
         [](V& v) { return said(v.owner("d", 1002, 1002)); }},
        {"chgrp link", [] { return said(::lchown("d/l", keep_user, 7)); },
         [](V& v) { return said(v.owner("d/l", keep_user, 7, links::no_follow)); }},
        {"touch", [] { return times_f(UTIME_NOW, UTIME_NOW); },
         [](V& v) { return said(v.times("d/f", time_change::touch())); }},
        {"set times", [] { return times_f(5, 5); },
         [](V& v) { return said(v.times("d/f", time_change::both(some_time, some_time))); }},
        {"set one time", [] { return times_f(UTIME_OMIT, 5); },
         [](V& v) { return said(v.times("d/f", time_change::modified(some_time))); }},
        {"touch one time", [] { return times_f(UTIME_NOW, UTIME_OMIT); },
         [](V& v) {
             return said(v.times("d/f", {action::now, action::keep, {}, {}}));
         }},
        {"touch one, set one", [] { return times_f(UTIME_NOW, 5); },
         [](V& v) {
             return said(v.times("d/f", {action::now, action::set, {}, some_time}));
         }},
        {"set user xattr", [] { return set_xattr("d/f", "user.new", "v"); },
         [](V& v) { return said(v.set_xattr("d/f", "user.new", "v")); }},
        {"set user xattr of a directory", [] { return set_xattr("d", "user.new", "v"); },
         [](V& v) { return said(v.set_xattr("d", "user.new", "v")); }},
        {"set user xattr of a link", [] { return set_xattr("d/l", "user.new", "v"); },
         [](V& v) { return said(v.set_xattr("d/l", "user.new", "v", xattr_flags::none, links::no_follow)); }},
        {"set trusted xattr", [] { return set_xattr("d/f", "trusted.new", "v"); },
         [](V& v) { return said(v.set_xattr("d/f", "trusted.new", "v")); }},
        {"set security xattr", [] { return set_xattr("d/f", "security.new", "v"); },
         [](V& v) { return said(v.set_xattr("d/f", "security.new", "v")); }},
        {"set file capability", [] { return set_xattr("d/f", "security.capability", file_capability_bytes()); },
         [](V& v) { return said(v.set_xattr("d/f", "security.capability", file_capability_bytes())); }},
        {"remove user xattr", [] { return said(::lremovexattr("d/f", "user.k")); },
         [](V& v) { return said(v.remove_xattr("d/f", "user.k")); }},
        {"remove missing user xattr", [] { return said(::lremovexattr("d/f", "user.none")); },
         [](V& v) { return said(v.remove_xattr("d/f", "user.none")); }},
        {"remove trusted xattr", [] { return said(::lremovexattr("d/f", "trusted.k")); },
         [](V& v) { return said(v.remove_xattr("d/f", "trusted.k")); }},
        {"truncate", [] { return said(::truncate("d/f", 1)); }, [](V& v) { return said(v.resize("d/f", 1)); }},
        {"truncate a directory", [] { return said(::truncate("d/e", 1)); },
         [](V& v) { return said(v.resize("d/e", 1)); }},
        {"write", [] { return opened("d/f", O_WRONLY, [](int f) { return said(::write(f, "x", 1)); }); },
         [](V& v) {
             return opened(v, "d/f", open_flags::write, [](auto& f) { return said(f.write_at(letter(), 0)); });
         }},
        {"append", [] { return opened("d/f", O_WRONLY | O_APPEND, [](int f) { return said(::write(f, "x", 1)); }); },
         [](V& v) { return opened(v, "d/f", open_flags::append, [](auto& f) { return said(f.append(letter())); }); }},
        {"write to a handle for reading",
         [] { return opened("d/f", O_RDONLY, [](int f) { return said(::write(f, "x", 1)); }); },
         [](V& v) {
             return opened(v, "d/f", open_flags::read, [](auto& f) { return said(f.write_at(letter(), 0)); });
         }},
        {"resize a handle", [] { return opened("d/f", O_WRONLY, [](int f) { return said(::ftruncate(f, 1)); }); },
         [](V& v) { return opened(v, "d/f", open_flags::write, [](auto& f) { return said(f.resize(1)); }); }},
        {"chmod a handle", [] { return opened("d/f", O_RDONLY, [](int f) { return said(::fchmod(f, 06711)); }); },
         [](V& v) { return opened(v, "d/f", open_flags::read, [](auto& f) { return said(f.set_mode(06711)); }); }},
        {"chgrp a handle",
         [] { return opened("d/f", O_RDONLY, [](int f) { return said(::fchown(f, keep_user, 7)); }); },
         [](V& v) {
             return opened(v, "d/f", open_flags::read, [](auto& f) { return said(f.set_owner(keep_user, 7)); });
         }},
        {"chown a handle", [] { return opened("d/f", O_RDONLY, [](int f) { return said(::fchown(f, 1002, 1002)); }); },
         [](V& v) {
             return opened(v, "d/f", open_flags::read, [](auto& f) { return said(f.set_owner(1002, 1002)); });
         }},
        {"set times of a handle",
         [] {
             return opened("d/f", O_RDONLY, [](int f) {
                 timespec const times[2] = {{1234567890, 5}, {1234567890, 5}};
                 return said(::futimens(f, times));
             });
         },
         [](V& v) {
             return opened(v, "d/f", open_flags::read,
                           [](auto& f) { return said(f.set_times(time_change::both(some_time, some_time))); });
         }},
        {"set user xattr of a handle",
         [] { return opened("d/f", O_WRONLY, [](int f) { return said(::fsetxattr(f, "user.new", "v", 1, 0)); }); },
         [](V& v) {
             return opened(v, "d/f", open_flags::write,
                           [](auto& f) { return said(f.set_xattr("user.new", "v", xattr_flags::none)); });
         }},
    };
}

template <class V>
std::vector<step<V>> steps() {
    auto all = looking_steps<V>();
    for (auto const& more : {naming_steps<V>(), changing_steps<V>()})
        all.insert(all.end(), more.begin(), more.end());
    return all;
}

// The tree before a step, made by whoever may do everything.
template <class T>
void plant(T& tree, situation const& s) {
    auto const must = [](auto const& outcome) { REQUIRE(outcome.has_value()); };
    auto const place = [&](path_view path, user_id uid, mode_bits mode) {
        must(tree.owner(path, uid, s.group, links::no_follow));
        if (!tree.symlink_status(path).value().is_symlink())
            must(tree.permissions(path, mode));
    };
    for (path_view const directory : {path_view("d"), path_view("d/e"), path_view("d/full"), path_view("d/full/x"),
                                      path_view("t"), path_view("t/h")})
        must(tree.create_directory(directory, 0700));
    must(tree.write("d/f", "data", 0600));
    must(tree.create_hard_link("d/f", "d/f2"));
    must(tree.write("t/g", "data", 0600));
    must(tree.create_symlink("f", "d/l"));
    for (path_view const path : {path_view("d"), path_view("d/f")}) {
        must(tree.set_xattr(path, "user.k", "v"));
        must(tree.set_xattr(path, "trusted.k", "v"));
    }
    place("d/f", s.file_owner, s.file);
    place("d/l", s.file_owner, 0);
    place("d/e", s.file_owner, s.file | 0111);
    place("d/full", s.file_owner, 0755);
    place("t/g", 2000, 0666);
    place("t/h", 2000, 0755);
    place("t", 2000, s.directory | 0555);
    place("d", s.directory_owner, s.directory);
    if (!s.file_acl.empty())
        must(tree.set_xattr("d/f", xattr::acl_access, s.file_acl));
    if (!s.directory_acl.empty())
        must(tree.set_xattr("d", xattr::acl_access, s.directory_acl));
}

// All that a step may change, in one text.
template <class T>
std::string picture(T& tree) {
    std::vector<std::string> lines;
    auto const walked = tree.walk("", [&](walk_entry const& e) {
        if (e.path == "ours")
            return walk_action::skip;
        auto const& o = e.object;
        char line[128];
        std::snprintf(line, sizeof line, " %d %04o %u:%u n%d s%d t%lld", static_cast<int>(o.type), o.mode, o.uid, o.gid,
                      static_cast<int>(o.is_directory() ? 0 : o.nlink), static_cast<int>(o.is_regular() ? o.size : 0),
                      o.mtime == some_time ? 1LL : 0LL);
        auto text = std::string(e.path).append(line);
        auto const where = path::parse(std::string(e.path)).value();
        for (auto const& key :
             {"user.k", "user.new", "trusted.k", "trusted.new", "security.new", "security.capability"})
            if (tree.get_xattr(where, key, links::no_follow))
                text.append(" ").append(key);
        lines.push_back(text + '\n');
        return walk_action::next;
    });
    REQUIRE(walked.has_value());
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (auto const& each : lines)
        all += each;
    return all;
}

// A process that has become `c` and does what it is told, one step at a time, in the directory that it was started in.
class deputy {
public:
    explicit deputy(caller const& c) {
        int down[2], up[2];
        REQUIRE(::pipe2(down, O_CLOEXEC) == 0);
        REQUIRE(::pipe2(up, O_CLOEXEC) == 0);
        process_ = ::fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            ::close(down[1]);
            ::close(up[0]);
            ::_exit(become(c) ? serve(down[0], up[1]) : 1);
        }
        ::close(down[0]);
        ::close(up[1]);
        orders_ = down[1];
        answers_ = up[0];
    }
    deputy(deputy const&) = delete;
    ~deputy() {
        ::close(orders_);
        ::close(answers_);
        ::waitpid(process_, nullptr, 0);
    }
    int perform(std::size_t number) {
        int answer = -1;
        REQUIRE(::write(orders_, &number, sizeof number) == sizeof number);
        REQUIRE(::read(answers_, &answer, sizeof answer) == sizeof answer);
        return answer;
    }

private:
    static bool become(caller const& c) {
        std::vector<gid_t> const groups(c.who.groups.begin(), c.who.groups.end());
        if (::prctl(PR_SET_KEEPCAPS, 1) != 0 || ::setgroups(groups.size(), groups.data()) != 0 ||
            ::setresgid(c.who.gid, c.who.gid, c.who.gid) != 0 || ::setresuid(c.who.uid, c.who.uid, c.who.uid) != 0)
            return false;
        ::umask(0);
        if (c.kernel_capability == all_of)
            return true;
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct data[2]{};
        if (c.kernel_capability != none_of) {
            auto const bit = 1u << (c.kernel_capability % 32);
            data[c.kernel_capability / 32].effective = bit;
            data[c.kernel_capability / 32].permitted = bit;
        }
        return ::syscall(SYS_capset, &header, data) == 0;
    }
    static int serve(int orders, int answers) {
        auto const all = steps<memory_tree>();
        std::size_t number = 0;
        while (::read(orders, &number, sizeof number) == sizeof number) {
            int const answer = all[number].kernel();
            if (::write(answers, &answer, sizeof answer) != sizeof answer)
                return 1;
        }
        return 0;
    }

    int process_ = -1;
    int orders_ = -1;
    int answers_ = -1;
};

struct scratch_directory {
    std::string parent = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string path = parent + "/lamina-permission-XXXXXX";
    int before = ::open(".", O_PATH | O_CLOEXEC);
    scratch_directory() {
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        REQUIRE(::chmod(path.c_str(), 0755) == 0);
        REQUIRE(::chdir(path.c_str()) == 0);
    }
    ~scratch_directory() {
        CHECK(::fchdir(before) == 0);
        ::close(before);
        CHECK(::rmdir(path.c_str()) == 0);
    }
};

template <class T>
void clear(T& tree) {
    for (path_view const name : {path_view("d"), path_view("t")})
        REQUIRE(tree.remove_all(name).has_value());
}

// The kernel refuses to link what is somebody else's only where it is told so, as distributions do.
bool hard_links_are_protected() {
    descriptor const file(::open("/proc/sys/fs/protected_hardlinks", O_RDONLY | O_CLOEXEC));
    char answer = '0';
    return file.number >= 0 && ::read(file.number, &answer, 1) == 1 && answer != '0';
}

// Whether this process and this file system can play the kernel's part.
bool can_compare(posix_directory& real) {
    REQUIRE(real.write("probe", "").has_value());
    bool const may = ::geteuid() == 0 && real.owner("probe", 1000, 1000).has_value() &&
                     real.set_xattr("probe", "trusted.k", "v").has_value() &&
                     real.set_xattr("probe", xattr::acl_access, acl_for_some(6, 6, 6, 6, 6)).has_value();
    REQUIRE(real.remove("probe").has_value());
    if (!may)
        WARN("skipped: needs root, trusted.* attributes and ACLs in /dev/shm or /tmp");
    ::umask(0);
    return may;
}

// Compares the kernel, in `real`, with `checked` over what `empty_tree()` gives: in one situation of each `one_in`, others in
// each run; in all of them if LAMINA_STEPS asks for more than a run has time for.
template <class Empty>
void compare(posix_directory& real, Empty empty_tree, bool keeps_acls, std::size_t one_in) {
    using tree = std::remove_reference_t<decltype(empty_tree())>;
    auto const all = steps<checked<tree&>>();
    bool const links_are_protected = hard_links_are_protected();
    for (auto const& c : callers()) {
        deputy kernel(c);
        auto const every_situation = situations();
        if (std::getenv("LAMINA_STEPS") != nullptr)
            one_in = 1;
        for (std::size_t at = std::random_device()() % one_in; at < every_situation.size(); at += one_in) {
            auto const& s = every_situation[at];
            plant(real, s);
            auto const before = picture(real);
            for (std::size_t i = 0; i < all.size(); ++i) {
                if (!links_are_protected && std::string_view(all[i].name).starts_with("link"))
                    continue;
                INFO(c.name << ": " << all[i].name << ", directory " << std::oct << s.directory << " of " << std::dec
                            << s.directory_owner << ", file " << std::oct << s.file << " of " << std::dec
                            << s.file_owner << ", group " << s.group << (s.file_acl.empty() ? "" : ", with ACLs"));
                int const expected = kernel.perform(i);
                auto const expected_picture = picture(real);
                auto&& ours = empty_tree();
                plant(ours, s);
                checked view{ours, c.who};
                CHECK(all[i].ours(view) == expected);
                if (keeps_acls || s.file_acl.empty())
                    CHECK(picture(ours) == expected_picture);
                if (expected_picture == before)
                    continue;
                clear(real);
                plant(real, s);
            }
            clear(real);
        }
    }
}

}  // namespace

TEST_CASE(
    "[permission] over a memory tree, checked refuses what the kernel refuses, and leaves what the kernel leaves") {
    scratch_directory scratch;
    auto real = posix_directory::open(scratch.path).value();
    if (!can_compare(real))
        return;
    // A memory tree keeps ACLs as bytes: chmod does not change them, nor they the mode.
    std::optional<memory_tree> memory;
    compare(
        real, [&]() -> memory_tree& { return memory.emplace(memory_options{.umask = 0}); }, false, 3);
}

TEST_CASE(
    "[permission] over a real directory, checked refuses what the kernel refuses, and leaves what the kernel leaves") {
    scratch_directory scratch;
    auto real = posix_directory::open(scratch.path).value();
    if (!can_compare(real))
        return;
    REQUIRE(::mkdir("ours", 0755) == 0);
    {
        auto ours = posix_directory::open(scratch.path + "/ours").value();
        compare(
            real, [&]() -> posix_directory& { return clear(ours), ours; }, true, 14);
    }
    REQUIRE(real.remove_all("ours").has_value());
}
