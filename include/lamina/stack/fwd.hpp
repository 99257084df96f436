// The names of the overlay, and their default template arguments.
#pragma once

#include <cstdint>

namespace lamina {

struct policy;
enum class redirects : std::uint8_t;
enum class metacopies : std::uint8_t;
enum class block_copies : std::uint8_t;
enum class ownership : std::uint8_t;
enum class durability : std::uint8_t;
enum class indexing : std::uint8_t;

struct no_upper;
template <class B>
struct upper_layer;
template <class B>
struct marked_layer;
template <class Upper, class... Groups>
class layers;
template <class Core>
class overlay_file;
template <class Upper, class... Groups>
class overlay;
struct change;

}  // namespace lamina
