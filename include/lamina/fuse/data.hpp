// Requests on what files hold.
//
// Where data passes the kernel by (passthrough), a file is opened by request, so that the kernel can be told of the
// real file behind it. It takes one for all who have the file open, for as long as anybody has; so data goes past this
// process only where the real file stays the same until then: in the upper layer, or in a lower one of a tree that is
// read-only. A lower file of a tree that can be written may be copied up while it is open; such files are read through
// the kernel's cache, which is right before and after.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <lamina/fuse/metadata.hpp>
#include <lamina/fuse/naming.hpp>

namespace lamina::detail::request {

// The kernel is to keep what it has in its cache: the tree changes through it only.
inline void settle_handle(fuse_file_info& handle) noexcept {
    handle.fh = 0;
    handle.keep_cache = 1;
    handle.noflush = 1;
}

// What goes when somebody else writes, and would not where the kernel writes by itself: set-id bits and capabilities.
// For a file that gets them while it is open they stay.
template <class File>
[[nodiscard]] bool has_what_writing_takes(File& file) {
    auto const as = file.status();
    if (!as || without_set_id(as->mode) != as->mode)
        return true;
    if constexpr (reads_xattrs<File>) {
        auto const capability = file.get_xattr(xattr::file_capability);
        return !capability || capability->has_value();
    }
    return false;
}

// Counts one more that has the file open, and says whether its data goes past this process.
template <class Server>
void count_open(Server& server, fuse_req_t request, typename Server::object& of,
                typename Server::shared_file const& open, fuse_file_info& handle) {
    settle_handle(handle);
    if (!server.opens_by_request)
        return;
    std::optional<int> descriptor;
    if constexpr (has_data_descriptor<file_of<typename Server::backend>>)
        if (server.passes_through &&
            (server.options.read_only || (open->file.descriptor_is_final() && !has_what_writing_takes(open->file))))
            descriptor = open->file.data_descriptor();
    // One at a time: two that open a file at once must be told the same.
    server.objects.locked([&] {
        auto& parts = of.parts();
        if (parts.opens++ == 0 && descriptor)
            parts.backing = libfuse::open_backing(request, *descriptor);
        if (parts.backing != 0) {
            libfuse::name_backing(handle, parts.backing);
            handle.keep_cache = 0;  // there is none, and the kernel takes the two for a contradiction
        }
    });
}
template <class Server>
void count_release(Server& server, fuse_req_t request, typename Server::object& of) {
    int const closing = server.objects.locked([&] {
        auto& parts = of.parts();
        if (parts.opens != 0 && --parts.opens == 0)
            return std::exchange(parts.backing, 0);
        return 0;
    });
    if (closing != 0)
        libfuse::close_backing(request, closing);
}

template <class Server>
[[nodiscard]] result<void> open(Server& server, fuse_req_t request, std::uint64_t id, fuse_file_info& handle) {
    LAMINA_TRY(auto of, server.held(id));
    bool const writes = opens_to_write(handle.flags);
    LAMINA_TRY(auto const opened, server.file_of_object(*of, writes));
    count_open(server, request, *of, opened, handle);
    if (fuse_reply_open(request, &handle) != 0)
        count_release(server, request, *of);
    return {};
}

template <class Server>
[[nodiscard]] result<void> release(Server& server, fuse_req_t request, std::uint64_t id) {
    if (server.opens_by_request)
        if (auto const of = server.objects.find(id))
            count_release(server, request, *of);
    fuse_reply_err(request, 0);
    return {};
}

template <class Server>
[[nodiscard]] result<void> create(Server& server, fuse_req_t request, std::uint64_t parent, char const* text,
                                  mode_t mode, fuse_file_info& handle) {
    std::optional<file_of<typename Server::backend>> file;
    auto const act = [&](node in, name_ref name, mode_bits asked) -> result<void> {
        LAMINA_TRY(auto made, server.tree.create_at(in, name, asked));
        file.emplace(std::move(made));
        return {};
    };
    return make(server, request, parent, text, mode, act, [&](std::uint64_t id, attributes const& made) {
        auto const of = server.objects.find(id);
        auto const opened = server.install(*of, std::make_shared<typename Server::file>(std::move(*file), true));
        count_open(server, request, *of, opened, handle);
        auto const entry = to_entry(server, id, made);
        if (fuse_reply_create(request, &entry, &handle) != 0) {
            if (server.opens_by_request)
                count_release(server, request, *of);
            server.objects.forget(id, 1);
        }
    });
}

// O_TMPFILE: a file without a name, to be published by link() or to go when it is closed.
template <class Server>
[[nodiscard]] result<void> create_unnamed(Server& server, fuse_req_t request, std::uint64_t parent, mode_t mode,
                                          fuse_file_info& handle) {
    if constexpr (makes_unnamed_files<typename Server::backend>) {
        LAMINA_TRY(auto directory, server.held_directory(parent));
        if (!server.tree.able().has(capability::unnamed_files))
            return fail(errc::eopnotsupp);
        fuse_ctx const& caller = *fuse_req_ctx(request);
        mode_bits const asked = mode_of_new(server, *directory, mode, caller);
        LAMINA_TRY(auto made, server.tree.create_unnamed(directory->directory, asked));
        LAMINA_TRY(auto found, made.status());
        LAMINA_TRY(auto const above, server.attributes_of(*directory));
        group_id const group = (above.mode & S_ISGID) != 0 ? above.gid : caller.gid;
        if ((found.uid != caller.uid || found.gid != group) && server.tree.able().has(capability::change_owner)) {
            LAMINA_CHECK(made.set_owner(caller.uid, group));
            LAMINA_CHECK(made.set_mode(found.mode));
            LAMINA_TRY(found, made.status());
        }
        found.nlink = 0;
        auto of = server.objects.enter_nameless(found);
        server.objects.locked([&] { of->parts().last = found; });
        auto const opened = server.install(*of, std::make_shared<typename Server::file>(std::move(made), true));
        count_open(server, request, *of, opened, handle);
        auto const entry = to_entry(server, of->id, found);
        if (fuse_reply_create(request, &entry, &handle) != 0) {
            if (server.opens_by_request)
                count_release(server, request, *of);
            server.objects.forget(of->id, 1);
        }
        return {};
    } else {
        (void)server, (void)request, (void)parent, (void)mode, (void)handle;
        return fail(errc::eopnotsupp);
    }
}

// Long reads of a real file go to the kernel without a copy in this process. Only where it is open to read alone: of
// one that is written to, a backend that has told its descriptor must forget what it knows (has_data_descriptor).
template <class File>
[[nodiscard]] bool reply_spliced(fuse_req_t request, mounted_file<File>& open, std::size_t size, off_t offset) {
    constexpr std::size_t worth_it = std::size_t{64} << 10;
    if constexpr (has_data_descriptor<File>) {
        if (size < worth_it || open.writes || libfuse::came_by_ring(request))
            return false;
        auto const descriptor = open.file.data_descriptor();
        if (!descriptor)
            return false;
        fuse_bufvec data{};
        data.count = 1;
        data.buf[0].size = size;
        data.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
        data.buf[0].fd = *descriptor;
        data.buf[0].pos = offset;
        fuse_reply_data(request, &data, FUSE_BUF_SPLICE_MOVE);
        return true;
    } else {
        (void)request, (void)open, (void)size, (void)offset;
        return false;
    }
}

template <class Server>
[[nodiscard]] result<void> read(Server& server, fuse_req_t request, std::uint64_t id, std::size_t size, off_t offset) {
    LAMINA_TRY(auto of, server.held(id));
    LAMINA_TRY(auto const open, server.file_of_object(*of, false));
    if (reply_spliced(request, *open, size, offset))
        return {};
    thread_local std::vector<std::byte> buffer;
    if (buffer.size() < size)
        buffer.resize(size);
    std::size_t filled = 0;
    while (filled != size) {
        LAMINA_TRY(std::size_t const count, open->file.read_at(std::span(buffer).subspan(filled, size - filled),
                                                               static_cast<std::uint64_t>(offset) + filled));
        if (count == 0)
            break;
        filled += count;
    }
    fuse_reply_buf(request, reinterpret_cast<char const*>(buffer.data()), filled);
    return {};
}

template <class File>
[[nodiscard]] result<void> clear_set_id(File& file) {
    LAMINA_TRY(auto const now, file.status());
    if (auto const mode = without_set_id(now.mode); mode != now.mode)
        LAMINA_CHECK(file.set_mode(mode));
    return {};
}
// For changes of data with which the kernel does not tell whether they go, though it leaves them to this side: root
// keeps them, as who has CAP_FSETID.
template <class Server>
[[nodiscard]] result<void> clear_set_id_for(Server& server, fuse_req_t request,
                                            typename Server::shared_file const& open) {
    if (!server.clears_set_id || fuse_req_ctx(request)->uid == 0)
        return {};
    return clear_set_id(open->file);
}

template <class Server>
[[nodiscard]] result<void> write(Server& server, fuse_req_t request, std::uint64_t id, std::span<char const> bytes,
                                 off_t offset, fuse_file_info const& handle) {
    LAMINA_TRY(auto of, server.held(id));
    LAMINA_TRY(auto const open, server.file_of_object(*of, true));
    if (libfuse::asks_to_clear_set_id(handle, server.clears_set_id) == libfuse::set_id_goes::yes)
        LAMINA_CHECK(clear_set_id(open->file));
    std::size_t written = 0;
    while (written != bytes.size()) {
        auto const count =
            open->file.write_at(std::as_bytes(bytes.subspan(written)), static_cast<std::uint64_t>(offset) + written);
        if (!count && written == 0)
            return unexpected(count.error());
        if (!count || *count == 0)
            break;
        written += *count;
    }
    fuse_reply_write(request, written);
    return {};
}

template <class Server>
[[nodiscard]] result<void> sync(Server& server, std::uint64_t id, bool data_only) {
    LAMINA_TRY(auto of, server.held(id));
    if (of->type == file_type::directory) {
        auto const synced = server.tree.sync_directory(of->directory);
        return synced || !server.is_removed(*of) ? synced : result<void>();  // of what is gone nothing is to be kept
    }
    LAMINA_TRY(auto const open, server.file_of_object(*of, false));
    return open->file.sync(data_only ? sync_kind::data : sync_kind::everything);
}

// Past the end there is neither data nor a hole: enxio.
template <class Server>
[[nodiscard]] result<void> seek(Server& server, fuse_req_t request, std::uint64_t id, off_t offset, int whence) {
    // The kernel does not send before what it has collected, and would be told of holes where data is: let it answer
    // itself, that all is data.
    if (server.options.writeback)
        return fail(static_cast<errc>(ENOSYS));
    LAMINA_TRY(auto of, server.held(id));
    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return fail(errc::einval);
    LAMINA_TRY(auto const open, server.file_of_object(*of, false));
    LAMINA_TRY(auto const now, open->file.status());
    if (offset < 0 || static_cast<std::uint64_t>(offset) >= now.size)
        return fail(errc::enxio);
    auto const from = static_cast<std::uint64_t>(offset);
    LAMINA_TRY(std::uint64_t const found,
               whence == SEEK_DATA ? open->file.next_data(from) : open->file.next_hole(from));
    if (whence == SEEK_DATA && found >= now.size)
        return fail(errc::enxio);
    fuse_reply_lseek(request, static_cast<off_t>(found));
    return {};
}

template <class Server>
[[nodiscard]] result<void> allocate(Server& server, fuse_req_t request, std::uint64_t id, int how, off_t offset,
                                    off_t length) {
    if constexpr (allocates<file_of<typename Server::backend>>) {
        auto const wanted = static_cast<allocation>(how);
        if (!is_known(wanted))
            return fail(errc::eopnotsupp);
        if (offset < 0 || length <= 0)
            return fail(errc::einval);
        LAMINA_TRY(auto of, server.held(id));
        LAMINA_TRY(auto const open, server.file_of_object(*of, true));
        LAMINA_CHECK(clear_set_id_for(server, request, open));
        return open->file.allocate(wanted, static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length));
    } else {
        (void)server, (void)request, (void)id, (void)how, (void)offset, (void)length;
        return fail(errc::eopnotsupp);
    }
}

// Inside the backend, where it can. The kernel copies by itself where this is eopnotsupp.
template <class Server>
[[nodiscard]] result<void> copy_range(Server& server, fuse_req_t request, std::uint64_t from_id, off_t from_offset,
                                      std::uint64_t to_id, off_t to_offset, std::size_t size) {
    using file = file_of<typename Server::backend>;
    if constexpr (copies_from<file, file>) {
        LAMINA_TRY(auto from, server.held(from_id));
        LAMINA_TRY(auto to, server.held(to_id));
        LAMINA_TRY(auto const target, server.file_of_object(*to, true));
        LAMINA_TRY(auto const source, server.file_of_object(*from, false));
        LAMINA_CHECK(clear_set_id_for(server, request, target));
        LAMINA_TRY(std::uint64_t const count,
                   target->file.copy_range_from(source->file, static_cast<std::uint64_t>(from_offset),
                                                static_cast<std::uint64_t>(to_offset), size));
        fuse_reply_write(request, static_cast<std::size_t>(count));
        return {};
    } else {
        (void)server, (void)request, (void)from_id, (void)from_offset, (void)to_id, (void)to_offset, (void)size;
        return fail(errc::eopnotsupp);
    }
}

}  // namespace lamina::detail::request
