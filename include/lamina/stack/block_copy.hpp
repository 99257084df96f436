// The part of a copy-up that makes a block-wise file: its map, and its marks on the copy. What the order of it all is
// stands in blocks.hpp and copy_up.hpp.
//
// Requires: the tree lock, exclusive, but for `make` and `mark`; for the destructor too.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include <lamina/stack/blocks.hpp>

namespace lamina::detail {

template <class Core>
class block_copy {
    using upper_file = upper_file_of<Core>;

public:
    explicit block_copy(Core& core) : core_(core) {}
    block_copy(block_copy const&) = delete;
    block_copy& operator=(block_copy const&) = delete;
    ~block_copy() {
        if (wanted())
            --core_.blocks.underway;
        if (map_ && !named_)
            drop_map(core_, hex_name(map_->header().id));
    }

    // Whether a file of this size is to be copied up by blocks.
    [[nodiscard]] bool consider(std::uint64_t size) {
        shift_ = block_shift(core_, size);
        if (shift_)
            ++core_.blocks.underway;
        return shift_.has_value();
    }
    [[nodiscard]] bool wanted() const noexcept { return shift_.has_value(); }
    // There is a better way after all.
    void withdraw() noexcept {
        shift_.reset();
        --core_.blocks.underway;
    }

    // The map, and the size of the copy, which gets no data.
    [[nodiscard]] result<void> make(upper_file& copy, typename Core::file_variant& source, std::uint64_t size,
                                    layer_number below) {
        LAMINA_TRY(auto const lower, std::visit([](auto& file) { return file.status(); }, source));
        block_header header;
        header.shift = *shift_;
        header.lower = {lower.size, lower.mtime};
        header.limit = std::min(lower.size, size);
        if (header.blocks() > block_header::most_blocks)
            return fail(errc::estale, operation::copy_up, below);  // it has grown since it was looked up
        LAMINA_TRY(map_, create_map(core_, header));
        return copy.resize(size);
    }
    [[nodiscard]] bool made() const noexcept { return map_.has_value(); }
    // As a metacopy, with a map, or without one and with what is recorded of its data.
    [[nodiscard]] result<void> mark(upper_file& copy, mark::metacopy_value const& recorded) {
        auto const space = core_.layers.style(0).space;
        if (map_)
            LAMINA_CHECK(copy.set_xattr(mark::key(space, mark::block_map), map_mark(map_->header().id),
                                        xattr_flags::none));
        return copy.set_xattr(mark::key(space, mark::metacopy),
                              map_ ? std::string(mark::block_metacopy) : mark::write_metacopy(recorded), xattr_flags::none);
    }
    // A name leads to the copy: it needs its map.
    void named() noexcept { named_ = true; }
    // The copy has its name: what it holds of the file's data is what its map says.
    [[nodiscard]] result<void> begin(entry_id id) {
        if (!map_)
            return {};
        LAMINA_CHECK(judge_data(core_, id));
        return keep_blocks_open(core_, id, 1);
    }

private:
    Core& core_;
    std::optional<unsigned> shift_;
    std::optional<block_map<upper_file>> map_;
    bool named_ = false;
};

}  // namespace lamina::detail
