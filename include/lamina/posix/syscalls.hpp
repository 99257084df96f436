// System calls that the C library has no wrapper for, or has had for a short time only. The numbers are those of
// every architecture but alpha, since Linux numbers new calls alike everywhere.
//
// A kernel that lacks a call answers ENOSYS; so does a sandbox, or EPERM where its filter is older than the call.
// Each caller has another way then, and none of them is less safe than the first.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace lamina::detail::sys {

inline constexpr long number_openat2 = 437;
inline constexpr long number_fchmodat2 = 452;
inline constexpr long number_setxattrat = 463;
inline constexpr long number_getxattrat = 464;
inline constexpr long number_listxattrat = 465;
inline constexpr long number_removexattrat = 466;

// struct open_how of openat2(2).
struct open_how {
    std::uint64_t flags = 0;
    std::uint64_t mode = 0;
    std::uint64_t resolve = 0;
};
inline constexpr std::uint64_t resolve_no_xdev = 0x01;
inline constexpr std::uint64_t resolve_no_magiclinks = 0x02;
inline constexpr std::uint64_t resolve_no_symlinks = 0x04;
inline constexpr std::uint64_t resolve_beneath = 0x08;

// struct xattr_args of setxattrat(2).
struct xattr_args {
    std::uint64_t value = 0;
    std::uint32_t size = 0;
    std::uint32_t flags = 0;
};

inline int openat2(int at, char const* path, open_how const& how) noexcept {
    return static_cast<int>(::syscall(number_openat2, at, path, &how, sizeof how));
}
inline int fchmodat2(int at, char const* path, unsigned mode, int flags) noexcept {
    return static_cast<int>(::syscall(number_fchmodat2, at, path, mode, flags));
}
inline int setxattrat(int at, char const* path, int flags, char const* key, void const* value, std::size_t size,
                      std::uint32_t how) noexcept {
    xattr_args const args{reinterpret_cast<std::uintptr_t>(value), static_cast<std::uint32_t>(size), how};
    return static_cast<int>(::syscall(number_setxattrat, at, path, flags, key, &args, sizeof args));
}
inline ssize_t getxattrat(int at, char const* path, int flags, char const* key, void* value,
                          std::size_t size) noexcept {
    xattr_args args{reinterpret_cast<std::uintptr_t>(value), static_cast<std::uint32_t>(size), 0};
    return ::syscall(number_getxattrat, at, path, flags, key, &args, sizeof args);
}
inline ssize_t listxattrat(int at, char const* path, int flags, char* list, std::size_t size) noexcept {
    return ::syscall(number_listxattrat, at, path, flags, list, size);
}
inline int removexattrat(int at, char const* path, int flags, char const* key) noexcept {
    return static_cast<int>(::syscall(number_removexattrat, at, path, flags, key));
}
inline int renameat2(int from, char const* old_name, int to, char const* new_name, unsigned flags) noexcept {
    return static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, flags));
}
inline ssize_t getdents64(int fd, void* buffer, std::size_t size) noexcept {
    return ::syscall(SYS_getdents64, fd, buffer, size);
}

// What this kernel was found to lack, so that each absent call is tried once per process and not before every fallback.
// Relaxed: the worst that a late reader does is one more try.
inline std::atomic<bool> lacks_openat2{false};
inline std::atomic<bool> lacks_fchmodat2{false};
inline std::atomic<bool> lacks_xattrat{false};

// Whether the call that just failed was not there at all, as far as its errno tells. EPERM may also be a true answer:
// then the other way is tried and gives it again.
[[nodiscard]] inline bool was_absent(std::atomic<bool>& remember) noexcept {
    if (errno == ENOSYS)
        remember.store(true, std::memory_order_relaxed);
    return errno == ENOSYS || errno == EPERM;
}

}  // namespace lamina::detail::sys
