// renameat2(2) in a memory tree.
//
// The order of the judgements is that of Linux, since it decides which error a mistake in two ways gets: flags, names,
// what exists, who lies inside whom, the same object, then types. The order of effects does not show: others are locked
// out.
//
// Concurrency: the tree's lock, exclusively, from beginning to end.
#pragma once

#include <cstdint>
#include <mutex>

#include <lamina/backend/memory/tree.hpp>
#include <lamina/core/open.hpp>

namespace lamina::detail::memory {

// One rename: what it was asked, and what it found.
class rename_change {
public:
    rename_change(tree& where, node from_dir, name_ref from, node to_dir, name_ref to, rename_flags flags) noexcept
        : tree_(where), from_dir_(from_dir), to_dir_(to_dir), from_(from), to_(to), flags_(flags) {}

    // Errors: einval (flags; a directory into itself or below), enoent, ebusy (the node's own directory), eexist
    // (no_replace), enotempty, enotdir, eisdir, emlink, enospc, and those of judge_name.
    [[nodiscard]] result<void> run() {
        pin_guard replaced(*tree_.account);
        std::lock_guard lock(tree_.names);
        LAMINA_CHECK(judge());
        if (source_ == target_)
            return {};
        if (asked(rename_flags::exchange)) {
            exchange();
            return {};
        }
        return move(replaced);
    }

private:
    static constexpr auto known_flags = rename_flags::no_replace | rename_flags::exchange | rename_flags::whiteout;

    [[nodiscard]] bool asked(rename_flags flag) const noexcept { return has(flags_, flag); }
    [[nodiscard]] static unexpected<error> refuse(errc code) noexcept { return fail(code, operation::rename); }

    [[nodiscard]] result<void> judge() {
        if ((static_cast<std::uint32_t>(flags_) & ~static_cast<std::uint32_t>(known_flags)) != 0)
            return refuse(errc::einval);
        if (asked(rename_flags::exchange) && asked(rename_flags::no_replace | rename_flags::whiteout))
            return refuse(errc::einval);
        if (from_.empty())
            return refuse(errc::ebusy);
        if (to_.empty())
            return refuse(asked(rename_flags::no_replace) ? errc::eexist : errc::ebusy);
        LAMINA_TRY(old_parent_, tree_.directory(from_dir_, operation::rename));
        LAMINA_TRY(new_parent_, tree_.directory(to_dir_, operation::rename));
        LAMINA_TRY(source_, tree_.object(from_dir_, from_, operation::rename));
        if (auto const code = judge_name(to_.text); code != errc::ok)
            return refuse(code);
        target_ = new_parent_->names.find(to_);
        if (target_ != nullptr && asked(rename_flags::no_replace))
            return refuse(errc::eexist);
        if (target_ == nullptr && asked(rename_flags::exchange))
            return refuse(errc::enoent);
        if (holds(source_, new_parent_))
            return refuse(errc::einval);
        if (holds(target_, old_parent_))
            return refuse(asked(rename_flags::exchange) ? errc::einval : errc::enotempty);
        if (source_ != target_ && target_ != nullptr && !asked(rename_flags::exchange)) {
            if (source_->is_directory() && !target_->is_directory())
                return refuse(errc::enotdir);
            if (!source_->is_directory() && target_->is_directory())
                return refuse(errc::eisdir);
        }
        return judge_links();
    }

    // Whether `dir` is `one` or lies below it.
    [[nodiscard]] static bool holds(inode const* one, directory_inode const* dir) noexcept {
        if (one == nullptr || !one->is_directory())
            return false;
        while (dir != nullptr && dir != one)
            dir = dir->parent;
        return dir == one;
    }

    // A parent that gains a subdirectory by this must be able to count it.
    [[nodiscard]] result<void> judge_links() const noexcept {
        bool const target_is_directory = target_ != nullptr && target_->is_directory();
        if (old_parent_ == new_parent_ || source_->is_directory() == target_is_directory)
            return {};
        auto const limit = tree_.account->options.link_limit;
        if (source_->is_directory() && new_parent_->nlink >= limit)
            return refuse(errc::emlink);
        if (target_is_directory && asked(rename_flags::exchange) && old_parent_->nlink >= limit)
            return refuse(errc::emlink);
        return {};
    }

    void exchange() noexcept {
        auto const now = tree_.account->now();
        old_parent_->names.retarget(from_, target_);
        new_parent_->names.retarget(to_, source_);
        settle(source_, new_parent_, now);
        settle(target_, old_parent_, now);
        int const gained = (source_->is_directory() ? 1 : 0) - (target_->is_directory() ? 1 : 0);
        touch_parents(now, -gained, gained);
    }

    // `replaced` receives the name's pin of what was replaced. Errors: enotempty, enospc.
    [[nodiscard]] result<void> move(pin_guard& replaced) {
        auto& account = *tree_.account;
        bool const is_directory = source_->is_directory();
        if (is_directory && target_ != nullptr && static_cast<directory_inode*>(target_)->names.size() != 0)
            return refuse(errc::enotempty);
        bool const leaves_whiteout = asked(rename_flags::whiteout);
        std::uint64_t const more =
            (target_ == nullptr ? price_of(to_) : 0) + (leaves_whiteout ? memory_price::inode : 0);
        std::uint64_t const less = leaves_whiteout ? 0 : price_of(from_);
        reservation room(account, more > less ? more - less : 0, leaves_whiteout ? 1 : 0);
        if (!room.granted() || (target_ == nullptr && !new_parent_->names.reserve(to_.text.size())))
            return refuse(errc::enospc);
        auto* const whiteout =
            leaves_whiteout ? new special_inode(account, file_type::character, 0, device_number{}) : nullptr;
        room.keep();
        if (less > more)
            account.give_back(less - more);

        auto const now = account.now();
        if (target_ != nullptr) {
            new_parent_->names.retarget(to_, source_);
            replaced.take_over(target_);
            if (is_directory)
                tree::bury(static_cast<directory_inode&>(*target_), now);
            else
                tree::changed_links(*target_, now, -1);
        } else {
            new_parent_->names.insert(to_, source_);
        }
        if (whiteout != nullptr) {
            tree_.be_born(*whiteout, *old_parent_, now);
            old_parent_->names.retarget(from_, whiteout);
        } else {
            old_parent_->names.erase(from_);
        }
        settle(source_, new_parent_, now);
        touch_parents(now, is_directory ? -1 : 0,
                      (is_directory ? 1 : 0) - (is_directory && target_ != nullptr ? 1 : 0));
        return {};
    }

    static void settle(inode* moved, directory_inode* parent, timestamp now) noexcept {
        if (moved->is_directory())
            static_cast<directory_inode*>(moved)->parent = parent;
        tree::changed_links(*moved, now, 0);
    }
    void touch_parents(timestamp now, int old_gains, int new_gains) const noexcept {
        tree::touch(*old_parent_, now, old_gains);
        tree::touch(*new_parent_, now, new_gains);
    }

    tree& tree_;
    node from_dir_;
    node to_dir_;
    name_ref from_;
    name_ref to_;
    rename_flags flags_;
    directory_inode* old_parent_ = nullptr;
    directory_inode* new_parent_ = nullptr;
    inode* source_ = nullptr;
    inode* target_ = nullptr;
};

}  // namespace lamina::detail::memory
