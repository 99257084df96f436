// The blocks of an archive, read in the order in which they stand, through a window that learns how they are spread:
// headers of small members lie close together and are cheapest in large reads; behind a large member the next header
// is far away, and a large read would fetch data that nobody asked for.
//
// Concurrency: belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_header.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail {

// `Source` has read_full(out, offset), as any_source. A template, like all that reads headers, so that only a program
// that opens an archive compiles it.
template <class Source>
class tar_window {
public:
    tar_window(Source const& source, std::uint64_t size) : source_(&source), size_(size) {}

    // Of the whole source, as it was when it was opened.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    // Whether `count` bytes from `offset` on, and what pads them to whole blocks, lie within the source.
    [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t count) const noexcept {
        auto const padded = tar_padded(count);
        return padded && offset <= size_ && *padded <= size_ - offset;
    }

    // The block at `offset`; valid until the next call. Errors: truncated, source_failed.
    [[nodiscard]] result<char const*, tar_error> block(std::uint64_t offset) {
        if (offset < start_ || offset - start_ + tar_block_size > length_)
            LAMINA_CHECK(move_to(offset));
        return reinterpret_cast<char const*>(buffer_.get() + (offset - start_));
    }

    // Fills `out` from `offset` on. Errors: truncated, source_failed.
    [[nodiscard]] result<void, tar_error> read(std::span<std::byte> out, std::uint64_t offset) const {
        auto const count = source_->read_full(out, offset);
        if (!count)
            return unexpected(tar_error(count.error(), offset));
        if (*count != out.size())
            return unexpected(tar_error(tar_reason::truncated, offset + *count));
        return {};
    }

private:
    // Measured over an archive of 53,000 members, cached and not: above 32 KiB the bytes that are copied for nothing
    // cost more than the calls that are saved.
    static constexpr std::size_t smallest = 4 * tar_block_size;
    static constexpr std::size_t largest = 64 * tar_block_size;

    [[nodiscard]] result<void, tar_error> move_to(std::uint64_t offset) {
        if (!holds(offset, tar_block_size))
            return unexpected(tar_error(tar_reason::truncated, offset));
        bool const follows = offset >= start_ && offset - start_ <= length_ + wanted_;
        auto const grown = wanted_ * 4 < largest ? wanted_ * 4 : largest;
        wanted_ = follows ? grown : smallest;
        if (wanted_ > capacity_) {
            buffer_ = std::make_unique_for_overwrite<std::byte[]>(wanted_);
            capacity_ = wanted_;
        }
        auto const left = size_ - offset;
        auto const count = left < wanted_ ? static_cast<std::size_t>(left) : wanted_;
        length_ = 0;  // nothing is held if the read fails
        LAMINA_CHECK(read({buffer_.get(), count}, offset));
        start_ = offset;
        length_ = count;
        return {};
    }

    Source const* source_;
    std::unique_ptr<std::byte[]> buffer_;
    std::uint64_t size_;
    std::uint64_t start_ = 0;
    std::size_t length_ = 0;
    std::size_t capacity_ = 0;
    std::size_t wanted_ = smallest;
};

}  // namespace lamina::detail
