// Names moved in the merged view. Never a success that loses what lies below.
//
// Order of effects, and why:
//   1. what moves is brought into the upper, and so are both directories (copy_up.hpp)
//   2. a directory is marked for its new place. One that has something in a lower layer gets a redirect: under which name the
//      layers below know it. One that has not is marked opaque if something lies below the new place. Either mark is true, and
//      harmless, at the old place too, so a stop between 2 and 4 changes nothing.
//      With durability::strict it is flushed.
//   3. an empty directory at the new place that still holds whiteouts is exchanged for an empty opaque one: rename(2) wants it
//      really empty. (Without an exchange: it is marked opaque, then emptied.)
//   4. one rename that leaves a whiteout behind where the old name would otherwise show a lower object again:
//        nothing or a whiteout at the new place   exchange with a whiteout there, which so comes to the old place
//        a file or an empty directory there       rename with rename_flags::whiteout
//   (aufs: the whiteout of the old name is written before 4, where it hides nothing yet; that of the new name goes after 4.)
//
// Where the upper's file system lacks the flag, 4 takes two steps, and an intent says so between them (intent.hpp).
//
// Takes the tree lock, exclusive. Errors: those of rename(2) as overlayfs gives them; exdev where the mark cannot be
// stored.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <lamina/stack/create.hpp>
#include <lamina/stack/remove.hpp>

namespace lamina::detail {

template <class Core>
[[nodiscard]] bool is_below(Core const& core, entry_id id, entry_id above) {
    for (; id != entry_id::none; id = core.at(id).parent)
        if (id == above)
            return true;
    return false;
}

template <class Core>
class rename_operation {
public:
    rename_operation(Core& core, exclusive_lock& lock, entry_id from_dir, name_ref from, entry_id to_dir, name_ref to,
                     rename_flags flags)
        : core_(core), lock_(lock), from_dir_(from_dir), to_dir_(to_dir), from_(from), to_(to),
          exchange_(has(flags, rename_flags::exchange)), no_replace_(has(flags, rename_flags::no_replace)) {}

    [[nodiscard]] result<void> run() {
        for (;;) {
            LAMINA_TRY(bool const move, judge());
            if (!move)
                return {};
            LAMINA_TRY(bool const ready, bring_up(source_));
            LAMINA_TRY(bool const counted, target_ == entry_id::none ? result<bool>(false) : must_be_counted(core_, target_));
            LAMINA_TRY(bool const other_ready, exchange_ || counted ? bring_up(target_) : result<bool>(true));
            if (ready && other_ready)
                break;  // the lock was held since judge(): what it found is still so
        }
        LAMINA_CHECK(ensure_upper_directory(core_, from_dir_));
        LAMINA_CHECK(ensure_upper_directory(core_, to_dir_));
        LAMINA_CHECK(judge_new_name(core_, to_));
        LAMINA_CHECK(leaving_name<Core>().note(core_, source_));
        if (exchange_)
            LAMINA_CHECK(leaving_name<Core>().note(core_, target_));
        // What has an origin may move into either.
        if (core_.directory(from_dir_).impure)
            LAMINA_CHECK(mark_impure(core_, to_dir_));
        if (exchange_ && core_.directory(to_dir_).impure)
            LAMINA_CHECK(mark_impure(core_, from_dir_));
        if (exchange_) {
            LAMINA_CHECK(judge_new_name(core_, from_));
            LAMINA_CHECK(mark(source_, to_dir_));
            LAMINA_CHECK(mark(target_, from_dir_));
            LAMINA_CHECK(upper().rename_at(from_node(), from_, to_node(), to_, rename_flags::exchange));
            settle_exchanged();
            return flush();
        }
        LAMINA_TRY(bool const leaves_whiteout, has_below(core_, source_));
        LAMINA_CHECK(leaving_.note(core_, target_));
        LAMINA_CHECK(mark(source_, to_dir_));
        if (target_ != entry_id::none && core_.at(target_).is_directory())
            LAMINA_CHECK(empty_target());
        if (leaves_whiteout)
            LAMINA_CHECK(allow_xattr_whiteouts(core_, from_dir_));
        LAMINA_CHECK(aufs() ? move_aufs(leaves_whiteout) : leaves_whiteout ? move_leaving_whiteout() : move());
        settle_moved(leaves_whiteout);
        LAMINA_CHECK(flush());
        leaving_.gone(core_);
        leaving_.drop_map(core_);
        if (aufs() && upper_whiteout_)
            drop_aufs_whiteout(core_, to_node(), to_);
        discard_replaced(core_);
        return {};
    }

private:
    [[nodiscard]] auto& upper() const { return core_.layers.upper(); }
    [[nodiscard]] bool aufs() const { return core_.layers.style(0).format == whiteout_format::aufs; }
    [[nodiscard]] node from_node() const { return core_.upper_node(from_dir_); }
    [[nodiscard]] node to_node() const { return core_.upper_node(to_dir_); }
    [[nodiscard]] bool target_in_upper() const {
        return target_ != entry_id::none && core_.in_upper(target_);
    }

    // Looks both names up and refuses what rename(2) refuses. False: nothing is to be done. Afterwards source_ is
    // visible, and target_ is visible or none; with none, upper_whiteout_ tells whether a whiteout of the upper lies at
    // the new name.
    [[nodiscard]] result<bool> judge() {
        if (!core_.alive(from_dir_) || !core_.alive(to_dir_))
            return fail(errc::enoent);
        LAMINA_TRY(source_, find_present(core_, from_dir_, from_));
        LAMINA_TRY(target_, find_child(core_, to_dir_, to_));
        upper_whiteout_ = false;
        if (target_ != entry_id::none && core_.at(target_).is(fact::negative)) {
            upper_whiteout_ = core_.at(target_).is(fact::upper_whiteout);
            target_ = entry_id::none;
        }
        if (exchange_ && target_ == entry_id::none)
            return fail(errc::enoent);
        if (no_replace_ && target_ != entry_id::none)
            return fail(errc::eexist);
        bool const directory = core_.at(source_).is_directory();
        if (directory && is_below(core_, to_dir_, source_))
            return fail(errc::einval);
        if (target_ == entry_id::none) {
            LAMINA_CHECK(judge_movable(source_));
            return true;
        }
        if (source_ == target_)
            return false;
        if (is_below(core_, from_dir_, target_))
            return fail(exchange_ ? errc::einval : errc::enotempty);
        LAMINA_TRY(bool const same, same_object());
        if (same)
            return false;
        bool const onto_directory = core_.at(target_).is_directory();
        if (!exchange_ && onto_directory != directory)
            return fail(directory ? errc::enotdir : errc::eisdir);
        // Before anything is listed or brought up: which of several mistakes is told, is as the kernel tells it.
        LAMINA_CHECK(judge_movable(source_));
        if (exchange_)
            LAMINA_CHECK(judge_movable(target_));
        else if (onto_directory) {
            LAMINA_TRY(bool const empty, is_empty(core_, target_));
            if (!empty)
                return fail(errc::enotempty);
        }
        return true;
    }

    // Two names of one file in the upper: rename(2) does nothing then.
    [[nodiscard]] result<bool> same_object() {
        if (core_.at(source_).is_directory() || core_.at(target_).is_directory())
            return false;
        LAMINA_CHECK(identify(core_, source_));
        LAMINA_CHECK(identify(core_, target_));
        if (core_.at(source_).is(fact::grouped) && core_.links.group_of(source_) == core_.links.group_of(target_))
            return true;
        if (!core_.in_upper(source_) || !core_.in_upper(target_))
            return false;
        LAMINA_TRY(auto const a, core_.layers.lookup(0, from_node(), from_));
        LAMINA_TRY(auto const b, core_.layers.lookup(0, to_node(), to_));
        return a && b && a->id == b->id;
    }

    // False if the lock was given up for it: then everything is to be looked at again.
    [[nodiscard]] result<bool> bring_up(entry_id id) {
        entry& e = core_.at(id);
        if (e.is_directory()) {
            LAMINA_CHECK(ensure_upper_directory(core_, id));
            return true;
        }
        if (core_.in_upper(id))
            return true;
        LAMINA_CHECK(copy_up(core_, lock_, id, wanted::metadata));
        return false;
    }
    // A directory that has something in a lower layer needs a redirect.
    [[nodiscard]] result<void> judge_movable(entry_id id) const {
        if (core_.at(id).is_directory() && core_.directory(id).has_lower() && !may_redirect())
            return fail(errc::exdev);
        return {};
    }
    [[nodiscard]] bool may_redirect() const { return core_.rules.redirect == redirects::on && !aufs(); }

    // Step 2.
    [[nodiscard]] result<void> mark(entry_id id, entry_id new_parent) {
        if (!core_.at(id).is_directory())
            return mark_moved_file(core_, id);
        auto& part = core_.directory(id);
        node const at = core_.upper_node(id);
        if (!part.has_lower()) {
            if (part.opaque || !core_.directory(new_parent).has_lower())
                return {};
            auto const make_opaque = [&] { return mark_opaque(core_, at, name_ref{}); };
            // There the mark is a file, which would show in the directory's times.
            LAMINA_CHECK(aufs() ? keeping_times(core_, id, make_opaque) : make_opaque());
            part.opaque = true;
            return flush_names(core_, at);
        }
        bool const same_parent = core_.at(id).parent == new_parent;
        if (part.redirect.starts_with('/') || (same_parent && !part.redirect.empty()))
            return {};
        std::string redirect = same_parent ? std::string(core_.at(id).name()) : path_in_lowers(core_, id);
        auto done = upper().set_xattr_at(at, name_ref{}, mark::key(core_.layers.style(0).space, mark::redirect), redirect,
                                         xattr_flags::none);
        if (!done) {
            bool const cannot = done.error() == errc::eopnotsupp || done.error() == errc::eperm ||
                                done.error() == errc::e2big || done.error() == errc::erange;
            return unexpected(cannot ? error{errc::exdev} : done.error());
        }
        part.redirect = std::move(redirect);
        return flush_names(core_, at);
    }

    // Step 3. A directory that lies in lower layers only needs nothing: the upper has nothing there.
    [[nodiscard]] result<void> empty_target() {
        if (!core_.in_upper(target_))
            return {};
        bool holds_anything = false;
        LAMINA_CHECK(upper().list_at(core_.upper_node(target_), [&](directory_entry const&) {
            holds_anything = true;
            return false;
        }));
        if (!holds_anything)
            return {};
        if (aufs() || !core_.upper_able.has(capability::exchange))
            return empty_target_in_place();
        // The same directory to look at, should the rename not come to pass.
        LAMINA_TRY(auto const shown, core_.fetch_attributes(target_));
        temporary<Core> empty(core_);
        LAMINA_CHECK(upper().create_directory_at(core_.work, empty.name(), 0700));
        LAMINA_CHECK(copy_metadata(core_, shown, 0, core_.upper_node(target_), name_ref{}, empty.name()));
        LAMINA_CHECK(mark_opaque(core_, core_.work, empty.name()));
        LAMINA_CHECK(flush_object(core_, core_.work, empty.name(), file_type::directory));
        LAMINA_CHECK(empty.publish(to_node(), to_, rename_flags::exchange));
        find_target_anew();
        return {};
    }
    // The same where it cannot be exchanged: the lowers are hidden first, then the whiteouts, which hide nothing any more,
    // go one by one. It shows empty all the time.
    [[nodiscard]] result<void> empty_target_in_place() {
        node const inside = core_.upper_node(target_);
        LAMINA_TRY(bool const below, has_below(core_, target_));
        if (below && aufs()) {
            LAMINA_CHECK(write_aufs_whiteout(core_, to_node(), to_));
            LAMINA_CHECK(flush_names(core_, to_node()));
            upper_whiteout_ = true;
        }
        auto const empty = [&]() -> result<void> {
            if (below && !aufs()) {
                LAMINA_CHECK(mark_opaque(core_, inside, name_ref{}));
                LAMINA_CHECK(flush_names(core_, inside));
            }
            LAMINA_TRY(auto const names, names_in(upper(), inside));
            for (auto const& name : names)
                LAMINA_CHECK(upper().remove_at(inside, name_ref(name)));
            return {};
        };
        LAMINA_CHECK(keeping_times(core_, target_, empty));
        find_target_anew();
        return {};
    }
    // It is another directory now, empty as before: if step 4 fails it is found again like one that a listing has met.
    void find_target_anew() {
        forget_target();
        target_ = core_.entries.find(to_dir_, to_);
        if (target_ == entry_id::none)
            target_ = core_.entries.add(to_dir_, to_);
        entry& fresh = core_.at(target_);
        fresh.clear(fact::negative);
        fresh.set(fact::in_upper);
        fresh.type = file_type::directory;
        core_.entries.show(target_);
    }

    // A directory that comes to another parent by an exchange looks modified on xfs, and is not.
    [[nodiscard]] result<void> exchange_with_whiteout() {
        auto const exchange = [&] {
            return upper().rename_at(from_node(), from_, to_node(), to_, rename_flags::exchange);
        };
        bool const directory = core_.at(source_).is_directory();
        return directory && from_dir_ != to_dir_ ? keeping_times(core_, source_, exchange) : exchange();
    }

    // Step 4, nothing to be left behind.
    [[nodiscard]] result<void> move() {
        bool const onto_whiteout = target_ == entry_id::none && upper_whiteout_;
        if (!onto_whiteout || !core_.at(source_).is_directory())
            return upper().rename_at(from_node(), from_, to_node(), to_, rename_flags::none);
        if (core_.upper_able.has(capability::exchange)) {
            LAMINA_CHECK(exchange_with_whiteout());
            // The whiteout that came to the old place hides nothing there.
            (void)upper().remove_at(from_node(), from_);
            return {};
        }
        LAMINA_CHECK(intent_at_target_.write(to_dir_, to_));
        LAMINA_CHECK(upper().remove_at(to_node(), to_));
        auto moved = upper().rename_at(from_node(), from_, to_node(), to_, rename_flags::none);
        if (!moved && !link_whiteout(core_, to_node(), to_))  // as it was
            intent_at_target_.kept();
        return moved;
    }

    // Step 4, with a whiteout for the old name.
    [[nodiscard]] result<void> move_leaving_whiteout() {
        // Only where nothing shows at the new name: a whiteout there would hide it too early.
        if (target_ == entry_id::none && core_.upper_able.has(capability::exchange)) {
            bool const placed = !upper_whiteout_;
            if (placed) {
                LAMINA_CHECK(allow_xattr_whiteouts(core_, to_dir_));
                LAMINA_CHECK(link_whiteout(core_, to_node(), to_));
            }
            auto moved = exchange_with_whiteout();
            if (!moved && placed)
                (void)upper().remove_at(to_node(), to_);  // it hid nothing that was visible, or the view is as it was
            return moved;
        }
        if (core_.upper_able.has(capability::rename_whiteout) && !(upper_whiteout_ && core_.at(source_).is_directory()))
            return upper().rename_at(from_node(), from_, to_node(), to_, rename_flags::whiteout);
        // Two steps; what the second needs is made before the first.
        temporary<Core> whiteout(core_);
        LAMINA_CHECK(link_whiteout(core_, core_.work, whiteout.name()));
        LAMINA_CHECK(intent_at_source_.write(from_dir_, from_));
        LAMINA_CHECK(move());
        auto placed = flush();  // or the disk may take the whiteout for what replaced the object
        if (placed)
            placed = whiteout.publish(from_node(), from_);
        if (!placed && (target_in_upper() || !upper().rename_at(to_node(), to_, from_node(), from_, rename_flags::none)))
            intent_at_source_.kept();  // it cannot be taken back
        return placed;
    }

    [[nodiscard]] result<void> move_aufs(bool leaves_whiteout) {
        result<void> moved;
        if (leaves_whiteout) {
            LAMINA_CHECK(write_aufs_whiteout(core_, from_node(), from_));
            moved = flush_names(core_, from_node());
        }
        if (moved)
            moved = upper().rename_at(from_node(), from_, to_node(), to_, rename_flags::none);
        if (!moved && leaves_whiteout)
            drop_aufs_whiteout(core_, from_node(), from_);
        return moved;
    }

    [[nodiscard]] result<void> flush() {
        LAMINA_CHECK(flush_names(core_, to_node()));
        return from_dir_ == to_dir_ ? result<void>() : flush_names(core_, from_node());
    }
    void forget_target() {
        settle_removed(core_, to_dir_, target_, upper_whiteout_);
        target_ = entry_id::none;
    }

    // The cache, afterwards. What was at the new name is gone; the moved entry keeps its id, so handles and nodes keep
    // it too.
    void settle_moved(bool leaves_whiteout) {
        std::string const old_name(core_.at(source_).name());
        name_ref const old{old_name, core_.at(source_).hash};
        entry_id const there = core_.entries.find(to_dir_, to_);
        core_.entries.move(source_, to_dir_, to_, there);
        if (there != entry_id::none)
            core_.discard(there);
        settle_place(source_);
        core_.at(from_dir_).forget_attributes();
        core_.at(to_dir_).forget_attributes();
        if (leaves_whiteout || !core_.directory(from_dir_).complete) {
            entry& left = core_.at(core_.entries.add(from_dir_, old));
            left.set(fact::negative);
            left.put(fact::upper_whiteout, leaves_whiteout);
        }
    }

    void settle_exchanged() {
        core_.entries.exchange(source_, target_);
        settle_place(source_);
        settle_place(target_);
        core_.at(from_dir_).forget_attributes();
        core_.at(to_dir_).forget_attributes();
    }

    // What depends on the place: whether something lies below it.
    void settle_place(entry_id id) {
        core_.at(id).clear(fact::below_known);
        core_.at(id).forget_attributes();
    }

    Core& core_;
    exclusive_lock& lock_;
    entry_id from_dir_, to_dir_;
    name_ref from_, to_;
    bool const exchange_, no_replace_;
    entry_id source_ = entry_id::none;
    entry_id target_ = entry_id::none;
    bool upper_whiteout_ = false;
    leaving_name<Core> leaving_;  // of what is replaced
    // Until all is flushed.
    intended_whiteout<Core> intent_at_source_{core_}, intent_at_target_{core_};
};

template <class Core>
[[nodiscard]] result<void> rename(Core& core, entry_id from_dir, name_ref from, entry_id to_dir, name_ref to,
                                  rename_flags flags) {
    if (has(flags, rename_flags::whiteout) ||
        (has(flags, rename_flags::exchange) && has(flags, rename_flags::no_replace)))
        return fail(errc::einval);
    exclusive_lock lock = core.enter();
    return rename_operation<Core>(core, lock, from_dir, from, to_dir, to, flags).run();
}

}  // namespace lamina::detail
