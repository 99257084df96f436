// The names in one directory: found by hash, listed in the order in which they came.
//
// Decided here: a name is a record in one growing log (its object, its length, its bytes), and a slot of an
// open-addressing table that holds the hash and the record's place. That is 32 bytes and less for a usual name, a
// lookup touches one slot and one record, and the order of arrival, which a listing needs to be stable, costs nothing.
// A removed record stays as a gap until gaps are half of the log. A listing that goes on meanwhile has a cursor in the
// table, which moves along when the gaps are closed.
//
// Concurrency: none of its own; the tree's lock covers it. Cursors are attached and detached under the directory's
// lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include <lamina/core/path.hpp>

namespace lamina::detail::memory {

struct inode;

class name_table {
public:
    // Where a listing is: it has still to see the records from `at` on, up to those that were there when it began.
    struct cursor {
        std::uint32_t at = 0;
        std::uint32_t end = 0;
        cursor* next = nullptr;
    };

    name_table() = default;
    name_table(name_table const&) = delete;
    name_table& operator=(name_table const&) = delete;

    [[nodiscard]] std::uint32_t size() const noexcept { return count_; }

    [[nodiscard]] inode* find(name_ref name) const noexcept {
        auto const* const found = slot_of(name);
        return found == nullptr ? nullptr : target(found->place);
    }

    // Makes room for one more name of this length, so that the next insert cannot fail. False if the table can hold no
    // more.
    [[nodiscard]] bool reserve(std::size_t length) {
        auto const wanted = used_ + words_of(length);
        if (wanted > place_max)
            return false;
        if (wanted > capacity_)
            grow_log(static_cast<std::uint32_t>(wanted));
        std::uint64_t const slots = slots_ == nullptr ? 0 : mask_ + std::uint64_t{1};
        if ((count_ + std::uint64_t{1}) * 4 > slots * 3) {
            auto const more = std::max(slots * 2, slots_min);
            rehash(std::make_unique<slot[]>(more), more);
        }
        return true;
    }

    // Requires: reserve() for this length, and no such name.
    void insert(name_ref name, inode* object) noexcept {
        auto const place = static_cast<std::uint32_t>(used_ + 1);
        set_target(place, object);
        auto* const text = reinterpret_cast<char*>(&log_[place]);
        text[0] = static_cast<char>(name.text.size());
        std::memcpy(text + 1, name.text.data(), name.text.size());
        used_ += words_of(name.text.size());
        ++count_;
        put({name.hash, place});
    }

    // Requires: there is this name.
    void retarget(name_ref name, inode* object) noexcept { set_target(slot_of(name)->place, object); }

    // Requires: there is this name.
    void erase(name_ref name) noexcept {
        auto* hole = slot_of(name);
        set_target(hole->place, nullptr);
        dead_ += words_of(name.text.size());
        --count_;
        // Slots behind the hole move up, so that no probe ends too early.
        auto gap = static_cast<std::uint32_t>(hole - slots_.get());
        for (auto at = (gap + 1) & mask_; slots_[at].place != 0; at = (at + 1) & mask_)
            if (((at - slots_[at].hash) & mask_) >= ((at - gap) & mask_)) {
                slots_[gap] = slots_[at];
                gap = at;
            }
        slots_[gap] = {};
        if (count_ == 0)
            clear();
        else if (dead_ > used_ / 2 && dead_ > 64)
            close_gaps();
    }

    void clear() noexcept {
        for (auto* one = cursors_; one != nullptr; one = one->next)
            one->at = one->end = 0;
        // A small table stays: a work directory is filled and emptied all the time.
        if (count_ == 0 && capacity_ <= kept_when_empty && mask_ < kept_when_empty) {
            used_ = dead_ = 0;
            return;
        }
        log_.reset();
        slots_.reset();
        used_ = dead_ = 0;
        capacity_ = count_ = mask_ = 0;
    }

    // Calls see(name, object) for the records from the cursor on, until it returns false: that record is then the next
    // one.
    template <class See>
    void each(cursor& from, See&& see) const {
        while (from.at < from.end) {
            auto const* const text = reinterpret_cast<char const*>(&log_[from.at + 1]);
            std::size_t const length = static_cast<unsigned char>(text[0]);
            if (auto* const object = target(from.at + 1);
                object != nullptr && !see(std::string_view(text + 1, length), object))
                return;
            from.at += static_cast<std::uint32_t>(words_of(length));
        }
    }
    // A cursor over all there is now.
    [[nodiscard]] cursor begin() const noexcept { return {0, static_cast<std::uint32_t>(used_), nullptr}; }

    // From now on the cursor keeps its place when records move. Requires: it stays where it is until it is detached.
    void attach(cursor& one) noexcept {
        one.next = cursors_;
        cursors_ = &one;
    }
    void detach(cursor& one) noexcept {
        auto** at = &cursors_;
        while (*at != &one)
            at = &(*at)->next;
        *at = one.next;
    }

private:
    static constexpr std::uint64_t place_max = 0xffff'fff0;
    static constexpr std::uint64_t slots_min = 8;
    static constexpr std::uint32_t kept_when_empty = 64;

    // `place` is the record's first word plus one; 0 marks an empty slot.
    struct slot {
        std::uint32_t hash = 0;
        std::uint32_t place = 0;
    };

    // A record: the object, then the length in one byte, then the name.
    [[nodiscard]] static constexpr std::uint64_t words_of(std::size_t length) noexcept {
        return 1 + (1 + length + 7) / 8;
    }

    [[nodiscard]] inode* target(std::uint32_t place) const noexcept {
        return reinterpret_cast<inode*>(static_cast<std::uintptr_t>(log_[place - 1]));
    }
    void set_target(std::uint32_t place, inode* object) noexcept {
        log_[place - 1] = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(object));
    }

    [[nodiscard]] slot* slot_of(name_ref name) const noexcept {
        if (slots_ == nullptr)
            return nullptr;
        for (auto at = name.hash & mask_; slots_[at].place != 0; at = (at + 1) & mask_) {
            if (slots_[at].hash != name.hash)
                continue;
            auto const* const text = reinterpret_cast<char const*>(&log_[slots_[at].place]);
            if (std::string_view(text + 1, static_cast<unsigned char>(text[0])) == name.text)
                return &slots_[at];
        }
        return nullptr;
    }

    void put(slot entry) noexcept {
        auto at = entry.hash & mask_;
        while (slots_[at].place != 0)
            at = (at + 1) & mask_;
        slots_[at] = entry;
    }

    void grow_log(std::uint32_t wanted) {
        auto const half_more = capacity_ + std::uint64_t{capacity_} / 2;
        auto capacity = std::max<std::uint64_t>({wanted, half_more, 16});
        if (capacity > place_max)
            capacity = place_max;
        auto log = std::make_unique_for_overwrite<std::uint64_t[]>(capacity);
        if (used_ != 0)
            std::memcpy(log.get(), log_.get(), used_ * sizeof(std::uint64_t));
        log_ = std::move(log);
        capacity_ = static_cast<std::uint32_t>(capacity);
    }

    void rehash(std::unique_ptr<slot[]> slots, std::uint64_t size) noexcept {
        auto const old = std::exchange(slots_, std::move(slots));
        auto const old_mask = std::exchange(mask_, static_cast<std::uint32_t>(size - 1));
        if (old == nullptr)
            return;
        for (std::uint64_t i = 0; i <= old_mask; ++i)
            if (old[i].place != 0)
                put(old[i]);
    }

    // Moves the records together. The old log tells each slot where its record went. Without memory for a new log the
    // gaps stay, and the next removal tries again.
    void close_gaps() noexcept {
        auto const live = used_ - dead_;
        auto const capacity = live + live / 4;
        std::unique_ptr<std::uint64_t[]> log(new (std::nothrow) std::uint64_t[capacity]);
        if (log == nullptr)
            return;
        std::uint64_t moved = 0;
        for (std::uint64_t at = 0; at <= used_;) {
            for (auto* one = cursors_; one != nullptr; one = one->next) {
                if (one->at == at)
                    one->at = static_cast<std::uint32_t>(moved);
                if (one->end == at)
                    one->end = static_cast<std::uint32_t>(moved);
            }
            if (at == used_)
                break;
            auto const words = words_of(*reinterpret_cast<unsigned char const*>(&log_[at + 1]));
            if (log_[at] != 0) {
                std::memcpy(&log[moved], &log_[at], words * sizeof(std::uint64_t));
                log_[at] = moved + 1;
                moved += words;
            }
            at += words;
        }
        for (std::uint64_t i = 0; i <= mask_; ++i)
            if (slots_[i].place != 0)
                slots_[i].place = static_cast<std::uint32_t>(log_[slots_[i].place - 1]);
        log_ = std::move(log);
        capacity_ = static_cast<std::uint32_t>(capacity);
        used_ = moved;
        dead_ = 0;
        auto const enough = std::bit_ceil(std::uint64_t{count_} * 2);
        if (enough * 4 <= mask_ && enough >= slots_min)
            if (std::unique_ptr<slot[]> fewer(new (std::nothrow) slot[enough]()); fewer != nullptr)
                rehash(std::move(fewer), enough);
    }

    std::unique_ptr<std::uint64_t[]> log_;
    std::unique_ptr<slot[]> slots_;
    cursor* cursors_ = nullptr;
    std::uint64_t used_ = 0;  // words of the log
    std::uint64_t dead_ = 0;  // those of them that are gaps
    std::uint32_t capacity_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t mask_ = 0;
};

}  // namespace lamina::detail::memory
