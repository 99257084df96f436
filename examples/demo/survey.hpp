// What the merged layers hold, and which part of it the demo works on. Chosen by position, so that two runs over one
// tree choose alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/lamina.hpp>

#include "digest.hpp"

namespace demo {

struct survey {
    struct seen {
        std::string path;
        lamina::attributes object;
    };
    struct directory {
        std::string path;
        std::uint64_t objects = 0;  // itself and all below
    };

    std::vector<seen> objects;  // parents first
    std::uint64_t bytes = 0;
    left_out unreadable;
    std::vector<std::string> to_read, to_append, to_replace;
    directory to_rename, to_delete;  // without a path: there is none

    template <class Tree>
    [[nodiscard]] static lamina::result<survey, lamina::path_error> of(Tree& view) {
        survey found;
        LAMINA_CHECK(view.walk("", [&](lamina::walk_entry const& entry) { return found.take(view, entry); }));
        found.choose_directories();
        found.choose_files();
        return found;
    }

private:
    static constexpr std::size_t read_count = 1000, append_count = 200, replace_count = 100;
    static constexpr std::uint64_t small = 1'000'000;

    template <class Tree>
    lamina::walk_action take(Tree& view, lamina::walk_entry const& entry) {
        auto const path = lamina::path_view::parse(entry.path).value();
        lamina::error refused;
        if (entry.object.is_directory()) {
            if (auto const listed = view.list(path); !listed)
                refused = listed.error();
        } else if (entry.object.is_regular()) {
            if (auto const opened = view.open(path, lamina::open_flags::read); !opened)
                refused = opened.error();
        }
        if (refused != lamina::errc::ok) {
            unreadable.add(entry.path, refused);
            return lamina::walk_action::skip;
        }
        objects.push_back({std::string(entry.path), entry.object});
        if (entry.object.is_regular())
            bytes += entry.object.size;
        return lamina::walk_action::next;
    }

    // The largest directory is renamed, the next one deleted: both at the top, or where there is only one, both in it.
    void choose_directories() {
        for (std::size_t depth = 1; depth <= 2; ++depth) {
            std::map<std::string_view, std::uint64_t> sizes;
            for (auto const& [path, object] : objects)
                if (auto const top = first_components(path, depth);
                    !top.empty() && (top != path || object.is_directory()))
                    ++sizes[top];
            directory first, second;
            for (auto const& [path, size] : sizes) {
                if (holds_unreadable(path) || size < 2)
                    continue;
                if (size > first.objects)
                    second = std::exchange(first, directory{std::string(path), size});
                else if (size > second.objects)
                    second = {std::string(path), size};
            }
            if (!second.path.empty()) {
                to_rename = std::move(first);
                to_delete = std::move(second);
                return;
            }
        }
    }

    void choose_files() {
        std::vector<std::string const*> all, even, odd;
        for (auto const& [path, object] : objects) {
            if (!object.is_regular())
                continue;
            all.push_back(&path);
            // Without privilege one may not write to what even its owner may not.
            bool const writable = object.size != 0 && object.size <= small && (object.mode & 0200) != 0;
            if (writable && (to_delete.path.empty() || !path.starts_with(to_delete.path + '/')))
                (all.size() % 2 == 0 ? even : odd).push_back(&path);
        }
        to_read = spread(all, read_count);
        to_append = spread(even, append_count);
        to_replace = spread(odd, replace_count);
    }
    static std::vector<std::string> spread(std::vector<std::string const*> const& from, std::size_t count) {
        std::vector<std::string> chosen;
        for (std::size_t i = 0; i != count && i < from.size(); ++i)
            chosen.push_back(*from[from.size() <= count ? i : i * from.size() / count]);
        return chosen;
    }

    // "a/b" of "a/b/c" for depth 2; empty if there are not so many.
    static std::string_view first_components(std::string_view path, std::size_t depth) {
        std::size_t end = 0;
        for (; depth != 0; --depth) {
            if (end == path.size())
                return {};
            end = path.find('/', end + 1);
            if (end == std::string_view::npos)
                end = path.size();
        }
        return path.substr(0, end);
    }
    [[nodiscard]] bool holds_unreadable(std::string_view path) const {
        auto const below = unreadable.paths.lower_bound(path);
        return below != unreadable.paths.end() && below->starts_with(path);
    }
};

}  // namespace demo
