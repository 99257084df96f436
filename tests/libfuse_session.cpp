// The other unit of libfuse.cpp.
#include "libfuse_room.hpp"

unsigned version_in_other_unit() { return FUSE_VERSION; }

fuse_session* session_of_other_unit(fuse_args& arguments) {
    fuse_lowlevel_ops operations = {};
    operations.lookup = [](fuse_req_t request, fuse_ino_t, char const*) { fuse_reply_err(request, 2); };
    return fuse_session_new(&arguments, &operations, sizeof operations, nullptr);
}
