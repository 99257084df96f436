// A directory of a memory tree, read from one end to the other while others change it.
//
// Decided here: entries are copied out in batches, and handed over while no lock is held, so that whoever lists may
// call the tree, be slow, or stop early. A listing ends where the directory ended when it began: names made meanwhile
// do not prolong it.
//
// Concurrency: a reader belongs to one thread. It has a cursor in the directory's table, from the second batch on,
// which that table keeps right when it moves its records.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string_view>

#include <lamina/backend/memory/tree.hpp>
#include <lamina/core/dirent.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail::memory {

class directory_reader {
public:
    // Pins the directory: the one who reads may release its node meanwhile.
    directory_reader(tree& where, directory_inode* dir) noexcept : tree_(where), dir_(dir) { dir->pin(); }
    directory_reader(directory_reader const&) = delete;
    directory_reader& operator=(directory_reader const&) = delete;
    ~directory_reader() {
        if (attached_) {
            std::shared_lock lock(tree_.names);
            std::lock_guard cursors(dir_->guard);
            dir_->names.detach(at_);
        }
        unpin(*tree_.account, dir_);
    }

    // Reads the first batch. Errors: enoent if the directory is removed.
    [[nodiscard]] result<void> start() {
        std::shared_lock lock(tree_.names);
        if (dir_->is_removed())
            return fail(errc::enoent, operation::list);
        at_ = dir_->names.begin();
        fill();
        if (at_.at < at_.end) {
            std::lock_guard cursors(dir_->guard);
            dir_->names.attach(at_);
            attached_ = true;
        }
        first_ = true;
        return {};
    }

    // False when there is nothing more. Requires: start() has succeeded.
    [[nodiscard]] bool next_batch() {
        if (first_) {
            first_ = false;
        } else {
            count_ = 0;
            if (attached_) {
                std::shared_lock lock(tree_.names);
                fill();
            }
        }
        return count_ != 0;
    }

    // The names lie in this object, until the next batch.
    [[nodiscard]] std::span<directory_entry const> batch() const noexcept { return {entries_.data(), count_}; }

private:
    // Requires: the tree's lock.
    void fill() noexcept {
        count_ = 0;
        std::size_t used = 0;
        dir_->names.each(at_, [&](std::string_view name, inode const* object) {
            if (count_ == entries_.size() || used + name.size() > text_.size())
                return false;
            name.copy(text_.data() + used, name.size());
            entries_[count_++] = {{text_.data() + used, name.size()}, object->type, object->number};
            used += name.size();
            return true;
        });
    }

    tree& tree_;
    directory_inode* dir_;
    name_table::cursor at_;
    bool attached_ = false;
    bool first_ = false;
    std::size_t count_ = 0;
    std::array<directory_entry, 64> entries_;
    std::array<char, 4096> text_;
};

}  // namespace lamina::detail::memory
