// Requests on what an object is: attributes, extended attributes, the target of a symbolic link, the space of the tree.
#pragma once

#include <sys/ioctl.h>  // _IOR
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/fuse/reply.hpp>

namespace lamina::detail::request {

// Set-id bits go where somebody changes a file who may not keep them; that of the group only where it could be
// executed, as the kernel has it.
[[nodiscard]] constexpr mode_bits without_set_id(mode_bits mode) noexcept {
    mode &= ~static_cast<mode_bits>(S_ISUID);
    return (mode & S_IXGRP) != 0 ? mode & ~static_cast<mode_bits>(S_ISGID) : mode;
}

// by_name(directory, name), or on_file(file) where the object has no name but is open.
template <class Server, class ByName, class OnFile>
[[nodiscard]] result<void> change_object(Server& server, typename Server::object& of, ByName&& by_name,
                                         OnFile&& on_file) {
    auto outcome = server.at_place(of, by_name);
    if (outcome || outcome.error() != errc::estale || of.type != file_type::regular)
        return outcome;
    auto const open = server.file_of_object(of, true);
    return open ? on_file((*open)->file) : outcome;
}

// In this order: the size, which may fail for want of space; the owner, which takes set-id bits away; the mode; the
// times, which the others move.
template <class Server>
[[nodiscard]] result<void> set_attributes(Server& server, typename Server::object& of, struct stat const& wanted,
                                          int changes, bool by_handle) {
    auto& tree = server.tree;
    if ((changes & FUSE_SET_ATTR_SIZE) != 0) {
        if (wanted.st_size < 0)
            return fail(errc::einval);
        auto const size = static_cast<std::uint64_t>(wanted.st_size);
        LAMINA_CHECK(change_object(
            server, of, [&](node in, name_ref name) { return tree.resize_at(in, name, size); },
            [&](auto& file) { return file.resize(size); }));
        if (libfuse::setattr_clears_set_id(changes) && (changes & FUSE_SET_ATTR_MODE) == 0) {
            LAMINA_TRY(auto const now, server.attributes_of(of));
            if (auto const mode = without_set_id(now.mode); mode != now.mode)
                LAMINA_CHECK(change_object(
                    server, of, [&](node in, name_ref name) { return tree.set_mode_at(in, name, mode); },
                    [&](auto& file) { return file.set_mode(mode); }));
        }
    }
    if ((changes & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0) {
        user_id const uid = (changes & FUSE_SET_ATTR_UID) != 0 ? wanted.st_uid : keep_user;
        group_id const gid = (changes & FUSE_SET_ATTR_GID) != 0 ? wanted.st_gid : keep_group;
        LAMINA_CHECK(change_object(
            server, of, [&](node in, name_ref name) { return tree.set_owner_at(in, name, uid, gid); },
            [&](auto& file) { return file.set_owner(uid, gid); }));
    }
    if ((changes & FUSE_SET_ATTR_MODE) != 0) {
        mode_bits const mode = wanted.st_mode & 07777;
        LAMINA_CHECK(change_object(
            server, of, [&](node in, name_ref name) { return tree.set_mode_at(in, name, mode); },
            [&](auto& file) { return file.set_mode(mode); }));
    }
    auto times = times_in(wanted, changes);
    // ftruncate(2) and O_TRUNC count as a modification even where the size stays. O_TRUNC comes without a handle, and
    // looks like truncate(2) to zero, which on an empty file is none for other file systems.
    if ((changes & FUSE_SET_ATTR_SIZE) != 0 && (by_handle || wanted.st_size == 0) &&
        times.modification == time_change::action::keep)
        times.modification = time_change::action::now;
    if (times.access != time_change::action::keep || times.modification != time_change::action::keep)
        LAMINA_CHECK(change_object(
            server, of, [&](node in, name_ref name) { return tree.set_times_at(in, name, times); },
            [&](auto& file) { return file.set_times(times); }));
    return {};
}

template <class Server>
[[nodiscard]] result<void> read_symlink(Server& server, fuse_req_t request, std::uint64_t id) {
    LAMINA_TRY(auto of, server.held(id));
    LAMINA_TRY(auto const target,
               server.at_place(*of, [&](node in, name_ref name) { return server.tree.read_symlink_at(in, name); }));
    fuse_reply_readlink(request, target.c_str());
    return {};
}

// `size` 0 asks how long the answer would be.
inline void reply_bytes(fuse_req_t request, std::string_view bytes, std::size_t size) noexcept {
    if (size == 0)
        fuse_reply_xattr(request, bytes.size());
    else if (bytes.size() > size)
        fuse_reply_err(request, ERANGE);
    else
        fuse_reply_buf(request, bytes.data(), bytes.size());
}

template <class Server>
[[nodiscard]] result<void> get_xattr(Server& server, fuse_req_t request, std::uint64_t id, std::string_view key,
                                     std::size_t size) {
    LAMINA_TRY(auto of, server.held(id));
    auto found = server.at_place(*of, [&](node in, name_ref name) { return server.tree.get_xattr_at(in, name, key); });
    if constexpr (requires(file_of<typename Server::backend>& file) { file.get_xattr(key); })
        if (!found && found.error() == errc::estale && of->type == file_type::regular)
            if (auto const open = server.file_of_object(*of, false))
                found = (*open)->file.get_xattr(key);
    if (!found)
        return unexpected(found.error());
    if (!*found)
        return fail(errc::enodata);
    reply_bytes(request, **found, size);
    return {};
}

template <class Server>
[[nodiscard]] result<void> list_xattrs(Server& server, fuse_req_t request, std::uint64_t id, std::size_t size) {
    LAMINA_TRY(auto of, server.held(id));
    auto keys = server.at_place(*of, [&](node in, name_ref name) { return server.tree.list_xattrs_at(in, name); });
    if constexpr (requires(file_of<typename Server::backend>& file) { file.list_xattrs(); })
        if (!keys && keys.error() == errc::estale && of->type == file_type::regular)
            if (auto const open = server.file_of_object(*of, false))
                keys = (*open)->file.list_xattrs();
    if (!keys)
        return unexpected(keys.error());
    // Which names only the privileged see, the kernel does not judge here.
    bool const sees_trusted = fuse_req_ctx(request)->uid == 0;
    std::string all;
    for (auto const& key : *keys)
        if ((server.options.acls || !xattr::is_acl(key)) && (sees_trusted || !key.starts_with("trusted.")))
            all.append(key).push_back('\0');
    reply_bytes(request, all, size);
    return {};
}

template <class Server>
[[nodiscard]] result<void> set_xattr(Server& server, std::uint64_t id, std::string_view key, std::string_view value,
                                     int flags) {
    LAMINA_TRY(auto of, server.held(id));
    if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0)
        return fail(errc::einval);
    auto const how = static_cast<xattr_flags>(flags);
    static_assert(static_cast<int>(xattr_flags::create) == XATTR_CREATE &&
                  static_cast<int>(xattr_flags::replace) == XATTR_REPLACE);
    LAMINA_CHECK(change_object(
        server, *of, [&](node in, name_ref name) { return server.tree.set_xattr_at(in, name, key, value, how); },
        [&](auto& file) { return file.set_xattr(key, value, how); }));
    if (key == xattr::acl_default)
        server.default_acl_changed(*of);
    return {};
}

template <class Server>
[[nodiscard]] result<void> remove_xattr(Server& server, std::uint64_t id, std::string_view key) {
    LAMINA_TRY(auto of, server.held(id));
    LAMINA_CHECK(change_object(
        server, *of, [&](node in, name_ref name) { return server.tree.remove_xattr_at(in, name, key); },
        [&](auto& file) -> result<void> {
            if constexpr (requires { file.remove_xattr(key); })
                return file.remove_xattr(key);
            else
                return fail(errc::estale);
        }));
    if (key == xattr::acl_default)
        server.default_acl_changed(*of);
    return {};
}

// The same flags as FS_IOC_FSGETXATTR tells them (struct fsxattr, linux/fs.h, which does not go with sys/mount.h): the
// kernel asks for them so before it sets any.
struct extended_flags {
    std::uint32_t flags = 0;
    std::uint32_t others[6] = {};

    explicit extended_flags(inode_flags given) noexcept {
        constexpr std::pair<inode_flags, std::uint32_t> known[] = {{inode_flags::immutable, 0x08},
                                                                   {inode_flags::append_only, 0x10},
                                                                   {inode_flags::synchronous, 0x20},
                                                                   {inode_flags::no_atime, 0x40},
                                                                   {inode_flags::no_dump, 0x80}};
        for (auto const& [flag, bit] : known)
            if (has(given, flag))
                flags |= bit;
    }
};
static_assert(sizeof(extended_flags) == 28);

// FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (linux/fs.h), of regular files: what lsattr(1) and chattr(1) ask. enotty for
// others.
template <class Server>
[[nodiscard]] result<void> control(Server& server, fuse_req_t request, std::uint64_t id, unsigned command,
                                   std::string_view given) {
    constexpr unsigned get_flags = _IOR('f', 1, long);
    constexpr unsigned set_flags = _IOW('f', 2, long);
    constexpr unsigned get_extended = _IOR('X', 31, extended_flags);
    constexpr auto no_such_command = static_cast<errc>(ENOTTY);
    LAMINA_TRY(auto of, server.held(id));
    if constexpr (has_inode_flags<file_of<typename Server::backend>>) {
        std::uint32_t value = 0;
        if (of->type == file_type::regular && (command == get_flags || command == get_extended)) {
            LAMINA_TRY(auto const open, server.file_of_object(*of, false));
            LAMINA_TRY(auto const flags, open->file.flags());
            if (command == get_extended) {
                extended_flags const extended(flags);
                fuse_reply_ioctl(request, 0, &extended, sizeof extended);
                return {};
            }
            value = static_cast<std::uint32_t>(flags);
            fuse_reply_ioctl(request, 0, &value, sizeof value);
            return {};
        }
        if (of->type == file_type::regular && command == set_flags && given.size() >= sizeof value) {
            std::memcpy(&value, given.data(), sizeof value);
            LAMINA_TRY(auto const open, server.file_of_object(*of, false));
            LAMINA_CHECK(open->file.set_flags(static_cast<inode_flags>(value)));
            fuse_reply_ioctl(request, 0, nullptr, 0);
            return {};
        }
    }
    (void)given;
    return fail(no_such_command);
}

}  // namespace lamina::detail::request
