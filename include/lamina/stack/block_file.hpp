// An open file whose data is partly the upper's and partly a lower's, as its map says: one object for each such file,
// shared by all handles and by all names of it.
//
// A byte lies in the upper if its block is owned, or if it lies at or past the map's limit; else in the lower file. The
// limit begins as the lower file's size and falls with every cut, so what a file grows by later is the upper's.
//
// Order of effects, and why:
//   write into a block not owned   the whole block goes into the upper, the new bytes among the lower's; then its bit
//                                  is set. A stop or a failure before that leaves the old bytes.
//   checkpoint                     the upper's data is flushed, then the bits become hard
//   cut                            one call on the upper: a file that is shorter than its limit has that limit. Before
//                                  it may grow again the limit is written, for then its size does not tell any more;
//                                  and before that the cut is flushed: the new limit would be a lie about a file
//                                  that is not cut.
//
// Concurrency: `guard` is held shared by readers, by writers into owned blocks and by appenders; exclusive by whoever
// changes the map, the limit or the files. `checkpoint` is taken before `guard`; a flush holds nothing but it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/any_file.hpp>
#include <lamina/core/xattr.hpp>
#include <lamina/stack/block_map.hpp>

namespace lamina::detail {

template <class File>
class block_file {
public:
    struct durable_as {
        bool flushes = false;      // what is hard must be on the disk
        bool outlives_kill = false;  // soft bits count; else each write is made hard at once
    };
    // `known` are the attributes of `upper`; both files of the upper are open for writing if `writable`.
    block_file(File upper, attributes const& known, block_map<File> map, any_file lower, layer_number below,
               bool writable, durable_as how, std::shared_ptr<std::atomic<std::uint32_t>> closed)
        : upper_(std::move(upper)), object_(known.id), map_(std::move(map)), lower_(std::move(lower)), below_(below),
          writable_(writable), durable_(how), closed_(std::move(closed)) {
        if (known.size < map_.limit())
            cut_to(known.size);
    }
    block_file(block_file const&) = delete;
    block_file& operator=(block_file const&) = delete;
    // The last handle is closed. What fails here is not lost unless the machine goes down too.
    ~block_file() {
        if (writable_)
            (void)make_hard();
        closed_->store(1, std::memory_order_release);
        closed_->notify_all();
    }

    // The file in the upper.
    [[nodiscard]] file_id object() const noexcept { return object_; }
    [[nodiscard]] bool is_writable() const {
        std::shared_lock const lock(guard_);
        return writable_;
    }
    // The same two files, open for writing.
    void make_writable(File upper, File map) {
        std::lock_guard const nobody_flushes(checkpoint_);
        std::lock_guard const lock(guard_);
        upper_ = std::move(upper);
        map_.use(std::move(map));
        writable_ = true;
    }

    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        std::shared_lock const lock(guard_);
        std::size_t done = 0;
        do {
            auto const here = run_at(offset + done);
            auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size() - done, here.size));
            auto const into = out.subspan(done, wanted);
            if (here.in_upper) {
                LAMINA_TRY(std::size_t const count, upper_.read_at(into, offset + done));
                done += count;
                if (count < wanted)
                    break;
            } else {
                LAMINA_CHECK(read_lower(into, offset + done));
                done += wanted;
            }
        } while (done < out.size());
        return done;
    }
    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) {
        return seek(offset, [](auto& file, std::uint64_t from) { return file.next_data(from); });
    }
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) {
        return seek(offset, [](auto& file, std::uint64_t from) { return file.next_hole(from); });
    }
    // The upper's, with one block at least: a file that seems to have none is taken for one hole by some programs.
    [[nodiscard]] result<attributes> status() {
        std::shared_lock const lock(guard_);
        LAMINA_TRY(auto found, upper_.status());
        if (found.size != 0)
            found.blocks = std::max<std::uint64_t>(found.blocks, 1);
        return found;
    }

    [[nodiscard]] result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        std::size_t done = 0;
        do {
            auto const written = write_some(bytes.subspan(done), offset + done);
            if (!written.has_value()) {
                if (done == 0)
                    return written;
                break;  // the rest fails again, and then alone
            }
            done += *written;
        } while (done < bytes.size());
        LAMINA_CHECK(after_write());
        return done;
    }
    [[nodiscard]] result<std::size_t> append(std::span<std::byte const> bytes) {
        LAMINA_CHECK(before_growing());
        std::shared_lock const lock(guard_);
        return upper_.append(bytes);
    }
    [[nodiscard]] result<void> resize(std::uint64_t size) {
        std::lock_guard const lock(guard_);
        if (size > map_.limit()) {
            LAMINA_CHECK(settle_limit());
            return upper_.resize(size);
        }
        LAMINA_CHECK(upper_.resize(size));
        if (size < map_.limit())
            cut_to(size);
        return {};
    }
    // Room is made in the upper, for what it does not own yet too. Of whole blocks that become zeros nothing is copied.
    // Errors: also eopnotsupp for ranges that would move what follows them.
    [[nodiscard]] result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length)
        requires allocates<File>
    {
        if (how == allocation::collapse_range || how == allocation::insert_range)
            return fail(errc::eopnotsupp, operation::allocate);
        {
            std::lock_guard const lock(guard_);
            LAMINA_TRY(auto const known, upper_.status());
            bool const grows = may_grow(how) && (offset > known.size || length > known.size - offset);
            if (grows)
                LAMINA_CHECK(settle_limit());
            // First, for it may refuse.
            LAMINA_CHECK(upper_.allocate(how, offset, length));
            if (how != allocation::plain && how != allocation::keep_size && offset < map_.limit())
                LAMINA_CHECK(own_zeros(offset, offset + std::min(length, map_.limit() - offset)));
        }
        return after_write();
    }
    [[nodiscard]] result<void> sync(sync_kind kind) {
        std::lock_guard const alone(checkpoint_);
        unflushed_sectors flushed;
        {
            std::shared_lock const lock(guard_);
            flushed = map_.unflushed();
        }
        LAMINA_CHECK(upper_.sync(kind));
        if (!writable_ || plain_ || (flushed.empty() && !map_.hard_is_unflushed()))
            return {};
        LAMINA_CHECK(map_.write_hard(flushed, true));
        return map_.flush();
    }

    [[nodiscard]] result<void> set_mode(mode_bits mode) {
        return on_upper([&](File& upper) { return upper.set_mode(mode); });
    }
    [[nodiscard]] result<void> set_owner(user_id uid, group_id gid) {
        return on_upper([&](File& upper) { return upper.set_owner(uid, gid); });
    }
    [[nodiscard]] result<void> set_times(time_change const& times) {
        return on_upper([&](File& upper) { return upper.set_times(times); });
    }
    [[nodiscard]] result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        return on_upper([&](File& upper) { return upper.set_xattr(key, value, flags); });
    }
    [[nodiscard]] result<std::optional<std::string>> get_xattr(std::string_view key)
        requires reads_xattrs<File>
    {
        return on_upper([&](File& upper) { return upper.get_xattr(key); });
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs()
        requires reads_xattrs<File>
    {
        return on_upper([&](File& upper) { return upper.list_xattrs(); });
    }
    [[nodiscard]] result<void> remove_xattr(std::string_view key)
        requires removes_xattrs<File>
    {
        return on_upper([&](File& upper) { return upper.remove_xattr(key); });
    }

    // Brings a part of what is missing into the upper; true once nothing is. The file does not seem to be modified by
    // it: `capability` is its security.capability, which writing takes away. Requires: writable.
    [[nodiscard]] result<bool> fetch_some(std::optional<std::string> const& capability) {
        std::lock_guard const lock(guard_);
        std::uint64_t block = 0;
        std::uint64_t const size = map_.block_size();
        if (map_.limit() != 0 && map_.owns(0))
            block = map_.run_end(0);
        if (block * size >= map_.limit())
            return true;
        std::uint64_t const end = std::min({map_.run_end(block), block + std::max<std::uint64_t>(1, piece / size),
                                            (map_.limit() + size - 1) / size});
        LAMINA_TRY(auto const before, upper_.status());
        std::uint64_t const from = block * size;
        std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(end * size, map_.limit()) - from));
        LAMINA_CHECK(read_lower(bytes, from));
        result<void> done = paths::write_all_at(upper_, bytes, from);
        if (done && capability)
            done = upper_.set_xattr(xattr::file_capability, *capability, xattr_flags::none);
        if (done)
            done = upper_.set_mode(before.mode);
        if (done)
            done = upper_.set_times(time_change::both(before.atime, before.mtime));
        LAMINA_CHECK(done);
        LAMINA_CHECK(map_.own(block, end - 1));
        return false;
    }
    // `commit()` takes the marks off the file, which from then on is an ordinary one. Requires: nothing is missing.
    template <class Commit>
    [[nodiscard]] result<void> become_plain(Commit&& commit) {
        std::lock_guard const alone(checkpoint_);
        std::lock_guard const lock(guard_);
        if (durable_.flushes)
            LAMINA_CHECK(upper_.sync(sync_kind::everything));
        LAMINA_CHECK(commit());
        plain_ = true;
        limit_is_settled_ = true;
        map_.lower_limit(0);
        return {};
    }

private:
    static constexpr std::uint64_t piece = std::uint64_t{1} << 20;
    static constexpr std::uint64_t checkpoint_after = std::uint64_t{64} << 20;
    static constexpr std::uint64_t to_the_end = std::numeric_limits<std::uint64_t>::max();

    // How far it is the same file that holds the bytes. Requires: guard, for this and all below.
    struct run {
        bool in_upper;
        std::uint64_t size;
    };
    [[nodiscard]] run run_at(std::uint64_t offset) const noexcept {
        if (offset >= map_.limit())
            return {true, to_the_end};
        std::uint64_t const block = offset >> map_.header().shift;
        std::uint64_t const end = map_.run_end(block) << map_.header().shift;
        bool const in_upper = map_.owns(block);
        if (end >= map_.limit())
            return {in_upper, in_upper ? to_the_end : map_.limit() - offset};
        return {in_upper, end - offset};
    }
    [[nodiscard]] result<void> read_lower(std::span<std::byte> out, std::uint64_t offset) {
        auto const count = lower_.read_at(out, offset);
        if (!count.has_value())
            return unexpected(count.error().in_layer(below_));
        if (*count != out.size())
            return fail(errc::eio, operation::read, below_);  // it was longer when it was opened
        return {};
    }
    template <class Next>
    [[nodiscard]] result<std::uint64_t> seek(std::uint64_t offset, Next&& next) {
        std::shared_lock const lock(guard_);
        for (std::uint64_t at = offset;;) {
            auto const here = run_at(at);
            if (here.size == to_the_end)
                return next(upper_, at);
            LAMINA_TRY(std::uint64_t const found, here.in_upper ? next(upper_, at) : next(lower_, at));
            if (found < at + here.size)
                return std::max(found, at);
            at += here.size;
        }
    }

    [[nodiscard]] result<std::size_t> write_some(std::span<std::byte const> bytes, std::uint64_t offset) {
        {
            std::shared_lock const lock(guard_);
            auto const here = run_at(offset);
            bool const grows = here.size == to_the_end && bytes.size() > map_.limit() - std::min(map_.limit(), offset);
            if (here.in_upper && (limit_is_settled_ || !grows))
                return upper_.write_at(first_of(bytes, here.size), offset);
        }
        std::lock_guard const lock(guard_);
        auto const here = run_at(offset);
        if (!here.in_upper)
            return write_unowned(first_of(bytes, here.size), offset);
        LAMINA_CHECK(settle_limit());
        return upper_.write_at(first_of(bytes, here.size), offset);
    }
    [[nodiscard]] static std::span<std::byte const> first_of(std::span<std::byte const> bytes, std::uint64_t most) {
        return bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), most)));
    }

    // Requires: guard, exclusive; none of the blocks is owned, and all of it lies below the limit.
    [[nodiscard]] result<std::size_t> write_unowned(std::span<std::byte const> bytes, std::uint64_t offset) {
        std::uint64_t const size = map_.block_size();
        std::uint64_t const first = offset / size;
        bytes = first_of(bytes, first * size + std::max(piece, size) - offset);
        std::uint64_t const end = offset + bytes.size();
        for (std::uint64_t at = offset; at < end;) {
            std::uint64_t const block = at / size * size;
            std::uint64_t const block_end = std::min(block + size, map_.limit());
            if (at == block && end >= block_end) {
                // As many whole blocks as there are.
                std::uint64_t const whole = end == map_.limit() ? end : end / size * size;
                LAMINA_CHECK(paths::write_all_at(upper_, part(bytes, at - offset, whole - at), at));
                at = whole;
                continue;
            }
            std::vector<std::byte> merged(static_cast<std::size_t>(block_end - block));
            LAMINA_CHECK(read_lower(merged, block));
            std::uint64_t const upto = std::min(end, block_end);
            auto const given = part(bytes, at - offset, upto - at);
            std::memcpy(merged.data() + (at - block), given.data(), given.size());
            LAMINA_CHECK(paths::write_all_at(upper_, merged, block));
            at = upto;
        }
        std::uint64_t const last = (end - 1) / size;
        LAMINA_CHECK(map_.own(first, last));
        unflushed_bytes_.fetch_add((last - first + 1) * size, std::memory_order_relaxed);
        return bytes.size();
    }
    // Makes the upper own [from, end), which is zeros there. Requires: guard, exclusive; `end` is at most the limit.
    [[nodiscard]] result<void> own_zeros(std::uint64_t from, std::uint64_t end) {
        std::uint64_t const size = map_.block_size();
        while (from < end) {
            auto const here = run_at(from);
            std::uint64_t const stop = here.size < end - from ? from + here.size : end;
            // As many whole blocks as there are; the last may be short.
            std::uint64_t const whole = stop == map_.limit() ? stop : stop / size * size;
            if (here.in_upper) {
                from = stop;
            } else if (from % size == 0 && from < whole) {
                LAMINA_CHECK(map_.own(from / size, (whole - 1) / size));
                unflushed_bytes_.fetch_add(whole - from, std::memory_order_relaxed);
                from = whole;
            } else {
                std::uint64_t const upto = std::min(stop, (from / size + 1) * size);
                std::vector<std::byte> const zeros(static_cast<std::size_t>(upto - from));
                LAMINA_TRY(std::size_t const written, write_unowned(zeros, from));
                from += written;
            }
        }
        return {};
    }
    [[nodiscard]] static std::span<std::byte const> part(std::span<std::byte const> bytes, std::uint64_t from,
                                                         std::uint64_t count) {
        return bytes.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(count));
    }
    // Requires: nothing is locked.
    [[nodiscard]] result<void> after_write() {
        auto const unflushed = unflushed_bytes_.load(std::memory_order_relaxed);
        if (unflushed == 0 || (durable_.outlives_kill && (!durable_.flushes || unflushed < checkpoint_after)))
            return {};
        return make_hard();
    }
    [[nodiscard]] result<void> make_hard() {
        std::lock_guard const alone(checkpoint_);
        if (plain_)
            return {};
        unflushed_sectors flushed;
        {
            std::shared_lock const lock(guard_);
            unflushed_bytes_.store(0, std::memory_order_relaxed);
            flushed = map_.unflushed();
        }
        if (flushed.empty())
            return {};
        if (durable_.flushes)
            LAMINA_CHECK(upper_.sync(sync_kind::data));
        return map_.write_hard(flushed, durable_.flushes);
    }

    void cut_to(std::uint64_t size) noexcept {
        map_.lower_limit(size);
        limit_is_settled_ = plain_;
    }
    [[nodiscard]] result<void> before_growing() {
        {
            std::shared_lock const lock(guard_);
            if (limit_is_settled_)
                return {};
        }
        std::lock_guard const lock(guard_);
        return settle_limit();
    }
    // Requires: guard, exclusive.
    [[nodiscard]] result<void> settle_limit() {
        if (limit_is_settled_)
            return {};
        if (durable_.flushes)
            LAMINA_CHECK(upper_.sync(sync_kind::data));
        LAMINA_CHECK(map_.write_header(durable_.flushes));
        limit_is_settled_ = true;
        return {};
    }
    template <class Act>
    [[nodiscard]] auto on_upper(Act&& act) {
        std::shared_lock const lock(guard_);
        return act(upper_);
    }

    mutable std::shared_mutex guard_;
    std::mutex checkpoint_;
    File upper_;
    file_id const object_;
    block_map<File> map_;
    any_file lower_;
    layer_number const below_;
    bool writable_;
    durable_as const durable_;
    bool limit_is_settled_ = true;  // the limit in the map's file is the one here
    bool plain_ = false;            // the map is not needed any more
    std::atomic<std::uint64_t> unflushed_bytes_{0};
    std::shared_ptr<std::atomic<std::uint32_t>> closed_;
};

}  // namespace lamina::detail
