// How a tree is mounted.
#pragma once

#include <string>
#include <vector>

namespace lamina {

struct mount_options {
    // What /proc/mounts tells: the source, and the type as fuse.<subtype>.
    std::string source = "lamina";
    std::string subtype = "lamina";
    // Further options, each as mount(8) and fusermount3(1) take it: "allow_other", "nosuid", "context=...". The kernel
    // judges permission from mode, owner and ACL (`default_permissions`), always.
    std::vector<std::string> generic;
    bool read_only = false;

    // False: fsync succeeds and nothing is flushed.
    bool sync = true;
    // False: there are no extended attributes at all.
    bool xattrs = true;
    // False: no POSIX ACLs, so that new files follow the umask alone.
    bool acls = true;
    // Every directory tells one link, as the kernel's overlay does for merged ones.
    bool static_nlink = false;

    // Data of real files does not pass this process (libfuse 3.17, Linux 6.9, CAP_SYS_ADMIN); where that is not to be
    // had, it does. Each open is a request then, which costs more than it saves where files are small: hence not by
    // itself.
    bool passthrough = false;
    // Requests by io_uring, where library and kernel have it (libfuse 3.18, Linux 6.14, fuse.enable_uring=Y).
    bool io_uring = true;
    // The kernel collects small writes. Fewer requests where files are written in small pieces, more where in one.
    bool writeback = false;
    // How many requests are served at once; 0: as many as libfuse finds good.
    unsigned workers = 0;
    // Files held open at a time, beside those that have no name any more.
    std::size_t open_files = 512;

    // For how many seconds the kernel may believe what it was told. Long, because the tree changes through the mount
    // only; one whose layers somebody else changes wants them short.
    double entry_timeout = 86400;
    double attribute_timeout = 86400;
    double negative_timeout = 86400;

    // SIGTERM, SIGINT and SIGHUP end serve().
    bool handle_signals = false;
    // Every request is told on stderr.
    bool debug = false;
};

}  // namespace lamina
