// A disk that loses its power. It records everything that is changed and every flush, and tells afterwards what a power
// loss at any point may leave: what was flushed, and any part of the rest that the rules of a file system allow
// (disk_history.hpp has the rules). Above it all works as ever; a loss is looked at, not suffered.
//
//     lamina::memory_tree tree;
//     lamina::lossy_disk disk{tree};
//     ... change something through `disk` ...
//     disk.for_each_loss(lamina::disk_order::weak, [&](lamina::disk_image const& left, std::size_t) {
//         lamina::memory_tree survivor;
//         lamina::write_disk(left, survivor).value();
//         ... what does it show? ...
//     });
//
// Requires: the wrapped backend gives no inode number twice (a memory tree does not), and is changed through this
// alone. Bytes that one file takes from another, or that move or become zeros at once, are read back: a handle that cannot
// be read refuses it (eopnotsupp), and the caller writes them.
//
// Concurrency: changes and flushes come one at a time, under one mutex, so that their order is known. What asks for the
// history must not run beside changes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/disk_history.hpp>
#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina {

namespace detail {

struct records_changes {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;

    std::mutex mutex;
    disk_history history;
    std::uint64_t step = 0;

    explicit records_changes(disk_image before) : history(std::move(before)) {}
    // For the way into its final place, where nothing has been recorded yet.
    records_changes(records_changes&& other) noexcept : history(std::move(other.history)) {}

    template <class Target, class F>
    auto around(Target& target, call const& c, F& perform) -> answer_of<F> {
        if (!c.mutates() && !c.flushes())
            return perform(c);
        std::lock_guard const lock(mutex);
        ++step;
        if constexpr (readable_backend<Target>)
            return on_tree(target, c, perform);
        else
            return on_file(target, c, perform);
    }

    void flushed_all() {
        std::lock_guard const lock(mutex);
        history.add({flush_scope::all});
    }

private:
    [[nodiscard]] disk_object const* known(object_number number) const {
        auto const found = history.latest().objects.find(number);
        return found == history.latest().objects.end() ? nullptr : &found->second;
    }
    void changed(disk_change change) { history.add(step, std::move(change)); }

    // --- a primitive of the backend

    template <class B, class F>
    auto on_tree(B& backend, call const& c, F& perform) -> answer_of<F> {
        auto answer = perform(c);
        if (!answer.has_value())
            return answer;
        if (c.flushes()) {
            flushed(backend, c);
            return answer;
        }
        if constexpr (requires { answer->inner().status(); })
            if (c.what == primitive::create_unnamed) {
                if (auto const made = answer->inner().status()) {
                    disk_object object;
                    object.take(*made);
                    history.knows(made->id.inode, std::move(object));
                }
                return answer;
            }
        if (names_something(c.what)) {
            name_now(backend, c.directory, c.name);
            if (c.what == primitive::rename_at || c.what == primitive::link_at)
                name_now(backend, c.to_directory, c.to_name);
        } else {
            object_now(backend, c);
        }
        return answer;
    }
    [[nodiscard]] static bool names_something(primitive p) noexcept {
        return p >= primitive::create_at && p <= primitive::remove_tree_at;
    }

    template <class B>
    void flushed(B& backend, call const& c) {
        if (c.what == primitive::sync_all)
            history.add({flush_scope::all});
        else
            history.add({flush_scope::names, number_of(backend, c.directory, name_ref{})});
    }

    template <class B>
    [[nodiscard]] static object_number number_of(B& backend, node directory, name_ref name) {
        auto const found = backend.lookup(directory, name);
        return found && *found ? (*found)->id.inode : no_object;
    }

    // What a name means after the primitive, if that is not what it meant before.
    template <class B>
    void name_now(B& backend, node directory, name_ref name) {
        object_number const parent = number_of(backend, directory, name_ref{});
        auto const* const names = known(parent);
        if (names == nullptr)
            return;  // removed
        auto const old = names->names.find(name.text);
        object_number const before = old == names->names.end() ? no_object : old->second;
        auto const found = backend.lookup(directory, name);
        object_number const now = found && *found ? (*found)->id.inode : no_object;
        if (now == before)
            return;
        if (now != no_object && known(now) == nullptr)
            if (auto object = read_object(backend, directory, name, **found))
                history.knows(now, *std::move(object));
        changed(name_changed{parent, std::string(name.text), now, before});
    }

    // What a primitive that names nothing has made of its object.
    template <class B>
    void object_now(B& backend, call const& c) {
        auto const found = backend.lookup(c.directory, c.name);
        if (!found || !*found)
            return;
        object_number const number = (*found)->id.inode;
        attributes_now(number, **found, c.what == primitive::set_times_at);
        if (c.what == primitive::open_at || c.what == primitive::resize_at)
            changed(size_changed{number, (*found)->size});
        auto const seen = read_object(backend, c.directory, c.name, **found);
        if (!seen)
            return;
        auto const before = known(number)->xattrs;
        for (auto const& [key, value] : seen->xattrs)
            if (auto const old = before.find(key); old == before.end() || old->second != value)
                changed(xattr_changed{number, key, value});
        for (auto const& [key, value] : before)
            if (!seen->xattrs.contains(key))
                changed(xattr_changed{number, key, std::nullopt});
    }

    void attributes_now(object_number number, attributes const& now, bool times) {
        auto const* const before = known(number);
        if (before == nullptr)
            return;
        attributes_changed change{.object = number};
        if (now.mode != before->mode)
            change.mode = now.mode;
        if (now.uid != before->uid)
            change.uid = now.uid;
        if (now.gid != before->gid)
            change.gid = now.gid;
        if (times) {
            change.atime = now.atime;
            change.mtime = now.mtime;
        }
        if (change.mode || change.uid || change.gid || times)
            changed(std::move(change));
    }

    // --- a primitive of an open file

    template <class File, class F>
    auto on_file(File& file, call const& c, F& perform) -> answer_of<F> {
        bool const takes = c.what == primitive::copy_range_from || c.what == primitive::clone_from ||
                           c.what == primitive::allocate;
        if (takes && !has(c.opening, open_flags::read))
            return fail(errc::eopnotsupp, c.op());
        auto answer = perform(c);
        if (!answer.has_value())
            return answer;
        auto const now = file.status();
        if (!now)
            return answer;
        object_number const number = now->id.inode;
        switch (c.what) {
        case primitive::file_sync:
            history.add({c.syncing == sync_kind::data ? flush_scope::data : flush_scope::everything, number});
            return answer;
        case primitive::write_at:
        case primitive::append: {
            auto const count = static_cast<std::size_t>(bytes_moved(c, answer));
            bool const at_end = c.what == primitive::append || has(c.opening, open_flags::append);
            std::uint64_t const offset = at_end ? now->size - count : c.offset;
            written(number, offset, {reinterpret_cast<char const*>(c.from.data()), count}, now->size);
            break;
        }
        case primitive::copy_range_from: copied(file, number, c.to_offset, bytes_moved(c, answer), now->size); break;
        case primitive::allocate:
        case primitive::clone_from: {
            disk_object content;
            if (read_blocks(file, now->size, content))
                changed(content_changed{number, std::move(content)});
            break;
        }
        case primitive::file_resize: changed(size_changed{number, now->size}); break;
        case primitive::file_set_xattr:
            changed(xattr_changed{number, std::string(c.key), std::string(c.value)});
            return answer;
        case primitive::file_remove_xattr:
            changed(xattr_changed{number, std::string(c.key), std::nullopt});
            return answer;
        default: break;
        }
        attributes_now(number, *now, c.what == primitive::file_set_times);
        // Set again where it had just been set: the file system takes it away with data and owner.
        if (c.what != primitive::file_set_mode && c.what != primitive::file_set_times)
            if (auto const* const object = known(number);
                object != nullptr && object->xattrs.contains(xattr::file_capability))
                changed(xattr_changed{number, std::string(xattr::file_capability), std::nullopt});
        return answer;
    }

    void written(object_number number, std::uint64_t offset, std::string_view bytes, std::uint64_t size) {
        if (auto const* const object = known(number); object != nullptr && size > object->size)
            changed(file_grew{number, size});
        while (!bytes.empty()) {
            auto const room = disk_object::block_size - offset % disk_object::block_size;
            auto const piece = bytes.substr(0, static_cast<std::size_t>(room));
            changed(block_written{number, offset, std::string(piece)});
            bytes.remove_prefix(piece.size());
            offset += piece.size();
        }
    }
    template <class File>
    void copied(File& file, object_number number, std::uint64_t offset, std::uint64_t count, std::uint64_t size) {
        std::array<std::byte, disk_object::block_size> buffer;
        for (std::uint64_t const end = offset + count; offset < end;) {
            auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - offset));
            auto const got = file.read_at(std::span(buffer).first(wanted), offset);
            if (!got || *got == 0)
                return;
            written(number, offset, {reinterpret_cast<char const*>(buffer.data()), *got}, size);
            offset += *got;
        }
    }
};

}  // namespace detail

template <class B>
class lossy_disk : public forwarding<lossy_disk<B>, held<B>, detail::records_changes> {
    using base = forwarding<lossy_disk<B>, held<B>, detail::records_changes>;
    using backend = std::remove_reference_t<B>;
    static_assert(writable_backend<backend>,
                  "lamina::lossy_disk: a backend that cannot be written has nothing to lose");

public:
    // What the backend holds already is on the disk. Where it cannot be read, the disk begins empty; `known()` tells.
    explicit lossy_disk(B&& tree) : lossy_disk(held<B>(std::forward<B>(tree))) {}

    // Whether the backend could be read when it was wrapped. Errors: what reading it reported.
    [[nodiscard]] result<void> known() const {
        return unknown_ == errc::ok ? result<void>() : result<void>(unexpected(unknown_));
    }
    // What is on it outlives whoever uses it: that is what it is for.
    [[nodiscard]] capabilities able() const { return base::able() | capability::persistent_inodes; }

    // Also where the wrapped backend has no such call.
    [[nodiscard]] result<void> sync_all() {
        if constexpr (syncs_all<backend>) {
            return base::sync_all();
        } else {
            this->policy().flushed_all();
            return {};
        }
    }

    [[nodiscard]] disk_history const& history() const noexcept { return this->policy().history; }
    // Everything is on the disk, and the history begins here.
    void begin_anew() { this->policy().history.begin_anew(); }

    // See disk_history::for_each_loss; from the beginning of the history to its end.
    template <class Visit>
    std::size_t for_each_loss(disk_order order, Visit&& visit, loss_limits limits = {}) const {
        return history().for_each_loss(order, 0, history().now(), limits, std::forward<Visit>(visit));
    }

private:
    explicit lossy_disk(held<B>&& tree) : lossy_disk(std::move(tree), read_disk(tree.get())) {}
    lossy_disk(held<B>&& tree, result<disk_image> before)
        : base(std::move(tree), detail::records_changes(before ? *before : disk_image{})),
          unknown_(before ? error{} : before.error()) {}

    error unknown_;
};

template <class B>
lossy_disk(B&&) -> lossy_disk<B>;

}  // namespace lamina
