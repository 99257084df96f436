// An open file of an overlay: the file of one layer, and the entry whose cached attributes its writes make stale.
//
// Concurrency: as the layer's own file. A handle opened for reading before a copy-up goes on reading the lower file (the
// kernel's does not; the next version will follow it).
// Requires: the overlay outlives its files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include <lamina/stack/core.hpp>

namespace lamina {

template <class Core>
class overlay_file {
    using inner_type = typename Core::file_variant;
    using entry_id = detail::entry_id;

public:
    // Takes over one pin of `id`.
    overlay_file(Core& core, entry_id id, inner_type inner) : core_(&core), id_(id), inner_(std::move(inner)) {}
    overlay_file(overlay_file&& other) noexcept
        : core_(other.core_), id_(std::exchange(other.id_, entry_id::none)), inner_(std::move(other.inner_)) {}
    overlay_file& operator=(overlay_file&& other) noexcept {
        std::swap(core_, other.core_);
        std::swap(id_, other.id_);
        std::swap(inner_, other.inner_);
        return *this;
    }
    ~overlay_file() {
        if (id_ != entry_id::none)
            core_->unpin(id_);
    }

    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        return std::visit([&](auto& f) { return f.read_at(out, offset); }, inner_);
    }
    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) {
        return std::visit([&](auto& f) { return f.next_data(offset); }, inner_);
    }
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) {
        return std::visit([&](auto& f) { return f.next_hole(offset); }, inner_);
    }
    // With the overlay's inode number.
    [[nodiscard]] result<attributes> status() {
        LAMINA_TRY(auto found, std::visit([](auto& f) { return f.status(); }, inner_));
        detail::exclusive_lock const lock(core_->tree);
        found.id = {core_->device, core_->number(id_, found.id)};
        return found;
    }

    // The rest answers ebadf where the file is one of a read-only layer.
    [[nodiscard]] result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        return changing<std::size_t>([&](auto& f) { return f.write_at(bytes, offset); });
    }
    [[nodiscard]] result<std::size_t> append(std::span<std::byte const> bytes) {
        return changing<std::size_t>([&](auto& f) { return f.append(bytes); });
    }
    [[nodiscard]] result<void> resize(std::uint64_t size) {
        return changing<void>([&](auto& f) { return f.resize(size); });
    }
    [[nodiscard]] result<void> set_mode(mode_bits mode) {
        return changing<void>([&](auto& f) { return f.set_mode(mode); });
    }
    [[nodiscard]] result<void> set_owner(user_id uid, group_id gid) {
        return changing<void>([&](auto& f) { return f.set_owner(uid, gid); });
    }
    [[nodiscard]] result<void> set_times(time_change const& times) {
        return changing<void>([&](auto& f) { return f.set_times(times); });
    }
    [[nodiscard]] result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        LAMINA_TRY(auto const stored, mark::escape(core_->layers.style(0).space, key));
        return changing<void>([&](auto& f) { return f.set_xattr(stored, value, flags); });
    }
    // Nothing to do for a file of a lower: it is never written.
    [[nodiscard]] result<void> sync(sync_kind kind) {
        return std::visit(
            [&]<class F>(F& f) -> result<void> {
                if constexpr (writable_file<F>)
                    return f.sync(kind);
                else
                    return {};
            },
            inner_);
    }

    [[nodiscard]] result<std::uint64_t> copy_range_from(overlay_file& from, std::uint64_t from_offset,
                                                        std::uint64_t to_offset, std::uint64_t count) {
        return between<std::uint64_t>(from, [&](auto& to, auto& source) {
            return to.copy_range_from(source, from_offset, to_offset, count);
        });
    }
    [[nodiscard]] result<void> clone_from(overlay_file& from) {
        return between<void>(from, [](auto& to, auto& source) { return to.clone_from(source); });
    }

private:
    template <class T, class F>
    result<T> changing(F&& f) {
        auto outcome = std::visit(
            [&]<class G>(G& file) -> result<T> {
                if constexpr (writable_file<G>)
                    return f(file);
                else
                    return fail(errc::ebadf);
            },
            inner_);
        // Also after a failure: a part may have been written.
        core_->at(id_).forget_attributes();
        return outcome;
    }
    template <class T, class F>
    result<T> between(overlay_file& from, F&& f) {
        auto outcome = std::visit(
            [&]<class To, class From>(To& to, From& source) -> result<T> {
                if constexpr (writable_file<To> && copies_from<To, From>)
                    return f(to, source);
                else
                    return fail(errc::eopnotsupp);
            },
            inner_, from.inner_);
        core_->at(id_).forget_attributes();
        return outcome;
    }

    Core* core_;
    entry_id id_;
    inner_type inner_;
};

}  // namespace lamina
