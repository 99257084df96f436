// Handles of objects by name_to_handle_at(2), and what can be read from them.
//
// Decided here: a handle is only worth something with the UUID of its file system, so where the kernel does not tell
// that (before Linux 6.9, or none at all) there are no handles. Two file systems may have one UUID, a copied image for
// example; to tell such apart is the business of who joins layers.
//
// Concurrency: no state.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <lamina/core/handle.hpp>
#include <lamina/core/result.hpp>
#include <lamina/posix/fd.hpp>

namespace lamina::detail {

// Where handles of one file system come from: its UUID and the mount that they are made through.
struct handle_source {
    std::array<unsigned char, 16> file_system{};
    int mount = -1;
};

// A handle without its file system, and the mount that the object is on. Errors: eopnotsupp; what the object reports.
struct bare_handle {
    std::uint8_t type = 0;
    std::string id;
    int mount = -1;
};
[[nodiscard]] inline result<bare_handle> bare_handle_of(int directory, char const* name) {
    alignas(struct file_handle) unsigned char space[sizeof(struct file_handle) + object_handle::max_id] = {};
    auto* const handle = reinterpret_cast<struct file_handle*>(space);
    handle->handle_bytes = object_handle::max_id;
    bare_handle found;
    int const flags = *name == '\0' ? AT_EMPTY_PATH : 0;
    if (::name_to_handle_at(directory, name, handle, &found.mount, flags) != 0) {
        // Larger than any that a mark could hold.
        if (errno == EOVERFLOW)
            return fail(errc::eopnotsupp, operation::lookup);
        return last_error(operation::lookup);
    }
    if (handle->handle_type <= 0 || handle->handle_type >= 0xff || handle->handle_bytes == 0)
        return fail(errc::eopnotsupp, operation::lookup);
    found.type = static_cast<std::uint8_t>(handle->handle_type);
    found.id.assign(reinterpret_cast<char const*>(space) + sizeof(struct file_handle), handle->handle_bytes);
    return found;
}

// The UUID that the kernel writes for a file system into an overlay's marks. btrfs has one and does not tell it when
// asked as the others are (Linux 6.18), only when asked in its own way. Errors: eopnotsupp.
[[nodiscard]] inline result<std::array<unsigned char, 16>> file_system_uuid(int directory) {
    struct {
        unsigned char size;
        std::array<unsigned char, 16> bytes;
    } told{};
    constexpr unsigned long get_uuid = _IOR(0x15, 0, decltype(told));  // FS_IOC_GETFSUUID
    if (::ioctl(directory, get_uuid, &told) == 0 && told.size == told.bytes.size())
        return told.bytes;
    struct {
        std::uint64_t highest_device, devices;
        std::array<unsigned char, 16> bytes;
        unsigned char rest[992];
    } of_btrfs{};
    constexpr unsigned long get_info = _IOR(0x94, 31, decltype(of_btrfs));  // BTRFS_IOC_FS_INFO
    if (::ioctl(directory, get_info, &of_btrfs) == 0)
        return of_btrfs.bytes;
    return fail(errc::eopnotsupp, operation::lookup);
}

// Of the file system of an open directory. Errors: eopnotsupp if it has no UUID, or no handles.
[[nodiscard]] inline result<handle_source> find_handle_source(int directory) {
    handle_source found;
    LAMINA_TRY(found.file_system, file_system_uuid(directory));
    LAMINA_TRY(auto const own, bare_handle_of(directory, ""));
    found.mount = own.mount;
    return found;
}

// The inode number that a file system wrote into a handle. The forms, as the kernel's file systems define them: 32 bits
// and a generation (ext4, f2fs), a generation and 64 bits (tmpfs), 64 bits and a generation (xfs), and btrfs's own, which
// begins with the 64 bits.
[[nodiscard]] inline std::optional<std::uint64_t> inode_in(object_handle const& handle) noexcept {
    auto const word = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, handle.id.data() + at, sizeof value);
        return std::uint64_t{value};
    };
    auto const size = handle.id.size();
    if (handle.type == 0x01 && size == 8)
        return word(0);
    if (handle.type == 0x01 && size == 12)
        return word(4) | word(8) << 32;
    if ((handle.type == 0x81 && size >= 12) || (handle.type == 0x4d && size >= 16))
        return word(0) | word(4) << 32;
    return std::nullopt;
}

}  // namespace lamina::detail
