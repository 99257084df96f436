// A reader/writer lock in four bytes. A memory tree has one for its names and two per regular file, where
// std::shared_mutex (56 bytes) would be half of the file; and a waiting writer keeps new readers out, so that lookups
// without end do not starve a create.
//
// Meets the requirements of std::unique_lock and std::shared_lock. Not recursive, neither way.
#pragma once

#include <atomic>
#include <cstdint>

namespace lamina::detail::memory {

class word_lock {
public:
    word_lock() = default;
    word_lock(word_lock const&) = delete;
    word_lock& operator=(word_lock const&) = delete;

    void lock() noexcept {
        auto seen = state_.load(std::memory_order_relaxed);
        for (;;) {
            if ((seen & ~waiting) == 0) {
                // The mark stays: those who sleep on it are woken when this writer leaves.
                if (state_.compare_exchange_weak(seen, seen | writing, std::memory_order_acquire,
                                                 std::memory_order_relaxed))
                    return;
            } else {
                seen = sleep(seen);
            }
        }
    }
    void unlock() noexcept {
        if ((state_.exchange(0, std::memory_order_release) & waiting) != 0)
            state_.notify_all();
    }

    void lock_shared() noexcept {
        auto seen = state_.load(std::memory_order_relaxed);
        for (;;) {
            if ((seen & (writing | waiting)) == 0) {
                if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed))
                    return;
            } else {
                seen = sleep(seen);
            }
        }
    }
    void unlock_shared() noexcept {
        if (state_.fetch_sub(1, std::memory_order_release) == (waiting | 1))
            state_.notify_all();
    }

private:
    // The low bits count the readers inside.
    static constexpr std::uint32_t writing = 0x8000'0000;
    static constexpr std::uint32_t waiting = 0x4000'0000;

    // Leaves the mark that somebody waits, sleeps until the state is another one, and returns that.
    std::uint32_t sleep(std::uint32_t seen) noexcept {
        if ((seen & waiting) == 0) {
            if (!state_.compare_exchange_weak(seen, seen | waiting, std::memory_order_relaxed))
                return seen;
            seen |= waiting;
        }
        state_.wait(seen, std::memory_order_relaxed);
        return state_.load(std::memory_order_relaxed);
    }

    std::atomic<std::uint32_t> state_{0};
};

}  // namespace lamina::detail::memory
