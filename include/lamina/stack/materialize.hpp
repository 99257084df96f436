// Files that are copied up block by block made whole, so that the upper is one that a kernel mounts.
//
// Data is fetched without the tree lock, a piece at a time, while others read and write the same file. When the upper
// has no such file any more, which is looked for under the lock, the maps go, also those that a stop has left behind,
// and last the word in the work directory. Everything may be stopped at any point and begun again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/remove_all.hpp>
#include <lamina/backend/walk.hpp>
#include <lamina/stack/index.hpp>
#include <lamina/stack/merge.hpp>
#include <lamina/stack/open.hpp>
#include <lamina/stack/recover.hpp>

namespace lamina::detail {

// Whether an entry is a block-wise file: also one that shows what is in the index.
template <class Core>
[[nodiscard]] result<bool> has_blocks(Core& core, entry_id id) {
    entry const& e = core.at(id);
    if (e.is(fact::removed) || e.type != file_type::regular)
        return false;
    LAMINA_CHECK(identify(core, id));
    if (core.where(id).layer != 0)
        return false;
    LAMINA_CHECK(judge_data(core, id));
    return e.is(fact::blocks);
}

// One file. `lock` is given up while data is copied. Requires: the entry is pinned. Errors: those of opening it.
template <class Core>
[[nodiscard]] result<void> materialize_file(Core& core, exclusive_lock& lock, entry_id id) {
    LAMINA_TRY(bool const needed, has_blocks(core, id));
    if (!needed)
        return {};
    LAMINA_TRY(auto const object, open_blocks(core, id, true));
    auto const place = core.where(id);
    LAMINA_TRY(auto const capability,
               core.layers.get_xattr(0, place.directory, place.name, xattr::file_capability));
    lock.unlock();
    auto whole = object->fetch_some(capability);
    while (whole.has_value() && !*whole)
        whole = object->fetch_some(capability);
    lock.lock();
    LAMINA_CHECK(whole);
    // It may have been removed meanwhile, or somebody else may have done the same.
    LAMINA_TRY(bool const still, has_blocks(core, id));
    return still ? end_blocks(core, id, *object) : result<void>();
}

// Entries that are pinned, and where they are for an error to name.
template <class Core>
class pinned_entries {
public:
    explicit pinned_entries(Core& core) : core_(core) {}
    pinned_entries(pinned_entries const&) = delete;
    pinned_entries& operator=(pinned_entries const&) = delete;
    ~pinned_entries() {  // (unpin may take the tree lock)
        for (auto const& [id, path] : entries_)
            core_.unpin(id);
    }
    void add(entry_id id, std::string path) {
        core_.pin(id);
        entries_.emplace_back(id, std::move(path));
    }
    [[nodiscard]] auto const& all() const noexcept { return entries_; }

private:
    Core& core_;
    std::vector<std::pair<entry_id, std::string>> entries_;
};

// Where block-wise files are looked for: under the names in the upper, or under all that are visible.
enum class looked_at : std::uint8_t { upper, everything };

template <class Core>
[[nodiscard]] result<std::vector<std::string>> names_in(Core& core, entry_id directory, looked_at what) {
    std::vector<std::string> names;
    if (what == looked_at::everything) {
        LAMINA_TRY(auto const all, names_of(core, directory));
        for (auto const& one : *all)
            names.emplace_back(one.name);
        return names;
    }
    auto const& place = core.directory(directory).layers.front();
    LAMINA_CHECK(core.layers.list(0, place.at, place.xattr_whiteouts, [&](layer_entry const& one) {
        if (!one.whiteout)
            names.emplace_back(one.entry.name);
        return true;
    }));
    return names;
}

// Requires: tree lock, exclusive.
template <class Core>
[[nodiscard]] result<void, path_error> find_block_files(Core& core, looked_at what, pinned_entries<Core>& found) {
    std::vector<std::pair<entry_id, std::string>> pending{{entry_id::root, {}}};
    while (!pending.empty()) {
        auto const [directory, path] = std::move(pending.back());
        pending.pop_back();
        auto const names = names_in(core, directory, what);
        if (!names.has_value())
            return unexpected(path_error(names.error(), path));
        for (auto const& name : *names) {
            auto inner = path.empty() ? name : path + '/' + name;
            auto const id = find_child(core, directory, name_ref(name));
            if (!id)
                return unexpected(path_error(id.error(), std::move(inner)));
            if (*id == entry_id::none || core.at(*id).is(fact::negative))
                continue;
            if (core.at(*id).is_directory()) {
                if (what == looked_at::everything || core.in_upper(*id))
                    pending.emplace_back(*id, std::move(inner));
                continue;
            }
            auto const wanted = has_blocks(core, *id);
            if (!wanted.has_value())
                return unexpected(path_error(wanted.error(), std::move(inner)));
            if (*wanted)
                found.add(*id, std::move(inner));
        }
    }
    return {};
}

// Whether the index has such a file that none of the names in the upper leads to: all its names lie in lowers alone.
template <class Core>
[[nodiscard]] result<bool> index_has_more(Core& core, pinned_entries<Core> const& found) {
    if (!core.index_held)
        return false;
    std::vector<file_id> known;
    for (auto const& [id, path] : found.all()) {
        auto const place = core.where(id);
        LAMINA_TRY(auto const object, core.layers.lookup(0, place.directory, place.name));
        if (object)
            known.push_back(object->id);
    }
    auto& tree = core.layers.work_tree();
    std::vector<std::string> names;
    LAMINA_CHECK(tree.list_at(core.index, [&](directory_entry const& one) {
        names.emplace_back(one.name);
        return true;
    }));
    for (auto const& name : names) {
        LAMINA_TRY(auto const object, tree.lookup(core.index, name_ref(name)));
        if (!object || !object->is_regular() || std::find(known.begin(), known.end(), object->id) != known.end())
            continue;
        LAMINA_TRY(auto const metacopy, tree.get_xattr_at(core.index, name_ref(name), mark_key(core, mark::metacopy)));
        if (metacopy == mark::block_metacopy)
            return true;
    }
    return false;
}
// Requires: tree lock, exclusive; no file has a map.
template <class Core>
[[nodiscard]] result<void> drop_block_store(Core& core) {
    auto& tree = core.layers.work_tree();
    if (core.blocks.held) {
        std::vector<std::string> left;
        LAMINA_CHECK(tree.list_at(core.blocks.directory, [&](directory_entry const& one) {
            left.emplace_back(one.name);
            return true;
        }));
        for (auto const& name : left)
            LAMINA_CHECK(tree.remove_at(core.blocks.directory, name));
    }
    LAMINA_TRY(node const features, tree.open_directory_at(core.work, incompat_name));
    node_guard<typename Core::layers_type::upper_type> const held(tree, features);
    std::string where(incompat_blocks);
    if (auto removed = paths::remove_each(tree, features, name_ref(incompat_blocks), where); !removed.has_value())
        return unexpected(removed.error());
    core.blocks.present = false;
    // With a volatile mark in it, it stays.
    (void)tree.remove_directory_at(core.work, incompat_name);
    return flushes_data(core) ? tree.sync_directory(core.work) : result<void>();
}

template <class Core>
[[nodiscard]] result<void, path_error> materialize(Core& core) {
    if (core.unusable)
        return unexpected(path_error(*core.unusable));
    for (;;) {
        pinned_entries<Core> found(core);
        exclusive_lock lock = core.enter();
        if (!core.blocks.present)
            return {};
        LAMINA_CHECK(find_block_files(core, looked_at::upper, found));
        auto const hidden = index_has_more(core, found);
        if (!hidden.has_value())
            return unexpected(path_error(hidden.error()));
        if (*hidden)
            LAMINA_CHECK(find_block_files(core, looked_at::everything, found));
        if (found.all().empty() && core.blocks.underway != 0) {
            auto const seen = core.copies_ended.load(std::memory_order_acquire);
            lock.unlock();
            core.copies_ended.wait(seen, std::memory_order_acquire);
            continue;
        }
        if (found.all().empty()) {
            auto done = drop_block_store(core);
            return done ? result<void, path_error>() : unexpected(path_error(done.error().in_layer(0)));
        }
        for (auto const& [id, path] : found.all())
            if (auto done = materialize_file(core, lock, id); !done)
                return unexpected(path_error(done.error(), path));
    }
}

// One file of the tree that has this core; one that is plain already, or lies below, is left as it is.
template <class Core, class Tree>
[[nodiscard]] result<void> materialize(Core& core, Tree& tree, path_view path) {
    path_walk<Tree> at(tree, operation::copy_up);
    LAMINA_CHECK(at.to_object(path, links::follow));
    entry_id const directory = Core::id_of(at.directory());
    name_ref const name = at.name();
    pinned_entries<Core> found(core);
    exclusive_lock lock = core.enter();
    if (!core.alive(directory))
        return fail(errc::enoent);
    entry_id id = directory;
    if (!name.empty()) {
        LAMINA_TRY(id, find_present(core, directory, name));
    }
    if (core.at(id).is_directory())
        return fail(errc::eisdir);
    found.add(id, {});
    return materialize_file(core, lock, id);
}

}  // namespace lamina::detail
