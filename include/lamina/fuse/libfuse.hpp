// libfuse's low-level API, as far as both the oldest and the newest release that is served here have it: 3.14 and 3.18.
// What only the newer one has is asked for through here, and answers "no" in the older.
#pragma once

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif

#include <fuse_lowlevel.h>

#include <cstdint>

namespace lamina::detail::libfuse {

inline void set_tmpfile(fuse_lowlevel_ops& all,
                        void (*make)(fuse_req_t, fuse_ino_t, mode_t, fuse_file_info*)) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    all.tmpfile = make;
#else
    (void)all;
    (void)make;
#endif
}

// Asks the kernel for a feature. False if it has none, or this libfuse cannot say so.
inline bool want(fuse_conn_info& connection, std::uint64_t feature) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    return fuse_set_feature_flag(&connection, feature);
#else
    if (feature > 0xffffffff || (connection.capable & feature) == 0)
        return false;
    connection.want |= static_cast<unsigned>(feature);
    return true;
#endif
}
inline void refuse(fuse_conn_info& connection, std::uint64_t feature) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    fuse_unset_feature_flag(&connection, feature);
#else
    connection.want &= ~static_cast<unsigned>(feature);
#endif
}
[[nodiscard]] inline bool capable(fuse_conn_info const& connection, std::uint64_t feature) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    return (connection.capable_ext & feature) != 0;
#else
    return (connection.capable & feature) != 0;
#endif
}

inline bool want_killpriv(fuse_conn_info& connection) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    return want(connection, FUSE_CAP_HANDLE_KILLPRIV_V2);
#else
    (void)connection;
    return false;
#endif
}
inline bool want_passthrough(fuse_conn_info& connection) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    if (!want(connection, FUSE_CAP_PASSTHROUGH))
        return false;
    connection.max_backing_stack_depth = 1;
    return true;
#else
    (void)connection;
    return false;
#endif
}
// Whether the kernel asks that set-id bits go with this write; `unknown` where it cannot say.
enum class set_id_goes : std::uint8_t { no, yes, unknown };
[[nodiscard]] inline set_id_goes asks_to_clear_set_id(fuse_file_info const& handle, bool kernel_tells) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    if (kernel_tells)
        return handle.kill_suidgid != 0 ? set_id_goes::yes : set_id_goes::no;
#else
    (void)handle;
    (void)kernel_tells;
#endif
    return set_id_goes::unknown;
}
// In setattr: truncation by somebody who may not keep them.
[[nodiscard]] inline bool setattr_clears_set_id(int changes) noexcept {
#ifdef FUSE_SET_ATTR_KILL_SUID
    return (changes & (FUSE_SET_ATTR_KILL_SUID | FUSE_SET_ATTR_KILL_SGID)) != 0;
#else
    (void)changes;
    return false;
#endif
}

// Whether requests come by io_uring; libfuse uses it where the kernel offers it.
[[nodiscard]] inline bool has_rings(fuse_conn_info const& connection) noexcept {
#ifdef FUSE_CAP_OVER_IO_URING
    return (connection.capable_ext & connection.want_ext & FUSE_CAP_OVER_IO_URING) != 0;
#else
    (void)connection;
    return false;
#endif
}

[[nodiscard]] inline bool came_by_ring(fuse_req_t request) noexcept {
#ifdef FUSE_CAP_OVER_IO_URING
    return fuse_req_is_uring(request);
#else
    (void)request;
    return false;
#endif
}

// Registers a descriptor whose file the kernel is to read and write by itself; 0 if it cannot.
[[nodiscard]] inline int open_backing(fuse_req_t request, int descriptor) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    return fuse_passthrough_open(request, descriptor);
#else
    (void)request;
    (void)descriptor;
    return 0;
#endif
}
inline void close_backing(fuse_req_t request, int backing) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    fuse_passthrough_close(request, backing);
#else
    (void)request;
    (void)backing;
#endif
}
inline void name_backing(fuse_file_info& handle, int backing) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    handle.backing_id = backing;
#else
    (void)handle;
    (void)backing;
#endif
}

}  // namespace lamina::detail::libfuse
