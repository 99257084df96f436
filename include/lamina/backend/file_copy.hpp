// The bytes of one open file into another, by the cheapest way that the pair has. Holes stay holes.
//
// Concurrency: none of its own. A source that is written to meanwhile gives a mixture; one that shrinks ends the copy
// where it then ends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/content.hpp>

namespace lamina {

namespace detail {

// Whether a pair of files merely cannot do what was tried, so that the next way is to be tried.
[[nodiscard]] constexpr bool is_refusal(error e) noexcept {
    return e == errc::exdev || e == errc::eopnotsupp || e == errc::einval || e == errc::enosys;
}

// Makes all of `to` a clone of `from`. False if this pair of files cannot.
template <class To, class From>
[[nodiscard]] result<bool> share_blocks(To& to, From& from) {
    if constexpr (copies_from<To, From>) {
        auto const cloned = to.clone_from(from);
        if (cloned)
            return true;
        if (!is_refusal(cloned.error()))
            return unexpected(cloned.error());
    }
    return false;
}

// Copies [offset, end), through the process only where the pair cannot do it without. Returns where the source ended,
// if that was before `end`, else `end`.
template <class From, class To>
[[nodiscard]] result<std::uint64_t> copy_run(From& from, To& to, std::uint64_t offset, std::uint64_t end, bool& direct,
                                             std::span<std::byte> buffer) {
    while (offset < end) {
        if constexpr (copies_from<To, From>) {
            if (direct) {
                auto const moved = to.copy_range_from(from, offset, offset, end - offset);
                if (moved && *moved != 0) {
                    offset += *moved;
                    continue;
                }
                if (!moved && !is_refusal(moved.error()))
                    return unexpected(moved.error());
                // Nothing moved may be the end, or a file system that cannot; a read tells which.
                direct = false;
            }
        }
        auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - offset));
        LAMINA_TRY(std::size_t const count, from.read_at(buffer.first(wanted), offset));
        if (count == 0)
            break;
        LAMINA_CHECK(paths::write_all_at(to, buffer.first(count), offset));
        offset += count;
    }
    return offset;
}

}  // namespace detail

// Makes `to`, an empty file open for writing, hold what `from` holds. `known` are the attributes of `from`, `able` what
// the backend of `to` can do, `buffer` any memory to work with, best 64 KiB or more.
//
// In this order, the cheapest first: all blocks shared (clone); then run by run of data, so that holes are not filled,
// inside the kernel (copy_range_from) or through `buffer`; last the size, which makes a hole at the end. Errors: what
// reading and writing report; then `to` holds a part.
template <readable_file From, writable_file To>
[[nodiscard]] result<void> copy_content(From& from, To& to, attributes const& known, capabilities able,
                                        std::span<std::byte> buffer) {
    if (known.size == 0)
        return {};
    if constexpr (copies_from<To, From>) {
        if (able.has(capability::clone)) {
            auto const cloned = to.clone_from(from);
            if (cloned || !detail::is_refusal(cloned.error()))
                return cloned;
        }
    }
    bool direct = known.size > buffer.size();  // below that, one read and one write are cheaper
    bool const has_holes = known.blocks < known.size / 512;
    if (!has_holes) {
        LAMINA_TRY(std::uint64_t const end, detail::copy_run(from, to, 0, known.size, direct, buffer));
        return end == known.size ? result<void>() : to.resize(end);
    }
    std::uint64_t size = known.size;
    for (std::uint64_t offset = 0; offset < size;) {
        LAMINA_TRY(std::uint64_t const claimed_data, from.next_data(offset));
        std::uint64_t const data = std::max(claimed_data, offset);
        if (data >= size)
            break;
        LAMINA_TRY(std::uint64_t const claimed_hole, from.next_hole(data));
        // A hole that does not lie after the data that it ends is against the contract; the rest counts as data then,
        // so that each round makes way.
        std::uint64_t const hole = claimed_hole > data ? std::min(claimed_hole, size) : size;
        LAMINA_TRY(offset, detail::copy_run(from, to, data, hole, direct, buffer));
        if (offset < hole)
            size = offset;
    }
    return to.resize(size);
}

}  // namespace lamina
