// What the upper adds, changes and deletes against the lowers, in time proportional to the upper.
//
// A file that was copied up counts as modified, also if its bytes are the same again. A directory counts where its
// mode, owner, group or attributes differ, not for its times, which every change in it moves (nor for its owner with
// ownership::take, which makes each directory above a change the process's own). An object that became another kind of
// thing is deleted and added, in that order. A directory that was moved is added with `from`; what it brought along
// from there is not listed one by one, only what has been changed in it since.
//
// A file of several names of which only some are in the upper has changed under the others too. Where there is one, its
// other names are looked for in the whole tree.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <lamina/stack/copy_up.hpp>
#include <lamina/stack/rename.hpp>

namespace lamina {

struct change {
    enum class kind : std::uint8_t { added, modified, deleted };
    kind what = kind::added;
    std::string path;  // from the root, without leading slash
    std::string from;  // of an added directory: the path in the lowers at which its other contents lie; else empty

    friend bool operator==(change const&, change const&) = default;
};

// "A path", "C path" or "D path", as `docker diff` prints them.
[[nodiscard]] inline std::string to_string(change const& c) {
    static constexpr char letters[] = {'A', 'C', 'D'};
    std::string text{letters[static_cast<std::uint8_t>(c.what)], ' '};
    text.append(c.path);
    if (!c.from.empty())
        text.append(" (from ").append(c.from).append(")");
    return text;
}

namespace detail {

// One comparison. Requires: the tree lock, exclusive, all the time.
template <class Core>
class comparison {
    using change = lamina::change;  // other rooms have functions of that name in `detail`

public:
    explicit comparison(Core& core) : core_(core) {}

    [[nodiscard]] result<std::vector<change>, path_error> run() {
        pending_.push_back({entry_id::root, {}});
        while (!pending_.empty()) {
            auto const next = std::move(pending_.back());
            pending_.pop_back();
            if (auto done = compare_directory(next); !done)
                return unexpected(path_error(done.error().during(operation::list), at_));
        }
        if (auto done = add_other_names(); !done)
            return unexpected(path_error(done.error().during(operation::list), at_));
        std::stable_sort(found_.begin(), found_.end(),
                         [](change const& a, change const& b) { return a.path < b.path; });
        return std::move(found_);
    }

private:
    struct step {
        entry_id directory;
        std::string path;
    };
    struct name_in_upper {
        std::string name;
        bool whiteout;
    };

    [[nodiscard]] result<void> compare_directory(step const& here) {
        at_ = here.path;
        if (!core_.in_upper(here.directory))
            return {};
        auto const& place = core_.directory(here.directory).layers.front();
        std::vector<name_in_upper> names;
        LAMINA_CHECK(core_.layers.list(0, place.at, place.xattr_whiteouts, [&](layer_entry const& found) {
            names.push_back({std::string(found.entry.name), found.whiteout});
            return true;
        }));
        for (auto const& [name, whiteout] : names) {
            at_ = here.path.empty() ? name : here.path + '/' + name;
            search<Core> below(core_);
            if (core_.directory(here.directory).has_lower())
                LAMINA_CHECK(below.run(here.directory, name, 1));
            LAMINA_TRY(entry_id const id, find_child(core_, here.directory, name));
            bool const visible = id != entry_id::none && !core_.at(id).is(fact::negative);
            if (!visible) {
                if (below.type != file_type::unknown)
                    add(change::kind::deleted);
            } else if (!whiteout) {  // (aufs: a whiteout beside a visible name says nothing)
                LAMINA_CHECK(compare_object(id, below));
            }
        }
        return {};
    }

    [[nodiscard]] result<void> compare_object(entry_id id, search<Core>& below) {
        entry const& e = core_.at(id);
        bool const exists_below = below.type != file_type::unknown;
        if (!e.is_directory()) {
            bool const replaces = exists_below && below.type != file_type::directory;
            if (exists_below && !replaces)
                add(change::kind::deleted);
            add(replaces ? change::kind::modified : change::kind::added);
            return {};
        }
        LAMINA_TRY(bool const stayed, merges_with(id, below));
        if (stayed) {
            LAMINA_TRY(bool const same, same_metadata(id, below));
            if (!same)
                add(change::kind::modified);
        } else {
            if (exists_below)
                add(change::kind::deleted);
            add(change::kind::added);
            if (core_.directory(id).has_lower())
                found_.back().from = path_in_lowers(core_, id).substr(1);
        }
        pending_.push_back({id, at_});
        return {};
    }

    // The numbers of the objects in the index of which some names are still in lowers alone.
    [[nodiscard]] result<std::set<std::uint64_t>> objects_with_lower_names() {
        std::set<std::uint64_t> numbers;
        if (!core_.index_held)
            return numbers;
        auto& tree = core_.layers.work_tree();
        LAMINA_TRY(auto const names, names_in(tree, core_.index));
        for (auto const& name : names) {
            LAMINA_TRY(auto const origin, tree.get_xattr_at(core_.index, name_ref(name), mark_key(core_, mark::origin)));
            auto const handle = origin ? mark::read_handle(*origin) : std::nullopt;
            auto const lower = handle ? identity_from(core_, *handle) : std::nullopt;
            if (!lower || mark::index_name(*origin) != name)
                continue;
            link_group group;
            group.index_name = name;
            LAMINA_CHECK(read_index_entry(core_, group, std::nullopt));
            // One of the upper's links is the index's own. (By the lower's count nothing can be told: it is looked.)
            if (group.indexed && (group.difference > -1 || !group.mark_follows_upper))
                numbers.insert(core_.inodes.compose(*lower));
        }
        return numbers;
    }
    [[nodiscard]] result<void> add_other_names() {
        LAMINA_TRY(auto const numbers, objects_with_lower_names());
        if (numbers.empty())
            return {};
        pending_.push_back({entry_id::root, {}});
        while (!pending_.empty()) {
            auto const here = std::move(pending_.back());
            pending_.pop_back();
            at_ = here.path;
            LAMINA_TRY(auto const names, names_of(core_, here.directory));
            for (auto const& entry : *names) {
                at_ = here.path.empty() ? std::string(entry.name) : here.path + '/' + std::string(entry.name);
                LAMINA_TRY(entry_id const id, find_present(core_, here.directory, name_ref(entry.name)));
                if (core_.at(id).is_directory()) {
                    pending_.push_back({id, at_});
                    continue;
                }
                if (core_.in_upper(id))
                    continue;
                LAMINA_TRY(auto const shown, core_.fetch_attributes(id));
                if (core_.at(id).is(fact::indexed) && numbers.contains(shown.id.inode))
                    add(change::kind::modified);
            }
        }
        return {};
    }

    // Whether a directory's lower part is what lies below its own place, and not what a redirect brought from
    // elsewhere.
    [[nodiscard]] result<bool> merges_with(entry_id id, search<Core> const& below) {
        auto const& layers = core_.directory(id).layers;
        if (below.type != file_type::directory || layers.size() < 2)
            return false;
        LAMINA_TRY(auto const here, core_.layers.lookup(layers[1].layer, layers[1].at, name_ref{}));
        return here && layers[1].layer == below.holder && here->id == below.found.id;
    }

    [[nodiscard]] result<bool> same_metadata(entry_id id, search<Core> const& below) {
        LAMINA_TRY(auto const ours, core_.fetch_attributes(id));
        bool const same_owner = ours.uid == below.found.uid && ours.gid == below.found.gid;
        if (ours.mode != below.found.mode || (!same_owner && core_.rules.owner != ownership::take))
            return false;
        LAMINA_TRY(auto const now, visible_xattrs(0, core_.upper_node(id)));
        LAMINA_TRY(auto const before, visible_xattrs(below.holder, below.directories.front().at));
        return now == before;
    }

    using xattr_list = std::vector<std::pair<std::string, std::string>>;
    [[nodiscard]] result<xattr_list> visible_xattrs(layer_number layer, node directory) {
        xattr_list found;
        LAMINA_TRY(auto const keys, core_.layers.list_xattrs(layer, directory, name_ref{}));
        for (auto const& key : keys) {
            if (!mark::unescape(core_.layers.style(0).space, key))
                continue;
            LAMINA_TRY(auto value, core_.layers.get_xattr(layer, directory, name_ref{}, key));
            found.emplace_back(key, std::move(value).value_or(std::string()));
        }
        std::sort(found.begin(), found.end());
        return found;
    }

    void add(change::kind what) { found_.push_back({what, at_, {}}); }

    Core& core_;
    std::vector<step> pending_;
    std::vector<change> found_;
    std::string at_;
};

}  // namespace detail
}  // namespace lamina
