// From a name in a merged directory to its entry: asks the layers from the top until something hides the rest.
//
//   whiteout                  nothing is there; the layers below are not asked
//   not a directory           it is what the name shows, if nothing was found above; it ends the search in any case
//   directory                 joins the merge; ends it if it is opaque, or if a whiteout of its own name lies beside it (aufs)
//   redirect on a directory   changes the name under which the layers below are asked: one name in the same place, or a path
//                             from their roots, whose components are subject to the same rules in each layer
//
// The kernel's ovl_lookup (fs/overlayfs/namei.c) defines these rules; kernel and aufs marks both go through
// whiteout/rules.hpp.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/stack/core.hpp>
#include <lamina/stack/verify.hpp>
#include <lamina/whiteout/metacopy_value.hpp>

namespace lamina::detail {

// The state of one search, and what it has found. Releases the nodes that nobody took.
template <class Core>
class search {
public:
    explicit search(Core& core) : core_(core) {}
    search(search const&) = delete;
    search& operator=(search const&) = delete;
    ~search() {
        for (auto const& l : directories)
            core_.layers.release(l.layer, l.at);
        if (data)
            core_.layers.release(data->layer, data->directory);
    }

    // What was found. `type` is unknown if nothing was.
    file_type type = file_type::unknown;
    layer_number holder = 0;
    attributes found;
    std::vector<layer_node> directories;
    std::string redirect;         // of the upper's directory
    bool opaque = false;          // the upper's directory is
    bool impure = false;          // the upper's directory is
    std::optional<file_id> number_from;  // of a directory: the topmost lower's, whose number it keeps
    bool upper_whiteout = false;

    // To be set before, to find out where the data of a regular file lies: the first file under its name that is no
    // metacopy.
    bool wants_data = false;
    struct data_place {
        layer_number layer;
        node directory;  // retained
        std::string name;
    };
    std::optional<data_place> data;
    data_claim claim;  // what the metacopies on the way say of it

    // Looks for `name` below the directory `parent`. Requires: the tree lock, exclusive; `parent` alive. Layers above
    // `first` are left out (1: what lies below the upper).
    result<void> run(entry_id parent, name_ref name, layer_number first = 0) {
        path_.assign(name.text);
        auto const& places = core_.directory(parent).layers;
        layer_number next = first;
        for (auto const& place : places) {
            if (place.layer < first)
                continue;
            if (stop_ || from_root_)
                break;
            next = static_cast<layer_number>(place.layer + 1);
            name_ref const here = path_ == name.text ? name : name_ref(path_);
            LAMINA_TRY(auto const said, core_.layers.find(place.layer, place.at, here, place.xattr_whiteouts));
            LAMINA_CHECK(take(place.layer, place.at, here, said, {}, {}));
        }
        // Only data is looked for in the layers that hold nothing else.
        for (; from_root_ && !stop_ && next < core_.layers.count(); ++next)
            if (next < core_.layers.merged_count() || awaits_data_)
                LAMINA_CHECK(walk_from_root(next));
        return {};
    }

private:
    // Goes down `path_` from the root of one layer.
    result<void> walk_from_root(layer_number layer) {
        std::string const path = path_;  // a redirect met on the way changes path_ for the layers below, not for this one
        std::string before;              // what was walked, by the names that the layers below know it by
        node dir = core_.layers.root(layer);
        core_.layers.retain(layer, dir);
        bool xattr_whiteouts = false;
        std::size_t at = 0;
        result<void> outcome;
        for (;;) {
            auto const slash = path.find('/', at);
            bool const last = slash == std::string::npos;
            name_ref const name{std::string_view(path).substr(at, last ? std::string::npos : slash - at)};
            auto const said = core_.layers.find(layer, dir, name, xattr_whiteouts);
            if (!said.has_value()) {
                outcome = unexpected(said.error());
                break;
            }
            auto const after = last ? std::string_view() : std::string_view(path).substr(slash);
            if (last) {
                outcome = take(layer, dir, name, *said, before, after);
                break;
            }
            if (said->what == finding::verdict::absent)
                break;
            if (said->what == finding::verdict::whiteout || !said->found.is_directory()) {
                stop_ = true;
                break;
            }
            auto inner = core_.layers.open_directory(layer, dir, name);
            if (!inner) {
                outcome = unexpected(inner.error());
                break;
            }
            core_.layers.release(layer, std::exchange(dir, *inner));
            auto const marks = core_.layers.marks(layer, dir);
            if (!marks) {
                outcome = unexpected(marks.error());
                break;
            }
            xattr_whiteouts = marks->xattr_whiteouts;
            if (marks->opaque || said->hides_below)
                stop_ = true;
            else if (marks->redirect)
                outcome = follow(layer, *marks->redirect, before, after);
            if (!outcome)
                break;
            before.assign(path_, 0, path_.size() - after.size()).append("/");
            at = slash + 1;
        }
        core_.layers.release(layer, dir);
        return outcome;
    }

    // What one layer says of the name itself. `before` and `after` are the rest of the path around it.
    result<void> take(layer_number layer, node dir, name_ref name, finding const& said, std::string_view before,
                      std::string_view after) {
        if (said.what == finding::verdict::absent)
            return {};
        if (said.what == finding::verdict::whiteout) {
            stop_ = true;
            upper_whiteout = layer == 0;
            return {};
        }
        if (!said.found.is_directory()) {
            bool const first = type == file_type::unknown;
            if (first) {
                type = said.found.type;
                holder = layer;
                found = said.found;
            }
            stop_ = true;
            if (wants_data && said.found.is_regular() && (first || awaits_data_))
                return take_data(layer, dir, name, before, after);
            return {};
        }
        if (awaits_data_) {
            stop_ = true;
            return {};
        }
        LAMINA_TRY(node const opened, core_.layers.open_directory(layer, dir, name));
        directories.push_back({opened, layer, false});
        LAMINA_TRY(auto const marks, core_.layers.marks(layer, opened));
        directories.back().xattr_whiteouts = marks.xattr_whiteouts;
        if (type == file_type::unknown) {
            type = file_type::directory;
            holder = layer;
            found = said.found;
            opaque = layer == 0 && marks.opaque;
            impure = layer == 0 && marks.impure;
        }
        if (layer != 0 && !number_from)
            number_from = said.found.id;
        if (marks.opaque || said.hides_below) {
            stop_ = true;
            return {};
        }
        if (!marks.redirect)
            return {};
        if (layer == 0)
            redirect = *marks.redirect;
        return follow(layer, *marks.redirect, before, after);
    }

    [[nodiscard]] result<void> take_claim(layer_number layer, std::string_view value) {
        auto said = mark::read_metacopy(value);
        if (!said)
            return unexpected(said.error().in_layer(layer));
        if (claim.topmost == no_layer) {
            claim.topmost = layer;
            claim.by_topmost = said->recorded.has_value();
        }
        if (said->recorded)
            claim.recorded.push_back(*said->recorded);
        return {};
    }

    // A regular file: its data is here, or it is a metacopy and the layers below are asked.
    result<void> take_data(layer_number layer, node dir, name_ref name, std::string_view before, std::string_view after) {
        auto const style = core_.layers.style(layer);
        if (style.has_kernels()) {
            LAMINA_TRY(auto const metacopy,
                       core_.layers.get_xattr(layer, dir, name, mark::key(style.space, mark::metacopy)));
            // Which blocks are whose only the upper's own work directory knows.
            if (layer != 0 && metacopy == mark::block_metacopy)
                return fail(errc::eio, operation::open, layer);
            if (metacopy) {
                if (metacopy != mark::block_metacopy)
                    LAMINA_CHECK(take_claim(layer, *metacopy));
                awaits_data_ = true;
                stop_ = false;
                LAMINA_TRY(auto const moved,
                           core_.layers.get_xattr(layer, dir, name, mark::key(style.space, mark::redirect)));
                if (!moved)
                    return {};
                LAMINA_TRY(auto const target, mark::read_redirect(*moved));
                return follow(layer, target, before, after);
            }
        }
        core_.layers.retain(layer, dir);
        data = data_place{layer, dir, std::string(name.text)};
        claim.data = layer;
        return {};
    }

    result<void> follow(layer_number layer, std::string const& target, std::string_view before, std::string_view after) {
        if (core_.rules.redirect == redirects::refuse)
            return fail(errc::eperm, operation::lookup, layer);
        std::string path;
        if (target.front() == '/') {
            from_root_ = true;
            stop_ = false;  // an opaque directory on the way here cuts its own tree off, not where this leads
            path.assign(target, 1);
        } else {
            path.assign(before).append(target);
        }
        path.append(after);
        path_ = std::move(path);
        return {};
    }

    Core& core_;
    std::string path_;        // under which the next layer is asked: a name, or with from_root_ a path without leading '/'
    bool from_root_ = false;
    bool stop_ = false;
    bool awaits_data_ = false;  // a metacopy was met
};

// The entry of a name, if the cache can tell: the entry (which may be negative), or `none` with `known` where the
// directory is complete and has no such name.
struct cached_child {
    entry_id id = entry_id::none;
    bool known = false;
};
template <class Core>
[[nodiscard]] cached_child find_cached(Core const& core, entry_id parent, name_ref name) {
    entry_id const id = core.entries.find(parent, name);
    if (id == entry_id::none)
        return {id, core.directory(parent).complete};
    entry const& e = core.at(id);
    // A directory that was only met in a listing is not merged yet; of what was met without a type nothing is known.
    bool const unmerged = e.directory == nullptr && (e.is_directory() || e.type == file_type::unknown);
    return {id, e.is(fact::negative) || !unmerged};
}

// Gives a directory's entry what a search found, the nodes included.
template <class Core>
void resolve_directory(Core& core, entry_id id, search<Core>& found) {
    entry& e = core.at(id);
    e.type = file_type::directory;
    e.layer = found.holder;
    e.directory = new directory_part;
    e.directory->layers = std::exchange(found.directories, {});
    e.directory->redirect = std::move(found.redirect);
    e.directory->opaque = found.opaque;
    e.directory->impure = found.impure;
    if (found.number_from)
        (void)core.number(id, *found.number_from);
    e.put(fact::in_upper, found.holder == 0 && Core::writable);
}

// The entry of a name in a directory, found in the layers where the cache does not know it. It may be negative; `none`
// if the directory is complete and has no such name. Requires: tree lock, exclusive; `parent` alive.
template <class Core>
[[nodiscard]] result<entry_id> find_child(Core& core, entry_id parent, name_ref name) {
    auto cached = find_cached(core, parent, name);
    if (cached.known)
        return cached.id;
    if (directory_part& part = core.directory(parent); cached.id == entry_id::none && part.layers.size() > 1) {
        // Where names are asked for one after the other, to read what there is costs less than to ask all layers for each.
        constexpr std::uint32_t first = 4;
        if (++part.searches >= first && std::has_single_bit(part.searches)) {
            fill_by_listing(core, parent);
            cached = find_cached(core, parent, name);
            if (cached.known)
                return cached.id;
        }
    }
    search<Core> layers(core);
    LAMINA_CHECK(layers.run(parent, name));
    bool const met = cached.id != entry_id::none;
    entry_id const id = met ? cached.id : core.entries.add(parent, name);
    entry& e = core.at(id);
    if (layers.type == file_type::unknown) {
        if (met)
            core.entries.hide(id);
        e.set(fact::negative);
        e.put(fact::upper_whiteout, layers.upper_whiteout);
        return id;
    }
    e.clear(fact::negative);
    if (layers.type == file_type::directory) {
        resolve_directory(core, id, layers);
    } else {
        e.type = layers.type;
        e.layer = layers.holder;
        e.put(fact::in_upper, layers.holder == 0 && Core::writable);
    }
    if (!met)
        core.entries.show(id);
    if (!e.is_directory() && !e.is(fact::identified)) {
        LAMINA_CHECK(settle_identity(core, id, layers.found));
        if (e.is(fact::indexed) && !e.is(fact::in_upper))
            return id;  // what was found is not what it shows
    }
    // Already read for the search; a second call is spared. (A merged directory's count differs: keep_attributes
    // knows.)
    core.keep_attributes(id, layers.found, e.version.load(std::memory_order_relaxed));
    return id;
}

// The same for a name that must exist. Errors: enoent.
template <class Core>
[[nodiscard]] result<entry_id> find_present(Core& core, entry_id parent, name_ref name) {
    LAMINA_TRY(entry_id const id, find_child(core, parent, name));
    if (id == entry_id::none || core.at(id).is(fact::negative))
        return fail(errc::enoent, operation::lookup);
    return id;
}

// Under which path the layers below the upper know a directory: its own name and those above it, each replaced by the
// redirect it has already, up to one that is absolute.
template <class Core>
[[nodiscard]] std::string path_in_lowers(Core const& core, entry_id id) {
    std::string path;
    for (; id != entry_id::root; id = core.at(id).parent) {
        std::string const& known = core.directory(id).redirect;
        if (known.starts_with('/'))
            return known + path;
        path.insert(0, known.empty() ? std::string_view(core.at(id).name()) : std::string_view(known));
        path.insert(0, "/");
    }
    return path;
}

// Whether a lower layer would show something under this name if the upper had nothing there: then a removal needs a
// whiteout. Requires: tree lock, exclusive; a visible entry.
template <class Core>
[[nodiscard]] result<bool> has_below(Core& core, entry_id id) {
    entry& e = core.at(id);
    if (!core.in_upper(id))
        return true;
    if (!core.directory(e.parent).has_lower())
        return false;
    if (!e.is(fact::below_known)) {
        search<Core> below(core);
        LAMINA_CHECK(below.run(e.parent, e.hashed_name(), 1));
        e.put(fact::below, below.type != file_type::unknown);
        e.set(fact::below_known);
    }
    return e.is(fact::below);
}

}  // namespace lamina::detail
