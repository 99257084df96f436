// The bytes of one regular file: sparse, and shared between clones until one of them is written.
//
// A file is a tree of chunks of 4,096 bytes. A branch has 64 children, so the largest file there can be, 2^63 - 1
// bytes, is ten steps from its root and a file of one chunk is none. A chunk that was never written does not exist: a
// hole costs nothing and reads as zeros. The first chunk begins small and grows with its file, which is why a chunk has
// a capacity; what lies behind it reads as zeros too. Chunks and branches carry a share count: cloning a file shares
// its root, and a write copies the path to the chunk that it changes, where that is shared.
//
// Invariant: bytes of a chunk at or past the end of its file are zero. Hence extending a file touches no chunk, and
// cutting one clears the rest of its last chunk.
//
// Concurrency: `guard` is taken by the owner: shared for what is const, exclusive for the rest. Share counts are
// atomic, so that files of different owners, also of different trees, share chunks; what is shared is never changed.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include <lamina/backend/memory/ledger.hpp>
#include <lamina/backend/memory/lock.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail::memory {

inline constexpr std::uint64_t file_size_max = ~std::uint64_t{0} >> 1;
inline constexpr std::uint32_t chunk_size = 4096;
inline constexpr std::uint32_t first_chunk_min = 64;

struct counted {
    std::atomic<std::uint32_t> shares{1};

    // Only the owner of the single share can make another one: a false answer stays false while that owner is locked.
    [[nodiscard]] bool is_shared() const noexcept { return shares.load(std::memory_order_acquire) != 1; }
    void share() noexcept { shares.fetch_add(1, std::memory_order_relaxed); }
};

// The bytes follow the object.
struct chunk : counted {
    std::uint32_t capacity;

    explicit chunk(std::uint32_t size) noexcept : capacity(size) {}
    [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    [[nodiscard]] std::byte const* bytes() const noexcept { return reinterpret_cast<std::byte const*>(this + 1); }

    // Of undetermined bytes; null where there is no memory.
    [[nodiscard]] static chunk* make(std::uint32_t capacity) noexcept {
        void* const storage = ::operator new(sizeof(chunk) + capacity, std::nothrow);
        return storage == nullptr ? nullptr : ::new (storage) chunk(capacity);
    }
    static void drop(chunk* one) noexcept {
        if (one->shares.fetch_sub(1, std::memory_order_acq_rel) != 1)
            return;
        one->~chunk();
        ::operator delete(one);
    }
};

struct branch : counted {
    static constexpr unsigned bits = 6;
    static constexpr unsigned width = 1u << bits;
    counted* below[width] = {};
};

class chunk_tree {
public:
    mutable word_lock guard;

    chunk_tree() = default;
    chunk_tree(chunk_tree const&) = delete;
    chunk_tree& operator=(chunk_tree const&) = delete;
    ~chunk_tree() { release(root_, height_); }

    // The capacities of all chunks. May be read without the guard; then it may be a moment old.
    [[nodiscard]] std::uint64_t allocated() const noexcept { return allocated_.load(std::memory_order_relaxed); }

    void read(std::uint64_t offset, std::span<std::byte> out) const noexcept {
        while (!out.empty()) {
            std::size_t const within = offset % chunk_size;
            std::size_t const count = std::min<std::size_t>(chunk_size - within, out.size());
            std::size_t there = 0;
            if (auto const* one = find(offset / chunk_size); one != nullptr && within < one->capacity) {
                there = std::min<std::size_t>(count, one->capacity - within);
                std::memcpy(out.data(), one->bytes() + within, there);
            }
            std::memset(out.data() + there, 0, count - there);
            out = out.subspan(count);
            offset += count;
        }
    }

    // How many bytes were written: fewer than given where room or memory ended. Errors: enospc, enomem, when it was
    // none. Requires: offset + bytes.size() <= file_size_max.
    [[nodiscard]] result<std::size_t> write(budget& account, std::uint64_t offset, std::span<std::byte const> bytes) {
        std::size_t done = 0;
        while (done < bytes.size()) {
            auto const within = static_cast<std::uint32_t>((offset + done) % chunk_size);
            auto const count =
                static_cast<std::uint32_t>(std::min<std::size_t>(chunk_size - within, bytes.size() - done));
            auto const one = writable(account, (offset + done) / chunk_size, within, within + count);
            if (!one && done == 0)
                return unexpected(one.error());
            if (!one)
                break;
            std::memcpy((*one)->bytes() + within, bytes.data() + done, count);
            done += count;
        }
        return done;
    }

    // The same for bytes of `from`, which may be this tree. Holes become holes, whole chunks are shared where both
    // offsets lie alike in a chunk. Costs nothing where both are holes, however long.
    [[nodiscard]] result<std::uint64_t> copy(budget& account, chunk_tree const& from, std::uint64_t from_offset,
                                             std::uint64_t to_offset, std::uint64_t count) {
        std::uint64_t done = 0;
        while (done < count) {
            std::uint64_t const at = from_offset + done;
            std::uint64_t const to = to_offset + done;
            auto const within = static_cast<std::uint32_t>(at % chunk_size);
            std::uint64_t piece =
                std::min({count - done, std::uint64_t{chunk_size - within}, chunk_size - to % chunk_size});
            auto* const source = from.find(at / chunk_size);
            auto moved = result<void>();
            if (source == nullptr) {
                auto const hole =
                    from.seek(at / chunk_size, true, (from_offset + count - 1) / chunk_size + 1) * chunk_size - at;
                auto const kept = seek(to / chunk_size, true, (to_offset + count - 1) / chunk_size + 1) * chunk_size;
                if (kept > to)
                    piece = std::min({count - done, hole, kept - to});
                else
                    moved = clear(account, to, piece);
            } else if (within >= source->capacity) {
                moved = clear(account, to, piece);
            } else if (piece == chunk_size) {
                moved = adopt(account, to / chunk_size, *source);
            } else {
                // The share keeps the source as it is even if it is the chunk that is written.
                piece = std::min(piece, std::uint64_t{source->capacity - within});
                source->share();
                if (auto const wrote = write(account, to, {source->bytes() + within, piece}); !wrote)
                    moved = unexpected(wrote.error());
                chunk::drop(source);
            }
            if (!moved && done == 0)
                return unexpected(moved.error());
            if (!moved)
                break;
            done += piece;
        }
        return done;
    }

    // Becomes what `from` is, sharing all of it. The caller has counted the difference between the two.
    void share_all(chunk_tree const& from) noexcept {
        if (from.root_ != nullptr)
            from.root_->share();
        release(root_, height_);
        root_ = from.root_;
        height_ = from.height_;
        allocated_.store(from.allocated(), std::memory_order_relaxed);
    }

    // Drops what lies at or past `size`. Errors: enomem, then nothing was dropped.
    [[nodiscard]] result<void> truncate(budget& account, std::uint64_t size) {
        if (size == 0) {
            account.give_back(allocated());
            release(root_, height_);
            root_ = nullptr;
            height_ = 0;
            allocated_.store(0, std::memory_order_relaxed);
            return {};
        }
        std::uint64_t const last = (size - 1) / chunk_size;
        if (!covers(last))
            return {};
        LAMINA_TRY(auto* const slot, own_path(last, gaps::keep));
        auto const kept = static_cast<std::uint32_t>(size - last * chunk_size);
        if (slot != nullptr && *slot != nullptr && static_cast<chunk*>(*slot)->capacity > kept) {
            LAMINA_TRY(auto* const boundary, writable(account, last, 0, kept));
            std::memset(boundary->bytes() + kept, 0, boundary->capacity - kept);
        }
        drop_after(account, last);
        return {};
    }

    // Makes what lies in [begin, end) read as zeros, and whole chunks of it holes. Costs nothing where there are holes.
    // Errors: enomem; a part may be zeros then.
    [[nodiscard]] result<void> punch(budget& account, std::uint64_t begin, std::uint64_t end) {
        while (begin < end) {
            std::uint64_t const stop = std::min(end, (begin / chunk_size + 1) * chunk_size);
            LAMINA_CHECK(clear(account, begin, stop - begin));
            begin = std::max(stop, seek(stop / chunk_size, true, (end - 1) / chunk_size + 1) * chunk_size);
        }
        return {};
    }
    // Makes chunks of zeros of the holes in [begin, end). Errors: enospc, enomem; nothing is changed then.
    [[nodiscard]] result<void> fill(budget& account, std::uint64_t begin, std::uint64_t end) {
        std::vector<std::uint64_t> made;
        std::uint64_t const last = (end - 1) / chunk_size;
        for (std::uint64_t index = begin / chunk_size; index <= last; ++index) {
            bool const was_hole = find(index) == nullptr;
            auto const upto = index == last ? static_cast<std::uint32_t>(end - last * chunk_size) : chunk_size;
            if (auto const one = writable(account, index, upto, upto); !one) {
                for (auto const again : made)
                    (void)clear(account, again * chunk_size, chunk_size);  // the way to it is there: it cannot fail
                return unexpected(one.error());
            }
            if (was_hole)
                made.push_back(index);
        }
        return {};
    }

    // The first chunk at or after `index` that is there (`present`), or is not; `limit` if none is before it.
    [[nodiscard]] std::uint64_t seek(std::uint64_t index, bool present, std::uint64_t limit) const noexcept {
        while (index < limit) {
            if (!covers(index))
                return present ? limit : index;
            counted const* at = root_;
            unsigned level = height_;
            while (at != nullptr && level > 0)
                at = child(at, --level, index);
            if ((at != nullptr) == present)
                return index;
            // Nothing lies under the whole slot that was empty; of what is there, one chunk is passed.
            index = ((index >> (branch::bits * level)) + 1) << (branch::bits * level);
        }
        return limit;
    }

private:
    enum class gaps : std::uint8_t { keep, fill };

    [[nodiscard]] bool covers(std::uint64_t index) const noexcept { return index >> (branch::bits * height_) == 0; }

    static counted* child(counted const* at, unsigned level, std::uint64_t index) noexcept {
        return static_cast<branch const*>(at)->below[(index >> (branch::bits * level)) % branch::width];
    }

    // Not const, although this tree is not changed: what it returns may be shared.
    [[nodiscard]] chunk* find(std::uint64_t index) const noexcept {
        if (!covers(index))
            return nullptr;
        counted* at = root_;
        for (unsigned level = height_; at != nullptr && level > 0;)
            at = child(at, --level, index);
        return static_cast<chunk*>(at);
    }

    // The slot of a chunk, every branch on the way to it being this tree's alone. Null if the way ends in a gap that is
    // kept. Errors: enomem.
    [[nodiscard]] result<counted**> own_path(std::uint64_t index, gaps missing) {
        while (!covers(index)) {
            if (root_ != nullptr) {
                auto* const above = new (std::nothrow) branch;
                if (above == nullptr)
                    return fail(errc::enomem);
                above->below[0] = root_;
                root_ = above;
            }
            ++height_;
        }
        counted** slot = &root_;
        for (unsigned level = height_; level > 0;) {
            if (*slot == nullptr && missing == gaps::keep)
                return nullptr;
            if (*slot == nullptr || (*slot)->is_shared()) {
                auto* const mine = new (std::nothrow) branch;
                if (mine == nullptr)
                    return fail(errc::enomem);
                if (auto const* const shared = static_cast<branch const*>(*slot); shared != nullptr) {
                    for (unsigned i = 0; i < branch::width; ++i)
                        if (mine->below[i] = shared->below[i]; mine->below[i] != nullptr)
                            mine->below[i]->share();
                    release(*slot, level);
                }
                *slot = mine;
            }
            --level;
            slot = &static_cast<branch*>(*slot)->below[(index >> (branch::bits * level)) % branch::width];
        }
        return slot;
    }

    // A chunk that is this tree's alone and holds at least [begin, end); the caller now writes all of that.
    // Errors: enospc, enomem; nothing is changed then.
    [[nodiscard]] result<chunk*> writable(budget& account, std::uint64_t index, std::uint32_t begin,
                                          std::uint32_t end) {
        auto const* const found = find(index);
        std::uint32_t const had = found == nullptr ? 0 : found->capacity;
        std::uint32_t const wanted = index == 0 ? std::bit_ceil(std::max(end, first_chunk_min)) : chunk_size;
        std::uint32_t const gets = end <= had ? had : wanted;
        reservation room(account, gets - had, 0);
        if (!room.granted())
            return fail(errc::enospc);
        LAMINA_TRY(auto* const slot, own_path(index, gaps::fill));
        auto* const old = static_cast<chunk*>(*slot);
        if (old != nullptr && gets == had && !old->is_shared())
            return old;
        auto* const fresh = chunk::make(gets);
        if (fresh == nullptr)
            return fail(errc::enomem);
        if (old != nullptr) {
            std::memcpy(fresh->bytes(), old->bytes(), had);
            std::memset(fresh->bytes() + had, 0, gets - had);
            chunk::drop(old);
        } else {
            std::memset(fresh->bytes(), 0, begin);
            std::memset(fresh->bytes() + end, 0, gets - end);
        }
        *slot = fresh;
        allocated_.fetch_add(gets - had, std::memory_order_relaxed);
        room.keep();
        return fresh;
    }

    // Makes a part of one chunk read as zeros; a whole chunk becomes a hole.
    [[nodiscard]] result<void> clear(budget& account, std::uint64_t offset, std::uint64_t count) {
        auto const index = offset / chunk_size;
        auto const within = static_cast<std::uint32_t>(offset % chunk_size);
        auto const* const found = find(index);
        if (found == nullptr || within >= found->capacity)
            return {};
        if (count == chunk_size) {
            LAMINA_TRY(auto* const slot, own_path(index, gaps::fill));
            remove(account, *slot);
            return {};
        }
        auto const end = std::min(within + static_cast<std::uint32_t>(count), found->capacity);
        LAMINA_TRY(auto* const one, writable(account, index, within, end));
        std::memset(one->bytes() + within, 0, end - within);
        return {};
    }

    // Takes a share of a whole chunk. Errors: enospc, enomem.
    [[nodiscard]] result<void> adopt(budget& account, std::uint64_t index, chunk& source) {
        auto const* const found = find(index);
        if (found == &source)
            return {};
        std::uint32_t const had = found == nullptr ? 0 : found->capacity;
        reservation room(account, source.capacity > had ? source.capacity - had : 0, 0);
        if (!room.granted())
            return fail(errc::enospc);
        source.share();
        auto const slot = own_path(index, gaps::fill);
        if (!slot) {
            chunk::drop(&source);
            return unexpected(slot.error());
        }
        room.keep();
        if (source.capacity > had)
            allocated_.fetch_add(source.capacity - had, std::memory_order_relaxed);
        else
            count_less(account, had - source.capacity);
        if (**slot != nullptr)
            chunk::drop(static_cast<chunk*>(**slot));
        **slot = &source;
        return {};
    }

    // Requires: the path to `last` is this tree's alone, as far as there is one.
    void drop_after(budget& account, std::uint64_t last) noexcept {
        counted* at = root_;
        for (unsigned level = height_; at != nullptr && level > 0;) {
            --level;
            auto& below = static_cast<branch*>(at)->below;
            auto const here = static_cast<unsigned>((last >> (branch::bits * level)) % branch::width);
            for (unsigned i = here + 1; i < branch::width; ++i)
                if (below[i] != nullptr) {
                    count_less(account, measure(below[i], level));
                    release(below[i], level);
                    below[i] = nullptr;
                }
            at = below[here];
        }
    }

    void remove(budget& account, counted*& slot) noexcept {
        count_less(account, static_cast<chunk*>(slot)->capacity);
        chunk::drop(static_cast<chunk*>(slot));
        slot = nullptr;
    }

    void count_less(budget& account, std::uint64_t bytes) noexcept {
        account.give_back(bytes);
        allocated_.fetch_sub(bytes, std::memory_order_relaxed);
    }

    // The recursion of these two is as deep as the tree: nine at most.
    [[nodiscard]] static std::uint64_t measure(counted const* at, unsigned level) noexcept {
        if (level == 0)
            return static_cast<chunk const*>(at)->capacity;
        std::uint64_t sum = 0;
        for (auto const* const below : static_cast<branch const*>(at)->below)
            if (below != nullptr)
                sum += measure(below, level - 1);
        return sum;
    }
    static void release(counted* at, unsigned level) noexcept {
        if (at == nullptr)
            return;
        if (level == 0)
            return chunk::drop(static_cast<chunk*>(at));
        if (at->shares.fetch_sub(1, std::memory_order_acq_rel) != 1)
            return;
        for (auto* const below : static_cast<branch*>(at)->below)
            release(below, level - 1);
        delete static_cast<branch*>(at);
    }

    std::uint8_t height_ = 0;  // 0: the root is the only chunk
    counted* root_ = nullptr;
    std::atomic<std::uint64_t> allocated_{0};
};

}  // namespace lamina::detail::memory
