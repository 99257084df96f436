// The digest that fs-verity gives a file of certain bytes (Documentation/filesystems/fsverity.rst, "Merkle tree" and
// "File digest computation"), with its usual parameters: SHA-256, blocks of 4096 bytes, no salt.
//
// The file's blocks, the last one filled up with zeros, are hashed; their hashes, 128 to a block, are the blocks of the
// level above, and so on until one hash is left: the root, which is zero for an empty file. The digest is the hash of a
// descriptor that holds the root and the size.
//
// Memory does not grow with the file: one block for each level, of which there are at most eight, and the buffer that
// is read into. A level's block is hashed only when another hash comes to it, or at the end: whether a level is the
// topmost is not known before.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/core/digest.hpp>
#include <lamina/core/result.hpp>
#include <lamina/verity/sha256.hpp>

namespace lamina::verity {

inline constexpr std::size_t block_size = 4096;

// Over the blocks of a file, given one after the other.
class merkle_tree {
public:
    explicit merkle_tree(sha256 hash) : hash_(std::move(hash)) {}

    // Requires: all blocks but the last are full, and none is empty.
    [[nodiscard]] result<void> add(std::span<std::byte const> block) {
        size_ += block.size();
        LAMINA_TRY(auto const hashed, hash_.of(filled(block)));
        return push(0, hashed);
    }

    // The file's digest. Nothing can be added any more.
    [[nodiscard]] result<digest> finish() {
        LAMINA_TRY(auto const root, this->root());
        std::array<std::byte, 256> descriptor{};
        descriptor[0] = std::byte{1};   // its version
        descriptor[1] = std::byte{1};   // SHA-256
        descriptor[2] = std::byte{12};  // a block's size, as a power of two
        for (std::size_t i = 0; i < 8; ++i)
            descriptor[8 + i] = static_cast<std::byte>(size_ >> (8 * i));
        std::copy(root.begin(), root.end(), descriptor.begin() + 16);
        LAMINA_TRY(auto const bytes, hash_.of(descriptor));
        return *digest::of(digest_algorithm::sha256, bytes);
    }

private:
    struct level {
        std::array<std::byte, block_size> block;
        std::size_t used = 0;

        [[nodiscard]] std::span<std::byte const> hashes() const { return std::span(block).first(used); }
    };

    [[nodiscard]] result<void> push(std::size_t at, sha256_bytes const& hash) {
        // One more for each level whose block is full.
        sha256_bytes carried = hash;
        for (;; ++at) {
            if (at == levels_.size())
                levels_.push_back(std::make_unique<level>());
            auto& here = *levels_[at];
            bool const full = here.used == block_size;
            sha256_bytes above{};
            if (full) {
                LAMINA_TRY(above, hash_.of(here.block));
                here.used = 0;
            }
            std::copy(carried.begin(), carried.end(), here.block.begin() + static_cast<std::ptrdiff_t>(here.used));
            here.used += carried.size();
            if (!full)
                return {};
            carried = above;
        }
    }
    [[nodiscard]] result<sha256_bytes> root() {
        sha256_bytes last{};
        for (std::size_t at = 0; at < levels_.size(); ++at) {
            auto const hashes = levels_[at]->hashes();
            if (at + 1 == levels_.size() && hashes.size() == last.size()) {
                std::copy(hashes.begin(), hashes.end(), last.begin());
                break;
            }
            LAMINA_TRY(auto const hashed, hash_.of(filled(hashes)));
            LAMINA_CHECK(push(at + 1, hashed));
        }
        return last;
    }
    // A whole block, with zeros behind what there is.
    [[nodiscard]] std::span<std::byte const> filled(std::span<std::byte const> block) {
        if (block.size() == block_size)
            return block;
        auto const end = std::copy(block.begin(), block.end(), padded_.begin());
        std::fill(end, padded_.end(), std::byte{});
        return padded_;
    }

    sha256 hash_;
    std::uint64_t size_ = 0;
    std::vector<std::unique_ptr<level>> levels_;
    std::array<std::byte, block_size> padded_;
};

// Of what a file holds: all of it is read. Errors: what reading reports; enomem and eopnotsupp (sha256.hpp).
template <readable_file F>
[[nodiscard]] result<digest> file_digest(F& file) {
    constexpr std::size_t room = 16 * block_size;
    LAMINA_TRY(auto hash, sha256::make());
    merkle_tree tree(std::move(hash));
    auto const buffer = std::make_unique_for_overwrite<std::byte[]>(room);
    for (std::uint64_t at = 0;; at += room) {
        LAMINA_TRY(auto const got, file.read_at(std::span(buffer.get(), room), at));
        for (std::size_t i = 0; i < got; i += block_size)
            LAMINA_CHECK(tree.add(std::span(buffer.get() + i, std::min(block_size, got - i))));
        if (got < room)
            return tree.finish();
    }
}

}  // namespace lamina::verity
