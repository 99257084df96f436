// The work directory: where things are built out of sight before one step publishes them, and where what was taken out
// of sight waits to be deleted. `<work>/work` is the kernel's place for the same, so a tree moves freely between the
// two; what a crash leaves in it is swept when an upper is opened (recover.hpp).
//
// Requires throughout: the tree lock, exclusive, but for `discard_temporary`.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/remove_all.hpp>
#include <lamina/stack/durable.hpp>

namespace lamina::detail {

// A name in the work directory that nobody has. The kernel's temporaries begin with '#' too.
template <class Core>
[[nodiscard]] std::string temporary_name(Core& core) {
    char digits[16];
    auto const end = std::to_chars(digits, digits + sizeof digits, core.next_temporary++, 16).ptr;
    return std::string("#l").append(digits, end);
}

// The names in a directory, all of them before the first is dealt with: then it may be changed.
template <class B>
[[nodiscard]] result<std::vector<std::string>> names_in(B& tree, node directory) {
    std::vector<std::string> names;
    LAMINA_CHECK(tree.list_at(directory, [&](directory_entry const& entry) {
        names.emplace_back(entry.name);
        return true;
    }));
    return names;
}

// Deletes something from the work directory, a whole tree if it is one. A failure leaves it for the next sweep: it is
// out of the merged view already, so the operation that put it there has succeeded.
template <class Core>
void discard_temporary(Core& core, std::string_view name) {
    std::string where(name);
    (void)paths::remove_each(core.layers.upper(), core.work, name_ref(name), where);
}

// Deletes a directory that was taken out of the view, and what is in it. Not before that step is on the disk, if it has
// to be there when the operation returns: emptied under its old name, after a power loss, it would be seen. So the
// operation calls `discard_replaced` after its flush; if it never comes to that, the next operation or sweep does it.
template <class Core>
void discard_later(Core& core, std::string name) {
    if (flushes_names(core))
        core.replaced.push_back(std::move(name));
    else
        discard_temporary(core, name);
}
template <class Core>
void discard_replaced(Core& core) {
    for (auto const& name : std::exchange(core.replaced, {}))
        discard_temporary(core, name);
}

// A thing under construction in the work directory: deleted unless it was published.
template <class Core>
class temporary {
public:
    explicit temporary(Core& core) : core_(&core), name_(temporary_name(core)) {}
    temporary(temporary&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), name_(std::move(other.name_)), exchanged_(other.exchanged_) {}
    temporary& operator=(temporary&&) = delete;
    ~temporary() {
        if (core_ != nullptr && exchanged_)
            discard_later(*core_, std::move(name_));
        else if (core_ != nullptr)
            discard_temporary(*core_, name_);
    }
    [[nodiscard]] std::string const& name() const noexcept { return name_; }
    void published() noexcept { core_ = nullptr; }

    // Moves it to its place. `flags` may exchange it with what is there, which is then deleted.
    [[nodiscard]] result<void> publish(node directory, name_ref name, rename_flags flags = rename_flags::none) {
        LAMINA_CHECK(core_->layers.upper().rename_at(core_->work, name_, directory, name, flags));
        if (has(flags, rename_flags::exchange))
            exchanged_ = true;
        else
            published();
        return {};
    }

private:
    Core* core_;
    std::string name_;
    bool exchanged_ = false;  // it is now the name of what was replaced
};

// Writes a kernel whiteout into the work directory, to be linked or moved into place.
template <class Core>
[[nodiscard]] result<void> make_whiteout(Core& core, name_ref name) {
    auto& upper = core.layers.upper();
    if (core.upper_able.has(capability::whiteout_device))
        return upper.create_node_at(core.work, name, file_type::character, 0, device_number{0, 0});
    LAMINA_CHECK(upper.create_at(core.work, name, 0600));
    auto marked = upper.set_xattr_at(core.work, name, mark::key(core.layers.style(0).space, mark::whiteout), "y",
                                     xattr_flags::none);
    if (marked)  // without its mark it would be a file
        marked = flush_object(core, core.work, name, file_type::regular);
    if (!marked)
        discard_temporary(core, name.text);
    return marked;
}

// A directory that holds whiteouts of the xattr form must say so, or they are ordinary files.
template <class Core>
[[nodiscard]] result<void> allow_xattr_whiteouts(Core& core, entry_id directory) {
    auto& part = core.directory(directory);
    if (core.upper_able.has(capability::whiteout_device) || part.layers.front().xattr_whiteouts)
        return {};
    // An opaque directory needs no whiteouts, and may not become a merged one.
    if (part.opaque)
        return {};
    LAMINA_CHECK(core.layers.upper().set_xattr_at(part.layers.front().at, name_ref{},
                                                  mark::key(core.layers.style(0).space, mark::opaque), "x",
                                                  xattr_flags::none));
    part.layers.front().xattr_whiteouts = true;
    return flush_names(core, part.layers.front().at);
}

// Puts a whiteout under `name`, which the upper has nothing under. One link of the spare where links can be made: it is
// the cheapest step that is atomic. Requires: the directory is in the upper; kernel format.
template <class Core>
[[nodiscard]] result<void> link_whiteout(Core& core, node directory, name_ref name) {
    auto& upper = core.layers.upper();
    if (core.upper_able.has(capability::hard_links)) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (core.spare_whiteout.empty()) {
                auto spare = temporary_name(core);
                LAMINA_CHECK(make_whiteout(core, spare));
                core.spare_whiteout = std::move(spare);
            }
            auto linked = upper.link_at(core.work, core.spare_whiteout, directory, name);
            if (linked)
                return linked;
            auto const why = linked.error().code;
            bool const worn = why == errc::emlink || why == errc::enoent;
            if (!worn && why != errc::exdev && why != errc::eperm)
                return linked;
            if (why == errc::emlink)
                discard_temporary(core, core.spare_whiteout);
            core.spare_whiteout.clear();
            if (!worn)
                break;
        }
    }
    temporary<Core> made(core);
    LAMINA_CHECK(make_whiteout(core, made.name()));
    return made.publish(directory, name);
}

// An aufs whiteout of `name`; that it is there already is as good.
template <class Core>
[[nodiscard]] result<bool> write_aufs_whiteout(Core& core, node directory, name_ref name) {
    auto made = core.layers.upper().create_at(directory, std::string(mark::aufs_prefix).append(name.text), 0600);
    if (!made && made.error() != errc::eexist)
        return unexpected(made.error());
    return made.has_value();
}

// Puts a whiteout under `name`, which the upper has nothing under, in whatever format the upper has.
template <class Core>
[[nodiscard]] result<void> place_whiteout(Core& core, node directory, name_ref name) {
    if (core.layers.style(0).format != whiteout_format::aufs)
        return link_whiteout(core, directory, name);
    LAMINA_CHECK(write_aufs_whiteout(core, directory, name));
    return {};
}

// Marks a directory of the upper so that nothing below it shows through. `name` empty: the directory itself.
template <class Core>
[[nodiscard]] result<void> mark_opaque(Core& core, node directory, name_ref name) {
    auto& upper = core.layers.upper();
    if (core.layers.style(0).format != whiteout_format::aufs)
        return upper.set_xattr_at(directory, name, mark::key(core.layers.style(0).space, mark::opaque), "y",
                                  xattr_flags::none);
    node_guard<typename Core::layers_type::upper_type> inside;
    if (!name.empty()) {
        LAMINA_TRY(node const opened, upper.open_directory_at(directory, name));
        inside = {upper, opened};
        directory = opened;
    }
    auto made = upper.create_at(directory, mark::aufs_opaque, 0600);
    if (!made && made.error() != errc::eexist)
        return unexpected(made.error());
    return {};
}

}  // namespace lamina::detail
