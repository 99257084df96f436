// What must hold for tar_layer whatever bytes it is given: an error that says where, or a tree that agrees with
// itself and can be read to the last byte. Used by the fuzzer (tar.cpp) and by the replay of the corpus (replay.cpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/archive/tar.hpp>

namespace fuzz {

// What a regular file must do. Null if it does.
inline char const* check_tar_file(lamina::tar_file& file, lamina::attributes const& a) {
    auto const size = a.size;
    // Small files whole, large ones at both ends: a sparse one can claim any size.
    constexpr std::uint64_t whole = 1 << 16;
    std::string bytes(static_cast<std::size_t>(std::min(size, whole)), '?');
    for (std::uint64_t const offset : {std::uint64_t{0}, size - bytes.size()}) {
        auto const count = file.read_at(std::as_writable_bytes(std::span(bytes)), offset);
        if (!count || *count != bytes.size())
            return "a file of an archive that was accepted cannot be read";
    }
    char one = '?';
    if (auto const end = file.read_at(std::as_writable_bytes(std::span(&one, 1)), size); !end || *end != 0)
        return "there is something behind a file's end";
    std::uint64_t data = 0;
    int steps = 0;
    for (std::uint64_t at = 0; at < size && steps < 5000; ++steps) {
        auto const begin = file.next_data(at);
        if (!begin || *begin < at || *begin > size)
            return "next_data goes back, or past the end";
        if (*begin == size)
            break;
        auto const end = file.next_hole(*begin);
        if (!end || *end <= *begin || *end > size)
            return "next_hole makes no progress, or goes past the end";
        if (auto const hole = file.next_hole(at); *begin > at && *hole != at)
            return "next_data and next_hole disagree";
        if (size <= whole)
            for (auto i = at; i < *begin; ++i)
                if (bytes[static_cast<std::size_t>(i)] != '\0')
                    return "a hole that is not zeros";
        data += *end - *begin;
        at = *end;
    }
    if (steps < 5000 && a.blocks != (data + 511) / 512)
        return "blocks do not count the data";
    return nullptr;
}

// Null if all that must hold holds.
inline char const* check_tar(std::span<std::uint8_t const> input) {
    using namespace lamina;
    tar_limits limits;
    // Low enough that an input of a few kilobytes can reach each.
    limits.objects = 60;
    limits.index_bytes = 10'000;
    limits.name_bytes = 3'000;
    limits.extended_header_bytes = 4'096;
    limits.member_xattr_bytes = 2'000;
    limits.xattr_bytes = 2'500;
    limits.sparse_extents = 60;
    limits.apparent_bytes = std::uint64_t{1} << 50;
    auto layer = tar_layer::open(memory_source(std::as_bytes(input)), limits);
    if (!layer) {
        if (layer.error().offset > input.size())
            return "an error behind the end of the archive";
        if (layer.error() == errc::ok || layer.error() == tar_reason::source_failed || to_string(layer.error()).empty())
            return "an error that says nothing, or says what cannot be";
        return nullptr;
    }
    if (layer->index_bytes() > limits.index_bytes)
        return "an index over its limit";

    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> links;  // inode: names seen, nlink
    std::set<std::uint64_t> directories;
    std::vector<node> left{layer->root()};
    std::size_t objects = 0;
    while (!left.empty()) {
        auto const dir = left.back();
        left.pop_back();
        auto const self = layer->lookup(dir, "");
        if (!self || !*self || !(*self)->is_directory() || !directories.insert((*self)->id.inode).second)
            return "a directory that is none, or is met twice";
        std::uint64_t below = 0;
        std::set<std::string, std::less<>> names;
        char const* wrong = nullptr;
        auto const listed = layer->list_at(dir, [&](directory_entry const& entry) {
            wrong = [&]() -> char const* {
                if (++objects > limits.objects)
                    return "more objects than the limit";
                if (judge_name(entry.name) != errc::ok || !names.emplace(entry.name).second)
                    return "a name that no entry may have, or has twice";
                auto const found = layer->lookup(dir, entry.name);
                if (!found || !*found)
                    return "listed and not found";
                auto const& a = **found;
                if (a.type != entry.type || a.id.inode != entry.inode || (a.mode & ~07777u) != 0 ||
                    a.mtime.nanoseconds > 999'999'999 || a.atime.nanoseconds > 999'999'999)
                    return "attributes that do not fit the entry, or nothing";
                auto const keys = layer->list_xattrs_at(dir, entry.name);
                if (!keys)
                    return "attributes cannot be listed";
                for (auto const& key : *keys)
                    if (auto const value = layer->get_xattr_at(dir, entry.name, key);
                        !xattr::is_valid(key) || !value || !*value || (*value)->size() > xattr_size_max)
                        return "an attribute that is listed and not there";
                auto const opened = layer->open_directory_at(dir, entry.name);
                if (opened.has_value() != a.is_directory())
                    return "a directory that does not open, or something else that does";
                if (a.is_directory()) {
                    ++below;
                    left.push_back(*opened);
                    return nullptr;
                }
                auto& [seen, expected] = links[a.id.inode];
                ++seen;
                expected = a.nlink;
                auto const target = layer->read_symlink_at(dir, entry.name);
                if (target.has_value() != a.is_symlink() || (target && (target->size() != a.size || target->empty())))
                    return "a symbolic link that is none";
                auto file = layer->open_at(dir, entry.name, open_flags::read);
                if (file.has_value() != a.is_regular())
                    return "a file that does not open, or something else that does";
                return file ? check_tar_file(*file, a) : nullptr;
            }();
            return wrong == nullptr;
        });
        if (wrong != nullptr)
            return wrong;
        if (!listed)
            return "a directory cannot be listed";
        if ((*self)->nlink != 2 + below)
            return "a directory's link count is not two and the directories in it";
    }
    for (auto const& [inode, count] : links)
        if (count.first != count.second || directories.contains(inode))
            return "a link count that is not the number of names";
    return nullptr;
}

}  // namespace fuzz
