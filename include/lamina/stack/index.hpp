// Objects that keep what they are when they are copied up: their origin, and, if they have several names, each other.
//
// The index is `<work>/index`, in the kernel's form (whiteout/origin.hpp): one entry for each lower object of several names
// of which one was copied up, named by the lower object's handle, and a hard link of the object in the upper. A name that is
// still in a lower alone shows the indexed object.
//
// Copying up the first name, in this order:
//   1. the copy, with its origin, and `nlink` relative to the lower's count, so that a link more or less in the upper does
//      not show
//   2. it gets its name in the index: from here on all its names show the copy, which is equal
//   3. the link under the name that was to be copied up
//   4. `nlink` relative to the upper's count, so that links made and removed from here on are counted by themselves
// The other names come later by 3, with `nlink` relative to the lower's before and to the upper's after. Stopped anywhere
// between, the index tells the same: the count of the mark that stands, and the same object under every name. With
// durability::strict each of these is flushed before the next. A mark relative to the lower's count is true as long as no
// name moves: it is written again before one does.
//
// A lower name is brought into the upper before it is removed or replaced, or it would not be counted. The last name takes
// the index entry with it.
//
// Requires throughout: the tree lock, exclusive.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/stack/durable.hpp>
#include <lamina/stack/lookup.hpp>
#include <lamina/whiteout/origin.hpp>

namespace lamina::detail {

inline constexpr std::string_view index_directory = "index";

template <class Core>
[[nodiscard]] std::string mark_key(Core const& core, std::string_view which) {
    return mark::key(core.layers.style(0).space, which);
}

// What an origin says of the object's number in its layer; empty if it leads to none of these layers.
template <class Core>
[[nodiscard]] std::optional<file_id> identity_from(Core& core, object_handle const& handle) {
    auto const* const system = core.links.find(handle);
    auto const inode = system != nullptr ? core.layers.inode_of(system->layer, handle) : std::nullopt;
    if (!inode)
        return std::nullopt;
    return file_id{system->device, *inode};
}

// The handle of a lower object, as a mark has it. Empty where there is none from which the overlay's `number` of it could
// be found again.
template <class Core>
[[nodiscard]] result<std::optional<std::string>> origin_of(Core& core, location const& place, file_type type,
                                                           std::uint64_t number) {
    std::optional<std::string> const none;
    // The user's marks can stand on files and directories alone.
    bool const takes_marks =
        core.rules.marks != mark_space::user || type == file_type::regular || type == file_type::directory;
    if (!core.links.on || !takes_marks)
        return none;
    auto const handle = core.layers.handle(place.layer, place.directory, place.name);
    if (!handle) {
        if (handle.error() == errc::eopnotsupp)
            return none;
        return unexpected(handle.error());
    }
    auto const lower = identity_from(core, *handle);
    if (!lower || core.inodes.compose(*lower) != number)
        return none;
    return std::optional(mark::write_handle(*handle, mark::handle_of::lower));
}

// Reads a group's entry in the index, if it has one. `lower_links` is the lower object's count, where that is known.
template <class Core>
[[nodiscard]] result<void> read_index_entry(Core& core, link_group& group, std::optional<std::uint64_t> lower_links) {
    if (!core.index_held)
        return {};
    auto& tree = core.layers.work_tree();
    LAMINA_TRY(auto const found, tree.lookup(core.index, name_ref(group.index_name)));
    if (!found || found->is_directory() || mark::is_whiteout_device(*found))
        return {};
    LAMINA_TRY(auto const text, tree.get_xattr_at(core.index, name_ref(group.index_name), mark_key(core, mark::link_count)));
    // Without a mark that makes sense: the names in the upper are all that is known of, as the kernel takes it.
    auto const count = mark::read_link_count(text.value_or(std::string())).value_or(mark::link_difference{true, -1});
    group.indexed = true;
    group.mark_follows_upper = count.to_upper;
    group.difference = count.difference;
    if (!count.to_upper)
        group.difference = lower_links ? static_cast<std::int64_t>(*lower_links) + count.difference -
                                             static_cast<std::int64_t>(found->nlink)
                                       : -1;
    return {};
}

// The entry is one of the names of the object with that origin.
template <class Core>
[[nodiscard]] result<void> join_group(Core& core, entry_id id, std::string const& origin,
                                      std::optional<std::uint64_t> lower_links) {
    link_group& group = core.links.join(origin, id);
    entry& e = core.at(id);
    e.set(fact::grouped);
    if (group.index_name.empty())
        group.index_name = mark::index_name(origin);
    if (!group.indexed)
        LAMINA_CHECK(read_index_entry(core, group, lower_links));
    e.put(fact::indexed, group.indexed);
    return {};
}

template <class Core>
[[nodiscard]] result<void> settle_lower_identity(Core& core, entry_id id, attributes const& found) {
    if (found.nlink < 2)
        return {};
    // The same number for all its names, also for those that show the copy.
    LAMINA_TRY(auto const origin, origin_of(core, core.where(id), found.type, core.number(id, found.id)));
    if (!origin)
        return {};
    return join_group(core, id, *origin, found.nlink);
}

template <class Core>
[[nodiscard]] result<void> settle_upper_identity(Core& core, entry_id id, attributes const& found) {
    entry& e = core.at(id);
    node const directory = core.upper_node(e.parent);
    LAMINA_TRY(auto const origin,
               core.layers.get_xattr(0, directory, e.hashed_name(), mark_key(core, mark::origin)));
    if (!origin)
        return {};
    auto const handle = mark::read_handle(*origin);
    if (auto const lower = handle ? identity_from(core, *handle) : std::nullopt)
        (void)core.number(id, *lower);
    if (found.nlink < 2 || !core.index_held)
        return {};
    auto const name = mark::index_name(*origin);
    if (judge_name(name) != errc::ok)
        return {};
    LAMINA_TRY(auto const indexed, core.layers.work_tree().lookup(core.index, name_ref(name)));
    if (!indexed || indexed->id != found.id)
        return {};  // links that were made in the upper
    std::optional<std::uint64_t> lower_links;
    search<Core> below(core);
    LAMINA_CHECK(below.run(e.parent, e.hashed_name(), 1));
    if (below.type == e.type)
        lower_links = below.found.nlink;
    return join_group(core, id, *origin, lower_links);
}

// Finds out, once, what the object of an entry is besides its name. Requires: not a directory; `found` are its
// attributes where its name leads.
template <class Core>
[[nodiscard]] result<void> settle_identity(Core& core, entry_id id, attributes const& found) {
    entry& e = core.at(id);
    if constexpr (Core::writable) {
        if (core.links.on && !e.is(fact::grouped)) {
            if (!e.is(fact::in_upper))
                LAMINA_CHECK(settle_lower_identity(core, id, found));
            else if (core.directory(e.parent).impure)
                LAMINA_CHECK(settle_upper_identity(core, id, found));
        }
    }
    e.set(fact::identified);
    return {};
}
// The same for an entry that may only have been met in a listing. To be called before its data or its attributes are
// read by the place that where() gives.
template <class Core>
[[nodiscard]] result<void> identify(Core& core, entry_id id) {
    entry const& e = core.at(id);
    if (e.is(fact::identified) || e.directory != nullptr)
        return {};
    if (!core.links.on) {
        core.at(id).set(fact::identified);
        return {};
    }
    LAMINA_CHECK(core.fetch_attributes(id));
    return {};
}

// Before something with an origin comes into a directory of the upper.
template <class Core>
[[nodiscard]] result<void> mark_impure(Core& core, entry_id directory) {
    auto& part = core.directory(directory);
    if (!core.links.on || part.impure)
        return {};
    auto done = core.layers.upper().set_xattr_at(core.upper_node(directory), name_ref{}, mark_key(core, mark::impure), "y",
                                                 xattr_flags::none);
    core.at(directory).forget_attributes();
    if (!done)
        return unexpected(done.error().in_layer(0));
    part.impure = true;
    return flush_names(core, core.upper_node(directory));
}

// Makes the index where there is none yet, and marks it, and the upper's root, as belonging together with these layers.
template <class Core>
[[nodiscard]] result<void> make_index(Core& core) {
    if (core.index_held)
        return {};
    auto& upper = core.layers.upper();
    auto& tree = core.layers.work_tree();
    node const outer = core.layers.work_root();
    auto const root = core.directory(entry_id::root).layers.begin();
    LAMINA_TRY(auto const upper_handle, core.layers.handle(0, root->at, name_ref{}));
    if (core.directory(entry_id::root).has_lower()) {
        auto const& below = core.directory(entry_id::root).layers[1];
        if (auto const lower_handle = core.layers.handle(below.layer, below.at, name_ref{})) {
            LAMINA_CHECK(upper.set_xattr_at(root->at, name_ref{}, mark_key(core, mark::origin),
                                            mark::write_handle(*lower_handle, mark::handle_of::lower), xattr_flags::none));
            LAMINA_CHECK(mark_impure(core, entry_id::root));
        }
    }
    auto made = tree.create_directory_at(outer, index_directory, 0700);
    if (!made && made.error() != errc::eexist)
        return made;
    LAMINA_TRY(node const opened, tree.open_directory_at(outer, index_directory));
    auto marked = tree.set_xattr_at(opened, name_ref{}, mark_key(core, mark::upper_root),
                                    mark::write_handle(upper_handle, mark::handle_of::upper), xattr_flags::none);
    if (!marked) {
        tree.release(opened);
        return marked;
    }
    core.index = opened;
    core.index_held = true;
    return flush_names(core, outer);
}

// Writes the count of links, relative to what will stay as it is. Requires: the group has a member.
template <class Core>
[[nodiscard]] result<void> write_link_count(Core& core, link_group const& group, mark::link_difference count) {
    LAMINA_CHECK(core.layers.work_tree().set_xattr_at(core.index, name_ref(group.index_name),
                                                      mark_key(core, mark::link_count), mark::write_link_count(count),
                                                      xattr_flags::none));
    return flush_object(core, core.index, name_ref(group.index_name), core.at(group.members.front()).type);
}
// Before a name in the upper comes or goes, and the count with it.
template <class Core>
[[nodiscard]] result<void> count_by_upper(Core& core, link_group& group) {
    if (!group.indexed || group.mark_follows_upper)
        return {};
    LAMINA_CHECK(write_link_count(core, group, {true, group.difference}));
    group.mark_follows_upper = true;
    return {};
}
template <class Core>
[[nodiscard]] result<void> count_by_upper(Core& core, entry_id id) {
    link_group* const group = id != entry_id::none && core.at(id).is(fact::grouped) ? core.links.group_of(id) : nullptr;
    return group != nullptr ? count_by_upper(core, *group) : result<void>();
}

// What all names of a group show from now on: the object in the index. `copy` is the open copy, for the handles on the
// lower object; empty while they are to go on reading there.
template <class Core>
void now_indexed(Core& core, link_group& group, std::uint64_t lower_links, bool metacopy, std::shared_ptr<typename Core::file_variant> const& copy) {
    group.indexed = true;
    group.mark_follows_upper = false;
    group.difference = static_cast<std::int64_t>(lower_links) - 1;
    for (entry_id const id : group.members) {
        entry& e = core.at(id);
        e.set(fact::indexed);
        e.put(fact::metacopy, metacopy);
        e.put(fact::plain_data, !metacopy && e.type == file_type::regular);
        e.forget_attributes();
    }
    if (copy != nullptr)
        core.keep_open_for_all_names(group.members.front(), copy, lower_links);
}

// Pinned names that were only met in a listing may be names of the same object: they have to be told before it moves.
template <class Core>
[[nodiscard]] result<void> identify_open_files(Core& core) {
    std::vector<entry_id> unknown;
    core.entries.for_each([&](entry_id id, entry& e) {
        if (e.pins.load(std::memory_order_acquire) != 0 && e.parent != entry_id::none && e.directory == nullptr &&
            !e.is(fact::identified) && !e.is(fact::negative) && !e.is(fact::removed))
            unknown.push_back(id);
    });
    for (entry_id const id : unknown)
        LAMINA_CHECK(identify(core, id));
    return {};
}

// Step 3 and 4: gives a name of a lower, whose object is in the index, its link in the upper. `keeping_times(change)` runs
// a change of the directory so that it does not show. Requires: the directory is in the upper.
template <class Core, class Keeping>
[[nodiscard]] result<void> link_from_index(Core& core, entry_id id, Keeping&& keeping_times) {
    entry& e = core.at(id);
    link_group& group = *core.links.group_of(id);
    auto& upper = core.layers.upper();
    auto const& below = core.directory(e.parent);
    LAMINA_TRY(auto const lower, core.layers.lookup(e.layer, below.in(e.layer)->at, e.hashed_name()));
    LAMINA_TRY(auto const copy, upper.lookup(core.index, name_ref(group.index_name)));
    if (!lower || !copy)
        return fail(errc::estale, operation::copy_up);
    auto const shown = static_cast<std::int64_t>(copy->nlink) + group.difference;
    if (group.mark_follows_upper) {
        LAMINA_CHECK(write_link_count(core, group, {false, shown - static_cast<std::int64_t>(lower->nlink)}));
        group.mark_follows_upper = false;
    }
    LAMINA_CHECK(mark_impure(core, e.parent));
    LAMINA_CHECK(keeping_times([&] {
        return upper.link_at(core.index, name_ref(group.index_name), core.upper_node(e.parent), e.hashed_name());
    }));
    --group.difference;
    e.layer = 0;
    e.set(fact::in_upper);
    e.set(fact::below_known);
    e.set(fact::below);
    e.forget_attributes();
    // The mark that stands is as true until the next name comes or goes, and is written again before that.
    LAMINA_CHECK(flush_names(core, core.upper_node(e.parent)));
    (void)count_by_upper(core, group);
    return {};
}

// After a name of an indexed object is gone: the last one takes the object with it. `group` may have no members any more.
template <class Core>
void drop_index_if_last(Core& core, std::string const& index_name, std::int64_t difference) {
    auto& tree = core.layers.work_tree();
    auto const left = tree.lookup(core.index, name_ref(index_name));
    // If it cannot be told or removed now, the next opening of the upper does it.
    if (left && *left && static_cast<std::int64_t>((*left)->nlink) + difference <= 0)
        (void)tree.remove_at(core.index, name_ref(index_name));
}

}  // namespace lamina::detail
