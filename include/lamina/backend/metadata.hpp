// What is known about an object, by path: status, listing, link target, mode, owner, times, extended attributes.
//
// Concurrency: as the backend's; each function is one walk and one primitive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/walk.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina::paths {

template <class B>
[[nodiscard]] result<attributes> status(B& backend, path_view path, links last) {
    path_walk<B> at(backend, operation::lookup);
    LAMINA_CHECK(at.to_object(path, last));
    return at.object();
}

// Whether something is there, links followed. enoent and enotdir mean no; every other failure is one, a loop of links
// too.
template <class B>
[[nodiscard]] result<bool> exists(B& backend, path_view path) {
    path_walk<B> at(backend, operation::lookup);
    auto const found = at.to_object(path, links::follow);
    if (!found && found.error() != errc::enoent && found.error() != errc::enotdir)
        return unexpected(found.error());
    return found.has_value();
}

template <class B>
[[nodiscard]] result<listing> list(B& backend, path_view path) {
    path_walk<B> at(backend, operation::list);
    LAMINA_CHECK(at.to_directory(path));
    listing entries;
    LAMINA_CHECK(backend.list_at(at.directory(), [&](directory_entry const& entry) {
        entries.add(entry);
        return true;
    }));
    return entries;
}

// Errors: einval if it is no link.
template <class B>
[[nodiscard]] result<std::string> read_symlink(B& backend, path_view path) {
    path_walk<B> at(backend, operation::read_symlink);
    LAMINA_CHECK(at.to_object(path, links::no_follow));
    if (!at.object().is_symlink())
        return fail(errc::einval, operation::read_symlink);
    return backend.read_symlink_at(at.directory(), at.name());
}

// Errors: eopnotsupp for a link that is not followed.
template <writable_backend B>
[[nodiscard]] result<void> permissions(B& backend, path_view path, mode_bits mode, links last) {
    path_walk<B> at(backend, operation::set_mode);
    LAMINA_CHECK(at.to_object(path, last));
    if (at.object().is_symlink())
        return fail(errc::eopnotsupp, operation::set_mode);
    return backend.set_mode_at(at.directory(), at.name(), mode);
}

template <writable_backend B>
[[nodiscard]] result<void> owner(B& backend, path_view path, user_id uid, group_id gid, links last) {
    path_walk<B> at(backend, operation::set_owner);
    LAMINA_CHECK(at.to_object(path, last));
    return backend.set_owner_at(at.directory(), at.name(), uid, gid);
}

template <writable_backend B>
[[nodiscard]] result<void> times(B& backend, path_view path, time_change const& change, links last) {
    path_walk<B> at(backend, operation::set_times);
    LAMINA_CHECK(at.to_object(path, last));
    return backend.set_times_at(at.directory(), at.name(), change);
}

template <class B>
[[nodiscard]] result<std::vector<std::string>> xattrs(B& backend, path_view path, links last) {
    path_walk<B> at(backend, operation::list_xattrs);
    LAMINA_CHECK(at.to_object(path, last));
    return backend.list_xattrs_at(at.directory(), at.name());
}

// Errors: enodata if there is none.
template <class B>
[[nodiscard]] result<std::string> get_xattr(B& backend, path_view path, std::string_view key, links last) {
    path_walk<B> at(backend, operation::get_xattr);
    LAMINA_CHECK(at.to_object(path, last));
    LAMINA_TRY(auto value, backend.get_xattr_at(at.directory(), at.name(), key));
    if (!value)
        return fail(errc::enodata, operation::get_xattr);
    return *std::move(value);
}

template <writable_backend B>
[[nodiscard]] result<void> set_xattr(B& backend, path_view path, std::string_view key, std::string_view value,
                                     xattr_flags flags, links last) {
    path_walk<B> at(backend, operation::set_xattr);
    LAMINA_CHECK(at.to_object(path, last));
    return backend.set_xattr_at(at.directory(), at.name(), key, value, flags);
}

template <writable_backend B>
[[nodiscard]] result<void> remove_xattr(B& backend, path_view path, std::string_view key, links last) {
    path_walk<B> at(backend, operation::remove_xattr);
    LAMINA_CHECK(at.to_object(path, last));
    return backend.remove_xattr_at(at.directory(), at.name(), key);
}

}  // namespace lamina::paths
