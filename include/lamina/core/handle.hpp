// What names an object for good: also after its names have changed, and after everything was closed and opened again.
// The bytes are those that the kernel gives to name_to_handle_at(2), so that a mark made of them means the same to a
// kernel mount.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace lamina {

struct object_handle {
    std::array<unsigned char, 16> file_system{};  // its UUID, as it stands in its superblock
    std::uint8_t type = 0;                        // of `id`, in the file system's own terms
    std::string id;                               // 1 to `max_id` bytes

    static constexpr std::size_t max_id = 128;

    friend bool operator==(object_handle const&, object_handle const&) = default;
};

}  // namespace lamina
