// An open regular file of an archive: a range of the source, or the ranges between its holes. Nothing is copied out
// of the archive but what is read.
//
// A source that has become shorter since the archive was opened makes reads eio, as does one that fails; it never
// makes them short, which would say that the file ends there.
//
// Concurrency: any member from any thread, no lock. A file keeps what it reads alive, also beyond its layer.
#pragma once

#include <atomic>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include <lamina/archive/source.hpp>
#include <lamina/archive/tar_index.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

namespace detail {

// Apart from real device numbers, which have 32 bits, and from those that trees in memory take.
inline std::atomic<std::uint64_t> next_tar_device{std::uint64_t{1} << 33};

// What a layer and its open files share. Never changed once the index is built.
struct tar_contents {
    explicit tar_contents(any_source s) : source(std::move(s)) {}

    any_source source;
    tar_index index;
    std::uint64_t device = next_tar_device.fetch_add(1, std::memory_order_relaxed);
    std::array<std::uint64_t, 2> fingerprint{};  // of the index
};

}  // namespace detail

class tar_file {
public:
    // Fewer bytes than asked only at the end of the file; 0 at or past it. Errors: eio, and what the source reports.
    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) const {
        auto const& file = record();
        if (offset >= file.size || out.empty())
            return std::size_t{0};
        if (out.size() > file.size - offset)
            out = out.first(static_cast<std::size_t>(file.size - offset));
        auto const* const rare = contents_->index.rare_of(file);
        if (detail::tar_index::is_sparse(file, rare))
            LAMINA_CHECK(read_sparse(out, offset, contents_->index.extents_of(*rare)));
        else
            LAMINA_CHECK(read_stored(out, file.place + offset));
        return out.size();
    }

    // The first offset at or after `offset` that holds data; the file's size if none does.
    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) const {
        auto const& file = record();
        auto const* const rare = contents_->index.rare_of(file);
        if (offset >= file.size)
            return file.size;
        if (!detail::tar_index::is_sparse(file, rare))
            return offset;
        auto const extents = contents_->index.extents_of(*rare);
        auto const i = detail::first_extent_after(extents, offset);
        if (i == extents.size())
            return file.size;
        return extents[i].offset > offset ? extents[i].offset : offset;
    }
    // The first offset at or after `offset` in a hole; the file's size if none is.
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) const {
        auto const& file = record();
        auto const* const rare = contents_->index.rare_of(file);
        if (offset >= file.size || !detail::tar_index::is_sparse(file, rare))
            return file.size;
        auto const extents = contents_->index.extents_of(*rare);
        auto const i = detail::first_extent_after(extents, offset);
        if (i == extents.size() || extents[i].offset > offset)
            return offset;
        return extents[i].offset + extents[i].length;  // extents that touch were made one
    }

    [[nodiscard]] result<attributes> status() const {
        return contents_->index.attributes_of(number_, contents_->device);
    }

private:
    friend class tar_layer;

    tar_file(std::shared_ptr<detail::tar_contents const> contents, detail::tar_record_number number) noexcept
        : contents_(std::move(contents)), number_(number) {}

    [[nodiscard]] detail::tar_record const& record() const noexcept { return contents_->index[number_]; }

    [[nodiscard]] result<void> read_stored(std::span<std::byte> out, std::uint64_t at) const {
        LAMINA_TRY(auto const count, contents_->source.read_full(out, at));
        if (count != out.size())
            return fail(errc::eio, operation::read);
        return {};
    }

    [[nodiscard]] result<void> read_sparse(std::span<std::byte> out, std::uint64_t offset,
                                           std::span<detail::sparse_extent const> extents) const {
        auto i = detail::first_extent_after(extents, offset);
        while (!out.empty()) {
            bool const in_hole = i == extents.size() || extents[i].offset > offset;
            std::uint64_t length = out.size();
            if (in_hole && i != extents.size() && extents[i].offset - offset < length)
                length = extents[i].offset - offset;
            if (!in_hole && extents[i].offset + extents[i].length - offset < length)
                length = extents[i].offset + extents[i].length - offset;
            auto const piece = out.first(static_cast<std::size_t>(length));
            if (in_hole) {
                std::memset(piece.data(), 0, piece.size());
            } else {
                LAMINA_CHECK(read_stored(piece, extents[i].stored + (offset - extents[i].offset)));
                ++i;
            }
            out = out.subspan(piece.size());
            offset += length;
        }
        return {};
    }

    std::shared_ptr<detail::tar_contents const> contents_;
    detail::tar_record_number number_;  // of the object, never of a hard link
};

}  // namespace lamina
