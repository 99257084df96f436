// New names in the merged view.
//
// Where nothing of that name lies in the upper, the object is made in place: one call, as on a plain directory. Where a
// whiteout lies there, the object is made in the work directory and takes the whiteout's place in one step, so that at
// no moment the lower object shows through; a directory is marked opaque before. (aufs: the whiteout is another name,
// and beside it the new object is visible and not merged, so it is made first and the whiteout removed after.)
//
// What is made in the work directory is flushed before it takes its place, what is made in place after (durable.hpp).
//
// Each takes the tree lock, exclusive. Errors: eexist; those of the upper with its number; einval and enametoolong for
// names that the upper's format cannot hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/stack/copy_up.hpp>
#include <lamina/stack/inherit.hpp>
#include <lamina/stack/intent.hpp>

namespace lamina::detail {

// Whether the upper's format can hold the name.
template <class Core>
[[nodiscard]] result<void> judge_new_name(Core const& core, name_ref name) {
    if (core.layers.style(0).format != whiteout_format::aufs)
        return {};
    if (name.text.starts_with(mark::aufs_prefix))
        return fail(errc::einval);
    // Else it could not be deleted.
    if (name.text.size() + mark::aufs_prefix.size() > name_max)
        return fail(errc::enametoolong);
    return {};
}

// A place for a new name: the directory is in the upper when this returns.
struct new_place {
    node directory{};
    bool over_whiteout = false;
};
template <class Core>
[[nodiscard]] result<new_place> prepare_new(Core& core, entry_id directory, name_ref name) {
    if (!core.alive(directory))
        return fail(errc::enoent);
    LAMINA_TRY(entry_id const id, find_child(core, directory, name));
    if (id != entry_id::none && !core.at(id).is(fact::negative))
        return fail(errc::eexist);
    LAMINA_CHECK(judge_new_name(core, name));
    LAMINA_CHECK(ensure_upper_directory(core, directory));
    return new_place{core.upper_node(directory), id != entry_id::none && core.at(id).is(fact::upper_whiteout)};
}

// The cache learns of a new object in the upper. Requires: the name is negative or unknown there.
template <class Core>
entry_id settle(Core& core, entry_id directory, name_ref name, file_type type) {
    entry_id id = core.entries.find(directory, name);
    if (id == entry_id::none)
        id = core.entries.add(directory, name);
    entry& e = core.at(id);
    // Under a whiteout there is something; under a name that no layer has, nothing.
    e.put(fact::below_known, !e.is(fact::upper_whiteout));
    for (fact const f : {fact::negative, fact::upper_whiteout, fact::below, fact::inode})
        e.clear(f);
    e.set(fact::in_upper);
    e.set(fact::identified);
    e.put(fact::plain_data, type == file_type::regular);
    e.type = type;
    e.layer = 0;
    e.forget_attributes();
    core.entries.show(id);
    core.at(directory).forget_attributes();
    return id;
}

template <class Core>
void settle_directory(Core& core, entry_id id, node made, bool opaque) {
    auto* part = new directory_part;
    part->layers.push_back({made, 0, false});
    part->opaque = opaque;
    part->complete = true;  // it is new, so it is empty
    core.at(id).directory = part;
}

// Removes an aufs whiteout that a new object has taken the place of. If this fails, the whiteout hides what it always
// hid and nothing else: the view is right, and the next removal writes it again.
template <class Core>
void drop_aufs_whiteout(Core& core, node directory, name_ref name) {
    (void)core.layers.upper().remove_at(directory, std::string(mark::aufs_prefix).append(name.text));
}

// Whether what gets a name is a new object, which takes after its directory, one whose maker has flushed it, or one
// that has a name elsewhere already.
enum class origin_of_object : std::uint8_t { here, flushed, elsewhere };

// Makes something that is no directory: `make(directory, name)` makes it in the upper, with `mode`.
template <class Core, class Make>
[[nodiscard]] result<entry_id> create_in(Core& core, entry_id directory, name_ref name, file_type type, mode_bits mode,
                                         Make&& make, origin_of_object origin = origin_of_object::here) {
    LAMINA_TRY(auto const place, prepare_new(core, directory, name));
    bool const aufs = core.layers.style(0).format == whiteout_format::aufs;
    // What cannot be flushed by itself has all its attributes from when it was made.
    bool const to_flush = origin == origin_of_object::here && type == file_type::regular;
    if (!place.over_whiteout || aufs) {
        LAMINA_CHECK(make(place.directory, name));
    } else {
        temporary<Core> built(core);
        LAMINA_CHECK(make(core.work, name_ref(built.name())));
        bool inherits = false;
        if (origin != origin_of_object::elsewhere) {
            LAMINA_TRY(inherits, inherit(core, directory, built.name(), type, mode));
        }
        if (to_flush || inherits)
            LAMINA_CHECK(flush_object(core, core.work, built.name(), type));
        LAMINA_CHECK(built.publish(place.directory, name));
    }
    entry_id const id = settle(core, directory, name, type);
    if (to_flush && (!place.over_whiteout || aufs))
        LAMINA_CHECK(flush_object(core, place.directory, name, type));
    LAMINA_CHECK(flush_names(core, place.directory));
    if (place.over_whiteout && aufs)
        drop_aufs_whiteout(core, place.directory, name);
    return id;
}

// A new file, open, and its entry, pinned for the handle.
template <class Core>
struct created_file {
    file_of<typename Core::layers_type::upper_type> file;
    entry_id id;
};
template <class Core>
[[nodiscard]] result<created_file<Core>> create_file(Core& core, entry_id directory, name_ref name, mode_bits mode) {
    exclusive_lock const lock = core.enter();
    std::optional<file_of<typename Core::layers_type::upper_type>> file;
    auto const make = [&](node dir, name_ref as) -> result<void> {
        LAMINA_TRY(auto made, core.layers.upper().create_at(dir, as, mode));
        file.emplace(std::move(made));
        return {};
    };
    LAMINA_TRY(entry_id const id, create_in(core, directory, name, file_type::regular, mode, make));
    core.pin(id);
    return created_file<Core>{*std::move(file), id};
}

template <class Core>
[[nodiscard]] result<void> create_symlink(Core& core, entry_id directory, name_ref name, std::string_view target) {
    exclusive_lock const lock = core.enter();
    LAMINA_CHECK(create_in(core, directory, name, file_type::symlink, 0777, [&](node dir, name_ref as) {
        return core.layers.upper().create_symlink_at(dir, as, target);
    }));
    return {};
}

template <class Core>
[[nodiscard]] result<void> create_node(Core& core, entry_id directory, name_ref name, file_type type, mode_bits mode,
                                       device_number device) {
    exclusive_lock const lock = core.enter();
    LAMINA_CHECK(create_in(core, directory, name, type, mode, [&](node dir, name_ref as) -> result<void> {
        // It would be a whiteout. Judged here, because eexist comes first.
        if (type == file_type::character && device == device_number{0, 0})
            return fail(errc::eperm);
        return core.layers.upper().create_node_at(dir, as, type, mode, device);
    }));
    return {};
}

template <class Core>
[[nodiscard]] result<void> create_directory(Core& core, entry_id directory, name_ref name, mode_bits mode) {
    exclusive_lock const lock = core.enter();
    auto& upper = core.layers.upper();
    LAMINA_TRY(auto const place, prepare_new(core, directory, name));
    bool const aufs = core.layers.style(0).format == whiteout_format::aufs;
    intended_whiteout<Core> intent(core);
    if (!place.over_whiteout) {
        LAMINA_CHECK(upper.create_directory_at(place.directory, name, mode));
    } else {
        temporary<Core> built(core);
        LAMINA_CHECK(upper.create_directory_at(core.work, built.name(), mode));
        LAMINA_CHECK(inherit(core, directory, built.name(), file_type::directory, mode));
        LAMINA_CHECK(mark_opaque(core, core.work, built.name()));
        LAMINA_CHECK(flush_object(core, core.work, built.name(), file_type::directory));
        if (aufs) {
            LAMINA_CHECK(built.publish(place.directory, name));
        } else if (core.upper_able.has(capability::exchange)) {
            LAMINA_CHECK(built.publish(place.directory, name, rename_flags::exchange));
        } else {
            // A directory cannot replace a file in one step here.
            LAMINA_CHECK(intent.write(directory, name));
            LAMINA_CHECK(upper.remove_at(place.directory, name));
            if (auto published = built.publish(place.directory, name); !published) {
                (void)place_whiteout(core, place.directory, name);  // as it was; nothing more can be done if not
                return published;
            }
        }
    }
    entry_id const id = settle(core, directory, name, file_type::directory);
    // It is there. If it cannot be opened now (no descriptors left), the next lookup does it.
    if (auto const made = upper.open_directory_at(place.directory, name))
        settle_directory(core, id, *made, place.over_whiteout);
    if (!place.over_whiteout)
        LAMINA_CHECK(flush_object(core, place.directory, name, file_type::directory));
    LAMINA_CHECK(flush_names(core, place.directory));
    if (place.over_whiteout && aufs)
        drop_aufs_whiteout(core, place.directory, name);
    discard_replaced(core);
    return {};
}

}  // namespace lamina::detail
