// The names of posix, and their default template arguments.
#pragma once

namespace lamina {

struct posix_options;

class owned_fd;
class posix_file;
class posix_directory;

}  // namespace lamina
