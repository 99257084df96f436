// Names removed from the merged view.
//
//   upper only                  removed there
//   something lower below       a whiteout takes its place, in one step
//   lower only                  a whiteout is put there, in one step; its directory is copied up first
//
// A directory that is empty in the merged view may hold whiteouts in the upper; it goes as a whole, into the work
// directory, by the same step that publishes its whiteout, and is deleted there. The same makes `remove_tree` one step
// for any tree.
//
// Each takes the tree lock, exclusive. Errors: enoent, eisdir, enotdir, enotempty; those of the layers with their
// number.
#pragma once

#include <lamina/stack/copy_up.hpp>
#include <lamina/stack/durable.hpp>
#include <lamina/stack/intent.hpp>
#include <lamina/stack/merge.hpp>

namespace lamina::detail {

// The cache learns that a name is gone. Its entry leaves the tree, and where a whiteout stands now, another says so.
template <class Core>
void settle_removed(Core& core, entry_id directory, entry_id gone, bool whiteout) {
    // Copied: the entry's own name goes with it.
    std::string const name(core.at(gone).name());
    name_ref const hashed{name, core.at(gone).hash};
    core.entries.detach(gone);
    core.discard(gone);
    core.at(directory).forget_attributes();
    if (!whiteout && core.directory(directory).complete)
        return;
    entry& e = core.at(core.entries.add(directory, hashed));
    e.set(fact::negative);
    e.put(fact::upper_whiteout, whiteout);
}

// Whether a name has to be in the upper before it goes, or the links of its object would not be counted.
template <class Core>
[[nodiscard]] result<bool> must_be_counted(Core& core, entry_id id) {
    if (core.in_upper(id) || core.at(id).directory != nullptr)
        return false;
    LAMINA_CHECK(identify(core, id));
    return core.at(id).is(fact::grouped);
}

// Puts a whiteout under `name` in place of what the upper has there, in one step where the upper can exchange names. A
// directory goes to the work directory and is deleted there. `intent` is to live until the change is flushed. Requires: the parent is in the upper.
template <class Core>
[[nodiscard]] result<void> replace_by_whiteout(Core& core, entry_id parent, name_ref name, bool is_directory,
                                               intended_whiteout<Core>& intent) {
    auto& upper = core.layers.upper();
    node const directory = core.upper_node(parent);
    if (core.layers.style(0).format == whiteout_format::aufs) {
        if (is_directory)
            LAMINA_CHECK(intent.write(parent, name));
        // The whiteout first: beside a name of its own layer it hides nothing of it, so the view changes with the
        // removal.
        LAMINA_TRY(bool const fresh, write_aufs_whiteout(core, directory, name));
        auto const withdraw = [&](error e) {
            if (fresh)  // a whiteout left behind would only hide what the name hides anyway: no harm if this fails
                (void)upper.remove_at(directory, std::string(mark::aufs_prefix).append(name.text));
            return unexpected(e);
        };
        if (auto flushed = fresh ? flush_names(core, directory) : result<void>(); !flushed)
            return withdraw(flushed.error());
        if (!is_directory) {
            auto removed = upper.remove_at(directory, name);
            return removed ? removed : withdraw(removed.error());
        }
        auto const old = temporary_name(core);
        if (auto moved = upper.rename_at(directory, name, core.work, old, rename_flags::none); !moved)
            return withdraw(moved.error());
        discard_later(core, old);
        return {};
    }
    temporary<Core> whiteout(core);
    LAMINA_CHECK(link_whiteout(core, core.work, whiteout.name()));
    if (!is_directory)
        return whiteout.publish(directory, name);
    if (core.upper_able.has(capability::exchange))
        return whiteout.publish(directory, name, rename_flags::exchange);
    LAMINA_CHECK(intent.write(parent, name));
    auto const old = temporary_name(core);
    LAMINA_CHECK(upper.rename_at(directory, name, core.work, old, rename_flags::none));
    if (auto placed = whiteout.publish(directory, name); !placed) {
        // Put it back; if even that fails, the directory is whole in the work directory and the error tells that it
        // went wrong.
        (void)upper.rename_at(core.work, old, directory, name, rename_flags::none);
        return placed;
    }
    discard_later(core, old);
    return {};
}

// What is left to do when a name of an object in the index is gone, noted before it goes.
template <class Core>
class leaving_name {
public:
    [[nodiscard]] result<void> note(Core& core, entry_id id) {
        if (id == entry_id::none || core.at(id).directory != nullptr || !core.in_upper(id))
            return {};
        LAMINA_CHECK(identify(core, id));
        map_ = map_of_last_name(core, id);
        if (!core.at(id).is(fact::grouped))
            return {};
        link_group& group = *core.links.group_of(id);
        LAMINA_CHECK(count_by_upper(core, group));
        index_name_ = group.index_name;
        difference_ = group.difference;
        for (entry_id const name : group.members)
            core.at(name).forget_attributes();
        return {};
    }
    void gone(Core& core) {
        if (index_name_)
            drop_index_if_last(core, *index_name_, difference_);
    }
    // After the name is gone for good.
    void drop_map(Core& core) {
        if (!map_.empty())
            detail::drop_map(core, map_);
    }

private:
    std::optional<std::string> index_name_;
    std::int64_t difference_ = 0;
    std::string map_;  // of a file that is copied up block by block, if this was its last name
};

// Takes a visible object out of the view. Requires: for a directory, that its contents may go with it.
template <class Core>
[[nodiscard]] result<void> take_away(Core& core, entry_id directory, entry_id id) {
    auto& upper = core.layers.upper();
    entry& e = core.at(id);
    bool const is_directory = e.is_directory();
    LAMINA_TRY(bool const below, has_below(core, id));
    leaving_name<Core> leaving;
    LAMINA_CHECK(leaving.note(core, id));
    intended_whiteout<Core> intent(core);
    result<void> done;
    if (!core.in_upper(id)) {
        LAMINA_CHECK(ensure_upper_directory(core, directory));
        LAMINA_CHECK(allow_xattr_whiteouts(core, directory));
        done = place_whiteout(core, core.upper_node(directory), e.hashed_name());
    } else if (below) {
        LAMINA_CHECK(allow_xattr_whiteouts(core, directory));
        done = replace_by_whiteout(core, directory, e.hashed_name(), is_directory, intent);
    } else if (!is_directory) {
        done = upper.remove_at(core.upper_node(directory), e.hashed_name());
    } else {
        done = upper.remove_directory_at(core.upper_node(directory), e.hashed_name());
        // Not empty down there: whiteouts of what used to lie below, or a tree that is to go as a whole.
        if (!done && done.error() == errc::enotempty) {
            auto const old = temporary_name(core);
            done = upper.rename_at(core.upper_node(directory), e.hashed_name(), core.work, old, rename_flags::none);
            if (done)
                discard_later(core, old);
        }
    }
    if (!done)
        return unexpected(done.error().in_layer(0));
    settle_removed(core, directory, id, below);
    LAMINA_CHECK(flush_names(core, core.upper_node(directory)));
    leaving.gone(core);
    leaving.drop_map(core);
    discard_replaced(core);
    return {};
}

template <class Core>
[[nodiscard]] result<void> remove(Core& core, entry_id directory, name_ref name) {
    exclusive_lock lock = core.enter();
    for (;;) {
        if (!core.alive(directory))
            return fail(errc::enoent);
        LAMINA_TRY(entry_id const id, find_present(core, directory, name));
        if (core.at(id).is_directory())
            return fail(errc::eisdir);
        LAMINA_TRY(bool const first_up, must_be_counted(core, id));
        if (!first_up)
            return take_away(core, directory, id);
        LAMINA_CHECK(copy_up(core, lock, id, wanted::metadata));
    }
}

template <class Core>
[[nodiscard]] result<void> remove_directory(Core& core, entry_id directory, name_ref name) {
    exclusive_lock const lock = core.enter();
    if (!core.alive(directory))
        return fail(errc::enoent);
    LAMINA_TRY(entry_id const id, find_present(core, directory, name));
    if (!core.at(id).is_directory())
        return fail(errc::enotdir);
    LAMINA_TRY(bool const empty, is_empty(core, id));
    if (!empty)
        return fail(errc::enotempty);
    return take_away(core, directory, id);
}

template <class Core>
[[nodiscard]] result<void> remove_tree(Core& core, entry_id directory, name_ref name) {
    {
        exclusive_lock const lock = core.enter();
        if (!core.alive(directory))
            return fail(errc::enoent);
        LAMINA_TRY(entry_id const id, find_present(core, directory, name));
        if (core.at(id).is_directory())
            return take_away(core, directory, id);
    }
    return remove(core, directory, name);
}

}  // namespace lamina::detail
