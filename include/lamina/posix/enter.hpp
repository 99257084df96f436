// Opening directories by name: one, or as many as a path has in a row.
//
// Concurrency: from any thread; see tree.hpp.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/posix/name.hpp>
#include <lamina/posix/tree.hpp>

namespace lamina::detail {

// Held for the caller. Errors: enoent, enotdir (also for a link), exdev for a mount.
// Requires: `name` is one component, `text` the same with a NUL.
[[nodiscard]] inline result<directory_record*> open_child(directory_tree& tree, directory_record& parent, name_ref name,
                                                          char const* text, resolution how,
                                                          descriptor_budget& budget) {
    directory_record* record;
    {
        LAMINA_TRY(auto const at, tree.pin(parent, operation::lookup));
        name_lock::shared_guard const still(parent.names);
        owned_fd opened = open_name(at.fd(), text, directory_flags, how);
        if (!opened)
            return last_error(operation::lookup);
        record = tree.enter(parent, name, std::move(opened), how, budget);
    }
    tree.shrink(*record->budget, record);
    return record;
}

// The leading components of `names` that may be taken in one step.
struct leading_components {
    struct component {
        std::string_view name;
        std::size_t used;  // bytes of `names` up to its end
    };
    std::vector<component> all;
    std::string path;  // joined by single slashes

    explicit leading_components(std::string_view names) {
        all.reserve(8);
        path.reserve(std::min(names.size(), path_bytes_max));
        for (std::size_t at = 0; at < names.size();) {
            if (names[at] == '/') {
                ++at;
                continue;
            }
            auto const end = std::min(names.find('/', at), names.size());
            auto const name = names.substr(at, end - at);
            if (name == "." || name == ".." || name.size() > name_max || path.size() + name.size() >= path_bytes_max ||
                name.find('\0') != std::string_view::npos)
                return;
            if (!all.empty())
                path += '/';
            path += name;
            all.push_back({name, end});
            at = end;
        }
    }
};

// As far as directories go; see concept `descends`. One system call if that is all the way. The directories on the
// way get a record and no descriptor. Order of effects: note the moment; open; enter the names, which fails if
// something was renamed since.
[[nodiscard]] inline descent descend_from(directory_tree& tree, directory_record& from, std::string_view names,
                                          resolution how, descriptor_budget& budget) {
    auto const nowhere = [&] {
        tree.retain(from);
        return descent{to_node(&from), 0};
    };
    leading_components const way(names);
    if (way.all.size() < 2)
        return nowhere();  // the caller opens a single name with the same effort, and learns why it fails
    auto const moment = tree.moment();
    if (!moment)
        return nowhere();

    owned_fd opened;
    auto reached = way.all.size();
    {
        auto at = tree.pin(from, operation::lookup);
        if (!at)
            return nowhere();
        if (how.has_openat2()) {
            int const flags = directory_flags | O_NOFOLLOW | O_CLOEXEC;
            opened = open_in_one_call(at->fd(), way.path.c_str(), flags, how);
            if (!opened && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
                return nowhere();
        }
        if (!opened)
            for (reached = 0; reached < way.all.size(); ++reached) {
                terminated_name const name(way.all[reached].name);
                owned_fd next = open_name(opened ? opened.get() : at->fd(), name.c_str(), directory_flags, how);
                if (!next)
                    break;
                opened = std::move(next);
            }
    }
    if (reached == 0)
        return nowhere();

    tree.retain(from);
    directory_record* parent = &from;
    for (std::size_t i = 0; i + 1 < reached && parent != nullptr; ++i) {
        auto* const next = tree.enter_name(*parent, name_ref(way.all[i].name), how, budget, *moment);
        tree.release(parent);
        parent = next;
    }
    if (parent == nullptr)
        return nowhere();
    auto* const record =
        tree.enter(*parent, name_ref(way.all[reached - 1].name), std::move(opened), how, budget, &*moment);
    tree.release(parent);
    if (record == nullptr)
        return nowhere();
    tree.shrink(*record->budget, record);
    return {to_node(record), way.all[reached - 1].used};
}

}  // namespace lamina::detail
