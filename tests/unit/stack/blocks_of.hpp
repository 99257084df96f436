// What the tests of block-wise copy-up share: a policy with small blocks, contents, and a few ways to look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/content.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/policy.hpp>

namespace blocks_of {

inline constexpr std::size_t block = 4096;

inline lamina::policy policy_of_blocks() {
    lamina::policy rules;
    rules.blocks = lamina::block_copies::on;
    rules.blocks_from = 2 * block;
    rules.block_size = block;
    return rules;
}

// Bytes of which no two blocks are alike.
inline std::string pattern(std::size_t size, std::uint32_t seed) {
    std::string bytes(size, '\0');
    std::uint32_t state = seed * 2654435761u + 1;
    for (auto& c : bytes) {
        state = state * 1664525u + 1013904223u;
        c = static_cast<char>('a' + (state >> 24) % 26);
    }
    return bytes;
}

template <class File>
[[nodiscard]] bool paths_write(File& file, std::string_view bytes, std::uint64_t at) {
    return lamina::paths::write_all_at(file, std::as_bytes(std::span(bytes)), at).has_value();
}

// Where a file says that there is no data, there are zeros; and it tells of each place once.
template <class File>
[[nodiscard]] bool holes_are_zeros(File& file, std::string const& content) {
    for (std::uint64_t at = 0; at < content.size();) {
        auto const data = file.next_data(at).value();
        if (data < at || data > content.size())
            return false;
        for (std::uint64_t i = at; i < data; ++i)
            if (content[static_cast<std::size_t>(i)] != '\0')
                return false;
        if (data == content.size())
            break;
        auto const hole = file.next_hole(data).value();
        if (hole <= data || hole > content.size())
            return false;
        at = hole;
    }
    return true;
}

// The maps that an upper in memory has.
inline std::vector<std::string> maps_of(lamina::memory_tree& scratch) {
    using namespace lamina;
    std::vector<std::string> names;
    auto const outer = scratch.open_directory_at(scratch.work_root(), "lamina");
    if (!outer)
        return names;
    auto const inner = scratch.open_directory_at(*outer, "blocks");
    if (inner) {
        (void)scratch.list_at(*inner, [&](directory_entry const& one) {
            names.emplace_back(one.name);
            return true;
        });
        scratch.release(*inner);
    }
    scratch.release(*outer);
    return names;
}

}  // namespace blocks_of
