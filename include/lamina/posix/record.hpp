// What stands behind a node: one directory, known by its parent's record and its name in it, and a descriptor that
// may be closed at any time that no call is using it.
//
// Decided here: a record holds its parent's, so the records are a tree that mirrors names. A descriptor is used under
// a pin, a count in the same atomic word as the descriptor itself: a number that was closed and given out again would
// be an escape from the root. To pin and to unpin an open directory is one atomic addition each, no lock and no
// system call.
//
// Concurrency: `descriptor_state`, `references`, `recently_used` and `names` may be touched by anybody who holds a
// reference. Everything else belongs to the tree's mutex (tree.hpp), and only who holds that opens or closes the
// descriptor.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <lamina/core/ident.hpp>
#include <lamina/posix/fd.hpp>
#include <lamina/posix/resolve.hpp>
#include <lamina/posix/stat.hpp>

namespace lamina::detail {

// Readers and one writer, in four bytes. A waiting writer stops new readers.
class name_lock {
public:
    void lock() noexcept {
        auto seen = word_.load(std::memory_order_relaxed);
        for (;;) {
            if ((seen & writer) != 0) {
                word_.wait(seen, std::memory_order_relaxed);
                seen = word_.load(std::memory_order_relaxed);
            } else if (word_.compare_exchange_weak(seen, seen | writer, std::memory_order_acquire,
                                                   std::memory_order_relaxed)) {
                break;
            }
        }
        while ((seen = word_.load(std::memory_order_acquire)) != writer)
            word_.wait(seen, std::memory_order_relaxed);
    }
    void unlock() noexcept {
        word_.store(0, std::memory_order_release);
        word_.notify_all();
    }
    void lock_shared() noexcept {
        auto seen = word_.load(std::memory_order_relaxed);
        for (;;) {
            if ((seen & writer) != 0) {
                word_.wait(seen, std::memory_order_relaxed);
                seen = word_.load(std::memory_order_relaxed);
            } else if (word_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire,
                                                   std::memory_order_relaxed)) {
                return;
            }
        }
    }
    void unlock_shared() noexcept {
        if (word_.fetch_sub(1, std::memory_order_release) == (writer | 1))
            word_.notify_all();
    }

    // As std::shared_lock, whose header is a large one.
    class shared_guard {
    public:
        explicit shared_guard(name_lock& lock) noexcept : lock_(&lock) { lock.lock_shared(); }
        shared_guard(shared_guard const&) = delete;
        shared_guard& operator=(shared_guard const&) = delete;
        ~shared_guard() { lock_->unlock_shared(); }

    private:
        name_lock* lock_;
    };

private:
    static constexpr std::uint32_t writer = 0x80000000;
    std::atomic<std::uint32_t> word_{0};
};

struct descriptor_budget;

struct directory_record {
    std::atomic<std::uint64_t> descriptor_state{0};  // pins in the upper half; the descriptor, plus one, in the lower
    std::atomic<std::uint32_t> references{1};        // holders of the node, and records of children
    name_lock names;                                 // shared: a name here is being opened; exclusive: moved
    std::atomic<bool> recently_used{false};
    resolution how;

    bool is_identified = false;
    bool is_lost = false;  // its name is not known any more: once closed, it cannot be opened again
    std::uint32_t hash = 0;
    directory_record* parent = nullptr;  // null for a root, whose descriptor stays open
    std::string name;
    directory_identity identity;  // taken when the descriptor is first closed, or when two records must be told apart
    descriptor_budget* budget = nullptr;
    directory_record* next_in_bucket = nullptr;  // table.hpp
    directory_record* ring_before = nullptr;     // descriptors.hpp
    directory_record* ring_after = nullptr;

    static constexpr std::uint64_t one_pin = std::uint64_t{1} << 32;
    static constexpr std::uint64_t descriptor_mask = one_pin - 1;

    // The pinned descriptor; -1, and nothing pinned, if it is closed.
    [[nodiscard]] int try_pin() noexcept {
        auto const state = descriptor_state.fetch_add(one_pin, std::memory_order_acquire);
        int const fd = static_cast<int>(state & descriptor_mask) - 1;
        if (fd < 0) [[unlikely]] {
            unpin();
            return -1;
        }
        if (!recently_used.load(std::memory_order_relaxed))
            recently_used.store(true, std::memory_order_relaxed);
        return fd;
    }
    // Pins it, and is not a use: what was opened for one call only is the first to be closed again.
    // Requires: it is open, and the tree's mutex is held.
    [[nodiscard]] int pin_open() noexcept {
        auto const state = descriptor_state.fetch_add(one_pin, std::memory_order_acquire);
        return static_cast<int>(state & descriptor_mask) - 1;
    }
    void unpin() noexcept { descriptor_state.fetch_sub(one_pin, std::memory_order_release); }

    // Marks it closed, and takes back the one pin that the caller has; false, and nothing done, if there is another.
    // Requires: the tree's mutex is held.
    [[nodiscard]] bool close_pinned(int fd) noexcept {
        auto ours = one_pin + static_cast<std::uint64_t>(fd) + 1;
        // Acquire: the last call that used the descriptor is over before it is closed.
        return descriptor_state.compare_exchange_strong(ours, 0, std::memory_order_acquire, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_pinned() const noexcept {
        return descriptor_state.load(std::memory_order_relaxed) >= one_pin;
    }
    // The identity of an open descriptor of this directory, in the terms of its file system.
    [[nodiscard]] directory_identity identify(int fd) const noexcept {
        return detail::identify(fd, how.identity == identified_by::birth);
    }
    // Whether `found`, opened where this directory should be, is it. While it is open, its inode number tells on any
    // file system. Requires: is_identified, and the tree's mutex is held.
    [[nodiscard]] bool is_same(directory_identity const& found) const noexcept {
        if (how.identity == identified_by::name && !is_open())
            return found.device == identity.device;
        return found == identity;
    }
    // Requires: the tree's mutex is held.
    [[nodiscard]] bool is_open() const noexcept {
        return (descriptor_state.load(std::memory_order_relaxed) & descriptor_mask) != 0;
    }
};

// A directory's descriptor for as long as one call needs it. Requires: the record is held at least as long.
class pinned_directory {
public:
    pinned_directory(directory_record& record, int fd) noexcept : record_(&record), fd_(fd) {}
    pinned_directory(pinned_directory&& other) noexcept
        : record_(std::exchange(other.record_, nullptr)), fd_(other.fd_) {}
    pinned_directory& operator=(pinned_directory&& other) noexcept {
        std::swap(record_, other.record_);
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~pinned_directory() {
        if (record_ != nullptr)
            record_->unpin();
    }

    [[nodiscard]] int fd() const noexcept { return fd_; }

private:
    directory_record* record_;
    int fd_;
};

// A node is the address of its record.
[[nodiscard]] inline node to_node(directory_record* record) noexcept {
    return static_cast<node>(reinterpret_cast<std::uintptr_t>(record));
}
[[nodiscard]] inline directory_record& record_of(node of) noexcept {
    return *reinterpret_cast<directory_record*>(static_cast<std::uintptr_t>(of));
}

}  // namespace lamina::detail
