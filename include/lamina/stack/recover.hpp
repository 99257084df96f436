// Joining the layers: what is decided once, when an overlay is made, and what an earlier life of the upper may have
// left.
//
// In this order: the upper and the work directory are claimed, so that no other stack uses them; one that says it is
// incompatible, or was left unflushed, is refused before anything in it is touched; what a crash left in it is swept;
// what the upper can do is asked; the choices of the policy that were left open are made; the roots of all layers
// become the root entry.
//
// Requires: nobody else uses the stack yet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lamina/stack/blocks.hpp>
#include <lamina/stack/index.hpp>
#include <lamina/stack/intent.hpp>
#include <lamina/stack/work.hpp>

namespace lamina::detail {

// What layers are joined for: to work with them, and so what an earlier life left is put in order; or only to look at them
// (check.hpp): nothing is put in order or refused.
enum class joining : std::uint8_t { to_work, to_look };

inline constexpr std::string_view work_name = "work";

// `incompat/volatile/dirty` in the work directory: nothing of the upper may be on the disk yet. The kernel writes the
// same for a mount with `volatile`, and refuses to mount what has it.
inline constexpr std::string_view volatile_mark[] = {incompat_name, "volatile", "dirty"};

template <class Core>
[[nodiscard]] result<void> mark_volatile(Core& core) {
    using upper_type = typename Core::layers_type::upper_type;
    auto& tree = core.layers.work_tree();
    LAMINA_CHECK(make_directories(tree, core.work, volatile_mark, false));
    core.marked_volatile = true;
    // Once, and whatever the policy says: if the mark were lost and what comes after it kept, nobody would know.
    if constexpr (syncs_all<upper_type>)
        if (auto flushed = core.layers.upper().sync_all(); flushed || flushed.error() != errc::eopnotsupp)
            return flushed;
    return tree.sync_directory(core.work);
}

// Takes the volatile mark away; what else is in `incompat` stays. A failure leaves the mark.
template <class Core>
void drop_volatile_mark(Core& core) {
    auto& tree = core.layers.work_tree();
    if (!core.blocks.present)
        return discard_temporary(core, incompat_name);
    auto const features = tree.open_directory_at(core.work, incompat_name);
    if (!features)
        return;
    node_guard<typename Core::layers_type::upper_type> const held(tree, *features);
    std::string where(volatile_mark[1]);
    (void)paths::remove_each(tree, *features, name_ref(volatile_mark[1]), where);
}

// The stack is closed in order: everything is flushed, then the mark goes. If the flush fails, the mark stays and
// tells.
template <class Core>
void close_volatile(Core& core) {
    auto& upper = core.layers.upper();
    if constexpr (syncs_all<typename Core::layers_type::upper_type>)
        if (!upper.sync_all())
            return;
    drop_volatile_mark(core);
}

// What an earlier stack left in `incompat`. Errors: einval, unless it is the volatile mark and the policy accepts it, or
// says that there may be files that are copied up block by block.
template <class Core>
[[nodiscard]] result<void> judge_incompat(Core& core) {
    auto& tree = core.layers.work_tree();
    LAMINA_TRY(auto const found, tree.lookup(core.work, incompat_name));
    if (!found)
        return {};
    LAMINA_TRY(node const features, tree.open_directory_at(core.work, incompat_name));
    node_guard<typename Core::layers_type::upper_type> const held(tree, features);
    bool unclean = false, unknown = false, blocks = false;
    LAMINA_CHECK(tree.list_at(features, [&](directory_entry const& entry) {
        (entry.name == volatile_mark[1] ? unclean : entry.name == incompat_blocks ? blocks : unknown) = true;
        return true;
    }));
    core.blocks.present = blocks;
    if (unknown || (unclean && !core.rules.accept_unclean))
        return fail(errc::einval);
    return {};
}

// The marks of such files must be seen, or their holes would be taken for data. Errors: einval where they are not, with
// this policy.
template <class Core>
[[nodiscard]] result<void> judge_blocks(Core& core) {
    if (!core.blocks.present)
        return {};
    auto& tree = core.layers.work_tree();
    auto const style = core.layers.style(0);
    LAMINA_TRY(node const opened, tree.open_directory_at(core.work, incompat_name));
    node_guard<typename Core::layers_type::upper_type> const features(tree, opened);
    LAMINA_TRY(node const inner, tree.open_directory_at(opened, incompat_blocks));
    node_guard<typename Core::layers_type::upper_type> const marks(tree, inner);
    bool any = false, ours = false;
    LAMINA_CHECK(tree.list_at(inner, [&](directory_entry const& one) {
        any = true;
        ours = ours || one.name == mark::prefix(style.space);
        return true;
    }));
    if (!any) {  // stopped before there could be such a file
        LAMINA_CHECK(tree.remove_directory_at(opened, incompat_blocks));
        core.blocks.present = false;
        return {};
    }
    if (!ours || style.format != whiteout_format::kernel)
        return fail(errc::einval);
    return open_block_store(core);
}

// `<work>/work`, made if it is missing. Errors: ebusy if another stack has the upper or the work directory; einval if
// the work directory is the upper, or says that it is incompatible; exdev if it lies on another file system than the
// upper.
template <class Core>
[[nodiscard]] result<void> open_work(Core& core, joining why) {
    auto& upper = core.layers.upper();
    auto& tree = core.layers.work_tree();
    node const outer = core.layers.work_root();
    LAMINA_TRY(auto const upper_root, upper.lookup(upper.root(), name_ref{}));
    LAMINA_TRY(auto const work_root, tree.lookup(outer, name_ref{}));
    if (!upper_root || !work_root)
        return fail(errc::enoent);
    if (upper_root->id.device != work_root->id.device)
        return fail(errc::exdev);
    if (upper_root->id == work_root->id)
        return fail(errc::einval);
    if constexpr (claims_directories<typename Core::layers_type::upper_type>) {
        LAMINA_TRY(core.claims.upper, upper.claim(upper.root()));
        LAMINA_TRY(core.claims.work, tree.claim(outer));
    }
    LAMINA_TRY(auto const found, tree.lookup(outer, work_name));
    if (!found && why == joining::to_look)
        return {};
    if (!found)
        LAMINA_CHECK(tree.create_directory_at(outer, work_name, 0700));
    LAMINA_TRY(core.work, tree.open_directory_at(outer, work_name));
    core.work_held = true;
    if (why == joining::to_look)
        return {};
    LAMINA_CHECK(judge_incompat(core));

    LAMINA_TRY(auto const left, names_in(tree, core.work));
    for (auto const& name : left)
        if (name != incompat_name)
            discard_temporary(core, name);
        else
            drop_volatile_mark(core);
    return {};
}

// What the upper can do, asked where its changes will be prepared, if the backend has a way to find out more there.
template <class Core>
[[nodiscard]] result<void> ask_upper(Core& core) {
    auto& upper = core.layers.upper();
    if constexpr (requires { upper.probe(core.work); })
        if (core.work_held)
            LAMINA_CHECK(upper.probe(core.work));
    core.upper_able = upper.able();
    // The flag leaves a device behind; where that is no whiteout here, it is of no use.
    if (!core.upper_able.has(capability::whiteout_device))
        core.upper_able = core.upper_able.without(capability::rename_whiteout);
    return {};
}

template <class Core>
void settle_policy(Core& core) {
    auto& rules = core.rules;
    bool trusted = core.upper_able.has(capability::trusted_xattrs);
    if constexpr (!Core::writable)
        for (std::size_t i = 1; i < core.layers.count(); ++i)
            trusted = trusted || core.layers.visit(i, [](auto& b) { return b.able(); }).has(capability::trusted_xattrs);
    if (rules.marks == mark_space::automatic)
        rules.marks = trusted ? mark_space::trusted : mark_space::user;
    if (rules.format != whiteout_format::aufs)
        rules.format = whiteout_format::kernel;
    if (rules.redirect == redirects::automatic)
        rules.redirect = redirects::on;
    if (rules.metacopy == metacopies::automatic)
        rules.metacopy = metacopies::follow;
    if (rules.owner == ownership::automatic)
        rules.owner = core.upper_able.has(capability::change_owner) ? ownership::keep : ownership::take;
    // A file that is copied up so is a metacopy, with a redirect once it has moved.
    if (rules.format != whiteout_format::kernel || rules.metacopy == metacopies::refuse ||
        rules.redirect == redirects::refuse)
        rules.blocks = block_copies::off;
    bool const outlives_us = core.upper_able.has(capability::persistent_inodes);
    if (rules.durable == durability::automatic)
        rules.durable = outlives_us ? durability::ordered : durability::none;
    core.layers.set_style(0, {rules.format, rules.marks});
    for (std::size_t i = 1; i < core.layers.count(); ++i) {
        auto const number = static_cast<layer_number>(i);
        auto format = core.layers.style(number).format;
        if (format == whiteout_format::automatic)
            format = whiteout_format::kernel;
        if (format == whiteout_format::kernel && rules.aufs_in_lowers)
            format = whiteout_format::both;
        core.layers.set_style(number, {format, rules.marks});
    }
}

// What a crash left in the index: temporaries, and objects whose last name is gone. What its other entries lead to is not
// looked for here: that takes a search through the lowers (check.hpp).
template <class Core>
[[nodiscard]] result<void> sweep_index(Core& core, node index) {
    auto& tree = core.layers.work_tree();
    LAMINA_TRY(auto const names, names_in(tree, index));
    for (auto const& name : names) {
        LAMINA_TRY(auto const found, tree.lookup(index, name_ref(name)));
        if (!found || found->is_directory())
            continue;
        bool stale = name.starts_with('#');
        if (!stale && found->nlink == 1) {
            LAMINA_TRY(auto const text, tree.get_xattr_at(index, name_ref(name), mark_key(core, mark::link_count)));
            auto const count = text ? mark::read_link_count(*text) : std::nullopt;
            stale = count && count->to_upper && 1 + count->difference <= 0;
        }
        if (stale)
            LAMINA_CHECK(tree.remove_at(index, name_ref(name)));
    }
    return {};
}

// Whether the upper's index, if it has one, belongs to it and to the lowers. Errors: estale.
template <class Core>
[[nodiscard]] result<void> verify_index(Core& core, object_handle const& upper_root, joining why) {
    auto& upper = core.layers.upper();
    auto& tree = core.layers.work_tree();
    auto const& layers = core.directory(entry_id::root).layers;
    auto const agrees = [](std::optional<std::string> const& written, object_handle const& handle, mark::handle_of what) {
        return !written || *written == mark::write_handle(handle, what);
    };
    LAMINA_TRY(auto const origin, upper.get_xattr_at(layers[0].at, name_ref{}, mark_key(core, mark::origin)));
    if (layers.size() > 1) {
        auto const below = core.layers.handle(layers[1].layer, layers[1].at, name_ref{});
        if (below && !agrees(origin, *below, mark::handle_of::lower))
            return fail(errc::estale);
    }
    LAMINA_TRY(auto const found, tree.lookup(core.layers.work_root(), index_directory));
    if (!found)
        return {};
    LAMINA_TRY(node const opened, tree.open_directory_at(core.layers.work_root(), index_directory));
    node_guard<typename Core::layers_type::upper_type> held(tree, opened);
    LAMINA_TRY(auto const owner, tree.get_xattr_at(opened, name_ref{}, mark_key(core, mark::upper_root)));
    if (!agrees(owner, upper_root, mark::handle_of::upper))
        return fail(errc::estale);
    if (why == joining::to_work)
        LAMINA_CHECK(sweep_index(core, opened));
    core.index = held.take();
    core.index_held = true;
    return {};
}

// Makes the choice of policy::index. Requires: the roots are joined.
template <class Core>
[[nodiscard]] result<void> settle_index(Core& core, joining why) {
    auto& rules = core.rules;
    if (rules.index == indexing::off)
        return {};
    auto const refuse = [&](error cause) -> result<void> {
        if (rules.index == indexing::on)
            return unexpected(cause);
        rules.index = indexing::off;
        return {};
    };
    bool const keeps_marks = core.upper_able.has(rules.marks == mark_space::user ? capability::user_xattrs
                                                                                  : capability::trusted_xattrs);
    if (rules.format != whiteout_format::kernel || !keeps_marks || !core.upper_able.has(capability::hard_links))
        return refuse(error{errc::eopnotsupp, operation::mount});
    auto const upper_root = core.layers.handle(0, core.directory(entry_id::root).layers[0].at, name_ref{});
    if (!upper_root)
        return refuse(upper_root.error());
    for (std::size_t i = 1; i < core.layers.count(); ++i) {
        auto const number = static_cast<layer_number>(i);
        auto const handle = core.layers.handle(number, core.layers.root(number), name_ref{});
        LAMINA_TRY(auto const root, core.layers.lookup(number, core.layers.root(number), name_ref{}));
        if (handle && root)
            core.links.add(handle->file_system, root->id.device, number);
    }
    if (auto verified = verify_index(core, *upper_root, why); !verified) {
        core.foreign_index = verified.error() == errc::estale;
        if (core.foreign_index && why == joining::to_look)
            return {};
        return core.foreign_index ? refuse(verified.error()) : verified;
    }
    rules.index = indexing::on;
    core.links.on = true;
    return {};
}

template <class Core>
[[nodiscard]] result<void> join_roots(Core& core) {
    entry& root = core.at(entry_id::root);
    root.type = file_type::directory;
    root.directory = new directory_part;
    root.put(fact::in_upper, Core::writable);
    bool numbered = false;
    for (std::size_t i = Core::writable ? 0 : 1; i < core.layers.merged_count(); ++i) {
        auto const number = static_cast<layer_number>(i);
        node const at = core.layers.root(number);
        core.layers.retain(number, at);
        root.directory->layers.push_back({at, number, false});
        LAMINA_TRY(auto const marks, core.layers.marks(number, at));
        root.directory->layers.back().xattr_whiteouts = marks.xattr_whiteouts;  // `opaque` and redirects mean nothing on a root
        if (Core::writable && i == 0)
            root.directory->impure = marks.impure;
        // In the order of the layers, so that numbers are composed alike each time. The root's is the topmost lower's.
        LAMINA_TRY(auto const found, core.layers.lookup(number, at, name_ref{}));
        if (!found)
            return fail(errc::enoent, operation::mount, number);
        core.inodes.meet(found->id.device);
        if (!numbered && i != 0) {
            (void)core.number(entry_id::root, found->id);
            numbered = true;
        }
    }
    root.layer = root.directory->layers.empty() ? layer_number{0} : root.directory->layers.front().layer;
    if (root.directory->layers.empty())
        return fail(errc::einval);
    return {};
}

template <class Core>
[[nodiscard]] result<void> join_layers(Core& core, joining why = joining::to_work) {
    if (core.layers.count() > no_layer)
        return fail(errc::e2big);
    if constexpr (Core::writable) {
        LAMINA_CHECK(open_work(core, why));
        LAMINA_CHECK(ask_upper(core));
    }
    settle_policy(core);
    if constexpr (Core::writable)
        LAMINA_CHECK(why == joining::to_work ? judge_blocks(core) : open_block_store(core));
    if constexpr (Core::writable)
        if (why == joining::to_work)
            LAMINA_CHECK(complete_intents(core));
    if constexpr (Core::writable)
        if (why == joining::to_work && core.rules.durable == durability::none && core.upper_able.has(capability::persistent_inodes))
            LAMINA_CHECK(mark_volatile(core));
    LAMINA_CHECK(join_roots(core));
    if constexpr (Core::writable)
        LAMINA_CHECK(settle_index(core, why));
    return {};
}

}  // namespace lamina::detail
