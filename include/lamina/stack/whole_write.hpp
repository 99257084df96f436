// Whole files written so that a power loss leaves the old one or the new one, never a part (durability::ordered and
// strict): the new content is built out of sight, flushed, and then takes the name in one step. Nothing is locked while
// it is written.
//
// Where the file has other names or open handles, they would see that it is another file now; then, and with
// durability::none, it is to be written in place, and these functions say so by false.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <lamina/backend/content.hpp>
#include <lamina/backend/walk.hpp>
#include <lamina/stack/create.hpp>

namespace lamina::detail {

// Makes a visible regular file hold exactly `content`, which may be a built_file; the new file has the old one's
// attributes, but for the modification time.
template <class Core, class Content>
[[nodiscard]] result<bool> replace_content(Core& core, entry_id directory, name_ref name, Content&& content) {
    if (!flushes_data(core))
        return false;
    exclusive_lock lock = core.enter();
    if (!core.alive(directory))
        return fail(errc::enoent);
    LAMINA_TRY(entry_id const id, find_present(core, directory, name));
    entry& e = core.at(id);
    if (e.type != file_type::regular || e.is(fact::copying) || e.pins.load(std::memory_order_acquire) != 0)
        return false;
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    if ((core.in_upper(id) && from.nlink > 1) || e.is(fact::grouped))
        return false;
    LAMINA_CHECK(ensure_upper_directory(core, directory));
    auto const map = map_of_last_name(core, id);
    file_copy_up<Core> copy(core, id, from, std::forward<Content>(content));
    LAMINA_CHECK(copy.open());
    lock.unlock();
    result<void> done = copy.build();
    lock.lock();
    if (e.is(fact::removed))
        return fail(errc::enoent);
    if (copy.is_overtaken())
        return false;
    if (done)
        done = copy.publish();
    if (!done)
        return unexpected(done.error().in_layer(0));
    if (!map.empty())
        drop_map(core, map);
    return true;
}

// A new file with its content. Errors: eexist, as create_in.
template <class Core>
class new_whole_file {
    using upper_type = typename Core::layers_type::upper_type;

public:
    new_whole_file(Core& core, entry_id directory, name_ref name, mode_bits mode)
        : core_(core), directory_(directory), name_(name), mode_(mode) {}

    [[nodiscard]] result<bool> run(std::string_view content) {
        if (!flushes_data(core_))
            return false;
        exclusive_lock lock = core_.enter();
        LAMINA_TRY(auto const place, prepare_new(core_, directory_, name_));
        auto const held = node_guard<upper_type>::share(core_.layers.upper(), place.directory);
        temporary<Core> built(core_);
        lock.unlock();
        result<void> done = make(place.directory, built);
        if (done)
            done = paths::write_all_at(*file_, std::as_bytes(std::span(content)), 0);
        if (done && (!content.empty() || flushes_names(core_)))
            done = file_->sync(sync_kind::everything);
        lock.lock();
        if (!named_)
            built.published();  // there is nothing to delete yet
        if (!done)
            return unexpected(done.error().in_layer(0));
        LAMINA_CHECK(create(built));
        return true;
    }
    [[nodiscard]] result<void> publish(built_file<Core>& file) {
        exclusive_lock const lock = core_.enter();
        return create(file.name);
    }

private:
    // Requires: tree lock, exclusive.
    result<void> create(temporary<Core>& built) {
        auto const make = [&](node at, name_ref as) { return publish(at, as, built); };
        auto const origin = origin_of_object::flushed;
        LAMINA_CHECK(create_in(core_, directory_, name_, file_type::regular, mode_, make, origin));
        return {};
    }
    // In the directory itself if it can be without a name there: then the file system lets it take after the directory.
    result<void> make(node directory, temporary<Core> const& built) {
        auto& upper = core_.layers.upper();
        if constexpr (makes_unnamed_files<upper_type>) {
            if (core_.upper_able.has(capability::unnamed_files)) {
                auto made = upper.create_unnamed(directory, mode_);
                if (made) {
                    file_.emplace(*std::move(made));
                    return {};
                }
                if (made.error() != errc::eopnotsupp)
                    return unexpected(made.error());
            }
        }
        LAMINA_TRY(auto made, upper.create_at(core_.work, built.name(), mode_));
        named_ = true;
        file_.emplace(std::move(made));
        return {};
    }
    // `at` is the directory, or the work directory if a whiteout is to be replaced.
    result<void> publish(node at, name_ref as, temporary<Core>& built) {
        if constexpr (makes_unnamed_files<upper_type>)
            if (file_ && !named_)
                return core_.layers.upper().publish_at(*file_, at, as);
        if (at != core_.work) {
            LAMINA_TRY(bool const inherits, inherit(core_, directory_, built.name(), file_type::regular, mode_));
            if (inherits)
                LAMINA_CHECK(flush_object(core_, core_.work, built.name(), file_type::regular));
        }
        return built.publish(at, as);
    }

    Core& core_;
    entry_id directory_;
    name_ref name_;
    mode_bits mode_;
    std::optional<file_of<upper_type>> file_;
    bool named_ = false;
};

// A whole file by its path. False if it is to be written in place.
template <class Overlay, class Core>
[[nodiscard]] result<bool> write_whole(Overlay& tree, Core& core, path_view path, std::string_view bytes, mode_bits mode) {
    if (!flushes_data(core))
        return false;
    path_walk<Overlay> at(tree, operation::write);
    LAMINA_CHECK(at.to_place(path, links::follow));
    auto const directory = Core::id_of(at.directory());
    if (at.found())
        return at.object().is_regular() ? replace_content(core, directory, at.name(), bytes) : result<bool>(false);
    auto made = new_whole_file<Core>(core, directory, at.name(), mode).run(bytes);
    // Somebody else was faster: then there is a file to write to.
    if (!made.has_value() && made.error() == errc::eexist)
        return false;
    return made;
}

}  // namespace lamina::detail
