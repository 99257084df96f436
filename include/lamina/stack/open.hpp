// Regular files opened: for reading where they lie, for writing in the upper.
//
// Errors: enoent, eisdir, eloop (a symbolic link), enxio (a device, fifo or socket, which is never opened); eperm for a
// metacopy that the policy refuses, eio for one whose mark means nothing or whose data is not what it records
// (verify.hpp); those of the layers with their number.
#pragma once

#include <utility>

#include <lamina/stack/file.hpp>
#include <lamina/stack/modify.hpp>

namespace lamina::detail {

template <class Core>
[[nodiscard]] result<void> judge_openable(Core const& core, entry_id id) {
    switch (core.at(id).type) {
    case file_type::regular: return {};
    case file_type::directory: return fail(errc::eisdir);
    case file_type::symlink: return fail(errc::eloop);
    default: return fail(errc::enxio);
    }
}

// A file that is copied up block by block. Requires: tree lock, exclusive.
template <class Core>
[[nodiscard]] result<overlay_file<Core>> open_by_blocks(Core& core, entry_id id, open_flags flags) {
    bool const writes = wants_write(flags);
    LAMINA_TRY(auto object, open_blocks(core, id, writes));
    // Those who read on below are to see what is written from now on.
    if (writes)
        LAMINA_CHECK(keep_blocks_open(core, id, 1));
    if (has(flags, open_flags::truncate))
        LAMINA_CHECK(cut_blocks(core, id, *object, 0));
    core.pin(id);
    return overlay_file<Core>(core, id, 0,
                              typename Core::file_variant(block_handle<upper_file_of<Core>>(std::move(object))), flags);
}

// Requires: tree lock, shared at least; a regular file of plain data.
template <class Core>
[[nodiscard]] result<overlay_file<Core>> open_plain(Core& core, entry_id id, open_flags flags) {
    auto const place = core.where(id);
    LAMINA_TRY(auto opened, core.layers.open(place.layer, place.directory, place.name, flags));
    core.pin(id);
    return overlay_file<Core>(core, id, place.layer, std::move(opened), flags);
}

// A file that nobody may read before it was verified.
template <class Core>
struct unverified_file {
    overlay_file<Core> file;
    data_claim claim;
};
// Requires: no lock.
template <class Core>
[[nodiscard]] result<overlay_file<Core>> verified(Core const& core, result<unverified_file<Core>> found) {
    LAMINA_TRY(auto opened, std::move(found));
    if (auto const sound = opened.file.verify(core.rules, opened.claim); !sound)
        return unexpected(sound.error().during(operation::open));
    return std::move(opened.file);
}

// For reading. Requires: tree lock, exclusive.
template <class Core>
[[nodiscard]] result<unverified_file<Core>> open_found(Core& core, entry_id directory, name_ref name,
                                                       open_flags flags) {
    LAMINA_TRY(entry_id const id, find_present(core, directory, name));
    LAMINA_CHECK(judge_openable(core, id));
    LAMINA_CHECK(judge_data(core, id));
    if constexpr (Core::writable)
        if (core.at(id).is(fact::blocks)) {
            LAMINA_TRY(auto opened, open_by_blocks(core, id, flags));
            return unverified_file<Core>{std::move(opened), {}};
        }
    if (!core.at(id).is(fact::metacopy)) {
        LAMINA_TRY(auto plain, open_plain(core, id, flags));
        return unverified_file<Core>{std::move(plain), {}};
    }
    search<Core> below(core);
    LAMINA_CHECK(find_data(core, id, below));
    auto const& data = *below.data;
    LAMINA_TRY(auto opened, core.layers.open(data.layer, data.directory, data.name, open_flags::read));
    core.pin(id);
    return unverified_file<Core>{overlay_file<Core>(core, id, data.layer, std::move(opened), flags),
                                 std::move(below.claim)};
}

// Takes the tree lock. Without an upper: erofs for what exists.
template <class Core>
[[nodiscard]] result<overlay_file<Core>> open_for_writing(Core& core, entry_id directory, name_ref name,
                                                          open_flags flags) {
    exclusive_lock lock = core.enter();
    if constexpr (!Core::writable) {
        if (!core.alive(directory))
            return fail(errc::enoent);
        LAMINA_CHECK(find_present(core, directory, name));
        return fail(errc::erofs);
    } else {
        auto const judge = [&](entry_id id) { return judge_openable(core, id); };
        auto const limit = has(flags, open_flags::truncate) ? 0 : all_data;
        opened_copy<Core> copy;
        LAMINA_TRY(auto const place, bring_into_upper(core, lock, directory, name, wanted::data, judge, limit, &copy));
        core.at(place.id).forget_attributes();
        if (core.at(place.id).is(fact::blocks))
            return open_by_blocks(core, place.id, flags);
        if (!copy) {
            LAMINA_TRY(auto opened, open_plain(core, place.id, flags));
            if (has(flags, open_flags::truncate) && flushes_names(core))
                LAMINA_CHECK(opened.sync(sync_kind::everything));
            return opened;
        }
        // Cut already, if there was anything to cut; an empty file is modified by this too. If that fails, the times
        // are all that is wrong, and the copy is published.
        if (has(flags, open_flags::truncate))
            (void)copy->resize(0);
        // The copy is open already; and a file that was cut for this must not be left so by an open that fails.
        core.pin(place.id);
        return overlay_file<Core>(core, place.id, 0, typename Core::file_variant(*std::move(copy)), flags);
    }
}

}  // namespace lamina::detail
