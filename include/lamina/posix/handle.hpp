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

// Of the file system of an open directory. Errors: eopnotsupp if it has no UUID, or no handles.
[[nodiscard]] inline result<handle_source> find_handle_source(int directory) {
    struct {
        unsigned char size;
        unsigned char bytes[16];
    } uuid{};
    constexpr unsigned long get_uuid = _IOR(0x15, 0, decltype(uuid));  // FS_IOC_GETFSUUID
    if (::ioctl(directory, get_uuid, &uuid) != 0 || uuid.size != sizeof uuid.bytes)
        return fail(errc::eopnotsupp, operation::lookup);
    LAMINA_TRY(auto const own, bare_handle_of(directory, ""));
    handle_source found;
    std::copy(std::begin(uuid.bytes), std::end(uuid.bytes), found.file_system.begin());
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
