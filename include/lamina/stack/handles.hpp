// Handles of an overlay's own objects, so that an overlay on top keeps hard links and inode numbers as well. A handle is the
// overlay's number of the object, which is the same each time the same layers are joined, and, in place of a file system's
// UUID, what the handles of all its layers' roots come to.
//
// There are none where a layer gives none, where the numbers of what is copied up do not last (no index), and for the few
// objects whose number is a running one (inode.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include <lamina/core/handle.hpp>
#include <lamina/stack/lookup.hpp>

namespace lamina::detail {

// Errors: eopnotsupp.
template <class Core>
[[nodiscard]] result<std::array<std::uint64_t, 2>> name_of_stack(Core const& core) {
    if (Core::writable && !core.links.on)
        return fail(errc::eopnotsupp);
    std::array<std::uint64_t, 2> name{0x6c616d696e61, 0x9e3779b97f4a7c15};
    auto const take = [&name](unsigned char byte) {
        for (auto& half : name) {
            half = (half ^ byte) * 0xff51afd7ed558ccd;
            half ^= half >> 32;
            byte = static_cast<unsigned char>(byte + 0x55);  // so that the halves tell of different things
        }
    };
    for (std::size_t i = Core::writable ? 0 : 1; i < core.layers.count(); ++i) {
        auto const number = static_cast<layer_number>(i);
        auto const root = core.layers.handle(number, core.layers.root(number), name_ref{});
        if (!root)
            return fail(errc::eopnotsupp);
        for (unsigned char const byte : root->file_system)
            take(byte);
        take(root->type);
        for (char const byte : root->id)
            take(static_cast<unsigned char>(byte));
    }
    return name;
}

// The members that make an overlay a backend that gives_handles.
template <class Overlay>
class names_objects {
public:
    // Errors: enoent, eopnotsupp.
    [[nodiscard]] result<object_handle> handle_at(node dir, name_ref name) {
        auto& overlay = static_cast<Overlay&>(*this);
        LAMINA_TRY(auto const found, overlay.lookup(dir, name));
        if (!found)
            return fail(errc::enoent, operation::lookup);
        auto& core = *overlay.core_;
        std::call_once(core.stack_named, [&core] { core.stack_name = name_of_stack(core); });
        LAMINA_TRY(auto const of_stack, core.stack_name);
        if (inode_numbers::is_running(found->id.inode))
            return fail(errc::eopnotsupp, operation::lookup);
        object_handle handle;
        handle.type = handle_type;
        handle.set_number(found->id.inode);
        handle.set_file_system(of_stack);
        return handle;
    }
    [[nodiscard]] std::optional<std::uint64_t> inode_of(object_handle const& handle) const noexcept {
        return handle.type == handle_type ? handle.number() : std::nullopt;
    }

private:
    static constexpr std::uint8_t handle_type = 0xe3;
};

}  // namespace lamina::detail
