// Where the map of a sparse member is found, and reading it: in the header block and extension blocks (GNU's own type
// 'S'), in the pax header (0.0 and 0.1), or in front of the data, in whole blocks (1.0).
//
// Concurrency: belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_header.hpp>
#include <lamina/archive/tar_pax.hpp>
#include <lamina/archive/tar_sparse.hpp>
#include <lamina/archive/tar_window.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail {

// Used for one member after another: a map is read, then laid out. The errors have no member's name yet. See
// tar_window for `Source`.
template <class Source>
class tar_sparse_reader {
public:
    explicit tar_sparse_reader(tar_limits const& limits) noexcept : most_(limits.sparse_extents) {}

    // GNU's own: four ranges in the header block at `at`, more in extension blocks behind it.
    [[nodiscard]] result<void, tar_error> read_gnu(tar_window<Source>& window, tar_header const& header,
                                                   std::uint64_t at) {
        namespace fields = tar_fields;
        ranges_.clear();
        data_ = at + tar_block_size;
        auto const real_size = header.number(fields::sparse_real_size);
        if (!real_size || *real_size < 0)
            return bad_map(at);
        file_size_ = static_cast<std::uint64_t>(*real_size);
        LAMINA_TRY(char const* block, window.block(at));
        std::string_view entries(block + fields::sparse_map, fields::sparse_map_entries * fields::sparse_entry_size);
        bool continues = block[fields::sparse_continues] != '\0';
        for (;;) {
            LAMINA_CHECK(take_gnu_entries(entries, at));
            if (!continues)
                return {};
            LAMINA_TRY(block, window.block(data_));
            data_ += tar_block_size;
            entries = {block, fields::extension_entries * fields::sparse_entry_size};
            continues = block[fields::extension_continues] != '\0';
        }
    }

    // pax: what the records say, and for 1.0 what stands in front of the data, which is `stored` bytes from `data`
    // on. Takes the ranges out of `said`. `at` is where the member's header is.
    [[nodiscard]] result<void, tar_error> read_pax(tar_window<Source>& window, pax_sparse& said, std::uint64_t at,
                                                   std::uint64_t data, std::uint64_t stored) {
        ranges_.clear();
        data_ = data;
        if (!said.real_size || said.pending_offset)
            return bad_map(at);
        file_size_ = static_cast<std::uint64_t>(*said.real_size);
        using state = sparse_map_text::state;
        auto outcome = state::done;
        if (said.map_is_in_the_data()) {
            sparse_map_text text('\n', true, most_, ranges_);
            do {
                if (stored - (data_ - data) < tar_block_size)
                    return bad_map(at);
                LAMINA_TRY(char const* const block, window.block(data_));
                outcome = text.feed({block, tar_block_size});
                data_ += tar_block_size;
            } while (outcome == state::more);
        } else if (said.major.value_or(0) != 0) {
            outcome = state::bad;
        } else if (said.map) {
            sparse_map_text text(',', false, most_, ranges_);
            outcome = text.feed(*said.map);
            if (outcome == state::more)
                outcome = text.finish();
        } else {
            ranges_.swap(said.ranges);
        }
        if (outcome == state::over_limit)
            return unexpected(tar_error(tar_reason::over_sparse_extents, at));
        if (outcome != state::done || (said.entries && static_cast<std::uint64_t>(*said.entries) != ranges_.size()))
            return bad_map(at);
        return {};
    }

    // Where the data begins, behind the map.
    [[nodiscard]] std::uint64_t data() const noexcept { return data_; }
    [[nodiscard]] std::uint64_t file_size() const noexcept { return file_size_; }

    // Compares the map that was read with the data, which ends at `data_end`.
    [[nodiscard]] result<void, tar_error> lay_out(std::uint64_t data_end, std::uint64_t at) {
        if (!lay_out_sparse(ranges_, file_size_, data_, data_end - data_, extents_))
            return bad_map(at);
        return {};
    }
    // After lay_out: the extents, and whether they leave no hole.
    [[nodiscard]] std::span<sparse_extent const> extents() const noexcept { return extents_; }
    [[nodiscard]] bool is_whole() const noexcept {
        return file_size_ == 0 || (extents_.size() == 1 && extents_.front().length == file_size_);
    }

private:
    [[nodiscard]] static unexpected<tar_error> bad_map(std::uint64_t at) {
        return unexpected(tar_error(tar_reason::bad_sparse_map, at));
    }

    [[nodiscard]] result<void, tar_error> take_gnu_entries(std::string_view entries, std::uint64_t at) {
        for (; !entries.empty(); entries.remove_prefix(tar_fields::sparse_entry_size)) {
            auto const offset = parse_tar_number(entries.substr(0, 12));
            auto const length = parse_tar_number(entries.substr(12, 12));
            if (!offset || !length || *offset < 0 || *length < 0)
                return bad_map(at);
            if (entries[12] == '\0')
                return {};  // unused, and so is the rest of the block
            if (ranges_.size() >= most_)
                return unexpected(tar_error(tar_reason::over_sparse_extents, at));
            ranges_.push_back({static_cast<std::uint64_t>(*offset), static_cast<std::uint64_t>(*length)});
        }
        return {};
    }

    std::uint64_t most_;
    std::uint64_t file_size_ = 0;
    std::uint64_t data_ = 0;
    std::vector<sparse_range> ranges_;
    std::vector<sparse_extent> extents_;
};

}  // namespace lamina::detail
