// Copy-up of what has no data (directories, symbolic links, devices, fifos, sockets), and of the metadata of everything. The
// order of effects, and the reasons for it, are those of copy_up.hpp.
//
// Requires throughout: the tree lock, exclusive.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lamina/core/xattr.hpp>
#include <lamina/stack/durable.hpp>
#include <lamina/stack/index.hpp>
#include <lamina/stack/work.hpp>

namespace lamina::detail {

// Whether a copy may go without something that this process has no privilege to set.
template <class Core>
[[nodiscard]] bool may_leave_behind(Core const& core, error e) {
    return core.rules.owner == ownership::take && (e == errc::eperm || e == errc::einval || e == errc::eacces);
}

template <class Core>
[[nodiscard]] result<void> allow_lost_owner(Core const& core, result<void> outcome) {
    if (!outcome && may_leave_behind(core, outcome.error()))
        return {};
    return outcome;
}

// Carries the extended attributes `keys` of an object over: `set(key, value)` puts one on the copy. Marks of an overlay stay
// behind. As the kernel does, an attribute that the upper cannot hold at all is left out, unless it decides about
// permission.
template <class Core, class Set>
[[nodiscard]] result<void> copy_xattrs(Core& core, layer_number layer, node directory, name_ref name,
                                       std::vector<std::string> const& keys, Set&& set) {
    for (auto const& key : keys) {
        if (!mark::unescape(core.layers.style(0).space, key))
            continue;
        LAMINA_TRY(auto const value, core.layers.get_xattr(layer, directory, name, key));
        if (!value)
            continue;  // it went away since it was listed
        result<void> const done = set(key, *value);
        if (done)
            continue;
        bool const decides = xattr::is_security(key) || xattr::is_acl(key);
        if (done.error() == errc::eopnotsupp && !decides)
            continue;
        if (!xattr::is_user(key) && !xattr::is_acl(key) && may_leave_behind(core, done.error()))
            continue;
        return unexpected(done.error());
    }
    return {};
}

// A time that the upper's file system cannot hold is cut to its range, without an error (utimensat(2)). It is no reason to
// refuse a copy-up, and not to be kept quiet: such objects are counted. Only times that not every file system can hold are
// looked at again: `status()` gives the copy's attributes as they are now.
template <class Core, class Status>
void note_clamped(Core& core, attributes const& wanted, bool modified, Status&& status) {
    auto const is_far = [](timestamp const& time) { return time.seconds < -0x80000000LL || time.seconds > 0x7fffffffLL; };
    if (!is_far(wanted.atime) && (modified || !is_far(wanted.mtime)))
        return;
    auto const found = status();
    if (found && (found->atime.seconds != wanted.atime.seconds || (!modified && found->mtime.seconds != wanted.mtime.seconds)))
        core.clamped_times.fetch_add(1, std::memory_order_relaxed);
}

// Steps 3 to 6 for what has no data: a directory, a symbolic link, a device, a fifo, a socket.
template <class Core>
[[nodiscard]] result<void> copy_metadata(Core& core, attributes const& from, layer_number layer, node directory,
                                         name_ref name, name_ref copy) {
    auto& upper = core.layers.upper();
    LAMINA_CHECK(allow_lost_owner(core, upper.set_owner_at(core.work, copy, from.uid, from.gid)));
    LAMINA_TRY(auto const keys, core.layers.list_xattrs(layer, directory, name));
    LAMINA_CHECK(copy_xattrs(core, layer, directory, name, keys, [&](std::string const& key, std::string const& value) {
        return upper.set_xattr_at(core.work, copy, key, value, xattr_flags::none);
    }));
    if (!from.is_symlink())
        LAMINA_CHECK(upper.set_mode_at(core.work, copy, from.mode));
    LAMINA_CHECK(upper.set_times_at(core.work, copy, time_change::both(from.atime, from.mtime)));
    note_clamped(core, from, false, [&]() -> std::optional<attributes> {
        return upper.lookup(core.work, copy).value_or(std::nullopt);
    });
    return {};
}

// Runs `change` on a directory of the upper, then puts the directory's times back as they were.
template <class Core, class Change>
[[nodiscard]] result<void> keeping_times(Core& core, entry_id directory, Change&& change) {
    entry& e = core.at(directory);
    auto& put_back = core.directory(directory).put_back;
    // What was put back last is there still, if nothing that could show has been done since.
    if (put_back.version != e.version.load(std::memory_order_acquire)) {
        LAMINA_TRY(auto const before, core.fetch_attributes(directory));
        put_back.atime = before.atime;
        put_back.mtime = before.mtime;
    }
    put_back.version = put_back.none;
    LAMINA_CHECK(change());
    e.forget_attributes();
    // The change is published; that its time shows is no reason to call it failed.
    if (core.layers.upper().set_times_at(core.upper_node(directory), name_ref{},
                                         time_change::both(put_back.atime, put_back.mtime)))
        put_back.version = e.version.load(std::memory_order_acquire);
    return {};
}

// The mark of the lower object that a copy in the work directory was made of. False if there is none to be made.
template <class Core>
[[nodiscard]] result<bool> write_origin(Core& core, location const& from, attributes const& shown, name_ref copy) {
    LAMINA_TRY(auto const origin, origin_of(core, from, shown.type, shown.id.inode));
    if (!origin)
        return false;
    LAMINA_CHECK(core.layers.upper().set_xattr_at(core.work, copy, mark_key(core, mark::origin), *origin,
                                                  xattr_flags::none));
    return true;
}

// `has_origin`: a mark tells of the lower object.
template <class Core>
void now_in_upper(Core& core, entry_id id, bool has_origin) {
    entry& e = core.at(id);
    e.layer = 0;
    e.set(fact::in_upper);
    e.set(fact::below_known);
    e.set(fact::below);
    // The number that it has been given is that of the lower object: without a mark, looked up anew, it would be another.
    e.put(fact::carried_inode, e.is(fact::inode) && !has_origin);
    e.forget_attributes();
}

// One directory, without what is in it. Requires: tree lock, exclusive; its parent is in the upper.
template <class Core>
[[nodiscard]] result<void> copy_up_one_directory(Core& core, entry_id id) {
    entry& e = core.at(id);
    auto& upper = core.layers.upper();
    auto const top = e.directory->layers.front();
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    temporary<Core> copy(core);
    LAMINA_CHECK(upper.create_directory_at(core.work, copy.name(), 0700));
    LAMINA_CHECK(copy_metadata(core, from, top.layer, top.at, name_ref{}, copy.name()));
    LAMINA_TRY(bool const has_origin, write_origin(core, {top.layer, top.at, name_ref{}}, from, copy.name()));
    if (has_origin)
        LAMINA_CHECK(mark_impure(core, e.parent));
    LAMINA_CHECK(flush_object(core, core.work, copy.name(), file_type::directory));
    node const parent = core.upper_node(e.parent);
    LAMINA_CHECK(keeping_times(core, e.parent, [&] { return copy.publish(parent, e.hashed_name()); }));
    LAMINA_TRY(node const made, upper.open_directory_at(parent, e.hashed_name()));
    e.directory->layers.insert(e.directory->layers.begin(), layer_node{made, 0, false});
    now_in_upper(core, id, true);  // what it is merged with gives the number, mark or not
    return flush_names(core, parent);
}

// A directory and those above it. Requires: tree lock, exclusive; the directory is alive. Errors: with the upper's
// number.
template <class Core>
[[nodiscard]] result<void> ensure_upper_directory(Core& core, entry_id id) {
    std::vector<entry_id> missing;
    for (; !core.in_upper(id); id = core.at(id).parent)
        missing.push_back(id);
    for (auto at = missing.rbegin(); at != missing.rend(); ++at)
        if (auto done = copy_up_one_directory(core, *at); !done)
            return unexpected(done.error().in_layer(0));
    return {};
}

// A name of a lower whose object is in the index gets its link. Requires: its directory is in the upper.
template <class Core>
[[nodiscard]] result<void> link_up(Core& core, entry_id id) {
    return link_from_index(core, id, [&](auto&& change) { return keeping_times(core, core.at(id).parent, change); });
}

// A symbolic link, device, fifo or socket. Requires: as copy_up_one_directory.
template <class Core>
[[nodiscard]] result<void> copy_up_small(Core& core, entry_id id) {
    entry& e = core.at(id);
    auto& upper = core.layers.upper();
    auto const place = core.where(id);
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    temporary<Core> copy(core);
    if (from.is_symlink()) {
        LAMINA_TRY(auto const target, core.layers.read_symlink(place.layer, place.directory, e.hashed_name()));
        LAMINA_CHECK(upper.create_symlink_at(core.work, copy.name(), target));
    } else {
        LAMINA_CHECK(upper.create_node_at(core.work, copy.name(), from.type, 0600, from.rdev));
    }
    LAMINA_CHECK(copy_metadata(core, from, place.layer, place.directory, e.hashed_name(), copy.name()));
    LAMINA_TRY(bool const has_origin, write_origin(core, place, from, copy.name()));
    if (e.is(fact::grouped)) {
        link_group& group = *core.links.group_of(id);
        LAMINA_CHECK(make_index(core));
        LAMINA_CHECK(upper.set_xattr_at(core.work, copy.name(), mark_key(core, mark::link_count),
                                        mark::write_link_count({false, 0}), xattr_flags::none));
        LAMINA_CHECK(flush_object(core, core.work, copy.name(), from.type));
        LAMINA_CHECK(copy.publish(core.index, name_ref(group.index_name)));
        now_indexed(core, group, from.nlink, false, {});
        LAMINA_CHECK(flush_names(core, core.index));
        return link_up(core, id);
    }
    if (has_origin)
        LAMINA_CHECK(mark_impure(core, e.parent));
    LAMINA_CHECK(flush_object(core, core.work, copy.name(), from.type));
    LAMINA_CHECK(keeping_times(core, e.parent, [&] { return copy.publish(core.upper_node(e.parent), e.hashed_name()); }));
    now_in_upper(core, id, has_origin);
    return flush_names(core, core.upper_node(e.parent));
}

}  // namespace lamina::detail
