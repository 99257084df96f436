// The names of fuse, which needs libfuse: its other headers are not in lamina.hpp.
#pragma once

namespace lamina {

struct mount_options;
template <class B>
class fuse_mount;

}  // namespace lamina
