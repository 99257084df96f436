// What the entry cache can tell without a lock: readers announce an epoch (epoch.hpp), follow what is published, and
// leave. What they do not find, or find while it is being moved, they call unknown; the caller then asks again with the
// lock.
//
// Requires of look and walk_down: inside an epoch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lamina/core/path.hpp>
#include <lamina/stack/core.hpp>

namespace lamina::detail {

enum class sight : std::uint8_t { present, absent, unknown };

// Whether no child was moving, since `shifts` was read, to where a reader may have missed it.
template <class Core>
[[nodiscard]] bool stood_still(Core const& core, std::uint32_t shifts) noexcept {
    return (shifts & 1) == 0 && core.entries.shifts() == shifts;
}

// A name in a directory; the empty name is the directory itself.
template <class Core>
[[nodiscard]] sight look(Core const& core, entry_id directory, name_ref name, attributes& found) {
    auto const shifts = core.entries.shifts();
    entry_id id = directory;
    if (!name.empty()) {
        directory_part const* const part = core.at(directory).directory;
        if (part == nullptr)
            return sight::unknown;
        bool const complete = part->complete;
        id = core.entries.find(*part, name);
        if (id == entry_id::none)
            return complete && stood_still(core, shifts) ? sight::absent : sight::unknown;
    }
    entry& e = core.at(id);
    e.mark_used();
    if (e.is(fact::negative))
        return stood_still(core, shifts) ? sight::absent : sight::unknown;
    return e.load(found, core.device) ? sight::present : sight::unknown;
}

// Goes down through directories as far as it can. `used` grows by what was walked of `names`.
template <class Core>
[[nodiscard]] entry_id walk_down(Core const& core, entry_id at, std::string_view names, std::size_t& used) {
    // By hand: names are short, and the library's searches are calls.
    for (std::size_t start = used;;) {
        while (start < names.size() && names[start] == '/')
            ++start;
        std::size_t end = start;
        while (end < names.size() && names[end] != '/')
            ++end;
        directory_part const* const part = core.at(at).directory;
        if (start == end || part == nullptr)
            return at;
        // "." and ".." have no entries, so they end the walk too. A removed directory has lost its part.
        entry_id const next = core.entries.find(*part, names.substr(start, end - start));
        if (next == entry_id::none || core.at(next).directory == nullptr)
            return at;
        at = next;
        used = start = end;
    }
}

// A path without "." or "..", links or a trailing slash, from the root. One pass over the path, and one entry at a time: it is
// what a stat in a hot set costs.
template <class Core>
[[nodiscard]] sight glance(Core const& core, path_view path, attributes& found) {
    std::string_view const names = path.bytes();
    char const* at = names.data();
    char const* const end = at + names.size();
    if (at == end || end[-1] == '/')
        return sight::unknown;
    epochs::reader const inside;
    auto const shifts = core.entries.shifts();
    entry* e = &core.at(entry_id::root);
    for (;;) {
        while (*at == '/')
            ++at;
        char const* const from = at;
        while (at != end && *at != '/')
            ++at;
        directory_part const* const part = e->directory;
        if (part == nullptr)
            return sight::unknown;
        bool const complete = part->complete;
        e = core.entries.seek(*part, name_ref(std::string_view(from, static_cast<std::size_t>(at - from))));
        if (e == nullptr) {
            // The two have no entries, and are not absent.
            bool const dots = *from == '.' && (at - from == 1 || (at - from == 2 && from[1] == '.'));
            return at == end && complete && !dots && stood_still(core, shifts) ? sight::absent : sight::unknown;
        }
        if (at == end)
            break;
    }
    e->mark_used();
    if (e->is(fact::negative))
        return stood_still(core, shifts) ? sight::absent : sight::unknown;
    return e->load(found, core.device) ? sight::present : sight::unknown;
}

}  // namespace lamina::detail
