// What names an object for good: also after its names have changed, and after everything was closed and opened again.
// The bytes are those that the kernel gives to name_to_handle_at(2), so that a mark made of them means the same to a
// kernel mount.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lamina {

struct object_handle {
    std::array<unsigned char, 16> file_system{};  // its UUID, as it stands in its superblock
    std::uint8_t type = 0;                        // of `id`, in the file system's own terms
    std::string id;                               // 1 to `max_id` bytes

    static constexpr std::size_t max_id = 128;

    // For backends that are no file system of the kernel: a number of eight bytes, little endian.
    void set_file_system(std::array<std::uint64_t, 2> const& words) noexcept {
        for (std::size_t i = 0; i != file_system.size(); ++i)
            file_system[i] = static_cast<unsigned char>(words[i / 8] >> i % 8 * 8 & 0xff);
    }
    void set_number(std::uint64_t number) {
        id.clear();
        for (unsigned bit = 0; bit != 64; bit += 8)
            id.push_back(static_cast<char>(number >> bit & 0xff));
    }
    // Empty for an id of another size.
    [[nodiscard]] std::optional<std::uint64_t> number() const noexcept {
        if (id.size() != sizeof(std::uint64_t))
            return std::nullopt;
        std::uint64_t value = 0;
        for (std::size_t i = id.size(); i-- != 0;)
            value = value << 8 | static_cast<unsigned char>(id[i]);
        return value;
    }

    friend bool operator==(object_handle const&, object_handle const&) = default;
};

}  // namespace lamina
