// A whole tree removed, from the leaves up.
//
// Iterative, over a stack of its own. Symbolic links are removed, never followed. Concurrency: the tree may change
// meanwhile. What others remove is not counted; a directory into which others keep making names is gone through a few
// times, then enotempty is the answer.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/traverse.hpp>

namespace lamina::paths {

namespace detail {

template <class B>
struct emptied_level {
    open_level<B> at;
    int rounds_left = 4;
};

enum class leaf : std::uint8_t { gone, is_a_directory };

// Removes one name that is not thought to be a directory, and tells if it is one all the same.
template <class B>
[[nodiscard]] result<leaf> remove_leaf(B& backend, node directory, name_ref name, std::uint64_t& removed) {
    auto const gone = backend.remove_at(directory, name);
    if (gone) {
        ++removed;
        return leaf::gone;
    }
    if (gone.error() == errc::eisdir)
        return leaf::is_a_directory;
    if (gone.error() == errc::enoent)
        return leaf::gone;
    return unexpected(gone.error());
}

// Opens the directory `name` and puts it on the stack; does nothing if it is gone.
template <class B>
[[nodiscard]] result<void> enter_level(B& backend, node parent, name_ref name, std::size_t path_size,
                                       std::vector<emptied_level<B>>& levels) {
    auto const opened = backend.open_directory_at(parent, name);
    if (!opened && opened.error() == errc::enoent)
        return {};
    if (!opened)
        return unexpected(opened.error());
    node_guard<B> directory(backend, *opened);
    LAMINA_TRY(auto entries, take_listing(backend, *opened));
    levels.push_back({{std::move(directory), std::move(entries), 0, path_size}});
    return {};
}

}  // namespace detail

// A backend that removes a whole tree in one step, however large: `remove_tree_at(dir, name)`. Optional.
template <class B>
concept removes_trees = writable_backend<B> && requires(B& backend, node dir, name_ref name) {
    { backend.remove_tree_at(dir, name) } -> std::same_as<result<void>>;
};

// Removes `name` and everything below it, one object after the other; 0 if nothing is there. `where` is what the path
// of `name` is in messages; after a failure it names the object that could not be removed, and what came before it is
// gone.
template <writable_backend B>
[[nodiscard]] result<std::uint64_t> remove_each(B& backend, node parent_of_all, name_ref top_name, std::string& where) {
    std::uint64_t removed = 0;
    std::vector<detail::emptied_level<B>> levels;
    LAMINA_TRY(auto const top, detail::remove_leaf(backend, parent_of_all, top_name, removed));
    if (top == detail::leaf::is_a_directory)
        LAMINA_CHECK(detail::enter_level(backend, parent_of_all, top_name, where.size(), levels));

    while (!levels.empty()) {
        auto& level = levels.back();
        where.resize(level.at.path_size);
        if (level.at.next < level.at.entries.size()) {
            auto const entry = level.at.entries[level.at.next++];
            detail::append_component(where, entry.name);
            name_ref const name(entry.name);
            node const directory = level.at.directory.get();
            bool is_directory = entry.type == file_type::directory;
            if (!is_directory) {
                LAMINA_TRY(auto const tried, detail::remove_leaf(backend, directory, name, removed));
                is_directory = tried == detail::leaf::is_a_directory;
            }
            if (is_directory) {
                auto entered = detail::enter_level(backend, directory, name, where.size(), levels);
                if (!entered && entered.error() == errc::enotdir)  // replaced by something else since it was listed
                    LAMINA_CHECK(detail::remove_leaf(backend, directory, name, removed));
                else if (!entered)
                    return unexpected(entered.error());
            }
            continue;
        }
        // All that was listed is gone: now the directory itself, by the name under which its parent's level holds it.
        bool const is_top = levels.size() == 1;
        node const parent = is_top ? parent_of_all : levels[levels.size() - 2].at.directory.get();
        auto const slash = where.rfind('/');
        name_ref const name =
            is_top ? top_name : name_ref(std::string_view(where).substr(slash == std::string::npos ? 0 : slash + 1));
        auto gone = backend.remove_directory_at(parent, name);
        if (!gone && gone.error() == errc::enotempty && level.rounds_left > 0) {
            LAMINA_TRY(level.at.entries, detail::take_listing(backend, level.at.directory.get()));
            level.at.next = 0;
            --level.rounds_left;
            continue;
        }
        if (gone)
            ++removed;
        else if (gone.error() != errc::enoent)
            return unexpected(gone.error());
        levels.pop_back();
    }
    return removed;
}

// Removes what `path` names and everything below it, and tells how many objects that were; 0 where there is nothing,
// also if a part of the path is missing. A backend that removes a tree in one step counts it as one. A link is removed
// itself. Errors: ebusy for the root, einval for ".", enotempty for ".."; else the error names the object that could
// not be removed.
template <writable_backend B>
[[nodiscard]] result<std::uint64_t, path_error> remove_all(B& backend, path_view path) {
    constexpr auto op = operation::remove;
    std::string where = detail::plain_path(path);
    auto const failed = [&](error e) { return unexpected(path_error(e.during(op), where)); };

    path_walk<B> at(backend, op);
    if (auto reached = at.to_parent(path); !reached) {
        if (reached.error() == errc::enoent || reached.error() == errc::enotdir)
            return std::uint64_t{0};
        return failed(reached.error());
    }
    switch (at.last()) {
    case last_component::root: return failed(errc::ebusy);
    case last_component::dot: return failed(errc::einval);
    case last_component::dot_dot: return failed(errc::enotempty);
    case last_component::name: break;
    }
    if (at.trailing_slash()) {
        auto const found = backend.lookup(at.directory(), at.name());
        if (!found)
            return failed(found.error());
        if (!*found)
            return std::uint64_t{0};
        if (!(*found)->is_directory())
            return failed(errc::enotdir);
    }
    if constexpr (removes_trees<B>) {
        auto const removed = backend.remove_tree_at(at.directory(), at.name());
        if (!removed)
            return removed.error() == errc::enoent ? result<std::uint64_t, path_error>(0) : failed(removed.error());
        return std::uint64_t{1};
    } else {
        auto const removed = remove_each(backend, at.directory(), at.name(), where);
        if (!removed)
            return failed(removed.error());
        return *removed;
    }
}

}  // namespace lamina::paths
