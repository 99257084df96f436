// From libfuse's table of operations to the requests, and what is agreed with the kernel when a mount begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <lamina/fuse/data.hpp>
#include <lamina/fuse/directories.hpp>

namespace lamina::detail::request {

template <class Server>
struct operations {
    static Server& of(fuse_req_t request) { return *static_cast<Server*>(fuse_req_userdata(request)); }

    static void begin(void* data, fuse_conn_info* connection) {
        auto& server = *static_cast<Server*>(data);
        auto const& options = server.options;
        auto& with = *connection;
        libfuse::want(with, FUSE_CAP_EXPORT_SUPPORT);
        libfuse::want(with, FUSE_CAP_DONT_MASK);
        libfuse::want(with, FUSE_CAP_PARALLEL_DIROPS);
        libfuse::want(with, FUSE_CAP_SPLICE_WRITE);
        libfuse::want(with, FUSE_CAP_CACHE_SYMLINKS);
        if (options.acls && options.xattrs)
            libfuse::want(with, FUSE_CAP_POSIX_ACL);
        if (options.writeback)
            libfuse::want(with, FUSE_CAP_WRITEBACK_CACHE);
        // Nobody else changes the files, so what the kernel has cached of them stays right.
        libfuse::refuse(with, FUSE_CAP_AUTO_INVAL_DATA);
        if (options.passthrough && !options.writeback)
            server.passes_through = libfuse::want_passthrough(with);
        server.clears_set_id = libfuse::want_killpriv(with);
        server.opens_by_request = server.passes_through || !libfuse::capable(with, FUSE_CAP_NO_OPEN_SUPPORT);
        // Else a truncation would be part of an OPEN, which is never sent, or which the kernel does not order with a
        // rename, nor asks in it for set-id bits to go.
        libfuse::refuse(with, FUSE_CAP_ATOMIC_O_TRUNC);
        server.opens_directories = !libfuse::capable(with, FUSE_CAP_NO_OPENDIR_SUPPORT);
        server.uses_rings = options.io_uring && libfuse::has_rings(with);
        with.time_gran = 1;
        server.began = true;
    }

    static void lookup(fuse_req_t request, fuse_ino_t parent, char const* name) {
        answer(request, [&] { return request::lookup(of(request), request, parent, name); });
    }
    static void forget(fuse_req_t request, fuse_ino_t id, std::uint64_t count) {
        of(request).objects.forget(id, count);
        fuse_reply_none(request);
    }
    static void forget_many(fuse_req_t request, std::size_t count, fuse_forget_data* each) {
        for (std::size_t i = 0; i != count; ++i)
            of(request).objects.forget(each[i].ino, each[i].nlookup);
        of(request).count_forgotten(count);
        fuse_reply_none(request);
    }
    static void get_attributes(fuse_req_t request, fuse_ino_t id, fuse_file_info*) {
        answer(request, [&]() -> result<void> {
            LAMINA_TRY(auto held, of(request).held(id));
            reply_attributes(of(request), request, of(request).attributes_of(*held));
            return {};
        });
    }
    static void set_attributes(fuse_req_t request, fuse_ino_t id, struct stat* wanted, int changes,
                               fuse_file_info* handle) {
        auto const act = [request, id, to = *wanted, changes,
                          by_handle = handle != nullptr](auto& server) -> result<void> {
            LAMINA_TRY(auto held, server.held(id));
            LAMINA_CHECK(request::set_attributes(server, *held, to, changes, by_handle));
            reply_attributes(server, request, server.attributes_of(*held));
            return {};
        };
        of(request).may_copy_up(id) ? changing_long(request, act) : changing(request, act);
    }
    static void read_symlink(fuse_req_t request, fuse_ino_t id) {
        answer(request, [&] { return request::read_symlink(of(request), request, id); });
    }
    static void make_node(fuse_req_t request, fuse_ino_t parent, char const* name, mode_t mode, dev_t device) {
        changing(request,
                 [&](auto& server) { return request::make_node(server, request, parent, name, mode, device); });
    }
    static void make_directory(fuse_req_t request, fuse_ino_t parent, char const* name, mode_t mode) {
        changing(request, [&](auto& server) {
            return make(server, request, parent, name, mode | S_IFDIR, [&](node in, name_ref as, mode_bits asked) {
                return server.tree.create_directory_at(in, as, asked);
            });
        });
    }
    static void make_symlink(fuse_req_t request, char const* target, fuse_ino_t parent, char const* name) {
        changing(request, [&](auto& server) {
            return make(server, request, parent, name, S_IFLNK | 0777,
                        [&](node in, name_ref as, mode_bits) { return server.tree.create_symlink_at(in, as, target); });
        });
    }
    static void remove(fuse_req_t request, fuse_ino_t parent, char const* name) {
        changing(request, [&](auto& server) { return done(request, remove_name(server, parent, name, false)); });
    }
    static void remove_directory(fuse_req_t request, fuse_ino_t parent, char const* name) {
        changing(request, [&](auto& server) { return done(request, remove_name(server, parent, name, true)); });
    }
    static void rename(fuse_req_t request, fuse_ino_t from, char const* old_name, fuse_ino_t to, char const* new_name,
                       unsigned flags) {
        auto const act = [request, from, old_name, to, new_name, flags](auto& server) {
            return done(request, request::rename(server, from, old_name, to, new_name, flags));
        };
        of(request).may_copy_up(from, old_name) ? changing_long(request, act) : changing(request, act);
    }
    static void link(fuse_req_t request, fuse_ino_t id, fuse_ino_t parent, char const* name) {
        auto const act = [request, id, parent, name](auto& server) {
            return request::link(server, request, id, parent, name);
        };
        of(request).may_copy_up(id) ? changing_long(request, act) : changing(request, act);
    }
    static void open(fuse_req_t request, fuse_ino_t id, fuse_file_info* handle) {
        if (!of(request).opens_by_request)
            fuse_reply_err(request, ENOSYS);  // once, for all files
        else if (opens_to_write(handle->flags)) {
            auto const act = [request, id, given = *handle](auto& server) {
                auto own = given;
                return request::open(server, request, id, own);
            };
            of(request).may_copy_up(id) ? changing_long(request, act) : changing(request, act);
        } else
            answer(request, [&] { return open_to_read(request, id, *handle); });
    }
    static void release(fuse_req_t request, fuse_ino_t id, fuse_file_info*) {
        answer(request, [&] { return request::release(of(request), request, id); });
    }
    static void open_directory(fuse_req_t request, fuse_ino_t, fuse_file_info* handle) {
        if (!of(request).opens_directories) {
            fuse_reply_err(request, ENOSYS);
            return;
        }
        handle->keep_cache = 1;
        handle->cache_readdir = 1;
        fuse_reply_open(request, handle);
    }
    static void read(fuse_req_t request, fuse_ino_t id, std::size_t size, off_t offset, fuse_file_info*) {
        answer(request, [&] { return request::read(of(request), request, id, size, offset); });
    }
    static void write(fuse_req_t request, fuse_ino_t id, char const* bytes, std::size_t size, off_t offset,
                      fuse_file_info* handle) {
        auto const act = [request, id, data = std::span(bytes, size), offset, handle = *handle](auto& server) {
            return request::write(server, request, id, data, offset, handle);
        };
        of(request).may_copy_up(id) ? changing_long(request, act) : changing(request, act);
    }
    static void sync(fuse_req_t request, fuse_ino_t id, int data_only, fuse_file_info*) {
        if (!of(request).options.sync)
            fuse_reply_err(request, ENOSYS);  // success, and no further request
        else
            changing_long(request, [request, id, data_only](auto& server) {
                return done(request, request::sync(server, id, data_only != 0));
            });
    }
    static void list(fuse_req_t request, fuse_ino_t id, std::size_t size, off_t offset, fuse_file_info*) {
        answer(request, [&] { return request::list(of(request), request, id, size, offset, false); });
    }
    static void list_plus(fuse_req_t request, fuse_ino_t id, std::size_t size, off_t offset, fuse_file_info*) {
        answer(request, [&] { return request::list(of(request), request, id, size, offset, true); });
    }
    static void space(fuse_req_t request, fuse_ino_t) {
        answer(request, [&]() -> result<void> {
            space_info found;
            if constexpr (writable_backend<typename Server::backend>) {
                LAMINA_TRY(found, of(request).tree.space());
            }
            auto const status = to_statvfs(found);
            fuse_reply_statfs(request, &status);
            return {};
        });
    }
    static void get_xattr(fuse_req_t request, fuse_ino_t id, char const* key, std::size_t size) {
        if (!of(request).options.xattrs)
            fuse_reply_err(request, ENOSYS);
        else
            answer(request, [&] { return request::get_xattr(of(request), request, id, key, size); });
    }
    static void list_xattrs(fuse_req_t request, fuse_ino_t id, std::size_t size) {
        if (!of(request).options.xattrs)
            fuse_reply_err(request, ENOSYS);
        else
            answer(request, [&] { return request::list_xattrs(of(request), request, id, size); });
    }
    static void set_xattr(fuse_req_t request, fuse_ino_t id, char const* key, char const* value, std::size_t size,
                          int flags) {
        if (!of(request).options.xattrs)
            fuse_reply_err(request, ENOSYS);
        else
            changing_long(request, [request, id, key, bytes = std::string_view(value, size), flags](auto& server) {
                return done(request, request::set_xattr(server, id, key, bytes, flags));
            });
    }
    static void remove_xattr(fuse_req_t request, fuse_ino_t id, char const* key) {
        if (!of(request).options.xattrs)
            fuse_reply_err(request, ENOSYS);
        else
            changing_long(request, [request, id, key](auto& server) {
                return done(request, request::remove_xattr(server, id, key));
            });
    }
    static void create(fuse_req_t request, fuse_ino_t parent, char const* name, mode_t mode, fuse_file_info* handle) {
        changing(request, [&](auto& server) { return request::create(server, request, parent, name, mode, *handle); });
    }
    static void create_unnamed(fuse_req_t request, fuse_ino_t parent, mode_t mode, fuse_file_info* handle) {
        changing(request,
                 [&](auto& server) { return request::create_unnamed(server, request, parent, mode, *handle); });
    }
    static void control(fuse_req_t request, fuse_ino_t id, unsigned command, void*, fuse_file_info*, unsigned,
                        void const* given, std::size_t size, std::size_t) {
        auto const bytes = std::string_view(static_cast<char const*>(given), given == nullptr ? 0 : size);
        changing(request, [&](auto& server) { return request::control(server, request, id, command, bytes); });
    }
    static void seek(fuse_req_t request, fuse_ino_t id, off_t offset, int whence, fuse_file_info*) {
        answer(request, [&] { return request::seek(of(request), request, id, offset, whence); });
    }
    static void allocate(fuse_req_t request, fuse_ino_t id, int how, off_t offset, off_t length, fuse_file_info*) {
        changing_long(request, [request, id, how, offset, length](auto& server) {
            return done(request, request::allocate(server, request, id, how, offset, length));
        });
    }
    static void copy_range(fuse_req_t request, fuse_ino_t from, off_t from_offset, fuse_file_info*, fuse_ino_t to,
                           off_t to_offset, fuse_file_info*, std::size_t size, int) {
        changing_long(request, [=](auto& server) {
            return request::copy_range(server, request, from, from_offset, to, to_offset, size);
        });
    }

    [[nodiscard]] static fuse_lowlevel_ops table() noexcept {
        fuse_lowlevel_ops all{};
        all.init = begin;
        all.lookup = lookup;
        all.forget = forget;
        all.forget_multi = forget_many;
        all.getattr = get_attributes;
        all.setattr = set_attributes;
        all.readlink = read_symlink;
        all.mknod = make_node;
        all.mkdir = make_directory;
        all.symlink = make_symlink;
        all.unlink = remove;
        all.rmdir = remove_directory;
        all.rename = rename;
        all.link = link;
        all.open = open;
        all.release = release;
        all.create = create;
        all.read = read;
        all.write = write;
        all.fsync = sync;
        all.opendir = open_directory;
        all.readdir = list;
        all.readdirplus = list_plus;
        all.fsyncdir = sync;
        all.statfs = space;
        all.getxattr = get_xattr;
        all.listxattr = list_xattrs;
        all.setxattr = set_xattr;
        all.removexattr = remove_xattr;
        all.ioctl = control;
        all.fallocate = allocate;
        all.lseek = seek;
        all.copy_file_range = copy_range;
        libfuse::set_tmpfile(all, create_unnamed);
        return all;
    }

private:
    // A tree that cannot be changed answers erofs; the kernel asks anyway where the mount is not marked read-only.
    template <class F>
    static void changing(fuse_req_t request, F&& f) {
        if constexpr (writable_backend<typename Server::backend>)
            answer(request, [&] { return f(of(request)); });
        else
            fuse_reply_err(request, EROFS);
    }
    // What may take long. `f` holds no reference to what ends with the call; what the kernel sent stays until the
    // answer.
    template <class F>
    static void changing_long(fuse_req_t request, F f) {
        auto const act = [request, f]() mutable { changing(request, f); };
        if (!libfuse::came_by_ring(request) || !of(request).long_ones.hand_in(act))
            changing(request, f);
    }
    static result<void> done(fuse_req_t request, result<void> const& outcome) {
        reply_done(request, outcome);
        return {};
    }
    static result<void> open_to_read(fuse_req_t request, fuse_ino_t id, fuse_file_info& handle) {
        auto& server = of(request);
        LAMINA_TRY(auto held, server.held(id));
        LAMINA_TRY(auto const opened, server.file_of_object(*held, false));
        count_open(server, request, *held, opened, handle);
        if (fuse_reply_open(request, &handle) != 0)
            count_release(server, request, *held);
        return {};
    }
};

}  // namespace lamina::detail::request
