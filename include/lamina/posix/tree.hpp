// The directories that this process holds, and how they are opened, opened again, moved and forgotten.
//
// Decided here:
// - Only what somebody holds has a record. Nothing is remembered by name: others may change a plain directory behind
//   us, so to open a directory is always a system call. The table by parent and name is there for two things: two
//   openings of one directory come to one record, and a rename finds the records whose names it changes.
// - Descriptors are bounded. To open beyond the bound closes one that nobody has pinned; it is identified first.
//   Calls in flight may hold the count above the bound for as long as they run: two each at most.
// - To open again is: from the nearest open ancestor, by names, and then it must be the same directory, as far as the
//   file system lets that be told (file_system.hpp); else estale.
// - One tree for the whole process, because backends share nodes: an overlay renames from its work directory's
//   backend into its upper's, and the record moves along.
//
// Concurrency: any member from any thread. Locks, outermost first:
//   1. record.names of at most two records, lower address first: shared while a name in it is opened, exclusive while
//      one is moved, so that what enters the table was not moved away meanwhile. The kernel has a lock of the same
//      scope.
//   2. moves_: a rename that concerns a record, and the second attempt to open one again, which is exact by that.
//   3. mutex_: the table, the rings, every plain field of a record. No system call is made under it.
// A call on a directory that is open takes none of them.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/core/path.hpp>
#include <lamina/posix/descriptors.hpp>
#include <lamina/posix/record.hpp>
#include <lamina/posix/resolve.hpp>
#include <lamina/posix/table.hpp>

namespace lamina::detail {

class directory_tree {
public:
    // Never destroyed: backends with static storage may outlive anything that is.
    [[nodiscard]] static directory_tree& of_process() {
        static directory_tree& one = *new directory_tree;
        return one;
    }

    // The budget that all backends share which ask for none of their own (`limit` 0): descriptors are the process's,
    // however many layers it opens. The caller gives it back by drop_budget.
    [[nodiscard]] descriptor_budget& use_budget(std::size_t limit) {
        std::lock_guard const guard(mutex_);
        auto& budget = limit == 0 ? shared_ : *new descriptor_budget(limit, 0);
        ++budget.users;
        return budget;
    }
    void drop_budget(descriptor_budget& budget) {
        std::lock_guard const guard(mutex_);
        drop(budget);
    }

    // A record without a parent, held once. Its descriptor stays open as long as it.
    [[nodiscard]] directory_record* plant(owned_fd root, resolution how, descriptor_budget& budget) {
        auto* const record = new directory_record;
        record->how = how;
        record->budget = &budget;
        record->descriptor_state.store(static_cast<std::uint64_t>(root.take()) + 1, std::memory_order_relaxed);
        std::lock_guard const guard(mutex_);
        ++budget.users;
        return record;
    }

    void retain(directory_record& record) noexcept { record.references.fetch_add(1, std::memory_order_relaxed); }

    // The last holder's record goes, with its descriptor, and its parent's if that was held by it alone.
    void release(directory_record* record) {
        while (record != nullptr) {
            auto count = record->references.load(std::memory_order_relaxed);
            while (count > 1)
                if (record->references.compare_exchange_weak(count, count - 1, std::memory_order_release,
                                                             std::memory_order_relaxed))
                    return;
            owned_fd closing;  // after the lock
            directory_record* parent;
            {
                std::lock_guard const guard(mutex_);
                if (record->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
                    return;
                parent = record->parent;
                if (!record->is_lost && parent != nullptr)
                    table_.unlink(*record);
                if (record->is_open())
                    closing = close(*record);
                drop(*record->budget);
            }
            delete record;
            record = parent;
        }
    }

    // Errors: estale, or what opening again reports.
    [[nodiscard]] result<pinned_directory> pin(directory_record& record, operation op) {
        if (int const fd = record.try_pin(); fd >= 0) [[likely]]
            return pinned_directory(record, fd);
        auto again = open_again(record, false);
        if (!again && again.error() == errc::estale) {
            // A rename may have been under way, or the nearest open ancestor may have been moved by others.
            std::lock_guard const guard(moves_);
            again = open_again(record, true);
        }
        shrink(*record.budget, &record);
        if (!again)
            return unexpected(again.error().during(op));
        return again;
    }

    // Enters `opened`, which was found as `name` in `parent` while its names lock was held. The record is held for
    // the caller. With `unmoved`, a moment(), no lock is needed: null, and nothing entered, if anything was renamed
    // since.
    [[nodiscard]] directory_record* enter(directory_record& parent, name_ref name, owned_fd opened, resolution how,
                                          descriptor_budget& budget, std::uint64_t const* unmoved = nullptr) {
        std::optional<directory_identity> identity;
        std::unique_lock guard(mutex_);
        for (;;) {
            if (unmoved != nullptr && renames_.load(std::memory_order_relaxed) != *unmoved)
                return nullptr;
            auto const known = table_.look(parent, name, identity);
            if (known.any_opened && !identity) {
                guard.unlock();
                identity = identify(opened.get(), how.identity == identified_by::birth);
                guard.lock();
                continue;
            }
            if (known.unidentified != nullptr) {
                identify_record(*known.unidentified, guard);
                continue;
            }
            auto* record = known.same != nullptr ? known.same : known.never_opened;
            if (record != nullptr)
                retain(*record);
            else
                record = &make(parent, name, how, budget);
            if (!record->is_open()) {
                if (identity)
                    set_identity(*record, *identity);
                open(*record, std::move(opened));
            }
            return record;
        }
    }

    // The record of `name` in `parent`, held for the caller; if there is none it is made, and is a mere name so far.
    // Null if anything was renamed since `unmoved`.
    [[nodiscard]] directory_record* enter_name(directory_record& parent, name_ref name, resolution how,
                                               descriptor_budget& budget, std::uint64_t unmoved) {
        std::lock_guard const guard(mutex_);
        if (renames_.load(std::memory_order_relaxed) != unmoved)
            return nullptr;
        auto* const record = table_.find(parent, name);
        if (record == nullptr)
            return &make(parent, name, how, budget);
        retain(*record);
        return record;
    }

    // What enter and enter_name compare with; nothing while a rename is under way.
    [[nodiscard]] std::optional<std::uint64_t> moment() const noexcept {
        auto const now = renames_.load(std::memory_order_seq_cst);
        if ((now & under_way_mask) != 0)
            return std::nullopt;
        return now;
    }

    // rename(), a system call and its result, and what follows from it for the records. Order of effects: nobody may
    // open a name in either directory; a rename is said to be under way; if a record is concerned, nobody may
    // conclude that it is gone; rename; the records follow, last because a rename may fail.
    template <class Rename>
    [[nodiscard]] result<void> move(directory_record& from, name_ref old_name, directory_record& to, name_ref new_name,
                                    bool exchange, Rename&& rename) {
        std::unique_lock const first((&from < &to ? from : to).names);
        std::unique_lock second((&from < &to ? to : from).names, std::defer_lock);
        if (&from != &to)
            second.lock();
        renames_.fetch_add(1, std::memory_order_seq_cst);
        std::unique_lock exact(moves_, std::defer_lock);
        {
            std::unique_lock guard(mutex_);
            bool const concerned = table_.find(from, old_name) != nullptr ||
                                   (exchange && table_.find(to, new_name) != nullptr);
            guard.unlock();
            if (concerned)
                exact.lock();
        }
        auto const outcome = rename();
        if (outcome && exact.owns_lock())
            follow(from, old_name, to, new_name, exchange);
        renames_.fetch_add(one_rename - 1, std::memory_order_seq_cst);
        return outcome;
    }

    // Closes what is open beyond the bound, as far as it is not in use, and is not `newcomer`.
    void shrink(descriptor_budget& budget, directory_record const* newcomer) {
        if (!budget.is_exceeded())
            return;
        std::unique_lock guard(mutex_);
        while (budget.is_exceeded()) {
            auto* const victim = budget.choose(newcomer);
            if (victim == nullptr)
                return;
            retain(*victim);
            int const fd = victim->pin_open();
            if (!victim->is_identified) {
                guard.unlock();
                auto const identity = victim->identify(fd);
                guard.lock();
                set_identity(*victim, identity);
            }
            bool const closing = victim->close_pinned(fd);
            if (closing)
                budget.remove(*victim);
            else
                victim->unpin();
            guard.unlock();
            if (closing)
                owned_fd const closed(fd);
            release(victim);
            guard.lock();
        }
    }

private:
    directory_tree() {
        constexpr std::size_t most = 1024, least = 16;
        struct rlimit files {};
        shared_.limit = most;
        if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
            shared_.limit = std::clamp<std::size_t>(files.rlim_cur / 4, least, most);
    }

    // All below: mutex_ is held, unless said otherwise.

    [[nodiscard]] directory_record& make(directory_record& parent, name_ref name, resolution how,
                                         descriptor_budget& budget) {
        auto* const record = new directory_record;
        record->how = how;
        record->hash = name.hash;
        record->name = name.text;
        record->budget = &budget;
        record->parent = &parent;
        retain(parent);
        ++budget.users;
        table_.link(*record);
        return *record;
    }

    // After a successful rename, moves_ held. Takes mutex_ itself.
    void follow(directory_record& from, name_ref old_name, directory_record& to, name_ref new_name, bool exchange) {
        std::lock_guard const guard(mutex_);
        auto const there = take(from, old_name);
        auto const back = exchange ? take(to, new_name) : std::vector<directory_record*>();
        for (auto* record : there)
            put(*record, to, new_name);
        for (auto* record : back)
            put(*record, from, old_name);
    }
    [[nodiscard]] std::vector<directory_record*> take(directory_record& parent, name_ref name) {
        std::vector<directory_record*> taken;
        while (auto* const record = table_.find(parent, name)) {
            table_.unlink(*record);
            taken.push_back(record);
        }
        return taken;
    }
    void put(directory_record& record, directory_record& parent, name_ref name) {
        // The kernel lets no directory into its own subtree, but what others moved about may make our records say so.
        for (auto const* above = &parent; above != nullptr; above = above->parent)
            if (above == &record) {
                record.is_lost = true;
                return;
            }
        retain(parent);
        record.parent->references.fetch_sub(1, std::memory_order_relaxed);  // the caller of move holds it too
        record.parent = &parent;
        record.name = name.text;
        record.hash = name.hash;
        table_.link(record);
    }

    static void set_identity(directory_record& record, directory_identity const& identity) noexcept {
        record.identity = identity;
        record.is_identified = true;
    }
    // Requires: it is open. Gives the lock up meanwhile.
    void identify_record(directory_record& record, std::unique_lock<std::mutex>& guard) {
        retain(record);
        int const fd = record.pin_open();
        guard.unlock();
        auto const identity = record.identify(fd);
        guard.lock();
        set_identity(record, identity);
        guard.unlock();
        record.unpin();
        release(&record);
        guard.lock();
    }

    // Requires: it is closed.
    void open(directory_record& record, owned_fd fd) noexcept {
        record.descriptor_state.fetch_add(static_cast<std::uint64_t>(fd.take()) + 1, std::memory_order_release);
        record.budget->insert(record);
    }
    // Requires: nobody holds the record, so nobody has pinned it.
    [[nodiscard]] owned_fd close(directory_record& record) noexcept {
        auto const state = record.descriptor_state.exchange(0, std::memory_order_acquire);
        if (record.parent != nullptr)
            record.budget->remove(record);
        return owned_fd(static_cast<int>(state & directory_record::descriptor_mask) - 1);
    }
    static void drop(descriptor_budget& budget) noexcept {
        if (--budget.users == 0)
            delete &budget;
    }

    // Opens a closed record and pins it. mutex_ is not held.
    [[nodiscard]] result<pinned_directory> open_again(directory_record& record, bool from_root) {
        std::string path;
        directory_record* start;
        std::optional<pinned_directory> at;
        {
            std::lock_guard const guard(mutex_);
            if (int const fd = record.try_pin(); fd >= 0)
                return pinned_directory(record, fd);
            start = write_path(record, from_root, path);
            if (start == nullptr || !record.is_identified)
                return fail(errc::estale);
            retain(*start);
            at.emplace(*start, start->pin_open());
        }
        auto opened = open_directory_below(at->fd(), path, record.how);
        auto code = opened ? errc::ok : static_cast<errc>(errno);
        // Nothing or something else has its name: it was removed, or others moved it, and nobody can tell which.
        if (code == errc::enoent || code == errc::enotdir || code == errc::eloop || code == errc::exdev)
            code = errc::estale;
        at.reset();
        release(start);
        if (code != errc::ok)
            return fail(code);
        auto const identity = record.identify(opened.get());
        std::lock_guard const guard(mutex_);
        if (!record.is_open()) {
            if (!record.is_same(identity))
                return fail(errc::estale);
            set_identity(record, identity);
            open(record, std::move(opened));
        }
        return pinned_directory(record, record.pin_open());
    }

    // The names that lead to `record` from its nearest open ancestor, or from the root, which is returned. Null if
    // one of them is not known any more.
    [[nodiscard]] static directory_record* write_path(directory_record& record, bool from_root, std::string& path) {
        std::size_t size = 0;
        auto* start = &record;
        do {
            if (start->is_lost)
                return nullptr;
            size += start->name.size() + 1;
            start = start->parent;
        } while (from_root ? start->parent != nullptr : !start->is_open());
        path.assign(size - 1, '/');
        for (auto const* step = &record; step != start; step = step->parent) {
            size -= step->name.size() + 1;
            step->name.copy(path.data() + size, step->name.size());
        }
        return start;
    }

    static constexpr std::uint64_t one_rename = std::uint64_t{1} << 32;
    static constexpr std::uint64_t under_way_mask = one_rename - 1;

    std::mutex mutex_;
    std::mutex moves_;
    std::atomic<std::uint64_t> renames_{0};  // done in the upper half, under way in the lower
    record_table table_;
    descriptor_budget shared_{0, 1};
};

}  // namespace lamina::detail
