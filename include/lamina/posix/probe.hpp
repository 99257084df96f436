// What a real directory can do: as its file system and this process's privileges let one assume, and as trial shows.
//
// Decided here: opening a directory changes nothing in it, not even for a moment, since it may be a lower layer. What
// only a trial can tell is assumed then, and tried when somebody who may write offers a place for it.
//
// Concurrency: no state; trials in one directory at the same time use different names.
#pragma once

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include <lamina/core/capability.hpp>
#include <lamina/posix/fd.hpp>
#include <lamina/posix/file_system.hpp>
#include <lamina/posix/metadata.hpp>
#include <lamina/posix/resolve.hpp>
#include <lamina/posix/syscalls.hpp>
#include <lamina/posix/verity.hpp>
#include <lamina/posix/xattr.hpp>

namespace lamina::detail {

// Whether this thread has a capability (capabilities(7)) over everything: a process that is root in a user namespace
// of its own has all of them there, and none that counts for trusted xattrs and devices.
class privileges {
public:
    privileges() noexcept {
        struct __user_cap_header_struct header {
            _LINUX_CAPABILITY_VERSION_3, 0
        };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
        if (::syscall(SYS_capget, &header, sets) == 0)
            effective_ = sets[0].effective;
        constexpr ino_t first_user_namespace = 0xeffffffd;
        struct stat space;
        // Without /proc nothing tells: then a trial will.
        everywhere_ = ::stat("/proc/self/ns/user", &space) != 0 || space.st_ino == first_user_namespace;
    }
    [[nodiscard]] bool here(unsigned capability) const noexcept { return (effective_ >> capability & 1) != 0; }
    [[nodiscard]] bool everywhere(unsigned capability) const noexcept { return everywhere_ && here(capability); }

private:
    std::uint32_t effective_ = 0;
    bool everywhere_ = false;
};

[[nodiscard]] inline capabilities assume_capabilities(int root, resolution how) {
    file_system const system(root);
    privileges const mine;

    capabilities able;
    if (system.identity() != identified_by::name)
        able = able | capability::persistent_inodes;
    // A read-only mount has attributes too.
    if (may_have_attribute(root, "", "user.lamina.probe", how))
        able = able | capability::user_xattrs;
    if (mine.everywhere(CAP_SYS_ADMIN) && may_have_attribute(root, "", "trusted.lamina.probe", how))
        able = able | capability::trusted_xattrs;
    if (may_seal_files(root))
        able = able | capability::content_digests;
    if (system.is_read_only())
        return able;
    able = able | capability::write | capability::no_replace;
    if (!system.is_fat())
        able = able | capability::hard_links | capability::whiteout_device;
    if (system.is_native() || system.is_overlay())
        able = able | capability::exchange | capability::unnamed_files;
    if (system.is_native())
        able = able | capability::rename_whiteout;
    if (system.may_clone())
        able = able | capability::clone;
    if (mine.everywhere(CAP_MKNOD) && !system.is_fat())
        able = able | capability::special_files;
    if (mine.here(CAP_CHOWN) && !system.is_fat())
        able = able | capability::change_owner;
    return able;
}

// Names for one trial, and what is left under them removed at its end.
class probe_names {
public:
    enum which : unsigned { file, other, link, whiteout, device, published, moved, count };

    explicit probe_names(int directory) noexcept : directory_(directory) {
        static std::atomic<unsigned> trials{0};
        auto const trial = trials.fetch_add(1, std::memory_order_relaxed);
        for (unsigned i = 0; i < count; ++i)
            std::snprintf(names_[i], sizeof names_[i], "#lamina-probe-%ld-%u-%u", static_cast<long>(::getpid()), trial,
                          i);
    }
    probe_names(probe_names const&) = delete;
    probe_names& operator=(probe_names const&) = delete;
    ~probe_names() {
        for (auto const& name : names_)
            ::unlinkat(directory_, name, 0);  // most often it is not there
    }
    [[nodiscard]] char const* operator[](which one) const noexcept { return names_[one]; }

private:
    int directory_;
    char names_[count][64];
};

// `assumed`, corrected by trial in `scratch`, which is as it was afterwards. Errors: what making a file there reports.
[[nodiscard]] inline result<capabilities> try_capabilities(int scratch, capabilities assumed) {
    probe_names const names(scratch);
    auto const make = [&](probe_names::which one) {
        return owned_fd(uninterrupted([&] {
            return ::openat(scratch, names[one], O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        }));
    };
    owned_fd const file = make(probe_names::file);
    owned_fd const other = file ? make(probe_names::other) : owned_fd();
    if (!other)
        return last_error(operation::create);

    capabilities able = assumed | capability::write;
    auto const found = [&](capability what, bool there) {
        able = able.without(what);
        if (there)
            able = able | what;
    };
    found(capability::user_xattrs, ::fsetxattr(file.get(), "user.lamina.probe", "", 0, 0) == 0);
    found(capability::trusted_xattrs, ::fsetxattr(file.get(), "trusted.lamina.probe", "", 0, 0) == 0);
    found(capability::hard_links,
          ::linkat(scratch, names[probe_names::file], scratch, names[probe_names::link], 0) == 0);
    auto const rename = [&](probe_names::which to, rename_flags flags) {
        return sys::renameat2(scratch, names[probe_names::file], scratch, names[to], static_cast<unsigned>(flags));
    };
    found(capability::no_replace, rename(probe_names::other, rename_flags::no_replace) != 0 && errno == EEXIST);
    found(capability::exchange, rename(probe_names::other, rename_flags::exchange) == 0);
    found(capability::rename_whiteout, rename(probe_names::moved, rename_flags::whiteout) == 0);
    found(capability::whiteout_device, ::mknodat(scratch, names[probe_names::whiteout], S_IFCHR, 0) == 0);
    found(capability::special_files, ::mknodat(scratch, names[probe_names::device], S_IFCHR, makedev(1, 3)) == 0);
    owned_fd const unnamed(::openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    found(capability::unnamed_files,
          unnamed && link_open_file(unnamed.get(), scratch, names[probe_names::published]).has_value());
    constexpr unsigned long ficlone = _IOW(0x94, 9, int);
    found(capability::clone, ::ioctl(other.get(), ficlone, file.get()) == 0);
    constexpr uid_t nobody = 65534;
    found(capability::change_owner, ::geteuid() != nobody && ::fchown(file.get(), nobody, keep_group) == 0);
    return able;
}

}  // namespace lamina::detail
