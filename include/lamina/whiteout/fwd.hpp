// The names of the whiteout formats.
#pragma once

#include <cstdint>

namespace lamina {

enum class whiteout_format : std::uint8_t;
enum class mark_space : std::uint8_t;
struct mark_style;
struct directory_marks;
struct finding;
struct layer_entry;

}  // namespace lamina
