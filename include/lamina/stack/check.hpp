// Whether an upper is sound: everything in it, in its work directory and in its index that does not agree with itself or with
// the lowers, each with its path. Nothing else may have the upper open meanwhile. Looking changes nothing (but for a moment's
// trial of what the file system can do, in the work directory); what is certain can be repaired on the way.
//
//     auto flaws = lamina::check(lamina::upper(directory, work), lamina::lower(image)).value();
//     auto left = lamina::check(lamina::upper(directory, work), lamina::lower(image), {}, lamina::repairs::proven).value();
//
// What is repaired is what can only be meant in one way: leftovers in the work directory, index entries that no name shows,
// counts of links, the mark `impure`. What is not: a redirect that leads nowhere, a half copy whose data is gone, an index
// of other layers. After a repair a second check finds what could not be repaired, and notes.
//
// A note is no flaw: kernels leave such marks themselves, and nothing depends on them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/stack/merge.hpp>
#include <lamina/stack/overlay.hpp>
#include <lamina/stack/recover.hpp>

namespace lamina {

struct flaw {
    enum class kind : std::uint8_t {
        // Repaired.
        stale_work,        // something unfinished in the work directory: opening the upper sweeps it as well
        stale_index,       // something unfinished in the index
        orphaned_index,    // an index entry that no name of the merged view shows
        wrong_link_count,  // an object in the index says another number of links than it has names
        orphaned_map,      // of a file that is copied up block by block and is there no more
        not_impure,        // a directory with an object that has an origin does not say so
        // Told.
        unclean,           // used with durability::none and not closed
        incompatible,      // the work directory asks for something unknown
        foreign_index,     // index and origin of the upper's root are of other layers, or an index entry's name is not its origin's
        bad_redirect,      // a redirect that no path can be read from
        dangling_redirect, // a redirect that leads to no directory
        bad_metacopy,      // a mark `metacopy` that means nothing
        missing_data,      // a half copy whose data no layer has, or, copied up block by block, whose map or lower file
                           // is not what it was
        wrong_data,        // a half copy whose data is not what it records (policy::verify)
        unreadable,        // it cannot be looked at; `why` says the error
        // Noted.
        needless_whiteout, // nothing lies below it
        needless_opaque,   // nothing lies below it
        unknown_origin,    // an origin that belongs to none of these layers
    };
    kind what;
    std::string path;  // in the merged tree; of what lies in the work directory: below that
    errc why = errc::ok;
    bool repaired = false;

    [[nodiscard]] bool is_note() const noexcept { return what >= kind::needless_whiteout; }
    friend bool operator==(flaw const&, flaw const&) = default;
};

[[nodiscard]] constexpr std::string_view name(flaw::kind what) noexcept {
    constexpr std::string_view names[] = {"stale work",        "stale index entry", "orphaned index entry", "wrong link count",
                                          "orphaned map",      "not marked impure", "unclean",              "incompatible",
                                          "foreign index",     "bad redirect",      "dangling redirect",    "bad metacopy",
                                          "missing data",      "wrong data",        "unreadable",           "needless whiteout",
                                          "needless opaque mark", "unknown origin"};
    return names[static_cast<std::size_t>(what)];
}

enum class repairs : std::uint8_t { none, proven };

namespace detail {

template <class Core>
class inspection {
public:
    inspection(Core& core, repairs how) : core_(core), repair_(how == repairs::proven) {}

    [[nodiscard]] result<std::vector<flaw>, path_error> run() {
        if (auto done = inspect_work(); !done)
            return unexpected(path_error(done.error(), at_));
        if (auto done = inspect_tree(); !done)
            return unexpected(path_error(done.error(), at_));
        if (auto done = inspect_index(); !done)
            return unexpected(path_error(done.error(), at_));
        if (auto done = inspect_maps(); !done)
            return unexpected(path_error(done.error(), at_));
        return std::move(flaws_);
    }

private:
    struct step {
        entry_id directory;
        std::string path;
    };
    struct shown_object {
        std::uint64_t names = 0;
        std::uint64_t links = 0;  // as the merged view says
        std::string path;         // of one of its names
    };

    [[nodiscard]] auto& upper() const { return core_.layers.upper(); }
    [[nodiscard]] auto& work() const { return core_.layers.work_tree(); }
    flaw& tell(flaw::kind what, std::string path, errc why = errc::ok) {
        return flaws_.emplace_back(flaw{what, std::move(path), why, false});
    }

    // --- the work directory: what is in `work` is left over, but for what says that the upper is special.
    [[nodiscard]] result<void> inspect_work() {
        at_ = work_name;
        if (!core_.work_held)
            return {};
        LAMINA_TRY(auto const names, names_in(core_.work));
        for (auto const& name : names) {
            if (name == incompat_name) {
                LAMINA_CHECK(inspect_incompat());
                continue;
            }
            auto& found = tell(flaw::kind::stale_work, std::string(work_name) + '/' + name);
            if (!repair_)
                continue;
            std::string where(name);
            found.repaired = paths::remove_each(work(), core_.work, name_ref(name), where).has_value();
        }
        return {};
    }
    [[nodiscard]] result<void> inspect_incompat() {
        LAMINA_TRY(node const opened, work().open_directory_at(core_.work, incompat_name));
        node_guard<typename Core::layers_type::upper_type> const held(work(), opened);
        LAMINA_TRY(auto const names, names_in(opened));
        for (auto const& name : names)
            if (name != incompat_blocks)
                tell(name == volatile_mark[1] ? flaw::kind::unclean : flaw::kind::incompatible,
                     std::string(work_name) + '/' + std::string(incompat_name) + '/' + name);
        return {};
    }
    [[nodiscard]] result<std::vector<std::string>> names_in(node directory) {
        LAMINA_TRY(auto names, detail::names_in(work(), directory));
        std::sort(names.begin(), names.end());
        return names;
    }

    // --- the tree: all of the upper, and, where there is an index, all names that could show something of it.
    [[nodiscard]] result<void> inspect_tree() {
        pending_.push_back({entry_id::root, {}});
        while (!pending_.empty()) {
            auto const here = std::move(pending_.back());
            pending_.pop_back();
            at_ = here.path;
            if (core_.in_upper(here.directory))
                LAMINA_CHECK(inspect_directory(here));
            if (core_.in_upper(here.directory) || core_.index_held)
                LAMINA_CHECK(go_down(here));
        }
        return {};
    }
    [[nodiscard]] static std::string join(std::string const& path, std::string_view name) {
        return path.empty() ? std::string(name) : (path + '/').append(name);
    }

    // What the upper itself has in a directory.
    [[nodiscard]] result<void> inspect_directory(step const& here) {
        auto const place = core_.directory(here.directory).layers.front();
        std::vector<std::pair<std::string, bool>> names;
        LAMINA_CHECK(core_.layers.list(0, place.at, place.xattr_whiteouts, [&](layer_entry const& found) {
            names.emplace_back(found.entry.name, found.whiteout);
            return true;
        }));
        // Origins are to be read here whether the mark says that there are any or not.
        bool const marked = std::exchange(core_.directory(here.directory).impure, true);
        bool has_origins = false;
        for (auto const& [name, whiteout] : names) {
            at_ = join(here.path, name);
            if (whiteout) {
                search<Core> below(core_);
                if (core_.directory(here.directory).has_lower())
                    LAMINA_CHECK(below.run(here.directory, name, 1));
                if (below.type == file_type::unknown)
                    tell(flaw::kind::needless_whiteout, at_);
                continue;
            }
            auto const id = find_child(core_, here.directory, name);
            if (!id.has_value()) {
                tell(id.error() == errc::einval || id.error() == errc::eacces ? flaw::kind::bad_redirect
                                                                            : flaw::kind::unreadable,
                     at_, id.error().code);
                broken_.push_back(at_);
                continue;
            }
            if (*id == entry_id::none || core_.at(*id).is(fact::negative))
                continue;
            LAMINA_TRY(bool const origin, inspect_origin(place.at, name));
            has_origins = has_origins || origin;
            LAMINA_CHECK(core_.at(*id).is_directory() ? inspect_merge(*id) : inspect_data(*id));
        }
        if (has_origins && !marked) {
            auto& found = tell(flaw::kind::not_impure, here.path);
            if (repair_)
                found.repaired = upper().set_xattr_at(place.at, name_ref{}, mark_key(core_, mark::impure), "y",
                                                      xattr_flags::none).has_value();
        }
        return {};
    }
    // Whether it has an origin that means something.
    [[nodiscard]] result<bool> inspect_origin(node directory, name_ref name) {
        LAMINA_TRY(auto const origin, core_.layers.get_xattr(0, directory, name, mark_key(core_, mark::origin)));
        if (!origin || origin->empty())
            return false;
        auto const handle = mark::read_handle(*origin);
        if (!handle || core_.links.find(*handle) == nullptr)
            tell(flaw::kind::unknown_origin, at_);
        return true;
    }
    [[nodiscard]] result<void> inspect_merge(entry_id id) {
        auto const& part = core_.directory(id);
        if (!part.in_upper() || part.has_lower())
            return {};
        if (!part.redirect.empty() && !part.opaque)
            tell(flaw::kind::dangling_redirect, at_);
        else if (part.opaque && !core_.directory(core_.at(id).parent).has_lower())
            tell(flaw::kind::needless_opaque, at_);
        return {};
    }
    [[nodiscard]] result<void> inspect_data(entry_id id) {
        entry const& e = core_.at(id);
        if (e.type != file_type::regular || !core_.in_upper(id) || core_.layers.style(0).format != whiteout_format::kernel)
            return {};
        LAMINA_TRY(auto const value, core_.layers.get_xattr(0, core_.upper_node(e.parent), e.hashed_name(),
                                                            mark_key(core_, mark::metacopy)));
        if (!value)
            return {};
        if (value == mark::block_metacopy) {
            auto const number = read_map_mark(core_, core_.upper_node(e.parent), e.hashed_name());
            if (number)
                maps_.push_back(hex_name(*number));
            auto const sound = number ? inspect_blocks(core_, id, *number) : result<void>(unexpected(number.error()));
            if (!sound)
                tell(flaw::kind::missing_data, at_, sound.error().code);
            return {};
        }
        if (!mark::read_metacopy(*value)) {
            tell(flaw::kind::bad_metacopy, at_);
            return {};
        }
        search<Core> below(core_);
        if (auto const found = find_data(core_, id, below); !found)
            tell(flaw::kind::missing_data, at_, found.error().code);
        else if (auto const sound = verify_data(below); !sound)
            tell(flaw::kind::wrong_data, at_, sound.error().code);
        return {};
    }
    // Reads all of the data where no file system keeps its digest.
    [[nodiscard]] result<void> verify_data(search<Core> const& below) {
        auto const& data = *below.data;
        if (below.claim.recorded.empty() && core_.rules.verify != verification::require)
            return {};
        LAMINA_TRY(auto file, core_.layers.open(data.layer, data.directory, data.name, open_flags::read));
        return verify(core_.rules, below.claim, file);
    }

    // On into what is merged, and the names that an object of the index is shown under.
    [[nodiscard]] result<void> go_down(step const& here) {
        auto const listed = names_of(core_, here.directory);
        if (!listed) {
            tell(flaw::kind::unreadable, here.path, listed.error().code);
            return {};
        }
        for (auto const& entry : **listed) {
            at_ = join(here.path, entry.name);
            if (std::find(broken_.begin(), broken_.end(), at_) != broken_.end())
                continue;
            auto const id = find_present(core_, here.directory, name_ref(entry.name));
            if (!id.has_value()) {
                tell(flaw::kind::unreadable, at_, id.error().code);
                continue;
            }
            if (core_.at(*id).is_directory()) {
                pending_.push_back({*id, at_});
                continue;
            }
            if (!core_.index_held)
                continue;
            LAMINA_TRY(auto const found, core_.fetch_attributes(*id));
            if (!core_.at(*id).is(fact::indexed))
                continue;
            auto& object = shown_[core_.links.group_of(*id)->index_name];
            object.names += 1;
            object.links = found.nlink;
            object.path = at_;
        }
        return {};
    }

    // --- the index
    [[nodiscard]] result<void> inspect_index() {
        at_ = index_directory;
        if (core_.foreign_index)
            tell(flaw::kind::foreign_index, std::string(index_directory));
        if (!core_.index_held)
            return {};
        LAMINA_TRY(auto const names, names_in(core_.index));
        for (auto const& name : names) {
            at_ = std::string(index_directory) + '/' + name;
            LAMINA_CHECK(inspect_index_entry(name));
        }
        return {};
    }
    [[nodiscard]] result<void> inspect_index_entry(std::string const& name) {
        auto const remove = [&](flaw& found) {
            if (repair_)
                found.repaired = work().remove_at(core_.index, name_ref(name)).has_value();
        };
        if (name.starts_with('#')) {
            remove(tell(flaw::kind::stale_index, at_));
            return {};
        }
        LAMINA_TRY(auto const found, work().lookup(core_.index, name_ref(name)));
        // Of directories and of objects that are gone, which a kernel keeps for exports.
        if (!found || found->is_directory() || mark::is_whiteout_device(*found))
            return {};
        if (auto const number = read_map_mark(core_, core_.index, name_ref(name)))
            maps_.push_back(hex_name(*number));
        LAMINA_TRY(auto const origin, work().get_xattr_at(core_.index, name_ref(name), mark_key(core_, mark::origin)));
        if (!origin || mark::index_name(*origin) != name) {
            tell(flaw::kind::foreign_index, at_);
            return {};
        }
        auto const shown = shown_.find(name);
        if (shown == shown_.end()) {
            remove(tell(flaw::kind::orphaned_index, at_));
            return {};
        }
        auto const& object = shown->second;
        if (object.links == object.names)
            return {};
        auto& wrong = tell(flaw::kind::wrong_link_count, object.path);
        if (repair_) {
            auto const difference = static_cast<std::int64_t>(object.names) - static_cast<std::int64_t>(found->nlink);
            wrong.repaired = work().set_xattr_at(core_.index, name_ref(name), mark_key(core_, mark::link_count),
                                                 mark::write_link_count({true, difference}), xattr_flags::none).has_value();
        }
        return {};
    }

    // --- the maps: each has a file. Where not all of the tree could be seen, that cannot be told of any.
    [[nodiscard]] result<void> inspect_maps() {
        at_ = std::string(blocks_path[0]) + '/' + std::string(blocks_path[1]);
        bool const all_seen = !core_.foreign_index && std::none_of(flaws_.begin(), flaws_.end(), [](flaw const& f) {
            return f.what == flaw::kind::unreadable || f.what == flaw::kind::bad_redirect;
        });
        if (!core_.blocks.held || !all_seen)
            return {};
        LAMINA_TRY(auto const names, names_in(core_.blocks.directory));
        for (auto const& name : names) {
            if (std::find(maps_.begin(), maps_.end(), name) != maps_.end())
                continue;
            auto& found = tell(flaw::kind::orphaned_map, at_ + '/' + name);
            if (repair_)
                found.repaired = work().remove_at(core_.blocks.directory, name_ref(name)).has_value();
        }
        return {};
    }

    Core& core_;
    bool const repair_;
    std::vector<std::string> maps_;  // that files have
    std::vector<step> pending_;
    std::vector<flaw> flaws_;
    std::vector<std::string> broken_;  // paths of what the upper has and nobody can look at
    std::map<std::string, shown_object> shown_;
    std::string at_;
};

}  // namespace detail

// All flaws and notes, in no particular order. Errors: ebusy if the upper is open; what a layer reports where the tree can
// not be walked, with the path.
template <class B, class... Groups>
[[nodiscard]] result<std::vector<flaw>, path_error> check(upper_layer<B> upper, detail::lower_layers<Groups...> lowers,
                                                          policy rules = {}, repairs how = repairs::none) {
    using core_type = detail::stack_core<layers<upper_layer<B>, Groups...>>;
    auto const core = std::make_unique<core_type>(
        layers<upper_layer<B>, Groups...>(std::move(upper), std::move(lowers.groups)), rules);
    if (auto joined = detail::join_layers(*core, detail::joining::to_look); !joined)
        return unexpected(path_error(joined.error().during(operation::mount)));
    detail::exclusive_lock const lock(core->tree);
    return detail::inspection<core_type>(*core, how).run();
}

}  // namespace lamina
