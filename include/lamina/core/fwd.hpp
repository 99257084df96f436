// The names of core, and their default template arguments.
#pragma once

#include <cstdint>

namespace lamina {

enum class errc : std::int32_t;
enum class operation : std::uint8_t;
enum class file_type : std::uint8_t;
enum class node : std::uint64_t;
enum class capability : std::uint32_t;
enum class open_flags : std::uint32_t;
enum class rename_flags : std::uint32_t;
enum class xattr_flags : std::uint32_t;
enum class links : std::uint8_t;
enum class sync_kind : std::uint8_t;

struct error;
struct path_error;
struct name_ref;
struct timestamp;
struct attributes;
struct time_change;
struct space_info;
struct file_id;
struct device_number;
struct directory_entry;

class path;
class path_view;
class capabilities;
class entry_sink;
class listing;

template <class E>
class unexpected;
template <class T, class E = error>
class result;

}  // namespace lamina
