// Which of the open directory descriptors is closed when there are too many.
//
// Decided here: those that are counted together stand in a ring. A hand goes round it; a record that was used since
// the hand last passed is passed over once more, one that is in use always. That is nearly the order of use, and
// costs a use no lock, where a list in the exact order would have every call on every directory write to one place.
//
// Concurrency: all of it belongs to the tree's mutex.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <lamina/posix/record.hpp>

namespace lamina::detail {

struct descriptor_budget {
    descriptor_budget(std::size_t most, std::size_t first_users) noexcept : limit(most), users(first_users) {}

    std::size_t limit;
    std::size_t users;  // records, and backends
    std::atomic<std::size_t> open{0};
    directory_record* hand = nullptr;

    // Without the mutex it is a hint, good enough to see that there is nothing to do.
    [[nodiscard]] bool is_exceeded() const noexcept { return open.load(std::memory_order_relaxed) > limit; }

    void insert(directory_record& record) noexcept {
        if (hand == nullptr) {
            record.ring_before = record.ring_after = &record;
            hand = &record;
        } else {  // where the hand comes last
            record.ring_after = hand;
            record.ring_before = hand->ring_before;
            record.ring_before->ring_after = &record;
            hand->ring_before = &record;
        }
        open.fetch_add(1, std::memory_order_relaxed);
    }
    void remove(directory_record& record) noexcept {
        record.ring_before->ring_after = record.ring_after;
        record.ring_after->ring_before = record.ring_before;
        if (hand == &record)
            hand = record.ring_after == &record ? nullptr : record.ring_after;
        open.fetch_sub(1, std::memory_order_relaxed);
    }
    // One that is not in use, and not `newcomer`, which is about to be; null if there is none.
    [[nodiscard]] directory_record* choose(directory_record const* newcomer) noexcept {
        for (std::size_t left = open.load(std::memory_order_relaxed) * 2; left != 0; --left) {
            auto* const record = hand;
            hand = record->ring_after;
            if (record == newcomer || record->is_pinned())
                continue;
            if (!record->recently_used.exchange(false, std::memory_order_relaxed))
                return record;
        }
        return nullptr;
    }
};

}  // namespace lamina::detail
