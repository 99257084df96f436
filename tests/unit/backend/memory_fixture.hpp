// What the tests of memory_tree share.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/memory.hpp>

namespace memory_test {

template <class T>
[[nodiscard]] lamina::errc outcome(lamina::result<T> const& done) {
    return done ? lamina::errc::ok : done.error().code;
}

[[nodiscard]] inline std::span<std::byte const> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

[[nodiscard]] inline std::string read_all(lamina::memory_file& file, std::uint64_t offset = 0,
                                          std::size_t most = 1 << 20) {
    std::string text(most, '?');
    auto const count = file.read_at(std::as_writable_bytes(std::span(text)), offset).value();
    text.resize(count);
    return text;
}

[[nodiscard]] inline std::vector<std::string> names_in(lamina::memory_tree& tree, lamina::node dir) {
    std::vector<std::string> names;
    tree.list_at(dir,
                 [&](lamina::directory_entry const& entry) {
                     names.emplace_back(entry.name);
                     return true;
                 })
        .value();
    return names;
}

[[nodiscard]] inline lamina::attributes status_of(lamina::memory_tree& tree, lamina::node dir, lamina::name_ref name) {
    return tree.lookup(dir, name).value().value();
}

[[nodiscard]] inline std::uint64_t used(lamina::memory_tree& tree) {
    auto const space = tree.space().value();
    return space.capacity - space.free;
}

// A clock that moves by one second whenever it is read.
struct ticking_clock {
    std::int64_t seconds = 1000;

    static lamina::timestamp read(void* state) { return {++static_cast<ticking_clock*>(state)->seconds, 0}; }
    [[nodiscard]] lamina::memory_options options() {
        lamina::memory_options chosen;
        chosen.clock = read;
        chosen.clock_state = this;
        return chosen;
    }
};

}  // namespace memory_test
