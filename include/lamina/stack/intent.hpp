// Changes that take two steps, on an upper that cannot do them in one: it is written down before the first that the second
// is to come, and the next opening of the upper takes it if it did not. So a crash between the two does not show.
//
// All such changes are of one kind: a whiteout is to take the place of a name of the upper.
//   kernel   the name goes (it is removed, or moved elsewhere), then the whiteout comes. Where neither is, the whiteout is
//            missing. Only without rename_flags::exchange and whiteout, else it is one step.
//   aufs     the whiteout comes beside the name, then the name goes. For a file that is one step, for a directory the
//            whiteout counts at once: where both are, the directory is to go.
// To take the second step twice, or without the first, does no harm: what it finds then is as it should be.
//
// An intent is a file in `<work>/lamina/intent`: a line that says what it is, then the path of the name in the upper. It
// is written elsewhere and moved there, and removed when the change is done, and flushed if it has to be (durable.hpp). Under
// power loss with `ordered` it may be lost, but not without the steps that came after it.
//
// Requires throughout: the tree lock, exclusive, or nobody else who uses the stack yet.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/content.hpp>
#include <lamina/stack/durable.hpp>
#include <lamina/stack/work.hpp>

namespace lamina::detail {

inline constexpr std::string_view own_directory = "lamina";
inline constexpr std::string_view intent_directory = "intent";
inline constexpr std::string_view intent_of_whiteout = "lamina intent 1: whiteout\n";

// `<work>/lamina/intent`, retained; made if it is missing and `make` says so. An empty guard if it is missing.
template <class Core>
[[nodiscard]] auto open_intents(Core& core, bool make)
    -> result<node_guard<typename Core::layers_type::upper_type>> {
    using guard = node_guard<typename Core::layers_type::upper_type>;
    auto& tree = core.layers.work_tree();
    auto at = guard::share(tree, core.layers.work_root());
    for (auto const name : {own_directory, intent_directory}) {
        LAMINA_TRY(auto const found, tree.lookup(at.get(), name));
        if (!found && !make)
            return guard();
        if (!found) {
            LAMINA_CHECK(tree.create_directory_at(at.get(), name, 0700));
            LAMINA_CHECK(flush_names(core, at.get()));
        }
        LAMINA_TRY(node const inner, tree.open_directory_at(at.get(), name));
        at = guard(tree, inner);
    }
    return at;
}

// Where a name is in the upper. Redirects have no part in it.
template <class Core>
[[nodiscard]] std::string path_in_upper(Core const& core, entry_id directory, name_ref name) {
    std::string path(name.text);
    for (; directory != entry_id::root; directory = core.at(directory).parent)
        path.insert(0, "/").insert(0, core.at(directory).name());
    return path;
}

// One intent, from before the first step until after the second. `kept()` leaves it to the next opening.
template <class Core>
class intended_whiteout {
public:
    explicit intended_whiteout(Core& core) : core_(&core) {}
    intended_whiteout(intended_whiteout const&) = delete;
    intended_whiteout& operator=(intended_whiteout const&) = delete;
    ~intended_whiteout() {
        // If it stays: there is nothing left to be done, and the next opening finds that out.
        if (!name_.empty())
            (void)core_->layers.work_tree().remove_at(at_.get(), name_);
    }
    [[nodiscard]] result<void> write(entry_id directory, name_ref name) {
        auto& tree = core_->layers.work_tree();
        LAMINA_TRY(at_, open_intents(*core_, true));
        temporary<Core> written(*core_);
        {
            LAMINA_TRY(auto file, tree.create_at(core_->work, written.name(), 0600));
            auto const text = std::string(intent_of_whiteout).append(path_in_upper(*core_, directory, name));
            LAMINA_CHECK(paths::write_all_at(file, std::as_bytes(std::span(text)), 0));
            if (flushes_data(*core_))
                LAMINA_CHECK(file.sync(sync_kind::everything));
        }
        std::string const as = written.name();
        LAMINA_CHECK(tree.rename_at(core_->work, written.name(), at_.get(), as, rename_flags::none));
        written.published();
        name_ = as;
        return flush_names(*core_, at_.get());
    }
    void kept() noexcept { name_.clear(); }

private:
    Core* core_;
    node_guard<typename Core::layers_type::upper_type> at_;
    std::string name_;
};

// The second step, if it is missing. A path that leads nowhere any more wants nothing.
template <class Core>
[[nodiscard]] result<void> complete_whiteout(Core& core, std::string_view path) {
    using guard = node_guard<typename Core::layers_type::upper_type>;
    auto& upper = core.layers.upper();
    auto at = guard::share(upper, upper.root());
    for (;;) {
        auto const slash = path.find('/');
        name_ref const name{path.substr(0, slash)};
        if (judge_name(name.text) != errc::ok)
            return {};
        LAMINA_TRY(auto const found, upper.lookup(at.get(), name));
        if (slash != std::string_view::npos) {
            if (!found || !found->is_directory())
                return {};
            LAMINA_TRY(node const inner, upper.open_directory_at(at.get(), name));
            at = guard(upper, inner);
            path.remove_prefix(slash + 1);
            continue;
        }
        if (core.layers.style(0).format != whiteout_format::aufs)
            return found ? result<void>() : link_whiteout(core, at.get(), name);
        LAMINA_TRY(auto const whiteout, upper.lookup(at.get(), std::string(mark::aufs_prefix).append(name.text)));
        if (!whiteout || !found || !found->is_directory())
            return {};
        auto const old = temporary_name(core);
        LAMINA_CHECK(upper.rename_at(at.get(), name, core.work, old, rename_flags::none));
        discard_later(core, old);
        return {};
    }
}

// What an earlier life of the upper has begun. Requires: the policy is settled, and the work directory swept.
template <class Core>
[[nodiscard]] result<void> complete_intents(Core& core) {
    LAMINA_TRY(auto const at, open_intents(core, false));
    if (at.get() == node{})
        return {};
    auto& tree = core.layers.work_tree();
    LAMINA_TRY(auto const names, names_in(tree, at.get()));
    for (auto const& name : names) {
        std::string text;
        {
            LAMINA_TRY(auto file, tree.open_at(at.get(), name_ref(name), open_flags::read));
            // A path of any upper fits; what is longer was not written here.
            std::string room(64 * 1024, '\0');
            LAMINA_TRY(auto const size, file.read_at(std::as_writable_bytes(std::span(room)), 0));
            text = room.substr(0, size);
        }
        if (text.starts_with(intent_of_whiteout))
            LAMINA_CHECK(complete_whiteout(core, std::string_view(text).substr(intent_of_whiteout.size())));
        LAMINA_CHECK(tree.remove_at(at.get(), name_ref(name)));
    }
    discard_replaced(core);
    return {};
}

}  // namespace lamina::detail
