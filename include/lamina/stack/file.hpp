// An open file of an overlay: the file of one layer, and the entry whose cached attributes its writes make stale.
//
// A handle that was opened on a lower file follows the file when it is copied up: from then on it reads the copy, so it
// sees what others write. It is itself never written through: a lower file is opened for reading only, and what a
// read-only handle may change all the same (mode, owner, times, attributes, as fchmod(2) and its like) brings the file
// into the upper first.
//
// Concurrency: as the layer's own file; following takes the tree lock once.
// Requires: the overlay outlives its files.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <lamina/stack/copy_up.hpp>

namespace lamina {

namespace detail {
template <class Core>
class publication;  // unnamed.hpp
}

template <class Core>
class overlay_file {
    using inner_type = typename Core::file_variant;
    using entry_id = detail::entry_id;

public:
    // Takes over one pin of `id`. `layer` is where `inner` lies; it may be open for more than `flags` say.
    overlay_file(Core& core, entry_id id, layer_number layer, inner_type inner, open_flags flags)
        : core_(&core), id_(id), layer_(layer), flags_(flags), inner_(std::move(inner)) {}
    // Requires of a move: nobody else uses either.
    overlay_file(overlay_file&& other) noexcept
        : core_(other.core_), id_(other.id_.exchange(entry_id::none)), layer_(other.layer_),
          flags_(other.flags_),
          inner_(std::move(other.inner_)), copy_(std::move(other.copy_)), followed_(other.followed_.load()),
          other_names_(other.other_names_.exchange(names::unknown)),
          unnamed_(std::exchange(other.unnamed_, entry_id::none)),
          passed_by_(std::exchange(other.passed_by_, not_passed_by)) {}
    // One without a name, in the upper, open for reading and writing. Takes over one pin of `id`, an entry without a name.
    [[nodiscard]] static overlay_file unnamed(Core& core, entry_id id, inner_type inner) {
        overlay_file made(core, id, 0, std::move(inner), open_flags::read_write);
        made.unnamed_ = id;
        return made;
    }
    overlay_file& operator=(overlay_file&& other) noexcept {
        std::swap(core_, other.core_);
        id_.store(other.id_.exchange(id_.load()));
        std::swap(unnamed_, other.unnamed_);
        std::swap(layer_, other.layer_);
        std::swap(flags_, other.flags_);
        std::swap(inner_, other.inner_);
        std::swap(copy_, other.copy_);
        followed_.store(other.followed_.exchange(followed_.load()));
        other_names_.store(other.other_names_.exchange(other_names_.load()));
        std::swap(passed_by_, other.passed_by_);
        return *this;
    }
    ~overlay_file() {
        copy_.reset();
        if (passed_by_ != not_passed_by)
            core_->end_passing_by(passed_by_);
        if (other_names_.load() == names::others)
            core_->end_unheard();
        if (id_ != entry_id::none)
            core_->unpin(id_);
        if (unnamed_ != entry_id::none && unnamed_ != id_)
            core_->unpin(unnamed_);
    }

    // ebadf unless opened for reading.
    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        if (!has(flags_, open_flags::read))
            return fail(errc::ebadf, operation::read);
        return std::visit([&](auto& f) { return f.read_at(out, offset); }, now());
    }
    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) {
        return std::visit([&](auto& f) { return f.next_data(offset); }, now());
    }
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) {
        return std::visit([&](auto& f) { return f.next_hole(offset); }, now());
    }
    // Of the file in the layer; empty where that has none.
    [[nodiscard]] result<std::optional<digest>> verity_digest() { return detail::measure(now()); }
    // Of the file in the layer that has the data by now; none for data of several layers, and none in the upper where
    // each write has to be flushed: who has one may let others write through it.
    [[nodiscard]] std::optional<int> data_descriptor() {
        inner_type& inner = now();
        if (Core::writable && core_->rules.durable == durability::strict && has_reached_upper())
            return std::nullopt;
        auto const found = std::visit(
            []<class F>(F& f) -> std::optional<int> {
                if constexpr (has_data_descriptor<F>)
                    return f.data_descriptor();
                else
                    return std::nullopt;
            },
            inner);
        if (found && wants_write(flags_) && !expect_passing_by())
            return std::nullopt;
        return found;
    }
    // False as long as a copy-up would move the data.
    [[nodiscard]] bool descriptor_is_final() {
        inner_type& inner = now();
        if (Core::writable && !has_reached_upper())
            return false;
        return std::visit(
            []<class F>(F& f) {
                if constexpr (has_data_descriptor<F>)
                    return f.descriptor_is_final();
                else
                    return true;
            },
            inner);
    }
    // Whether this is the data that half copies record. For who opens it, before anybody else has it: it never follows
    // a copy.
    [[nodiscard]] result<void> verify(policy const& rules, detail::data_claim const& claim) {
        return detail::verify(rules, claim, inner_);
    }
    // As the merged view has them, with the overlay's inode number.
    [[nodiscard]] result<attributes> status() {
        LAMINA_TRY(auto found, std::visit([](auto& f) { return f.status(); }, now()));
        detail::exclusive_lock const lock(core_->tree);
        // Below a metacopy lies data with another's mode and times.
        if (layer_ != 0 && !core_->at(id_).is(detail::fact::removed))
            return core_->fetch_attributes(id_);
        found.id = {core_->device, core_->number(id_, found.id)};
        if (core_->at(id_).is(detail::fact::indexed))
            found.nlink = core_->merged_links(id_, found.nlink);
        else if (layer_ != 0 && followed_.load(std::memory_order_acquire) == nullptr && found.nlink != 0)
            --found.nlink;  // the lower counts the name that was removed
        return found;
    }

    // ebadf unless opened for writing.
    [[nodiscard]] result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        if (has(flags_, open_flags::append))
            return append(bytes);
        return writing<std::size_t>([&](auto& f) { return f.write_at(bytes, offset); });
    }
    [[nodiscard]] result<std::size_t> append(std::span<std::byte const> bytes) {
        return writing<std::size_t>([&](auto& f) { return f.append(bytes); });
    }
    [[nodiscard]] result<void> resize(std::uint64_t size) {
        return writing<void>([&](auto& f) { return f.resize(size); });
    }
    // Errors: also eopnotsupp where the upper cannot, and for ranges that would move what follows them in a file that is
    // copied up block by block.
    [[nodiscard]] result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length) {
        return writing<void>([&]<class F>(F& f) -> result<void> {
            if constexpr (allocates<F>)
                return f.allocate(how, offset, length);
            else
                return fail(errc::eopnotsupp, operation::allocate);
        });
    }

    // These may copy the file up. Errors: also estale for a lower file whose name is gone.
    [[nodiscard]] result<void> set_mode(mode_bits mode) {
        return changing([&](auto& f) { return f.set_mode(mode); });
    }
    [[nodiscard]] result<void> set_owner(user_id uid, group_id gid) {
        return changing([&](auto& f) { return f.set_owner(uid, gid); });
    }
    [[nodiscard]] result<void> set_times(time_change const& times) {
        return changing([&](auto& f) { return f.set_times(times); });
    }
    [[nodiscard]] result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        LAMINA_TRY(auto const stored, mark::escape(core_->layers.style(0).space, key));
        return changing([&](auto& f) { return f.set_xattr(stored, value, flags); });
    }
    // Errors: also enodata, without a copy-up.
    [[nodiscard]] result<void> remove_xattr(std::string_view key) {
        LAMINA_TRY(auto const stored, mark::escape(core_->layers.style(0).space, key));
        if (Core::writable && !has_reached_upper()) {
            LAMINA_TRY(auto const known, get_xattr(key));
            if (!known)
                return fail(errc::enodata, operation::remove_xattr);
        }
        return changing([&]<class F>(F& f) -> result<void> {
            if constexpr (removes_xattrs<F>)
                return f.remove_xattr(stored);
            else
                return fail(errc::eopnotsupp, operation::remove_xattr);
        });
    }
    // As overlay::get_xattr_at and list_xattrs_at. Errors: also eopnotsupp for a file whose name is gone, of a layer that
    // reads attributes by name only.
    [[nodiscard]] result<std::optional<std::string>> get_xattr(std::string_view key) {
        LAMINA_TRY(auto const stored, mark::escape(core_->layers.style(0).space, key));
        return reading_attributes<std::optional<std::string>>(
            operation::get_xattr, [&](auto& f) { return f.get_xattr(stored); },
            [&](detail::location const& at) {
                return core_->layers.get_xattr(at.layer, at.directory, at.name, stored);
            });
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs() {
        LAMINA_TRY(auto const stored, reading_attributes<std::vector<std::string>>(
                                          operation::list_xattrs, [](auto& f) { return f.list_xattrs(); },
                                          [&](detail::location const& at) {
                                              return core_->layers.list_xattrs(at.layer, at.directory, at.name);
                                          }));
        return mark::unescape_all(core_->layers.style(0).space, stored);
    }
    // Of the file that has the data. Errors: eopnotsupp where its layer has none.
    [[nodiscard]] result<inode_flags> flags() { return flags_of(now()); }
    // May copy the file up. Errors: also eopnotsupp for `immutable` and `append_only`, which a stack does not enforce.
    [[nodiscard]] result<void> set_flags(inode_flags flags) {
        if (has(flags, inode_flags::immutable | inode_flags::append_only))
            return fail(errc::eopnotsupp, operation::set_flags);
        LAMINA_TRY(inode_flags const known, flags_of(now()));
        return changing([&]<class F>(F& f) -> result<void> {
            if constexpr (has_inode_flags<F>) {
                // What another file system has beside what was asked for stays.
                LAMINA_TRY(inode_flags const found, f.flags());
                return f.set_flags(without(found, without(known, flags)) | without(flags, known));
            } else {
                return fail(errc::eopnotsupp, operation::set_flags);
            }
        });
    }
    // Nothing to do for a file of a lower: it is never written.
    [[nodiscard]] result<void> sync(sync_kind kind) {
        return on<void>(now(), [&](auto& f) { return f.sync(kind); }, result<void>());
    }

    // Where the two layers' files can. Errors: ebadf unless this was opened for writing and `from` for reading;
    // eopnotsupp for layers of different kinds, and for files that are copied up block by block.
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
    friend class detail::publication<Core>;

    // The file to read from.
    [[nodiscard]] inner_type& now() {
        if (layer_ == 0)
            return inner_;
        if (inner_type* const copy = followed_.load(std::memory_order_acquire); copy != nullptr)
            return *copy;
        if (!core_->at(id_).is(detail::fact::kept_open))
            return inner_;
        detail::exclusive_lock const lock(core_->tree);
        return follow();
    }
    [[nodiscard]] bool has_reached_upper() const noexcept {
        return layer_ == 0 || followed_.load(std::memory_order_acquire) != nullptr;
    }
    // Requires: tree lock, exclusive; the copy is kept open, which it is for as long as this pins the entry.
    inner_type& follow() {
        if (copy_ == nullptr) {
            copy_ = core_->find_kept(id_)->second;
            followed_.store(copy_.get(), std::memory_order_release);
        }
        return *copy_;
    }

    // act(file) where the layer's files can be written, else `otherwise`.
    template <class T, class F>
    static result<T> on(inner_type& inner, F&& act, result<T> otherwise) {
        return std::visit(
            [&]<class G>(G& file) -> result<T> {
                if constexpr (writable_file<G>)
                    return act(file);
                else
                    return otherwise;
            },
            inner);
    }
    template <class T, class F>
    result<T> writing(F&& act) {
        if (layer_ != 0 || !wants_write(flags_))
            return fail(errc::ebadf, operation::write);
        auto outcome = on<T>(inner_, act, fail(errc::ebadf, operation::write));
        changed(inner_);
        if constexpr (Core::writable)
            if (outcome.has_value() && core_->rules.durable == durability::strict)
                LAMINA_CHECK(sync(sync_kind::data));
        return outcome;
    }
    template <class F>
    result<void> changing(F&& act) {
        if constexpr (!Core::writable) {
            return fail(errc::erofs);
        } else {
            if (layer_ != 0)
                LAMINA_CHECK(bring_up());
            auto outcome = on<void>(now(), act, fail(errc::erofs));
            changed(now());
            if (outcome && core_->rules.durable == durability::strict)
                return sync(sync_kind::everything);
            return outcome;
        }
    }
    // by_handle(file) where this file has the attributes; by_name(place) where they lie above its data (half copies), or
    // can only be read so.
    template <class T, class ByHandle, class ByName>
    result<T> reading_attributes(operation op, ByHandle&& by_handle, ByName&& by_name) {
        inner_type& inner = now();
        auto const directly = [&]<class F>(F& file) -> result<T> {
            if constexpr (reads_xattrs<F>)
                return by_handle(file);
            else
                return fail(errc::eopnotsupp, op);
        };
        bool const can = std::visit([]<class F>(F&) { return reads_xattrs<F>; }, inner);
        if (can && has_reached_upper())
            return std::visit(directly, inner);
        {
            detail::exclusive_lock const lock(core_->tree);
            if (!core_->at(id_).is(detail::fact::removed)) {
                LAMINA_CHECK(detail::identify(*core_, id_));
                return by_name(core_->where(id_));
            }
        }
        return std::visit(directly, inner);
    }
    static result<inode_flags> flags_of(inner_type& inner) {
        return std::visit(
            []<class F>(F& f) -> result<inode_flags> {
                if constexpr (has_inode_flags<F>)
                    return f.flags();
                else
                    return fail(errc::eopnotsupp, operation::get_flags);
            },
            inner);
    }
    // Somebody may write to the data without asking this file.
    bool expect_passing_by() {
        auto const found = std::visit([](auto& f) { return f.status(); }, inner_);
        if (!found)
            return false;
        detail::exclusive_lock const lock(core_->tree);
        if (passed_by_ != not_passed_by)
            return true;
        passed_by_ = core_->number(id_, found->id);
        core_->begin_passing_by(id_, found->nlink);
        return true;
    }
    result<void> bring_up() {
        detail::exclusive_lock lock(core_->tree);
        while (!core_->at(id_).is(detail::fact::kept_open)) {
            if (core_->at(id_).is(detail::fact::removed))
                return fail(errc::estale);
            LAMINA_TRY(bool const up, detail::is_up(*core_, id_, detail::wanted::data));
            if (up)
                return fail(errc::estale);
            LAMINA_CHECK(detail::copy_up(*core_, lock, id_, detail::wanted::data));
        }
        follow();
        return {};
    }
    template <class T, class F>
    result<T> between(overlay_file& from, F&& act) {
        if (layer_ != 0 || !wants_write(flags_) || !has(from.flags_, open_flags::read))
            return fail(errc::ebadf, operation::write);
        auto outcome = std::visit(
            [&]<class To, class From>(To& to, From& source) -> result<T> {
                if constexpr (writable_file<To> && copies_from<To, From>)
                    return act(to, source);
                else
                    return fail(errc::eopnotsupp);
            },
            inner_, from.now());
        changed(inner_);
        if constexpr (Core::writable)
            if (outcome.has_value() && core_->rules.durable == durability::strict)
                LAMINA_CHECK(sync(sync_kind::data));
        return outcome;
    }
    // To be called after every change by this handle, also after a failed one: a part may have been done.
    void changed(inner_type& inner) {
        entry_id const id = id_;
        auto& e = core_->at(id);
        e.forget_attributes();
        if (!e.is(detail::fact::removed) || other_names_.load(std::memory_order_acquire) != names::unknown)
            return;
        // The entry has lost its name. Other names of the object have entries of their own, which hear nothing of this.
        auto const found = std::visit([](auto& f) { return f.status(); }, inner);
        detail::exclusive_lock const lock(core_->tree);
        if (id_ != id || other_names_.load(std::memory_order_relaxed) != names::unknown)
            return;  // it has got its name, whose entry knows nothing yet; or this is known
        bool const none = found && found->nlink == 0;  // which then stays so
        if (!none) {
            if (found)
                (void)core_->number(id, found->id);  // the other names are found by it
            core_->begin_unheard(id);
        }
        other_names_.store(none ? names::none : names::others, std::memory_order_release);
    }

    // As a number of an object: none has it.
    static constexpr std::uint64_t not_passed_by = ~std::uint64_t{0};

    Core* core_;
    std::atomic<entry_id> id_;
    layer_number layer_;
    open_flags flags_;
    inner_type inner_;
    std::shared_ptr<inner_type> copy_;            // of a lower file, once this handle has followed it
    std::atomic<inner_type*> followed_{nullptr};  // the same, for readers
    // Of an object that has lost the name by which it was opened: whether it has others.
    enum class names : std::uint8_t { unknown, none, others };
    std::atomic<names> other_names_{names::unknown};
    // Of a file that was made without a name: the entry that it began with, kept until it is closed, for its name gives it
    // another one.
    entry_id unnamed_ = entry_id::none;
    std::uint64_t passed_by_ = not_passed_by;  // this object's number, once others may write through its descriptor
};

}  // namespace lamina
