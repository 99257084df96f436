// What names an object: a node while it is held, a file_id while it exists.
#pragma once

#include <cstdint>

namespace lamina {

// An anchor to one directory of one backend, meaningful to that backend alone (and to backends that share its nodes:
// see architecture, upper and work directory). One type for all backends, so that a stack of many keeps its tables in
// one shape. What holds a node has retained it; `node_guard` in backend/traits.hpp gives it back.
enum class node : std::uint64_t {};

// Device and inode: two names with equal ids are one object.
struct file_id {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    friend constexpr bool operator==(file_id, file_id) noexcept = default;
};

// A device number in the encoding of Linux's makedev(3), which is what st_rdev holds.
struct device_number {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    friend constexpr bool operator==(device_number, device_number) noexcept = default;
};

}  // namespace lamina
