// The overlay: layers joined into one tree, which is itself a backend, so overlays nest and everything that takes a
// backend takes an overlay.
//
//     lamina::overlay root{lamina::upper(scratch), lamina::lower(top, middle, bottom)};
//     lamina::overlay root{lamina::upper(directory, work_directory), lamina::lower(image)};
//     lamina::overlay view{lamina::lower(top, bottom)};                                     // nothing can be changed
//
// Layers given as lvalues are referred to, others moved in. While a stack is open nobody else may change its layers, as
// with a kernel mount; a layer that changes all the same gives estale or old contents, never anything outside the
// layers.
//
// Concurrency: every operation may be called from any thread. Lock order, outer to inner: the stack's tree lock
// (core.hpp), a layer's own locks; nested overlays repeat this inside. A copy-up holds none of them while it copies
// data. Durability: a policy (policy.hpp); what each step waits for stands in durable.hpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/paths.hpp>
#include <lamina/stack/batch.hpp>
#include <lamina/stack/changes.hpp>
#include <lamina/stack/file.hpp>
#include <lamina/stack/glance.hpp>
#include <lamina/stack/handles.hpp>
#include <lamina/stack/materialize.hpp>
#include <lamina/stack/modify.hpp>
#include <lamina/stack/open.hpp>
#include <lamina/stack/recover.hpp>
#include <lamina/stack/remove.hpp>
#include <lamina/stack/rename.hpp>
#include <lamina/stack/unnamed.hpp>
#include <lamina/stack/whole_write.hpp>

namespace lamina {

template <class Upper, class... Groups>
class overlay : public path_interface<overlay<Upper, Groups...>>,
                public detail::names_objects<overlay<Upper, Groups...>>,
                public detail::has_unnamed_files<overlay<Upper, Groups...>> {
    using layers_type = lamina::layers<Upper, Groups...>;
    using core_type = detail::stack_core<layers_type>;
    using entry_id = detail::entry_id;
    using fact = detail::fact;
    using outer_interface = path_interface<overlay>;

public:
    using file_type = overlay_file<core_type>;
    static constexpr bool writable = layers_type::writable;
    static constexpr bool upper_makes_unnamed_files = makes_unnamed_files<typename layers_type::upper_type>;

    // Joins the layers. Never fails itself: where they cannot be joined, `ready()` tells why, and so does every
    // operation.
    explicit overlay(Upper upper, detail::lower_layers<Groups...> lowers, policy rules = {})
        requires writable
        : core_(std::make_unique<core_type>(layers_type(std::move(upper), std::move(lowers.groups)), rules)) {
        join();
    }
    explicit overlay(detail::lower_layers<Groups...> lowers, policy rules = {})
        requires(!writable)
        : core_(std::make_unique<core_type>(layers_type(no_upper{}, std::move(lowers.groups)), rules)) {
        join();
    }

    // Errors: ebusy for an upper or a work directory that another stack has; einval for one that says it is
    // incompatible or was left unflushed, or for a work directory that is the upper; exdev for one on another file
    // system; what a layer's root reports, with the layer's number.
    [[nodiscard]] result<void> ready() const {
        if (core_->unusable)
            return unexpected(*core_->unusable);
        return {};
    }
    // The policy with every choice made.
    [[nodiscard]] policy const& rules() const noexcept { return core_->rules; }
    // Layers, the upper included.
    [[nodiscard]] std::size_t layer_count() const noexcept { return core_->layers.count() - (writable ? 0 : 1); }

    // What the entry cache takes at present, in bytes; policy::cache_bytes bounds it.
    [[nodiscard]] std::size_t cached_bytes() const {
        detail::shared_lock const lock(core_->tree);
        return core_->entries.bytes();
    }

    // How many objects lost a time in a copy-up because the upper's file system cannot hold it: it holds the nearest now.
    [[nodiscard]] std::uint64_t clamped_times() const noexcept { return core_->clamped_times; }

    // What the upper adds, modifies and deletes against the lowers, ordered by path. Errors: with the path.
    [[nodiscard]] result<std::vector<change>, path_error> changes()
        requires writable
    {
        if (core_->unusable)
            return unexpected(path_error(*core_->unusable));
        detail::exclusive_lock const lock(core_->tree);
        return detail::comparison<core_type>(*core_).run();
    }

    // Whether the upper may have files that are copied up block by block: then a kernel mount refuses it.
    [[nodiscard]] bool needs_materialize() const requires writable { return core_->blocks.present; }
    // Makes them whole, all or one, while they are used; can be stopped and begun again. Errors: those of the layers.
    [[nodiscard]] result<void, path_error> materialize() requires writable { return detail::materialize(*core_); }
    [[nodiscard]] result<void> materialize(path_view at) requires writable {
        return detail::materialize(*core_, *this, at);
    }

    // As path_interface has them. What the cache knows of a plain path is answered in one walk, without a lock or a
    // node.
    [[nodiscard]] result<attributes> status(path_view path) {
        attributes found;
        switch (detail::glance(*core_, path, found)) {
        case detail::sight::present:
            if (!found.is_symlink())
                return found;
            break;
        case detail::sight::absent: return fail(errc::enoent, operation::lookup);
        case detail::sight::unknown: break;
        }
        return outer_interface::status(path);
    }
    [[nodiscard]] result<attributes> symlink_status(path_view path) {
        attributes found;
        switch (detail::glance(*core_, path, found)) {
        case detail::sight::present: return found;
        case detail::sight::absent: return fail(errc::enoent, operation::lookup);
        case detail::sight::unknown: break;
        }
        return outer_interface::symlink_status(path);
    }

    // With durability::ordered or strict a power loss leaves the old file or the new one, whole.
    [[nodiscard]] result<void> write(path_view path, std::string_view bytes, mode_bits mode = 0666)
        requires writable
    {
        LAMINA_TRY(bool const written, doing(operation::write, [&] { return detail::write_whole(*this, *core_, path, bytes, mode); }));
        if (written)
            return {};
        return outer_interface::write(path, bytes, mode);
    }

    // Whole files that are written with one flush for all; batch.hpp tells how. Requires: the overlay stays where it is.
    [[nodiscard]] write_batch<overlay> batch()
        requires writable
    {
        return write_batch<overlay>(*this, *core_);
    }

    // The primitives of a backend.
    [[nodiscard]] node root() const noexcept { return core_type::node_of(entry_id::root); }
    void retain(node n) noexcept {
        if (n != root())
            core_->pin(core_type::id_of(n));
    }
    void release(node n) {
        if (n != root())
            core_->unpin(core_type::id_of(n));
    }

    [[nodiscard]] result<std::optional<attributes>> lookup(node dir, name_ref name) {
        {
            detail::epochs::reader const inside;
            attributes found;
            switch (detail::look(*core_, core_type::id_of(dir), name, found)) {
            case detail::sight::present: return std::optional(found);
            case detail::sight::absent: return std::optional<attributes>();
            case detail::sight::unknown: break;
            }
        }
        return reading(dir, operation::lookup, [&](entry_id parent) -> result<std::optional<attributes>> {
            entry_id id = parent;
            if (!name.empty()) {
                LAMINA_TRY(id, detail::find_child(*core_, parent, name));
            }
            if (absent(id))
                return std::optional<attributes>();
            LAMINA_TRY(auto found, core_->fetch_attributes(id));
            return std::optional(found);
        });
    }

    [[nodiscard]] result<node> open_directory_at(node dir, name_ref name) {
        if (auto const down = descend(dir, name.text); down.used == name.text.size())
            return down.reached;
        else
            release(down.reached);
        return reading(dir, operation::open, [&](entry_id parent) -> result<node> {
            LAMINA_TRY(entry_id const id, detail::find_child(*core_, parent, name));
            if (absent(id))
                return fail(errc::enoent);
            if (core_->at(id).directory == nullptr)
                return fail(errc::enotdir);
            retain(core_type::node_of(id));
            return core_type::node_of(id);
        });
    }

    // Through what is cached. The rest is left to open_directory_at, one component at a time.
    [[nodiscard]] descent descend(node from, std::string_view names) {
        detail::epochs::reader const inside;
        std::size_t used = 0;
        entry_id const at = detail::walk_down(*core_, core_type::id_of(from), names, used);
        retain(core_type::node_of(at));
        return {core_type::node_of(at), used};
    }

    // A snapshot: what is made or removed meanwhile does not show in it.
    [[nodiscard]] result<void> list_at(node dir, entry_sink sink) {
        std::shared_ptr<listing const> names;
        {
            detail::shared_lock const lock(core_->tree);
            if (core_->alive(core_type::id_of(dir)))
                names = core_->directory(core_type::id_of(dir)).names;
        }
        if (names == nullptr) {
            LAMINA_TRY(names, reading(dir, operation::list, [&](entry_id parent) {
                return detail::names_of(*core_, parent);
            }));
        }
        for (auto const& entry : *names)
            if (!sink(entry))
                break;
        return {};
    }

    [[nodiscard]] result<file_type> open_at(node dir, name_ref name, open_flags flags) {
        if (wants_write(flags))
            return doing(operation::open,
                         [&] { return detail::open_for_writing(*core_, core_type::id_of(dir), name, flags); });
        {
            detail::shared_lock const lock(core_->tree);
            if (core_->alive(core_type::id_of(dir)))
                if (auto const known = core_->entries.find(core_type::id_of(dir), name);
                    !absent(known) && core_->at(known).is(fact::plain_data))
                    return detail::open_plain(*core_, known, flags);
        }
        auto const open_found = [&](entry_id parent) { return detail::open_found(*core_, parent, name, flags); };
        return detail::verified(*core_, reading(dir, operation::open, open_found));
    }

    [[nodiscard]] result<std::string> read_symlink_at(node dir, name_ref name) {
        return reading(dir, operation::read_symlink, [&](entry_id parent) -> result<std::string> {
            LAMINA_TRY(entry_id const id, detail::find_present(*core_, parent, name));
            if (core_->at(id).type != lamina::file_type::symlink)
                return fail(errc::einval);
            LAMINA_CHECK(detail::identify(*core_, id));
            auto const place = core_->where(id);
            return core_->layers.read_symlink(place.layer, place.directory, place.name);
        });
    }
    // Marks of this overlay are not seen; `overlay.` inside their namespace is one nested overlay's (mark::unescape).
    [[nodiscard]] result<std::optional<std::string>> get_xattr_at(node dir, name_ref name, std::string_view key) {
        return doing(operation::get_xattr, [&] { return detail::get_xattr(*core_, core_type::id_of(dir), name, key); });
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs_at(node dir, name_ref name) {
        return doing(operation::list_xattrs, [&] { return detail::list_xattrs(*core_, core_type::id_of(dir), name); });
    }

    [[nodiscard]] capabilities able() const noexcept {
        if constexpr (!writable)
            return {};
        else  // a whiteout device would be one of ours
            return core_->upper_able.without(capability::whiteout_device | capability::rename_whiteout |
                                             capability::persistent_inodes) |
                   (core_->rules.index == indexing::off ? capabilities(capability::separates_links) : capabilities());
    }

    [[nodiscard]] result<file_type> create_at(node dir, name_ref name, mode_bits mode)
        requires writable
    {
        return doing(operation::create, [&]() -> result<file_type> {
            LAMINA_TRY(auto made, detail::create_file(*core_, core_type::id_of(dir), name, mode));
            return file_type(*core_, made.id, 0, typename core_type::file_variant(std::move(made.file)),
                             open_flags::read_write);
        });
    }
    [[nodiscard]] result<void> create_directory_at(node dir, name_ref name, mode_bits mode)
        requires writable
    {
        return doing(operation::create_directory,
                     [&] { return detail::create_directory(*core_, core_type::id_of(dir), name, mode); });
    }
    [[nodiscard]] result<void> create_symlink_at(node dir, name_ref name, std::string_view target)
        requires writable
    {
        return doing(operation::create_symlink,
                     [&] { return detail::create_symlink(*core_, core_type::id_of(dir), name, target); });
    }
    // eperm for a character device 0/0: that is a whiteout.
    [[nodiscard]] result<void> create_node_at(node dir, name_ref name, lamina::file_type type, mode_bits mode,
                                              device_number device)
        requires writable
    {
        return doing(operation::create_node,
                     [&] { return detail::create_node(*core_, core_type::id_of(dir), name, type, mode, device); });
    }
    [[nodiscard]] result<void> link_at(node from_dir, name_ref from, node to_dir, name_ref to)
        requires writable
    {
        return doing(operation::link, [&] {
            return detail::link(*core_, core_type::id_of(from_dir), from, core_type::id_of(to_dir), to);
        });
    }
    [[nodiscard]] result<void> rename_at(node from_dir, name_ref from, node to_dir, name_ref to, rename_flags flags)
        requires writable
    {
        return doing(operation::rename, [&] {
            return detail::rename(*core_, core_type::id_of(from_dir), from, core_type::id_of(to_dir), to, flags);
        });
    }
    [[nodiscard]] result<void> remove_at(node dir, name_ref name)
        requires writable
    {
        return doing(operation::remove, [&] { return detail::remove(*core_, core_type::id_of(dir), name); });
    }
    [[nodiscard]] result<void> remove_directory_at(node dir, name_ref name)
        requires writable
    {
        return doing(operation::remove_directory,
                     [&] { return detail::remove_directory(*core_, core_type::id_of(dir), name); });
    }
    // A whole tree in one step, however much lies in the lowers (but see policy::count_links_of_removed_trees).
    [[nodiscard]] result<void> remove_tree_at(node dir, name_ref name)
        requires writable
    {
        if (core_->links.on && core_->rules.count_links_of_removed_trees) {
            std::string where(name.text);
            LAMINA_TRY(auto const removed, paths::remove_each(*this, dir, name, where));
            return removed != 0 ? result<void>() : result<void>(fail(errc::enoent, operation::remove));
        }
        return doing(operation::remove, [&] { return detail::remove_tree(*core_, core_type::id_of(dir), name); });
    }
    [[nodiscard]] result<void> set_mode_at(node dir, name_ref name, mode_bits mode)
        requires writable
    {
        auto const judge = [&](entry_id id) -> result<void> {
            if (core_->at(id).type == lamina::file_type::symlink)
                return fail(errc::eopnotsupp);
            return {};
        };
        return changing(operation::set_mode, dir, name, judge,
                        [mode](auto& upper, node at, name_ref as) { return upper.set_mode_at(at, as, mode); });
    }
    [[nodiscard]] result<void> set_owner_at(node dir, name_ref name, user_id uid, group_id gid)
        requires writable
    {
        return changing(operation::set_owner, dir, name, detail::judge_nothing,
                        [=](auto& upper, node at, name_ref as) { return upper.set_owner_at(at, as, uid, gid); });
    }
    [[nodiscard]] result<void> set_times_at(node dir, name_ref name, time_change const& times)
        requires writable
    {
        return changing(operation::set_times, dir, name, detail::judge_nothing,
                        [&](auto& upper, node at, name_ref as) { return upper.set_times_at(at, as, times); });
    }
    [[nodiscard]] result<void> set_xattr_at(node dir, name_ref name, std::string_view key, std::string_view value,
                                            xattr_flags flags)
        requires writable
    {
        return doing(operation::set_xattr, [&] {
            return detail::set_xattr(*core_, core_type::id_of(dir), name, key, value, flags);
        });
    }
    [[nodiscard]] result<void> remove_xattr_at(node dir, name_ref name, std::string_view key)
        requires writable
    {
        return doing(operation::remove_xattr,
                     [&] { return detail::remove_xattr(*core_, core_type::id_of(dir), name, key); });
    }
    [[nodiscard]] result<void> resize_at(node dir, name_ref name, std::uint64_t size)
        requires writable
    {
        return doing(operation::resize, [&] { return detail::resize(*core_, core_type::id_of(dir), name, size); });
    }
    // A directory of lower layers only has nothing to flush.
    [[nodiscard]] result<void> sync_directory(node dir)
        requires writable
    {
        return reading(dir, operation::sync, [&](entry_id id) -> result<void> {
            if (!core_->in_upper(id))
                return {};
            return core_->layers.upper().sync_directory(core_->upper_node(id));
        });
    }
    // The upper's figures.
    [[nodiscard]] result<space_info> space()
        requires writable
    {
        return doing(operation::space, [&]() -> result<space_info> {
            LAMINA_TRY(auto found, core_->layers.upper().space());
            if (core_->layers.style(0).format == whiteout_format::aufs)
                found.name_max -= mark::aufs_prefix.size();
            return found;
        });
    }

private:
    friend class write_batch<overlay>;
    friend class detail::names_objects<overlay>;
    friend class detail::has_unnamed_files<overlay>;

    void join() {
        if (auto joined = detail::join_layers(*core_); !joined)
            core_->unusable = joined.error().during(operation::mount);
    }

    // f() unless the layers could not be joined; its error as one of `op`.
    template <class F>
    auto doing(operation op, F&& f) -> std::invoke_result_t<F> {
        if (core_->unusable)
            return unexpected(*core_->unusable);
        auto outcome = f();
        if (!outcome.has_value())
            return unexpected(outcome.error().during(op));
        return outcome;
    }
    // f(directory) with the tree lock, exclusive, for what fills the cache.
    template <class F>
    auto reading(node dir, operation op, F&& f) -> std::invoke_result_t<F, entry_id> {
        return doing(op, [&]() -> std::invoke_result_t<F, entry_id> {
            detail::exclusive_lock const lock = core_->enter();
            if (!core_->alive(core_type::id_of(dir)))
                return fail(errc::enoent);
            return f(core_type::id_of(dir));
        });
    }
    template <class Judge, class Act>
    result<void> changing(operation op, node dir, name_ref name, Judge&& judge, Act&& act) {
        return doing(op, [&] { return detail::change_object(*core_, core_type::id_of(dir), name, judge, act); });
    }

    [[nodiscard]] bool absent(entry_id id) const noexcept {
        return id == entry_id::none || core_->at(id).is(fact::negative);
    }

    std::unique_ptr<core_type> core_;
};

template <class B, class... Groups>
overlay(upper_layer<B>, detail::lower_layers<Groups...>, policy = {}) -> overlay<upper_layer<B>, Groups...>;
template <class... Groups>
overlay(detail::lower_layers<Groups...>, policy = {}) -> overlay<no_upper, Groups...>;

}  // namespace lamina
