// Files of which only the metadata was copied up: the upper holds an empty shell of the right size with the mark
// `metacopy`, and the data is that of the first file below under the same name, or under the path that the shell's
// redirect gives, which is no shell itself. (The kernel's overlayfs document, "Metadata only copy up".)
//
// Filling the shell, in this order: data in place, which nobody reads there while the mark stands; the attributes put
// back that this has changed; a flush of both (durable.hpp); then the mark is removed, which is the step that counts;
// last the redirect, which means nothing any more. A stop at any point before shows the lower's data, as before. All of
// it is copied: there is no one step that takes the mark away and cuts the file, so for a truncation copy_up.hpp replaces the
// shell where it can. No lock is held while data is copied: the entry is `copying`, as there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <lamina/backend/file_copy.hpp>
#include <lamina/core/xattr.hpp>
#include <lamina/stack/index.hpp>

namespace lamina::detail {

// Notes whether a file is a metacopy, or one that is copied up block by block. Errors: eperm if it is either and the
// policy refuses metacopies.
template <class Core>
[[nodiscard]] result<void> settle_data(Core& core, entry_id id, bool metacopy, bool blocks = false) {
    entry& e = core.at(id);
    if (metacopy && core.rules.metacopy == metacopies::refuse)
        return fail(errc::eperm, operation::open, e.layer);
    e.put(fact::metacopy, metacopy && !blocks);
    e.put(fact::plain_data, !metacopy);
    if (e.is(fact::blocks) != blocks) {
        e.put(fact::blocks, blocks);
        e.forget_attributes();
    }
    return {};
}

// Finds out whether a file is a metacopy; that it is none, once and for all. (A metacopy may be filled through another
// name.) Requires: tree lock, exclusive; a visible regular file. Errors: eperm if it is one and the policy refuses
// them, eio if its mark means nothing.
template <class Core>
[[nodiscard]] result<void> judge_data(Core& core, entry_id id) {
    entry& e = core.at(id);
    LAMINA_CHECK(identify(core, id));
    if (e.is(fact::plain_data))
        return {};
    auto const place = core.where(id);
    auto const style = core.layers.style(place.layer);
    if (!style.has_kernels())
        return settle_data(core, id, false);
    LAMINA_TRY(auto const metacopy, core.layers.get_xattr(place.layer, place.directory, place.name,
                                                          mark::key(style.space, mark::metacopy)));
    bool const blocks = place.layer == 0 && metacopy == mark::block_metacopy;
    if (metacopy && !blocks)
        if (auto const said = mark::read_metacopy(*metacopy); !said)
            return unexpected(said.error().in_layer(place.layer));
    return settle_data(core, id, metacopy.has_value(), blocks);
}

// Looks for the data of a visible regular file: `found.data` is where it lies. Requires: tree lock, exclusive.
// Errors: eio if no layer has it, or a mark on the way means nothing.
template <class Core>
[[nodiscard]] result<void> find_data(Core& core, entry_id id, search<Core>& found) {
    entry const& e = core.at(id);
    found.wants_data = true;
    LAMINA_CHECK(found.run(e.parent, e.hashed_name()));
    if (!found.data)
        return fail(errc::eio, operation::open, e.layer);
    return {};
}

// A moved shell must say where its data lies: the redirect is written before the name changes, and is true at both
// names. Requires: tree lock, exclusive; a file in the upper. Errors: exdev where the redirect cannot be stored.
template <class Core>
[[nodiscard]] result<void> mark_moved_file(Core& core, entry_id id) {
    entry const& e = core.at(id);
    if (e.type != file_type::regular || core.layers.style(0).format != whiteout_format::kernel)
        return {};
    LAMINA_CHECK(judge_data(core, id));
    if (!e.is(fact::metacopy) && !e.is(fact::blocks))
        return {};
    auto& upper = core.layers.upper();
    auto const key = mark::key(core.layers.style(0).space, mark::redirect);
    node const directory = core.upper_node(e.parent);
    LAMINA_TRY(auto const known, upper.get_xattr_at(directory, e.hashed_name(), key));
    if (known && known->starts_with('/'))
        return {};
    auto path = path_in_lowers(core, e.parent);
    path.append("/").append(known ? std::string_view(*known) : e.name());
    auto done = upper.set_xattr_at(directory, e.hashed_name(), key, path, xattr_flags::none);
    if (!done && done.error() != errc::enospc && done.error() != errc::edquot)
        return fail(errc::exdev, operation::rename, 0);
    return done ? flush_object(core, directory, e.hashed_name(), e.type) : done;
}

// The filling of one shell: made in two halves, the first without any lock.
template <class Core>
class data_fill {
    using upper_file = file_of<typename Core::layers_type::upper_type>;

public:
    // Requires throughout, but for copy(): tree lock, exclusive.
    data_fill(Core& core, entry_id id) : core_(core), id_(id), below_(core) {
        core_.at(id_).set(fact::copying);
    }
    data_fill(data_fill const&) = delete;
    data_fill& operator=(data_fill const&) = delete;
    ~data_fill() {
        core_.at(id_).clear(fact::copying);
        core_.free_if_unused(id_);
        core_.copies_ended.fetch_add(1, std::memory_order_release);
        core_.copies_ended.notify_all();
    }

    [[nodiscard]] result<void> open() {
        entry const& e = core_.at(id_);
        LAMINA_TRY(shell_, core_.fetch_attributes(id_));
        LAMINA_TRY(auto opened, core_.layers.open(0, core_.upper_node(e.parent), e.hashed_name(), open_flags::read_write));
        to_.emplace(std::get<upper_file>(std::move(opened)));
        LAMINA_TRY(capability_, core_.layers.get_xattr(0, core_.upper_node(e.parent), e.hashed_name(),
                                                       xattr::file_capability));
        if (shell_.size == 0)
            return {};
        LAMINA_CHECK(find_data(core_, id_, below_));
        LAMINA_TRY(auto source,
                   core_.layers.open(below_.data->layer, below_.data->directory, below_.data->name, open_flags::read));
        from_.emplace(std::move(source));
        return {};
    }
    // Requires: no lock.
    [[nodiscard]] result<void> copy() {
        if (from_) {
            LAMINA_CHECK(verify(core_.rules, below_.claim, *from_));
            LAMINA_TRY(auto known, std::visit([](auto& file) { return file.status(); }, *from_));
            // The shell's size is the file's: a lower that has changed since is cut or extended to it.
            known.size = std::min(known.size, shell_.size);
            auto const room = static_cast<std::size_t>(std::min<std::uint64_t>(known.size + 1, 64 * 1024));
            auto const buffer = std::make_unique_for_overwrite<std::byte[]>(room);
            // A clone would take the lower's size with it.
            auto const able = core_.upper_able.without(capability::clone);
            LAMINA_CHECK(std::visit(
                [&](auto& file) { return copy_content(file, *to_, known, able, std::span(buffer.get(), room)); }, *from_));
        }
        LAMINA_CHECK(to_->resize(shell_.size));
        LAMINA_CHECK(put_back());
        return flushes_data(core_) ? to_->sync(sync_kind::everything) : result<void>();
    }
    // Requires: the entry is not removed.
    [[nodiscard]] result<void> commit() {
        entry& e = core_.at(id_);
        auto& upper = core_.layers.upper();
        node const directory = core_.upper_node(e.parent);
        auto const space = core_.layers.style(0).space;
        LAMINA_CHECK(upper.remove_xattr_at(directory, e.hashed_name(), mark::key(space, mark::metacopy)));
        // Inert from now on: that it stays if this fails does no harm.
        (void)upper.remove_xattr_at(directory, e.hashed_name(), mark::key(space, mark::redirect));
        e.clear(fact::metacopy);
        e.set(fact::plain_data);
        e.forget_attributes();
        core_.keep_open_for_all_names(id_, std::make_shared<typename Core::file_variant>(*std::move(to_)),
                                      shell_.nlink);
        return flush_object(core_, directory, e.hashed_name(), e.type);
    }

private:
    // What writing has taken from the file or moved.
    [[nodiscard]] result<void> put_back() {
        if (capability_)
            LAMINA_CHECK(to_->set_xattr(xattr::file_capability, *capability_, xattr_flags::none));
        LAMINA_TRY(auto const written, to_->status());
        if (written.mode != shell_.mode)
            LAMINA_CHECK(to_->set_mode(shell_.mode));
        return to_->set_times(time_change::both(shell_.atime, shell_.mtime));
    }

    Core& core_;
    entry_id id_;
    search<Core> below_;
    attributes shell_;
    std::optional<std::string> capability_;
    std::optional<upper_file> to_;
    std::optional<typename Core::file_variant> from_;
};

// Gives a file of the upper its data, if it is a shell. On success the caller looks its name up again, as after
// copy_up.
template <class Core>
[[nodiscard]] result<void> fill_data(Core& core, exclusive_lock& lock, entry_id id) {
    data_fill<Core> fill(core, id);
    if (auto opened = fill.open(); !opened)
        return unexpected(opened.error().in_layer(0).during(operation::copy_up));
    lock.unlock();
    result<void> done = fill.copy();
    lock.lock();
    if (core.at(id).is(fact::removed))
        return {};
    if (done)
        done = fill.commit();
    if (!done)
        return unexpected(done.error().in_layer(0).during(operation::copy_up));
    return {};
}

}  // namespace lamina::detail
