// What is known of a file system by its type: nothing is tried here.
//
// Decided here: how a directory that was closed is told from another one. Birth is compared where it is known to be
// kept for good: an overlay mount, for one, gives a directory the birth of its copy once it has been copied up. Inode
// numbers are compared where they outlive the kernel's memory of the object; where they do not (FAT, FUSE, CIFS), a
// name is all there is.
//
// Concurrency: no state.
#pragma once

#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <cstdint>

namespace lamina::detail {

enum class identified_by : std::uint8_t { birth, inode, name };

class file_system {
public:
    // Of the open object. Without an answer, the least is assumed: unknown, and read-only.
    explicit file_system(int fd) noexcept {
        struct statfs what {};
        if (::fstatfs(fd, &what) != 0)
            return;
        type_ = static_cast<std::uint32_t>(what.f_type);
        read_only_ = (what.f_flags & ST_RDONLY) != 0;
    }

    [[nodiscard]] bool is_read_only() const noexcept { return read_only_; }
    [[nodiscard]] bool is_overlay() const noexcept { return type_ == overlay; }
    // Neither owners nor links nor special files.
    [[nodiscard]] bool is_fat() const noexcept { return type_ == vfat || type_ == exfat; }
    // A native one of Linux, with all that its system calls ask for.
    [[nodiscard]] bool is_native() const noexcept {
        return type_ == ext || type_ == xfs || type_ == btrfs || type_ == tmpfs || type_ == f2fs || type_ == bcachefs;
    }
    [[nodiscard]] bool may_clone() const noexcept { return type_ == btrfs || type_ == xfs || type_ == bcachefs; }
    [[nodiscard]] identified_by identity() const noexcept {
        if (is_native())
            return identified_by::birth;
        if (type_ == 0 || is_fat() || type_ == fuse || type_ == cifs || type_ == smb2)
            return identified_by::name;
        return identified_by::inode;
    }

private:
    // f_type of statfs(2).
    static constexpr std::uint32_t ext = 0xef53, xfs = 0x58465342, btrfs = 0x9123683e, tmpfs = 0x01021994,
                                   f2fs = 0xf2f52010, bcachefs = 0xca451a4e, overlay = 0x794c7630, vfat = 0x4d44,
                                   exfat = 0x2011bab0, fuse = 0x65735546, cifs = 0xff534d42, smb2 = 0xfe534d42;

    std::uint32_t type_ = 0;
    bool read_only_ = true;
};

}  // namespace lamina::detail
