// What fs-verity tells of a file, by FS_IOC_MEASURE_VERITY (Documentation/filesystems/fsverity.rst). The kernel keeps the
// digest of a file that was sealed, and answers reads of anything else with an error.
//
// Concurrency: no state.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <lamina/core/digest.hpp>
#include <lamina/posix/fd.hpp>

namespace lamina::detail {

// As linux/fsverity.h has it, where the array has no size.
struct verity_measurement {
    std::uint16_t algorithm = 0;
    std::uint16_t size = digest::max_size;  // what there is room for; then what there is
    std::byte bytes[digest::max_size] = {};

    // False with errno set.
    [[nodiscard]] bool take(int fd) noexcept {
        constexpr unsigned long measure = _IOWR('f', 134, std::uint32_t);
        return uninterrupted([&] { return ::ioctl(fd, measure, this); }) == 0;
    }
};

// Empty for a file that is not sealed, and for an algorithm that is not known here. Errors: those of ioctl(2), where the
// file system cannot read what it keeps.
[[nodiscard]] inline result<std::optional<digest>> measure_verity(int fd) {
    verity_measurement found;
    if (!found.take(fd)) {
        // EOVERFLOW: it is longer than any that is known.
        if (errno == ENODATA || errno == ENOTTY || errno == EOPNOTSUPP || errno == ENOSYS || errno == EOVERFLOW)
            return std::optional<digest>();
        return last_error(operation::read);
    }
    if (found.algorithm > 0xff || found.size > digest::max_size)
        return std::optional<digest>();
    return digest::of(static_cast<digest_algorithm>(found.algorithm), std::span(found.bytes).first(found.size));
}

// Whether the file system of a directory can seal files at all: one that can says of the directory that it is not sealed.
[[nodiscard]] inline bool may_seal_files(int directory) noexcept {
    owned_fd const opened(uninterrupted([&] { return ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    verity_measurement none;
    return opened && !none.take(opened.get()) && errno == ENODATA;
}

}  // namespace lamina::detail
