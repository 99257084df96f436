// A visit to everything below a directory, parents before what is in them.
//
// Iterative, over a stack of its own: a tree may be deeper than a thread's stack. Symbolic links are shown and never
// followed. Concurrency: the tree may change meanwhile. What is removed before its turn is left out; what is made may
// be seen or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/walk.hpp>

namespace lamina {

// What a visitor wants next: to go on, not to enter this directory, or to end the whole walk (which is then a success).
enum class walk_action : std::uint8_t { next, skip, stop };

// One object on the way. The views live until the visitor returns.
struct walk_entry {
    std::string_view path;  // from the tree's root, no leading slash, in the words of the path that the walk began with
    std::string_view name;
    attributes const& object;
    std::size_t depth;  // 0 in the directory that the walk began with
};

namespace paths {

namespace detail {

// One directory that is being gone through.
template <class B>
struct open_level {
    node_guard<B> directory;
    listing entries;
    std::size_t next = 0;
    std::size_t path_size = 0;  // of the directory's own path
};

template <class B>
[[nodiscard]] result<listing> take_listing(B& backend, node directory) {
    listing entries;
    LAMINA_CHECK(backend.list_at(directory, [&](directory_entry const& entry) {
        entries.add(entry);
        return true;
    }));
    return entries;
}

// `path` without slashes at its ends; empty for the root.
[[nodiscard]] inline std::string plain_path(path_view path) {
    if (path.is_root())
        return {};
    auto bytes = path.bytes();
    while (bytes.starts_with('/'))
        bytes.remove_prefix(1);
    while (bytes.ends_with('/'))
        bytes.remove_suffix(1);
    return std::string(bytes);
}

inline void append_component(std::string& path, std::string_view name) {
    if (!path.empty())
        path += '/';
    path += name;
}

}  // namespace detail

// Calls visitor(walk_entry const&), which returns nothing or a walk_action, for everything below `start`, which is not
// visited itself. Errors: as to_directory; otherwise the error names the path at which the walk ended.
template <class B, class Visitor>
[[nodiscard]] result<void, path_error> walk(B& backend, path_view start, Visitor&& visitor) {
    std::vector<detail::open_level<B>> levels;
    std::string path = detail::plain_path(start);
    {
        path_walk<B> at(backend, operation::list);
        if (auto reached = at.to_directory(start); !reached)
            return unexpected(path_error(reached.error(), path));
        auto entries = detail::take_listing(backend, at.directory());
        if (!entries)
            return unexpected(path_error(entries.error(), path));
        levels.push_back({node_guard<B>::share(backend, at.directory()), *std::move(entries), 0, path.size()});
    }
    while (!levels.empty()) {
        auto& level = levels.back();
        path.resize(level.path_size);
        if (level.next == level.entries.size()) {
            levels.pop_back();
            continue;
        }
        auto const entry = level.entries[level.next++];
        detail::append_component(path, entry.name);
        auto const found = backend.lookup(level.directory.get(), name_ref(entry.name));
        if (!found)
            return unexpected(path_error(found.error(), path));
        if (!*found)
            continue;
        auto const& object = **found;
        walk_entry const seen{path, entry.name, object, levels.size() - 1};
        auto action = walk_action::next;
        if constexpr (std::is_void_v<std::invoke_result_t<Visitor&, walk_entry const&>>)
            visitor(seen);
        else
            action = visitor(seen);
        if (action == walk_action::stop)
            return {};
        if (action == walk_action::skip || !object.is_directory())
            continue;
        auto const opened = backend.open_directory_at(level.directory.get(), name_ref(entry.name));
        if (!opened) {
            if (opened.error() == errc::enoent || opened.error() == errc::enotdir)
                continue;  // removed or replaced since the lookup
            return unexpected(path_error(opened.error(), path));
        }
        node_guard<B> directory(backend, *opened);
        auto entries = detail::take_listing(backend, *opened);
        if (!entries && (entries.error() == errc::enoent || entries.error() == errc::estale))
            continue;
        if (!entries)
            return unexpected(path_error(entries.error(), path));
        levels.push_back({std::move(directory), *std::move(entries), 0, path.size()});
    }
    return {};
}

}  // namespace paths
}  // namespace lamina
