// What a change waits for before its operation returns, as the policy says (policy.hpp, `durability`).
//
//              copied or replaced data        names and attributes
//   none       nothing                        nothing
//   ordered    flushed before its name        nothing
//   strict     flushed before its name        flushed before the operation returns
//
// A flush that fails is the operation's error, though the change is made and seen: what is on the disk is then unknown.
//
// Flushes of `strict`, per operation, besides one for data: of each directory that gained or lost a name, and of the
// object whose attributes changed. A symbolic link or a special file has no descriptor to flush; its directory's flush
// carries it on the file systems that journal metadata in order (ext4, xfs, btrfs).
//
// Requires throughout: the tree lock.
#pragma once

#include <lamina/stack/core.hpp>

namespace lamina::detail {

template <class Core>
[[nodiscard]] bool flushes_data(Core const& core) noexcept {
    return core.rules.durable == durability::ordered || core.rules.durable == durability::strict;
}

// After a name in a directory of the upper came or went.
template <class Core>
[[nodiscard]] result<void> flush_names(Core& core, node directory) {
    if (core.rules.durable != durability::strict)
        return {};
    auto done = core.layers.upper().sync_directory(directory);
    return done ? done : result<void>(unexpected(done.error().in_layer(0)));
}

// After the attributes of an object in the upper changed, or its size. The empty name: the directory itself.
template <class Core>
[[nodiscard]] result<void> flush_object(Core& core, node directory, name_ref name, file_type type) {
    if (core.rules.durable != durability::strict)
        return {};
    if (name.empty() || (type != file_type::regular && type != file_type::directory))
        return flush_names(core, directory);
    auto& upper = core.layers.upper();
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
