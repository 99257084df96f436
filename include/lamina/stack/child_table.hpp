// The children of one directory: open addressing over {hash, id}, eight bytes a slot, so that a search, and growth,
// read slots and hardly ever an entry.
//
// Concurrency: one writer at a time (the stack's tree lock, exclusive); any number of readers inside an epoch, without
// a lock. A reader that runs beside a writer may miss a child that is there: an answer "not there" counts only if the
// stack's change counter stood still meanwhile. What it finds, it finds under a hash only, and compares the name
// itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace lamina::detail {

enum class entry_id : std::uint32_t { none = 0, root = 1 };

// An array of slots and its size, in one piece, so that a reader gets both by one load.
class slot_array {
public:
    using slot = std::atomic<std::uint64_t>;

    [[nodiscard]] static slot_array* make(std::size_t capacity) {
        void* raw = ::operator new(sizeof(slot_array) + capacity * sizeof(slot));
        auto* made = ::new (raw) slot_array(capacity);
        for (std::size_t i = 0; i < capacity; ++i)
            ::new (static_cast<void*>(made->slots() + i)) slot(0);
        return made;
    }
    static void free(void* array) noexcept { ::operator delete(array); }

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] slot& operator[](std::size_t i) noexcept { return slots()[i]; }

private:
    explicit slot_array(std::size_t capacity) noexcept : capacity_(capacity) {}
    [[nodiscard]] slot* slots() noexcept { return reinterpret_cast<slot*>(this + 1); }

    std::size_t capacity_;
};
static_assert(sizeof(slot_array) % alignof(slot_array::slot) == 0);

class child_table {
public:
    child_table() = default;
    child_table(child_table const&) = delete;
    child_table& operator=(child_table const&) = delete;
    ~child_table() {
        if (auto* array = array_.load(std::memory_order_relaxed); array != nullptr)
            slot_array::free(array);
    }

    // The id under that hash for which same(id) holds. For readers and the writer.
    template <class Same>
    [[nodiscard]] entry_id find(std::uint32_t hash, Same&& same) const {
        slot_array* const array = array_.load(std::memory_order_seq_cst);
        if (array == nullptr)
            return entry_id::none;
        std::size_t const mask = array->capacity() - 1;
        // Bounded: beside a writer, the empty slot that ends a search may have moved behind us.
        for (std::size_t i = hash & mask, steps = 0; steps <= mask; i = (i + 1) & mask, ++steps) {
            std::uint64_t const s = (*array)[i].load(std::memory_order_seq_cst);
            if (s == 0)
                return entry_id::none;
            if (hash_of(s) == hash && same(id_of(s)))
                return id_of(s);
        }
        return entry_id::none;
    }

    // The rest is for the writer.

    // Requires: not in it yet. Where it grows, the old array is given to `retire(void*)`, to be freed by
    // slot_array::free.
    template <class Retire>
    void insert(std::uint32_t hash, entry_id id, Retire&& retire) {
        slot_array* array = array_.load(std::memory_order_relaxed);
        std::size_t const capacity = array == nullptr ? 0 : array->capacity();
        if ((used_ + 1) * 4 > capacity * 3) {
            slot_array* const larger = slot_array::make(capacity == 0 ? 4 : capacity * 2);
            for (std::size_t i = 0; i < capacity; ++i)
                if (std::uint64_t const s = (*array)[i].load(std::memory_order_relaxed); s != 0)
                    place(*larger, s);
            array_.store(larger, std::memory_order_seq_cst);
            if (array != nullptr)
                retire(static_cast<void*>(array));
            array = larger;
        }
        place(*array, pack(hash, id));
        ++used_;
    }
    // Puts another id under the same hash in one step, so that a reader finds one or the other.
    void replace(std::uint32_t hash, entry_id old, entry_id fresh) noexcept {
        position(hash, old)->store(pack(hash, fresh), std::memory_order_seq_cst);
    }
    // Requires: in it. Closes the gap, so that no tombstones gather.
    void erase(std::uint32_t hash, entry_id id) noexcept {
        slot_array& array = *array_.load(std::memory_order_relaxed);
        std::size_t const mask = array.capacity() - 1;
        std::size_t gap = hash & mask;
        while (id_of(array[gap].load(std::memory_order_relaxed)) != id)
            gap = (gap + 1) & mask;
        for (std::size_t i = (gap + 1) & mask;; i = (i + 1) & mask) {
            std::uint64_t const s = array[i].load(std::memory_order_relaxed);
            if (s == 0)
                break;
            std::size_t const home = hash_of(s) & mask;
            if (((i - home) & mask) >= ((i - gap) & mask)) {
                array[gap].store(s, std::memory_order_seq_cst);
                gap = i;
            }
        }
        array[gap].store(0, std::memory_order_seq_cst);
        --used_;
    }
    template <class F>
    void for_each(F&& f) const {
        slot_array* const array = array_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; array != nullptr && i < array->capacity(); ++i)
            if (std::uint64_t const s = (*array)[i].load(std::memory_order_relaxed); s != 0)
                f(id_of(s));
    }
    [[nodiscard]] std::size_t size() const noexcept { return used_; }
    // Bytes that the table itself takes.
    [[nodiscard]] std::size_t bytes() const noexcept {
        slot_array* const array = array_.load(std::memory_order_relaxed);
        return array == nullptr ? 0 : sizeof(slot_array) + array->capacity() * sizeof(slot_array::slot);
    }

private:
    [[nodiscard]] static constexpr std::uint64_t pack(std::uint32_t hash, entry_id id) noexcept {
        return std::uint64_t{hash} << 32 | static_cast<std::uint32_t>(id);
    }
    [[nodiscard]] static constexpr std::uint32_t hash_of(std::uint64_t s) noexcept {
        return static_cast<std::uint32_t>(s >> 32);
    }
    [[nodiscard]] static constexpr entry_id id_of(std::uint64_t s) noexcept {
        return entry_id{static_cast<std::uint32_t>(s)};
    }
    static void place(slot_array& array, std::uint64_t s) noexcept {
        std::size_t const mask = array.capacity() - 1;
        std::size_t i = hash_of(s) & mask;
        while (array[i].load(std::memory_order_relaxed) != 0)
            i = (i + 1) & mask;
        array[i].store(s, std::memory_order_seq_cst);
    }
    [[nodiscard]] slot_array::slot* position(std::uint32_t hash, entry_id id) const noexcept {
        slot_array& array = *array_.load(std::memory_order_relaxed);
        std::size_t const mask = array.capacity() - 1;
        std::size_t i = hash & mask;
        while (id_of(array[i].load(std::memory_order_relaxed)) != id)
            i = (i + 1) & mask;
        return &array[i];
    }

    std::atomic<slot_array*> array_{nullptr};
    std::size_t used_ = 0;
};

}  // namespace lamina::detail
