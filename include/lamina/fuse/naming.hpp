// Requests on names: found, made, moved, removed.
//
// What is made belongs to who asked for it, as the kernel would have it: his user, and his group or that of a
// set-group-ID directory. The backend makes it as its own process; where that is somebody else, owner and group are
// given right after, before anybody is told the name; if that fails, it is taken away again.
//
// Order of effects of a change: the backend's, then the table of objects, then the answer. Nobody else can look between
// them: the kernel holds the directories.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <lamina/fuse/reply.hpp>

namespace lamina::detail::request {

// "." and ".." come for a file handle only: the kernel wants an object again that it has forgotten.
template <class Server>
[[nodiscard]] result<void> look_up_known(Server& server, fuse_req_t request, typename Server::hold of) {
    LAMINA_TRY(auto const found, server.attributes_of(*of));
    server.objects.locked([&] { ++of->lookups; });
    reply_entry(server, request, of->id, found);
    return {};
}

template <class Server>
[[nodiscard]] result<void> lookup(Server& server, fuse_req_t request, std::uint64_t parent, std::string_view text) {
    LAMINA_TRY(auto of, server.held(parent));
    if (text == ".")
        return look_up_known(server, request, std::move(of));
    if (text == "..")
        return look_up_known(server, request, server.objects.parent_of(*of));
    if (of->type != file_type::directory)
        return fail(errc::enotdir);
    LAMINA_TRY(auto const name, name_in(text.data()));
    LAMINA_TRY(auto const found, server.tree.lookup(of->directory, name));
    if (!found) {
        fuse_entry_param nothing{};
        nothing.entry_timeout = server.options.negative_timeout;
        fuse_reply_entry(request, &nothing);
        return {};
    }
    LAMINA_TRY(std::uint64_t const id, server.enter(*of, name, *found));
    reply_entry(server, request, id, *found);
    return {};
}

// Owner and group of a new object, and what it is then. `mode` is what it was to have.
template <class Server>
[[nodiscard]] result<attributes> give_to(Server& server, typename Server::object& directory, name_ref name,
                                         fuse_ctx const& caller, mode_bits mode) {
    auto const look = [&]() -> result<attributes> {
        LAMINA_TRY(auto const there, server.tree.lookup(directory.directory, name));
        return there ? result<attributes>(*there) : fail(errc::estale);
    };
    LAMINA_TRY(auto made, look());
    group_id group = caller.gid;
    if (made.gid != group) {
        LAMINA_TRY(auto const parent, server.attributes_of(directory));
        if ((parent.mode & S_ISGID) != 0)
            group = parent.gid;
    }
    if ((made.uid == caller.uid && made.gid == group) || !server.tree.able().has(capability::change_owner))
        return made;
    LAMINA_CHECK(server.tree.set_owner_at(directory.directory, name, caller.uid, group));
    // That has taken set-id bits away.
    if (made.is_regular() && (mode & (S_ISUID | S_ISGID)) != 0)
        LAMINA_CHECK(server.tree.set_mode_at(directory.directory, name, made.mode));
    return look();
}

// A default ACL takes the place of the umask.
template <class Server>
[[nodiscard]] mode_bits mode_of_new(Server& server, typename Server::object& directory, mode_t mode,
                                    fuse_ctx const& caller) {
    mode_bits const asked = mode & 07777;
    return server.has_default_acl(directory) ? asked : asked & ~static_cast<mode_bits>(caller.umask);
}

// act(directory, name, mode) makes an object, and settle(id, attributes) answers.
template <class Server, class Act, class Settle>
[[nodiscard]] result<void> make(Server& server, fuse_req_t request, std::uint64_t parent, char const* text, mode_t mode,
                                Act&& act, Settle&& settle) {
    LAMINA_TRY(auto directory, server.held_directory(parent));
    LAMINA_TRY(auto const name, name_in(text));
    fuse_ctx const& caller = *fuse_req_ctx(request);
    mode_bits const asked = mode_of_new(server, *directory, mode, caller);
    LAMINA_CHECK(act(directory->directory, name, asked));
    server.names_changed(*directory);
    auto const made = give_to(server, *directory, name, caller, asked);
    if (!made) {
        // What made it necessary is what the caller hears, also if the removal fails.
        if ((mode & S_IFMT) == S_IFDIR)
            (void)server.tree.remove_directory_at(directory->directory, name);
        else
            (void)server.tree.remove_at(directory->directory, name);
        return unexpected(made.error());
    }
    LAMINA_TRY(std::uint64_t const id, server.enter(*directory, name, *made));
    settle(id, *made);
    return {};
}
template <class Server, class Act>
[[nodiscard]] result<void> make(Server& server, fuse_req_t request, std::uint64_t parent, char const* text, mode_t mode,
                                Act&& act) {
    return make(server, request, parent, text, mode, act,
                [&](std::uint64_t id, attributes const& made) { reply_entry(server, request, id, made); });
}

template <class Server>
[[nodiscard]] result<void> make_node(Server& server, fuse_req_t request, std::uint64_t parent, char const* text,
                                     mode_t mode, dev_t device) {
    auto const type = type_in(mode);
    return make(server, request, parent, text, mode, [&](node in, name_ref name, mode_bits asked) -> result<void> {
        if (type != file_type::regular)
            return server.tree.create_node_at(in, name, type, asked, device_number{major(device), minor(device)});
        LAMINA_CHECK(server.tree.create_at(in, name, asked));
        return {};
    });
}

template <class Server>
[[nodiscard]] result<void> remove_name(Server& server, std::uint64_t parent, char const* text, bool is_directory) {
    LAMINA_TRY(auto directory, server.held_directory(parent));
    LAMINA_TRY(auto const name, name_in(text));
    auto known = server.objects.find(*directory, name);
    if (known)
        server.prepare_parting(*known);
    typename Server::table::name_change const change(server.objects, known);
    auto const removed = is_directory ? server.tree.remove_directory_at(directory->directory, name)
                                      : server.tree.remove_at(directory->directory, name);
    if (!removed) {
        if (known)
            server.keep_parting(*known);
        return removed;
    }
    server.objects.remove_name(*directory, name);
    if (known)
        server.settle_parting(*known);
    server.names_changed(*directory);
    return {};
}

template <class Server>
[[nodiscard]] result<void> rename(Server& server, std::uint64_t from_parent, char const* from_text,
                                  std::uint64_t to_parent, char const* to_text, unsigned flags) {
    constexpr unsigned known_flags = RENAME_NOREPLACE | RENAME_EXCHANGE;
    if ((flags & ~known_flags) != 0)
        return fail(errc::einval);
    LAMINA_TRY(auto from, server.held_directory(from_parent));
    LAMINA_TRY(auto to, server.held_directory(to_parent));
    LAMINA_TRY(auto const old_name, name_in(from_text));
    LAMINA_TRY(auto const new_name, name_in(to_text));
    bool const exchange = (flags & RENAME_EXCHANGE) != 0;
    auto how = rename_flags::none;
    if (exchange)
        how = how | rename_flags::exchange;
    if ((flags & RENAME_NOREPLACE) != 0)
        how = how | rename_flags::no_replace;
    auto const source = server.objects.find(*from, old_name);
    auto const target = server.objects.find(*to, new_name);
    bool const replaces = target && !exchange;
    if (replaces)
        server.prepare_parting(*target);
    typename Server::table::name_change const source_change(server.objects, source);
    typename Server::table::name_change const target_change(server.objects, target);
    auto const moved = server.tree.rename_at(from->directory, old_name, to->directory, new_name, how);
    if (!moved) {
        if (replaces)
            server.keep_parting(*target);
        return moved;
    }
    if (exchange)
        server.objects.exchange_names(*from, old_name, *to, new_name);
    else
        server.objects.move_name(*from, old_name, *to, new_name);
    if (replaces)
        server.settle_parting(*target);
    server.names_changed(*from);
    server.names_changed(*to);
    return {};
}

// Also gives a first name to what was made without one.
template <class Server>
[[nodiscard]] result<void> link(Server& server, fuse_req_t request, std::uint64_t id, std::uint64_t parent,
                                char const* text) {
    LAMINA_TRY(auto of, server.held(id));
    LAMINA_TRY(auto directory, server.held_directory(parent));
    LAMINA_TRY(auto const name, name_in(text));
    if (of->type == file_type::directory)
        return fail(errc::eperm);
    bool const named = server.objects.locked([&] { return of->named; });
    if (named) {
        LAMINA_CHECK(server.at_place(
            *of, [&](node in, name_ref as) { return server.tree.link_at(in, as, directory->directory, name); }));
    } else if constexpr (makes_unnamed_files<typename Server::backend>) {
        LAMINA_TRY(auto const unnamed, server.file_of_object(*of, true));
        LAMINA_CHECK(server.tree.publish_at(unnamed->file, directory->directory, name));
    } else {
        return fail(errc::enoent);
    }
    server.names_changed(*directory);
    LAMINA_TRY(auto const found, server.tree.lookup(directory->directory, name));
    if (!found)
        return fail(errc::estale);
    server.objects.link(*of, *directory, name, *found);
    server.objects.locked([&] {
        if (of->part != nullptr)
            of->part->last.reset();
    });
    reply_entry(server, request, id, *found);
    return {};
}

}  // namespace lamina::detail::request
