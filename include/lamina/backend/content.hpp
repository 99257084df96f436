// What is in a file, by path: open, read, write, append, resize, over the primitives of any backend.
//
// Concurrency: as the backend's. `write` is not atomic here: others may see the file empty, or half of it. A backend
// that can do better has a `write` of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <lamina/backend/walk.hpp>

namespace lamina {

namespace paths {

// What `read` takes into memory unless told otherwise: a layer can name a sparse file of any size in a few bytes.
inline constexpr std::size_t read_limit = std::size_t{1} << 30;

namespace detail {

template <class B>
[[nodiscard]] result<file_of<B>> open_regular(B& backend, node dir, name_ref name, attributes const& known,
                                              open_flags flags) {
    if (known.is_directory())
        return fail(errc::eisdir, operation::open);
    if (known.is_symlink())
        return fail(errc::eloop, operation::open);
    if (!known.is_regular())
        return fail(errc::enxio, operation::open);
    if constexpr (opens_known_regular<B>)
        return backend.open_known_regular_at(dir, name, flags);
    else
        return backend.open_at(dir, name, flags);
}

template <class B>
[[nodiscard]] result<file_of<B>> open_existing(B& backend, path_view path, open_flags flags) {
    path_walk<B> at(backend, operation::open);
    if constexpr (!opens_known_regular<B>) {
        // open_at itself tells a link from a file, so that nothing needs to be looked up.
        LAMINA_CHECK(at.to_parent(path));
        if (at.last() == last_component::name && !at.trailing_slash())
            if (auto opened = backend.open_at(at.directory(), at.name(), flags);
                opened || opened.error() != errc::eloop)
                return opened;
    }
    LAMINA_CHECK(at.to_object(path, links::follow));
    return open_regular(backend, at.directory(), at.name(), at.object(), flags);
}

template <class B>
[[nodiscard]] result<file_of<B>> open_or_create(B& backend, path_view path, open_flags flags, mode_bits mode) {
    bool const exclusive = has(flags, open_flags::exclusive);
    auto const existing = static_cast<open_flags>(
        static_cast<std::uint32_t>(flags) & ~static_cast<std::uint32_t>(open_flags::create | open_flags::exclusive));
    // Between the look and the act others may make or remove the name: look again, but not for ever.
    constexpr int attempts = 16;
    for (int i = 0; i < attempts; ++i) {
        path_walk<B> at(backend, operation::open);
        LAMINA_CHECK(at.to_place(path, exclusive ? links::no_follow : links::follow));
        if (at.found()) {
            if (exclusive)
                return fail(errc::eexist, operation::open);
            auto opened = open_regular(backend, at.directory(), at.name(), at.object(), existing);
            if (!opened && opened.error() == errc::enoent)
                continue;
            return opened;
        }
        if constexpr (writable_backend<B>) {
            auto created = backend.create_at(at.directory(), at.name(), mode);
            if (!created && created.error() == errc::eexist && !exclusive)
                continue;
            if (!created)
                return unexpected(created.error().during(operation::open));
            if (!has(flags, open_flags::append))
                return created;
            // create_at takes no flags; only open_at makes a handle that appends.
            return backend.open_at(at.directory(), at.name(), existing);
        } else {
            return fail(errc::erofs, operation::open);
        }
    }
    return fail(errc::eagain, operation::open);
}

}  // namespace detail

// Opens a regular file. With `create`, a missing one is made, also where a dangling link leads; it is then open for
// reading and writing, whatever else `flags` say. Errors: enoent, enotdir, eloop; eisdir; enxio for a device, fifo or
// socket, which is never opened; eexist (exclusive: also for a link, which is not followed); erofs.
template <class B>
[[nodiscard]] result<file_of<B>> open(B& backend, path_view path, open_flags flags, mode_bits mode) {
    if (has(flags, open_flags::create))
        return detail::open_or_create(backend, path, flags, mode);
    return detail::open_existing(backend, path, flags);
}

// All bytes of an open file. Errors: efbig past `limit`.
//
// Reads until nothing comes, though a short read should tell as much: were one to be short for another reason, half a
// file would pass for the whole. The size that a file claims is a hint, for large ones; memory follows the bytes that
// come.
template <readable_file F>
[[nodiscard]] result<std::string> read_all(F& file, std::size_t limit = read_limit) {
    std::byte first[16 * 1024];
    LAMINA_TRY(std::size_t used, file.read_at(first, 0));
    std::string bytes(reinterpret_cast<char const*>(first), used);
    if (used == sizeof first) {
        constexpr std::uint64_t trusted = std::uint64_t{1} << 20;
        LAMINA_TRY(auto const claimed, file.status());
        bytes.reserve(static_cast<std::size_t>(std::min(claimed.size, trusted)) + sizeof first);
    }
    for (std::size_t count = used; count != 0;) {
        if (used > limit)
            return fail(errc::efbig, operation::read);
        if (bytes.capacity() - used < sizeof first) {  // the end, mostly: not worth more memory
            LAMINA_TRY(count, file.read_at(first, used));
            bytes.append(reinterpret_cast<char const*>(first), count);
        } else {
            bytes.resize(limit < bytes.capacity() ? limit + 1 : bytes.capacity());
            LAMINA_TRY(count, file.read_at(std::as_writable_bytes(std::span(bytes).subspan(used)), used));
            bytes.resize(used + count);
        }
        used += count;
    }
    return bytes;
}

// Writes all of `bytes` at `offset`.
template <writable_file F>
[[nodiscard]] result<void> write_all_at(F& file, std::span<std::byte const> bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        LAMINA_TRY(std::size_t const count, file.write_at(bytes, offset));
        if (count == 0 || count > bytes.size())
            return fail(errc::eio, operation::write);  // against the contract; an endless loop would be worse
        bytes = bytes.subspan(count);
        offset += count;
    }
    return {};
}

// The whole file. Errors: as open; efbig past `limit`.
template <class B>
[[nodiscard]] result<std::string> read(B& backend, path_view path, std::size_t limit = read_limit) {
    auto file = open(backend, path, open_flags::read, 0);
    if (!file)
        return unexpected(file.error().during(operation::read));
    return read_all(*file, limit);
}

// Makes the file hold exactly `bytes`; made with `mode` if it is missing. Errors: as open, and as writing reports; then
// it may hold a part of them.
template <writable_backend B>
[[nodiscard]] result<void> write(B& backend, path_view path, std::string_view bytes, mode_bits mode) {
    auto file = open(backend, path, open_flags::write | open_flags::create | open_flags::truncate, mode);
    if (!file)
        return unexpected(file.error().during(operation::write));
    return write_all_at(*file, std::as_bytes(std::span(bytes)), 0);
}

// Adds `bytes` at the end; a missing file is made with `mode`. One piece among other appenders if the backend takes it
// in one.
template <writable_backend B>
[[nodiscard]] result<void> append(B& backend, path_view path, std::string_view bytes, mode_bits mode) {
    auto file = open(backend, path, open_flags::write | open_flags::create, mode);
    if (!file)
        return unexpected(file.error().during(operation::write));
    auto left = std::as_bytes(std::span(bytes));
    while (!left.empty()) {
        LAMINA_TRY(std::size_t const count, file->append(left));
        if (count == 0 || count > left.size())
            return fail(errc::eio, operation::write);
        left = left.subspan(count);
    }
    return {};
}

// Cuts a regular file, or extends it by a hole. Errors: eisdir; einval for anything else that is not a regular file.
template <writable_backend B>
[[nodiscard]] result<void> resize(B& backend, path_view path, std::uint64_t size) {
    path_walk<B> at(backend, operation::resize);
    LAMINA_CHECK(at.to_object(path, links::follow));
    if (at.object().is_directory())
        return fail(errc::eisdir, operation::resize);
    if (!at.object().is_regular() || size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return fail(errc::einval, operation::resize);
    return backend.resize_at(at.directory(), at.name(), size);
}

}  // namespace paths
}  // namespace lamina
