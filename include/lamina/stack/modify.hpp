// Changes to objects that exist: their attributes, their data, their links. Each brings the object into the upper, then
// does there what was asked. What the caller may be refused without a copy-up is refused without one.
//
// Takes the tree lock, exclusive, and gives it up while data is copied (copy_up.hpp). Errors: enoent, and those of the
// layers with their number.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <lamina/core/xattr.hpp>
#include <lamina/stack/create.hpp>

namespace lamina::detail {

// An object in the upper, for as long as the lock is held.
struct place_in_upper {
    entry_id id = entry_id::none;
    node directory{};
    name_ref name;  // empty: the directory itself
};

// Brings the object that a name means into the upper. `judge(id) -> result<void>` may refuse it first; it is asked
// again each time that the lock was given up. At most `limit` bytes are copied where data is wanted.
template <class Core, class Judge>
[[nodiscard]] result<place_in_upper> bring_into_upper(Core& core, exclusive_lock& lock, entry_id directory, name_ref name,
                                                      wanted what, Judge&& judge, std::uint64_t limit = all_data,
                                                      opened_copy<Core>* opened = nullptr) {
    for (;;) {
        if (!core.alive(directory))
            return fail(errc::enoent);
        if (name.empty()) {
            LAMINA_CHECK(judge(directory));
            LAMINA_CHECK(ensure_upper_directory(core, directory));
            return place_in_upper{directory, core.upper_node(directory), name};
        }
        LAMINA_TRY(entry_id const id, find_present(core, directory, name));
        LAMINA_CHECK(judge(id));
        LAMINA_TRY(bool const up, is_up(core, id, what));
        if (up)
            return place_in_upper{id, core.upper_node(directory), core.at(id).hashed_name()};
        LAMINA_CHECK(copy_up(core, lock, id, what, limit, opened));
    }
}

inline constexpr auto judge_nothing = [](entry_id) { return result<void>(); };

// `act(upper, directory, name)` on the object in the upper; its data may still lie below.
template <class Core, class Judge, class Act>
[[nodiscard]] result<void> change_object(Core& core, entry_id directory, name_ref name, Judge&& judge, Act&& act) {
    exclusive_lock lock = core.enter();
    LAMINA_TRY(auto const place, bring_into_upper(core, lock, directory, name, wanted::metadata, judge));
    result<void> done = act(core.layers.upper(), place.directory, place.name);
    core.at(place.id).forget_attributes();
    if (!done)
        return unexpected(done.error().in_layer(0));
    return flush_object(core, place.directory, place.name, core.at(place.id).type);
}

template <class Core>
[[nodiscard]] result<void> resize(Core& core, entry_id directory, name_ref name, std::uint64_t size) {
    auto const judge = [&](entry_id id) -> result<void> {
        if (core.at(id).is_directory())
            return fail(errc::eisdir);
        if (core.at(id).type != file_type::regular)
            return fail(errc::einval);
        return {};
    };
    exclusive_lock lock = core.enter();
    opened_copy<Core> opened;
    LAMINA_TRY(auto const place, bring_into_upper(core, lock, directory, name, wanted::data, judge, size, &opened));
    result<void> done;
    if (opened) {
        // A copy of no more than `size` bytes was published: where that cut it, it is done, and cannot fail any more.
        LAMINA_TRY(auto const copied, opened->status());
        if (copied.size != size)
            done = opened->resize(size);
    } else if (core.at(place.id).is(fact::blocks)) {
        LAMINA_TRY(auto const object, open_blocks(core, place.id, true));
        LAMINA_TRY(auto const known, object->status());
        if (known.size != size)  // as truncate(2), which leaves the times then
            done = cut_blocks(core, place.id, *object, size);
    } else {
        done = core.layers.upper().resize_at(place.directory, place.name, size);
    }
    core.at(place.id).forget_attributes();
    if (!done)
        return unexpected(done.error().in_layer(0));
    return flush_object(core, place.directory, place.name, file_type::regular);
}

// Where the extended attributes of an object are read. Requires: tree lock.
template <class Core>
[[nodiscard]] result<location> where_to_read(Core& core, entry_id directory, name_ref name) {
    if (!core.alive(directory))
        return fail(errc::enoent);
    entry_id id = directory;
    if (!name.empty()) {
        LAMINA_TRY(id, find_present(core, directory, name));
    }
    entry const& e = core.at(id);
    if (e.directory != nullptr) {
        auto const& top = e.directory->layers.front();
        return location{top.layer, top.at, name_ref{}};
    }
    LAMINA_CHECK(identify(core, id));
    return core.where(id);
}

template <class Core>
[[nodiscard]] result<std::optional<std::string>> get_xattr(Core& core, entry_id directory, name_ref name,
                                                           std::string_view key) {
    LAMINA_TRY(auto const stored, mark::escape(core.layers.style(0).space, key));
    exclusive_lock const lock = core.enter();
    LAMINA_TRY(auto const place, where_to_read(core, directory, name));
    return core.layers.get_xattr(place.layer, place.directory, place.name, stored);
}

template <class Core>
[[nodiscard]] result<std::vector<std::string>> list_xattrs(Core& core, entry_id directory, name_ref name) {
    exclusive_lock const lock = core.enter();
    LAMINA_TRY(auto const place, where_to_read(core, directory, name));
    LAMINA_TRY(auto const stored, core.layers.list_xattrs(place.layer, place.directory, place.name));
    return mark::unescape_all(core.layers.style(0).space, stored);
}

// Only files and directories have `user.*` attributes that could be set or removed.
[[nodiscard]] inline result<void> judge_xattr_holder(file_type type, std::string_view key) {
    if (xattr::is_user(key) && type != file_type::regular && type != file_type::directory)
        return fail(errc::eperm);
    return {};
}

template <class Core>
[[nodiscard]] result<void> set_xattr(Core& core, entry_id directory, name_ref name, std::string_view key,
                                     std::string_view value, xattr_flags flags) {
    LAMINA_TRY(auto const stored, mark::escape(core.layers.style(0).space, key));
    auto const judge = [&](entry_id id) -> result<void> {
        LAMINA_CHECK(judge_xattr_holder(core.at(id).type, key));
        // Linux sets an ACL whatever the flags say, so the upper's answer counts.
        if (flags == xattr_flags::none || core.in_upper(id) || key == xattr::acl_access || key == xattr::acl_default)
            return {};
        LAMINA_TRY(auto const place, where_to_read(core, directory, name));
        LAMINA_TRY(auto const known, core.layers.get_xattr(place.layer, place.directory, place.name, stored));
        if (known && has(flags, xattr_flags::create))
            return fail(errc::eexist);
        if (!known && has(flags, xattr_flags::replace))
            return fail(errc::enodata);
        return {};
    };
    return change_object(core, directory, name, judge, [&](auto& upper, node at, name_ref as) {
        return upper.set_xattr_at(at, as, stored, value, flags);
    });
}

template <class Core>
[[nodiscard]] result<void> remove_xattr(Core& core, entry_id directory, name_ref name, std::string_view key) {
    LAMINA_TRY(auto const stored, mark::escape(core.layers.style(0).space, key));
    auto const judge = [&](entry_id id) -> result<void> {
        LAMINA_CHECK(judge_xattr_holder(core.at(id).type, key));
        if (core.in_upper(id))
            return {};
        LAMINA_TRY(auto const place, where_to_read(core, directory, name));
        LAMINA_TRY(auto const known, core.layers.get_xattr(place.layer, place.directory, place.name, stored));
        if (!known)
            return fail(errc::enodata);
        return {};
    };
    return change_object(core, directory, name, judge, [&](auto& upper, node at, name_ref as) {
        return upper.remove_xattr_at(at, as, stored);
    });
}

// A second name. The new one is made in place, or takes a whiteout's place in one step, as in create.hpp.
// Of the entry `only`, if one is given, and of no other that has its name by now. Requires: `lock` holds the tree lock; it may be given up for a while.
template <class Core>
[[nodiscard]] result<void> link(Core& core, exclusive_lock& lock, entry_id from_dir, name_ref from, entry_id to_dir,
                                name_ref to, entry_id only = entry_id::none) {
    auto const judge = [&](entry_id id) -> result<void> {
        if (!core.alive(to_dir) || (only != entry_id::none && id != only))
            return fail(errc::enoent);
        LAMINA_TRY(entry_id const taken, find_child(core, to_dir, to));
        if (taken != entry_id::none && !core.at(taken).is(fact::negative))
            return fail(errc::eexist);
        if (core.at(id).is_directory())
            return fail(errc::eperm);
        return judge_new_name(core, to);
    };
    LAMINA_TRY(auto const source, bring_into_upper(core, lock, from_dir, from, wanted::metadata, judge));
    LAMINA_CHECK(mark_moved_file(core, source.id));
    LAMINA_CHECK(count_by_upper(core, source.id));
    entry& original = core.at(source.id);
    auto const make = [&](node at, name_ref as) -> result<void> {
        if (core.directory(original.parent).impure)
            LAMINA_CHECK(mark_impure(core, to_dir));
        return core.layers.upper().link_at(source.directory, source.name, at, as);
    };
    LAMINA_TRY(entry_id const made, create_in(core, to_dir, to, original.type, 0, make, origin_of_object::elsewhere));
    // One object, one number, under both names.
    original.forget_attributes();
    entry& alias = core.at(made);
    alias.put(fact::plain_data, original.is(fact::plain_data));
    alias.put(fact::metacopy, original.is(fact::metacopy));
    alias.put(fact::identified, original.is(fact::identified));
    if (original.is(fact::grouped)) {
        for (entry_id const name : core.links.group_of(source.id)->members)
            core.at(name).forget_attributes();
        (void)core.links.join(core.links.group_of(source.id)->handle, made);
        alias.set(fact::grouped);
        alias.set(fact::indexed);
    }
    if (original.is(fact::inode)) {
        alias.inode = original.inode.load();
        alias.set(fact::inode);
        alias.put(fact::carried_inode, original.is(fact::carried_inode));
    }
    return {};
}
template <class Core>
[[nodiscard]] result<void> link(Core& core, entry_id from_dir, name_ref from, entry_id to_dir, name_ref to) {
    exclusive_lock lock = core.enter();
    return link(core, lock, from_dir, from, to_dir, to);
}

}  // namespace lamina::detail
