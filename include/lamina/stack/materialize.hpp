// Files that are copied up block by block made whole, so that the upper is one that a kernel mounts.
//
// Data is fetched without the tree lock, a piece at a time, while others read and write the same file. When the upper
// has no such file any more, which is looked for under the lock, the maps go, also those that a stop has left behind,
// and last the word in the work directory. Everything may be stopped at any point and begun again.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/remove_all.hpp>
#include <lamina/stack/open.hpp>
#include <lamina/stack/recover.hpp>

namespace lamina::detail {

// One file. `lock` is given up while data is copied. Requires: the entry is pinned. Errors: those of opening it.
template <class Core>
[[nodiscard]] result<void> materialize_file(Core& core, exclusive_lock& lock, entry_id id) {
    entry& e = core.at(id);
    if (e.is(fact::removed) || !core.in_upper(id) || e.type != file_type::regular)
        return {};
    LAMINA_CHECK(judge_data(core, id));
    if (!e.is(fact::blocks))
        return {};
    LAMINA_TRY(auto const object, open_blocks(core, id, true));
    LAMINA_TRY(auto const capability, core.layers.get_xattr(0, core.upper_node(e.parent), e.hashed_name(),
                                                            xattr::file_capability));
    lock.unlock();
    auto whole = object->fetch_some(capability);
    while (whole.has_value() && !*whole)
        whole = object->fetch_some(capability);
    lock.lock();
    LAMINA_CHECK(whole);
    if (e.is(fact::removed))
        return {};
    LAMINA_CHECK(judge_data(core, id));  // somebody else may have done the same
    return e.is(fact::blocks) ? end_blocks(core, id, *object) : result<void>();
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

// Finds every block-wise file. Requires: tree lock, exclusive.
template <class Core>
[[nodiscard]] result<void, path_error> find_block_files(Core& core, pinned_entries<Core>& found) {
    std::vector<std::pair<entry_id, std::string>> pending{{entry_id::root, {}}};
    while (!pending.empty()) {
        auto const [directory, path] = std::move(pending.back());
        pending.pop_back();
        auto const& place = core.directory(directory).layers.front();
        std::vector<std::string> names;
        auto listed = core.layers.list(0, place.at, place.xattr_whiteouts, [&](layer_entry const& one) {
            if (!one.whiteout)
                names.emplace_back(one.entry.name);
            return true;
        });
        if (!listed)
            return unexpected(path_error(listed.error(), path));
        for (auto const& name : names) {
            auto inner = path.empty() ? name : path + '/' + name;
            auto const id = find_child(core, directory, name_ref(name));
            if (!id)
                return unexpected(path_error(id.error(), std::move(inner)));
            if (*id == entry_id::none || core.at(*id).is(fact::negative) || !core.in_upper(*id))
                continue;
            if (core.at(*id).is_directory()) {
                pending.emplace_back(*id, std::move(inner));
            } else if (core.at(*id).type == file_type::regular) {
                if (auto judged = judge_data(core, *id); !judged)
                    return unexpected(path_error(judged.error(), std::move(inner)));
                if (core.at(*id).is(fact::blocks))
                    found.add(*id, std::move(inner));
            }
        }
    }
    return {};
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
    for (;;) {
        pinned_entries<Core> found(core);
        exclusive_lock lock = core.enter();
        if (!core.blocks.present)
            return {};
        LAMINA_CHECK(find_block_files(core, found));
        if (found.all().empty()) {
            auto done = drop_block_store(core);
            return done ? result<void, path_error>() : unexpected(path_error(done.error().in_layer(0)));
        }
        for (auto const& [id, path] : found.all())
            if (auto done = materialize_file(core, lock, id); !done)
                return unexpected(path_error(done.error(), path));
    }
}

// One file; one that is plain already, or lies below, is left as it is.
template <class Core>
[[nodiscard]] result<void> materialize(Core& core, entry_id directory, name_ref name) {
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
