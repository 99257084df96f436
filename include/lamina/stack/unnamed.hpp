// Files without a name in an overlay (O_TMPFILE), and how they get one.
//
// Such a file lies in the upper, in the directory that it is made for: so it takes after that directory as what is made
// there by name does. It has an entry that nobody can find, like one whose name was removed.
//
// Order of effects of the name, and why:
//   1. with durability::strict the file is flushed: its name must not be on the disk before it
//   2. the directory is copied up if it has to be
//   3. the name is made in place by one step, or in the work directory and then moved over a whiteout, as create.hpp does
//   4. the cache learns of it, and the handle takes the new entry: from here on it is a handle of what has the name
// A stop before 3 leaves nothing of the file, one before the move a temporary that the next opening sweeps away.
//
// Takes the tree lock, exclusive, for 2 to 4. Errors: those of create.hpp; eopnotsupp where the upper has no such files.
#pragma once

#include <concepts>
#include <string>
#include <utility>
#include <variant>

#include <lamina/stack/file.hpp>
#include <lamina/stack/modify.hpp>

namespace lamina::detail {

template <class Core>
[[nodiscard]] result<overlay_file<Core>> create_unnamed(Core& core, entry_id directory, mode_bits mode) {
    if (!core.upper_able.has(capability::unnamed_files))
        return fail(errc::eopnotsupp);
    exclusive_lock const lock = core.enter();
    if (!core.alive(directory))
        return fail(errc::enoent);
    LAMINA_CHECK(ensure_upper_directory(core, directory));
    auto made = core.layers.upper().create_unnamed(core.upper_node(directory), mode);
    if (!made)
        return unexpected(made.error().in_layer(0));
    entry_id const id = core.entries.add_unnamed();
    entry& e = core.at(id);
    e.type = file_type::regular;
    for (fact const f : {fact::in_upper, fact::identified, fact::plain_data})
        e.set(f);
    core.pin(id);
    return overlay_file<Core>::unnamed(core, id, typename Core::file_variant(*std::move(made)));
}

template <class Core>
class publication {
    using upper_file = file_of<typename Core::layers_type::upper_type>;

public:
    // A file that has a name already gets one more. Errors: also exdev for a file of another overlay; enoent for one whose
    // name is gone.
    [[nodiscard]] static result<void> run(Core& core, overlay_file<Core>& file, entry_id directory, name_ref name) {
        if (file.core_ != &core)
            return fail(errc::exdev);
        if (flushes_names(core))
            LAMINA_CHECK(file.sync(sync_kind::everything));
        exclusive_lock lock = core.enter();
        entry_id const id = file.id_;
        if (id != file.unnamed_)
            return name_again(core, lock, id, directory, name);
        auto const make = [&](node at, name_ref as) {
            return core.layers.upper().publish_at(std::get<upper_file>(file.inner_), at, as);
        };
        // (It has taken after its directory already.)
        auto const made = create_in(core, directory, name, file_type::regular, 0, make, origin_of_object::elsewhere);
        // A flush that fails comes after the name, and the name is this file's all the same.
        if (made || made.error() != errc::eexist)
            take_name(core, file, directory, name);
        return made ? result<void>() : result<void>(unexpected(made.error()));
    }

private:
    // Step 4, if the name is there.
    static void take_name(Core& core, overlay_file<Core>& file, entry_id directory, name_ref name) {
        entry_id const named = core.alive(directory) ? core.entries.find(directory, name) : entry_id::none;
        if (named == entry_id::none || core.at(named).is(fact::negative))
            return;
        core.pin(named);
        file.other_names_.store(overlay_file<Core>::names::unknown);
        file.id_.store(named);
    }
    static result<void> name_again(Core& core, exclusive_lock& lock, entry_id id, entry_id directory, name_ref name) {
        entry const& e = core.at(id);
        if (e.is(fact::removed))
            return fail(errc::enoent);
        // Another thread may change both while a copy-up gives up the lock.
        std::string const old(e.name());
        entry_id const parent = e.parent;
        core.pin(parent);
        auto done = link(core, lock, parent, name_ref(old), directory, name, id);
        lock.unlock();
        core.unpin(parent);
        return done;
    }
};

// The members that make an overlay a backend that makes_unnamed_files, where its upper is one.
template <class Overlay>
class has_unnamed_files {
public:
    // Open for reading and writing. Errors: eopnotsupp where able() denies it.
    [[nodiscard]] auto create_unnamed(node dir, mode_bits mode)
        requires Overlay::upper_makes_unnamed_files
    {
        auto& overlay = static_cast<Overlay&>(*this);
        return overlay.doing(operation::create, [&] {
            return detail::create_unnamed(*overlay.core_, Overlay::core_type::id_of(dir), mode);
        });
    }
    // The handle is one of the named file afterwards. Errors: eexist; see publication::run.
    template <class File>
    [[nodiscard]] result<void> publish_at(File& file, node dir, name_ref name)
        requires(Overlay::upper_makes_unnamed_files && std::same_as<File, typename Overlay::file_type>)
    {
        auto& overlay = static_cast<Overlay&>(*this);
        using core_type = typename Overlay::core_type;
        return overlay.doing(operation::link, [&] {
            return publication<core_type>::run(*overlay.core_, file, core_type::id_of(dir), name);
        });
    }
};

}  // namespace lamina::detail
