// Whole files written together, with one flush for all of them. A flush for each is most of what durability::ordered
// costs where many small files are written, as when an image is unpacked.
//
//     auto batch = root.batch();
//     batch.write("etc/hostname", "sandbox\n").value();
//     batch.write("etc/motd", text).value();
//     batch.commit().value();
//
// Order of effects, and why:
//   1. write() builds each file in the work directory. Nothing of it shows, and no directory is copied up.
//   2. commit() flushes: file by file where they are few, else everything at once, if the upper can do that
//   3. then each file takes its name, in the order of the writes, as a `write` of it would: a data-less step, so that
//      what a power loss leaves under each name is the old file or the new one, whole
// A batch that is not committed leaves nothing; the next opening of the upper sweeps what a crash leaves of it.
//
// With durability::strict the names are still flushed one by one; with none, nothing is. A file that has other names or
// open handles is written in place, as by `write`.
//
// Concurrency: a batch is one thread's; the overlay is anybody's meanwhile. What it writes to is looked up by commit().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/content.hpp>
#include <lamina/backend/walk.hpp>
#include <lamina/stack/whole_write.hpp>

namespace lamina {

template <class Overlay>
class write_batch {
    using core_type = typename Overlay::core_type;
    using upper_type = typename core_type::layers_type::upper_type;

public:
    write_batch(Overlay& tree, core_type& core) : tree_(&tree), core_(&core) {}

    // The file will hold exactly `bytes`; made with `mode` if it is missing then. Errors: what writing to the upper
    // reports; then the batch is as it was.
    [[nodiscard]] result<void> write(path_view where, std::string_view bytes, mode_bits mode = 0666) {
        LAMINA_CHECK(tree_->ready());
        auto name = [&] {
            detail::exclusive_lock const lock = core_->enter();
            return detail::temporary<core_type>(*core_);
        }();
        result<void> written;
        {
            LAMINA_TRY(auto file, core_->layers.upper().create_at(core_->work, name.name(), mode));
            written = paths::write_all_at(file, std::as_bytes(std::span(bytes)), 0);
        }
        if (!written)
            return unexpected(written.error().in_layer(0).during(operation::write));
        pending_.push_back({path(where), {std::move(name), bytes.size(), mode}});
        return {};
    }

    // Publishes all, and leaves the batch empty. Errors: those of a `write`, with the path; what came before it is
    // published, what comes after it is dropped.
    [[nodiscard]] result<void, path_error> commit() {
        auto files = std::exchange(pending_, {});
        if (auto flushed = flush(files); !flushed)
            return unexpected(path_error(flushed.error().in_layer(0).during(operation::write)));
        for (auto& file : files)
            if (auto done = publish(file); !done)
                return unexpected(path_error(done.error().during(operation::write), file.where.bytes()));
        return {};
    }
    [[nodiscard]] std::size_t size() const noexcept { return pending_.size(); }

private:
    struct pending_file {
        path where;
        detail::built_file<core_type> built;
    };
    // Up to so many a flush each is taken to cost less than one of whatever else the file system holds.
    static constexpr std::size_t few = 4;

    [[nodiscard]] result<void> flush(std::vector<pending_file> const& files) {
        if (!detail::flushes_data(*core_) || files.empty())
            return {};
        auto& upper = core_->layers.upper();
        if constexpr (syncs_all<upper_type>) {
            if (files.size() > few)
                if (auto done = upper.sync_all(); done || done.error() != errc::eopnotsupp)
                    return done;
        }
        for (auto const& file : files) {
            LAMINA_TRY(auto opened, upper.open_at(core_->work, file.built.name.name(), open_flags::read));
            LAMINA_CHECK(opened.sync(sync_kind::everything));
        }
        return {};
    }

    [[nodiscard]] result<void> publish(pending_file& file) {
        path_walk<Overlay> at(*tree_, operation::write);
        LAMINA_CHECK(at.to_place(file.where, links::follow));
        auto const directory = core_type::id_of(at.directory());
        if (!at.found()) {
            detail::new_whole_file<core_type> made(*core_, directory, at.name(), file.built.mode);
            auto done = made.publish(file.built);
            if (done || done.error() != errc::eexist)
                return done;  // else somebody else was faster
        } else if (at.object().is_regular()) {
            LAMINA_TRY(bool const replaced,
                       detail::replace_content(*core_, directory, at.name(), std::move(file.built)));
            if (replaced)
                return {};
        }
        return write_in_place(file);
    }

    [[nodiscard]] result<void> write_in_place(pending_file& file) {
        LAMINA_TRY(auto built, core_->layers.upper().open_at(core_->work, file.built.name.name(), open_flags::read));
        LAMINA_TRY(auto const bytes, paths::read_all(built));
        return tree_->write(file.where, bytes);
    }

    Overlay* tree_;
    core_type* core_;
    std::vector<pending_file> pending_;
};

}  // namespace lamina
