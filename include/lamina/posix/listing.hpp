// Reading a directory: getdents64 into one buffer, each record handed on where it lies.
//
// Concurrency: each listing has an open directory of its own, since the position in a directory belongs to that.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include <lamina/core/dirent.hpp>
#include <lamina/core/path.hpp>
#include <lamina/posix/fd.hpp>
#include <lamina/posix/name.hpp>
#include <lamina/posix/syscalls.hpp>

namespace lamina::detail {

[[nodiscard]] constexpr file_type type_of_entry(unsigned char type) noexcept {
    switch (type) {  // DT_* of dirent.h
        case 8: return file_type::regular;
        case 4: return file_type::directory;
        case 10: return file_type::symlink;
        case 2: return file_type::character;
        case 6: return file_type::block;
        case 1: return file_type::fifo;
        case 12: return file_type::socket;
        default: return file_type::unknown;
    }
}

// Where the parts of struct linux_dirent64 lie.
inline constexpr std::size_t dirent_inode = 0, dirent_size = 16, dirent_type = 18, dirent_name = 19;

// Opens a directory for reading, beside its descriptor for *at calls. Access times stay as they are where that is
// granted.
[[nodiscard]] inline owned_fd open_for_listing(int directory, bool no_atime) noexcept {
    auto const open_as = [&](char const* path, bool quiet) {
        int const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (quiet ? O_NOATIME : 0);
        return owned_fd(uninterrupted([&] { return ::openat(directory, path, flags); }));
    };
    auto const open_at = [&](char const* path) {
        owned_fd opened = open_as(path, no_atime);
        if (!opened && no_atime && errno == EPERM)
            opened = open_as(path, false);
        return opened;
    };
    owned_fd opened = open_at(".");
    // To look up "." takes search permission, to list a directory does not: its link in /proc asks for none.
    if (!opened && errno == EACCES) {
        opened = open_at(proc_path(directory, "").c_str());
        if (!opened && errno == ENOENT)
            errno = EACCES;  // no /proc
    }
    return opened;
}

// Every entry but "." and "..", until the sink has enough. Holds two buffers, however large the directory: a small one,
// which is all that most directories need, and, once that was full, one with which large ones are read twice as fast.
[[nodiscard]] inline result<void> read_entries(int directory, entry_sink sink) {
    constexpr std::size_t large_size = 128 * 1024, entry_max = dirent_name + name_max + 8;
    char small[4096];
    std::unique_ptr<char[]> large;
    std::span<char> buffer(small);
    for (;;) {
        auto const filled = uninterrupted([&] { return sys::getdents64(directory, buffer.data(), buffer.size()); });
        if (filled < 0)
            return last_error(operation::list);
        if (filled == 0)
            return {};
        for (char const *at = buffer.data(), *const end = at + filled; at < end;) {
            std::uint64_t inode;
            std::uint16_t length;
            std::memcpy(&inode, at + dirent_inode, sizeof inode);
            std::memcpy(&length, at + dirent_size, sizeof length);
            auto const type = static_cast<unsigned char>(at[dirent_type]);
            std::string_view const name(at + dirent_name);
            at += length;
            if (name != "." && name != ".." && !sink(directory_entry{name, type_of_entry(type), inode}))
                return {};
        }
        if (large == nullptr && static_cast<std::size_t>(filled) + entry_max > buffer.size()) {
            large = std::make_unique_for_overwrite<char[]>(large_size);
            buffer = {large.get(), large_size};
        }
    }
}

}  // namespace lamina::detail
