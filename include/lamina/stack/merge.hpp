// The listing of a merged directory: every layer is read once, top first, and each name is taken where it is first met.
// The result stays: the directory is then `complete`, so that a name without an entry is known to be absent, and
// lookups need no search. What is found is only a name, a type and the layer; attributes and merges of subdirectories
// are made when asked for.
//
// Requires throughout: the tree lock, exclusive.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <lamina/stack/lookup.hpp>

namespace lamina::detail {

// One directory being listed: which children were met in which order.
template <class Core>
class merge {
public:
    // Reads `most` names at most, of all layers together; then nothing that was met is wrong, but it is not all.
    merge(Core& core, entry_id parent, std::uint64_t most) : core_(core), parent_(parent), left_(most) {}

    result<void> run() {
        auto& part = core_.directory(parent_);
        part.children.for_each([&](entry_id child) { core_.at(child).clear(fact::met); });
        // By index: a search for an unknown type may not change the layers, but nothing here may depend on that.
        for (std::size_t i = 0; i < part.layers.size(); ++i)
            LAMINA_CHECK(take_layer(part.layers[i]));
        if (gave_up_)
            return {};
        std::erase_if(arrived_, [&](entry_id id) { return core_.at(id).is(fact::negative); });
        part.order.clear();
        part.children.for_each([&](entry_id child) { core_.at(child).clear(fact::listed); });
        for (entry_id const id : arrived_)
            core_.entries.put_last(part, id);
        part.complete = true;
        part.names.reset();
        return {};
    }

private:
    // Top first, and not one after a layer that was not read to its end: so a name is always met where it shows.
    result<void> take_layer(layer_node place) {
        if (gave_up_)
            return {};
        deleted_.clear();
        LAMINA_CHECK(core_.layers.list(place.layer, place.at, place.xattr_whiteouts, [&](layer_entry const& found) {
            if (left_-- == 0) {
                gave_up_ = true;
                return false;
            }
            // Within one layer a name beats a whiteout of the same name, whichever is listed first.
            if (found.whiteout)
                deleted_.emplace_back(found.entry.name);
            else
                meet(place.layer, found.entry);
            return true;
        }));
        if (gave_up_)
            return {};  // the name itself may stand in the rest
        for (auto const& name : deleted_)
            meet_whiteout(place.layer, name);
        return {};
    }

    void meet(layer_number layer, directory_entry const& found) {
        name_ref const name{found.name};
        entry_id id = core_.entries.find(parent_, name);
        bool const fresh = id == entry_id::none;
        if (fresh)
            id = core_.entries.add(parent_, name);
        entry& e = core_.at(id);
        if (e.is(fact::met))
            return;
        e.set(fact::met);
        arrived_.push_back(id);
        if (!fresh)
            return;  // known before, by a search that asked the same layers
        e.type = found.type;
        e.layer = layer;
        e.put(fact::in_upper, layer == 0 && Core::writable);
    }

    void meet_whiteout(layer_number layer, std::string const& deleted) {
        name_ref const name{deleted};
        entry_id id = core_.entries.find(parent_, name);
        bool const fresh = id == entry_id::none;
        // A whiteout that is not the upper's says nothing that `complete` will not say; it only has to hide the layers
        // below.
        if (fresh)
            id = core_.entries.add(parent_, name);
        entry& e = core_.at(id);
        if (e.is(fact::met))
            return;
        e.set(fact::met);
        if (!fresh)
            return;
        e.set(fact::negative);
        e.put(fact::upper_whiteout, layer == 0);
    }

    Core& core_;
    entry_id parent_;
    std::uint64_t left_;
    bool gave_up_ = false;
    std::vector<entry_id> arrived_;
    std::vector<std::string> deleted_;
};

// Errors: what a layer's list gives, with the layer.
template <class Core>
[[nodiscard]] result<void> complete(Core& core, entry_id parent) {
    if (core.directory(parent).complete)
        return {};
    return merge<Core>(core, parent, std::numeric_limits<std::uint64_t>::max()).run();
}

// The same, if it promises to cost less than the searches that were made in the directory so far: about as many names
// are read in the time of one lookup. What fails is searched for name by name, and will tell.
template <class Core>
void fill_by_listing(Core& core, entry_id directory) {
    directory_part const& part = core.directory(directory);
    constexpr std::uint64_t names_per_lookup = 8;
    (void)merge<Core>(core, directory, names_per_lookup * part.searches * part.layers.size()).run();
}

// The names of a directory as a snapshot that all handles share until a name comes or goes.
template <class Core>
[[nodiscard]] result<std::shared_ptr<listing const>> names_of(Core& core, entry_id parent) {
    LAMINA_CHECK(complete(core, parent));
    auto& part = core.directory(parent);
    if (part.names == nullptr) {
        auto fresh = std::make_shared<listing>();
        for (entry_id const id : part.order) {
            if (id == entry_id::none)
                continue;
            entry const& e = core.at(id);
            fresh->add({e.name(), e.type, e.is(fact::inode) ? e.inode.load() : 0});
        }
        part.names = std::move(fresh);
    }
    return part.names;
}

// Whether the merged view shows nothing in it.
template <class Core>
[[nodiscard]] result<bool> is_empty(Core& core, entry_id directory) {
    LAMINA_CHECK(complete(core, directory));
    for (entry_id const id : core.directory(directory).order)
        if (id != entry_id::none)
            return false;
    return true;
}

}  // namespace lamina::detail
