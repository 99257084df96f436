// The names of archive, and their default template arguments.
#pragma once

#include <cstdint>

namespace lamina {

enum class tar_reason : std::uint8_t;

struct tar_error;
struct tar_limits;

class memory_source;
class tar_file;
class tar_layer;

template <class F>
class file_source;

}  // namespace lamina
