// When memory that readers may still be looking at can be given back. Readers of the entry cache take no lock: they
// announce the epoch in which they began, in a slot of their own, and withdraw it when they are done. A writer takes
// something out of sight, moves the epoch on, and keeps the thing until every slot is empty or has begun later.
//
// One domain for the whole process, so that a thread has one slot however many overlays it uses. A slot is a cache line
// of its own; slots are never given back to the system, only to the next thread. Entering costs one exchange, about 5
// ns.
//
// A reader must not wait for anything, and must not call a backend, while it is inside. No std::atomic_thread_fence:
// the thread sanitizer does not know it. The order comes from sequentially consistent accesses: the reader's exchange
// and its loads of what it follows, the writer's stores and its look at the slots.
#pragma once

#include <atomic>
#include <cstdint>

namespace lamina::detail {

struct alignas(64) reader_slot {
    std::atomic<std::uint64_t> began{0};  // 0: not inside
    std::atomic<bool> taken{true};
    reader_slot* next = nullptr;
};

class epochs {
public:
    // Present in an epoch for as long as it lives. May be nested; the outermost counts.
    class reader {
    public:
        reader() noexcept : slot_(mine()), outermost_(slot_.began.load(std::memory_order_relaxed) == 0) {
            if (outermost_)
                slot_.began.exchange(now_.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
        }
        reader(reader const&) = delete;
        reader& operator=(reader const&) = delete;
        ~reader() {
            if (outermost_)
                slot_.began.store(0, std::memory_order_release);
        }

    private:
        reader_slot& slot_;
        bool const outermost_;
    };

    // What was taken out of sight before this call may be freed once `oldest` has reached its result.
    [[nodiscard]] static std::uint64_t move_on() noexcept { return now_.fetch_add(1, std::memory_order_seq_cst) + 1; }

    // The oldest epoch that a reader is still in. What was retired with a result of move_on up to it may be freed.
    [[nodiscard]] static std::uint64_t oldest() noexcept;

private:
    static inline std::atomic<std::uint64_t> now_{1};
    static reader_slot& mine() noexcept;
};

// All slots ever made: a list that only grows.
inline std::atomic<reader_slot*> reader_slots{nullptr};

// A thread's claim on a slot, given back when the thread ends.
class slot_claim {
public:
    slot_claim() noexcept : slot_(claim()) {}
    slot_claim(slot_claim const&) = delete;
    slot_claim& operator=(slot_claim const&) = delete;
    ~slot_claim() { slot_->taken.store(false, std::memory_order_release); }
    [[nodiscard]] reader_slot& slot() const noexcept { return *slot_; }

private:
    static reader_slot* claim() {
        for (auto* s = reader_slots.load(std::memory_order_acquire); s != nullptr; s = s->next) {
            bool free = false;
            if (s->taken.compare_exchange_strong(free, true, std::memory_order_acq_rel))
                return s;
        }
        auto* made = new reader_slot;  // stays for ever, reachable from reader_slots
        made->next = reader_slots.load(std::memory_order_relaxed);
        while (!reader_slots.compare_exchange_weak(made->next, made, std::memory_order_seq_cst)) {
        }
        return made;
    }
    reader_slot* slot_;
};

inline reader_slot& epochs::mine() noexcept {
    thread_local slot_claim const claim;
    return claim.slot();
}

inline std::uint64_t epochs::oldest() noexcept {
    std::uint64_t least = now_.load(std::memory_order_seq_cst);
    for (auto* s = reader_slots.load(std::memory_order_seq_cst); s != nullptr; s = s->next)
        if (auto const began = s->began.load(std::memory_order_seq_cst); began != 0 && began < least)
            least = began;
    return least;
}

}  // namespace lamina::detail
