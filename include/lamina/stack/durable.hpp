// What a change waits for before its operation returns, as the policy says (policy.hpp, `durability`).
//
//              copied or replaced data        names and attributes
//   none       nothing                        nothing
//   ordered    flushed before its name        nothing
//   strict     flushed before its name        flushed before the operation returns
//
// A flush that fails is the operation's error, though the change is made and seen: what is on the disk is then unknown.
//
// `ordered` leaves the order of metadata to the upper's file system, which keeps it where it has one journal (ext4,
// xfs). `strict` asks for no order: what is built out of sight is flushed before the step that publishes it, what was
// taken out of sight is deleted after that step is flushed, and last each directory that gained or lost a name is
// flushed, or the object whose attributes changed. A symbolic link or a special file has no descriptor to flush, and
// its directory's flush does not carry it; for it the whole file system is flushed, where the upper can do that.
//
// Requires throughout: the tree lock.
#pragma once

#include <lamina/stack/core.hpp>

namespace lamina::detail {

template <class Core>
[[nodiscard]] bool flushes_data(Core const& core) noexcept {
    return core.rules.durable == durability::ordered || core.rules.durable == durability::strict;
}

template <class Core>
[[nodiscard]] bool flushes_names(Core const& core) noexcept {
    return core.rules.durable == durability::strict;
}

// After a name in a directory of the upper came or went.
template <class Core>
[[nodiscard]] result<void> flush_names(Core& core, node directory) {
    if (!flushes_names(core))
        return {};
    auto done = core.layers.upper().sync_directory(directory);
    return done ? done : result<void>(unexpected(done.error().in_layer(0)));
}

// After the attributes of an object in the upper changed, or its size. The empty name: the directory itself.
template <class Core>
[[nodiscard]] result<void> flush_object(Core& core, node directory, name_ref name, file_type type) {
    if (!flushes_names(core))
        return {};
    if (name.empty())
        return flush_names(core, directory);
    auto& upper = core.layers.upper();
    if (type != file_type::regular && type != file_type::directory) {
        if constexpr (syncs_all<typename Core::layers_type::upper_type>) {
            auto done = upper.sync_all();
            if (done || done.error() != errc::eopnotsupp)
                return done ? done : result<void>(unexpected(done.error().in_layer(0)));
        }
        return flush_names(core, directory);
    }
    if (type == file_type::directory) {
        LAMINA_TRY(node const opened, upper.open_directory_at(directory, name));
        node_guard<typename Core::layers_type::upper_type> const held(upper, opened);
        return flush_names(core, opened);
    }
    LAMINA_TRY(auto file, upper.open_at(directory, name, open_flags::read));
    auto done = file.sync(sync_kind::everything);
    return done ? done : result<void>(unexpected(done.error().in_layer(0)));
}

}  // namespace lamina::detail
