// What a memory tree may take, and what it has taken.
//
// Decided here: what counts against the limits. The prices below are close to what the objects cost in memory, so that
// `size_limit` bounds the tree's memory, and they do not depend on the allocator, so that ENOSPC comes at the same byte
// on every machine. The two roots are free. Room is reserved before anything is changed, and given back when the last
// name and the last handle of an object are gone.
//
// Concurrency: atomic counters, exact under any number of threads; no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <lamina/core/attributes.hpp>
#include <lamina/core/ident.hpp>

namespace lamina {

namespace detail::memory {

inline timestamp time_of_day(void*) {
    std::timespec now{};
    // It can fail only for a base that the platform does not know; TIME_UTC is always known.
    static_cast<void>(std::timespec_get(&now, TIME_UTC));
    return {static_cast<std::int64_t>(now.tv_sec), static_cast<std::uint32_t>(now.tv_nsec)};
}

}  // namespace detail::memory

// How a memory tree is made. What is not said here is as on a tmpfs that root has mounted.
struct memory_options {
    static constexpr std::uint64_t unlimited = ~std::uint64_t{0};

    std::uint64_t size_limit = unlimited;    // bytes, at memory_price; enospc beyond
    std::uint64_t inode_limit = unlimited;   // objects beside the two roots; enospc beyond
    std::uint32_t link_limit = 0x7fff'ffff;  // names of one object, or 2 + subdirectories of a directory; emlink beyond
    mode_bits umask = 022;                   // taken from the mode of all that is made, symbolic links apart
    mode_bits root_mode = 0755;
    user_id uid = 0;  // who owns what is made; in a set-group-id directory the group is the directory's
    group_id gid = 0;
    // Where the present comes from. Called while the tree is locked: it must not call the tree.
    timestamp (*clock)(void* state) = detail::memory::time_of_day;
    void* clock_state = nullptr;
};

// What an object counts for against memory_options::size_limit. A regular file counts, beside its inode, for what
// attributes::blocks reports: whole chunks of 4,096 bytes, only the first one less (64 to 4,096, a power of two).
// Chunks that clones share count for each of them: then a write to what is allocated never meets enospc.
struct memory_price {
    static constexpr std::uint64_t inode = 160;
    static constexpr std::uint64_t name = 32;   // and its length; each hard link is one
    static constexpr std::uint64_t xattr = 32;  // and the lengths of key and value
    // A symbolic link also counts for the length of its target.
};

namespace detail::memory {

// Two counters with their limits.
class budget {
public:
    budget() = default;
    budget(std::uint64_t size_limit, std::uint64_t inode_limit) noexcept
        : size_limit_(size_limit), inode_limit_(inode_limit) {}
    budget(budget const&) = delete;
    budget& operator=(budget const&) = delete;

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

    // Counts, or says that there is no room.
    [[nodiscard]] bool take(std::uint64_t bytes) noexcept { return take(bytes_, bytes, size_limit_); }
    [[nodiscard]] bool take_inode() noexcept { return take(inodes_, 1, inode_limit_); }
    void give_back(std::uint64_t bytes) noexcept { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
    void give_back_inode() noexcept { inodes_.fetch_sub(1, std::memory_order_relaxed); }
    // For a copy of a tree: what fitted there fits here, whatever its files become while they are copied.
    void record(std::uint64_t bytes, std::uint64_t inodes) noexcept {
        bytes_.fetch_add(bytes, std::memory_order_relaxed);
        inodes_.fetch_add(inodes, std::memory_order_relaxed);
    }

private:
    static bool take(std::atomic<std::uint64_t>& counter, std::uint64_t wanted, std::uint64_t limit) noexcept {
        if (wanted == 0)
            return true;
        auto used = counter.load(std::memory_order_relaxed);
        do {
            if (used > limit || wanted > limit - used)
                return false;
        } while (!counter.compare_exchange_weak(used, used + wanted, std::memory_order_relaxed));
        return true;
    }

    std::uint64_t const size_limit_ = memory_options::unlimited;
    std::uint64_t const inode_limit_ = memory_options::unlimited;
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> inodes_{0};
};

// One number per tree and process. Device numbers of the kernel fit into 32 bits, so none of them is ever equal.
inline std::atomic<std::uint64_t> next_device{std::uint64_t{1} << 32};

// What all objects of one tree refer to. Its files keep it alive.
class ledger : public budget {
public:
    explicit ledger(memory_options const& chosen) noexcept
        : budget(chosen.size_limit, chosen.inode_limit), options(chosen) {}

    memory_options const options;
    std::uint64_t const device = next_device.fetch_add(1, std::memory_order_relaxed);

    [[nodiscard]] timestamp now() const { return options.clock(options.clock_state); }
    [[nodiscard]] std::uint64_t new_inode_number() noexcept {
        return next_inode_.fetch_add(1, std::memory_order_relaxed);
    }

private:
    std::atomic<std::uint64_t> next_inode_{1};
};

// Room that is given back unless the change for which it was taken is made.
class reservation {
public:
    // Requires: `inodes` is 0 or 1.
    reservation(budget& from, std::uint64_t bytes, unsigned inodes) noexcept : budget_(&from), bytes_(bytes) {
        if (inodes != 0 && !from.take_inode())
            return;
        if (from.take(bytes)) {
            inodes_ = inodes;
            granted_ = true;
        } else if (inodes != 0) {
            from.give_back_inode();
        }
    }
    reservation(reservation const&) = delete;
    reservation& operator=(reservation const&) = delete;
    ~reservation() {
        if (!granted_)
            return;
        budget_->give_back(bytes_);
        if (inodes_ != 0)
            budget_->give_back_inode();
    }

    [[nodiscard]] bool granted() const noexcept { return granted_; }
    void keep() noexcept { granted_ = false; }

private:
    budget* budget_;
    std::uint64_t bytes_;
    unsigned inodes_ = 0;
    bool granted_ = false;
};

}  // namespace detail::memory
}  // namespace lamina
