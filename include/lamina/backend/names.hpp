// Names made, moved and removed, by path. The primitives do the work; here are the errors that only a path can have
// (its last component is ".", it ends in a slash), in the order in which Linux finds them.
//
// Concurrency: as the backend's; each change is one primitive, so others see it whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include <lamina/backend/walk.hpp>

namespace lamina::paths {

namespace detail {

// Walks to where a name is to be made. A slash after it is for directories only.
template <class B>
[[nodiscard]] result<void> to_new_name(path_walk<B>& at, B& backend, path_view path, operation op,
                                       bool may_end_in_slash) {
    LAMINA_CHECK(at.to_parent(path));
    if (at.last() != last_component::name)
        return fail(errc::eexist, op);
    if (!at.trailing_slash() || may_end_in_slash)
        return {};
    LAMINA_TRY(auto const taken, backend.lookup(at.directory(), at.name()));
    return fail(taken ? errc::eexist : errc::enoent, op);
}

}  // namespace detail

template <writable_backend B>
[[nodiscard]] result<void> create_directory(B& backend, path_view path, mode_bits mode) {
    path_walk<B> at(backend, operation::create_directory);
    LAMINA_CHECK(detail::to_new_name(at, backend, path, operation::create_directory, true));
    return backend.create_directory_at(at.directory(), at.name(), mode);
}

// The directory and those above it that are missing, made so that their owner can enter and write; existing is success.
// The error names the component at which it ended.
template <writable_backend B>
[[nodiscard]] result<void, path_error> create_directories(B& backend, path_view path, mode_bits mode) {
    path_walk<B> at(backend, operation::create_directory);
    if (auto made = at.to_made_directory(path, mode); !made) {
        auto const unwalked = path.bytes().substr(path.bytes().size() - at.unwalked());
        std::size_t const component = unwalked.substr(0, unwalked.find('/')).size();
        return unexpected(path_error(
            made.error(), std::string(path.bytes().substr(0, path.bytes().size() - unwalked.size() + component))));
    }
    return {};
}

template <writable_backend B>
[[nodiscard]] result<void> create_symlink(B& backend, std::string_view target, path_view path) {
    if (target.empty())
        return fail(errc::enoent, operation::create_symlink);
    if (target.find('\0') != std::string_view::npos)
        return fail(errc::einval, operation::create_symlink);
    if (target.size() > symlink_target_max)
        return fail(errc::enametoolong, operation::create_symlink);
    path_walk<B> at(backend, operation::create_symlink);
    LAMINA_CHECK(detail::to_new_name(at, backend, path, operation::create_symlink, false));
    return backend.create_symlink_at(at.directory(), at.name(), target);
}

// A link in the last component of `existing` is linked itself, as link(2) does. Errors: eperm for a directory.
template <writable_backend B>
[[nodiscard]] result<void> create_hard_link(B& backend, path_view existing, path_view path) {
    path_walk<B> from(backend, operation::link);
    LAMINA_CHECK(from.to_object(existing, links::no_follow));
    path_walk<B> to(backend, operation::link);
    LAMINA_CHECK(detail::to_new_name(to, backend, path, operation::link, false));
    if (from.object().is_directory()) {
        LAMINA_TRY(auto const taken, backend.lookup(to.directory(), to.name()));
        return fail(taken ? errc::eexist : errc::eperm, operation::link);
    }
    return backend.link_at(from.directory(), from.name(), to.directory(), to.name());
}

// A fifo, socket, device, or an empty regular file. Errors: eperm for a directory, einval for a link.
template <writable_backend B>
[[nodiscard]] result<void> create_node(B& backend, path_view path, file_type type, mode_bits mode,
                                       device_number device) {
    if (type == file_type::directory)
        return fail(errc::eperm, operation::create_node);
    if (type == file_type::symlink || type == file_type::unknown)
        return fail(errc::einval, operation::create_node);
    path_walk<B> at(backend, operation::create_node);
    LAMINA_CHECK(detail::to_new_name(at, backend, path, operation::create_node, false));
    if (type != file_type::regular)
        return backend.create_node_at(at.directory(), at.name(), type, mode, device);
    LAMINA_CHECK(backend.create_at(at.directory(), at.name(), mode));
    return {};
}

// renameat2(2). Errors: ebusy for the root, "." and ".."; einval for flags together or a directory into itself; eexist
// (no_replace); enoent; eisdir, enotdir, enotempty for what the target is; exdev.
template <writable_backend B>
[[nodiscard]] result<void> rename(B& backend, path_view from, path_view to, rename_flags flags) {
    bool const exchange = has(flags, rename_flags::exchange);
    bool const no_replace = has(flags, rename_flags::no_replace);
    if (exchange && no_replace)
        return fail(errc::einval, operation::rename);
    path_walk<B> source(backend, operation::rename);
    LAMINA_CHECK(source.to_parent(from));
    path_walk<B> target(backend, operation::rename);
    LAMINA_CHECK(target.to_parent(to));
    if (source.last() != last_component::name)
        return fail(errc::ebusy, operation::rename);
    if (target.last() != last_component::name)
        return fail(no_replace ? errc::eexist : errc::ebusy, operation::rename);
    if (source.trailing_slash() || target.trailing_slash()) {
        LAMINA_TRY(auto const moved, backend.lookup(source.directory(), source.name()));
        if (!moved)
            return fail(errc::enoent, operation::rename);
        LAMINA_TRY(auto const replaced, backend.lookup(target.directory(), target.name()));
        if (no_replace && replaced)
            return fail(errc::eexist, operation::rename);
        if (exchange && !replaced)
            return fail(errc::enoent, operation::rename);
        if (!moved->is_directory() && (source.trailing_slash() || !exchange))
            return fail(errc::enotdir, operation::rename);
        if (exchange && target.trailing_slash() && !replaced->is_directory())
            return fail(errc::enotdir, operation::rename);
    }
    return backend.rename_at(source.directory(), source.name(), target.directory(), target.name(), flags);
}

// A directory if it is empty, or anything else; a link is not followed. Errors: enoent; enotempty; ebusy for the root,
// einval for ".", enotempty for ".."; enotdir for a slash after anything but a directory.
template <writable_backend B>
[[nodiscard]] result<void> remove(B& backend, path_view path) {
    path_walk<B> at(backend, operation::remove);
    LAMINA_CHECK(at.to_parent(path));
    switch (at.last()) {
    case last_component::root: return fail(errc::ebusy, operation::remove);
    case last_component::dot: return fail(errc::einval, operation::remove);
    case last_component::dot_dot: return fail(errc::enotempty, operation::remove);
    case last_component::name: break;
    }
    if (at.trailing_slash()) {
        LAMINA_TRY(auto const found, backend.lookup(at.directory(), at.name()));
        if (!found)
            return fail(errc::enoent, operation::remove);
        if (!found->is_directory())
            return fail(errc::enotdir, operation::remove);
        return backend.remove_directory_at(at.directory(), at.name());
    }
    auto removed = backend.remove_at(at.directory(), at.name());
    if (!removed && removed.error() == errc::eisdir)
        removed = backend.remove_directory_at(at.directory(), at.name());
    return removed;
}

}  // namespace lamina::paths
