// What must hold for the reader of the mark `metacopy` whatever bytes it is given. Used by the fuzzer (metacopy.cpp) and
// by the replay of the corpus (replay.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <lamina/whiteout/metacopy_value.hpp>

namespace fuzz {

// Null if all that must hold holds.
inline char const* check_metacopy(std::span<std::uint8_t const> input) {
    using namespace lamina;
    // A copy of the exact size, so that a read behind it is seen.
    std::string const bytes(reinterpret_cast<char const*>(input.data()), input.size());

    // All values that are one have one of these fronts, and one length each.
    constexpr std::string_view fronts[] = {{"", 0}, {"\0\4\0\0", 4}, {"\0\44\0\1", 4}, {"\0\104\0\2", 4}};
    constexpr std::size_t sizes[] = {0, 4, 36, 68};
    bool good = false;
    for (std::size_t i = 0; i < 4; ++i)
        good = good || (bytes.starts_with(fronts[i]) && bytes.size() == sizes[i]);

    auto const read = mark::read_metacopy(bytes);
    if (read.has_value() != good)
        return good ? "refused, though it is a value" : "accepted, though it is none";
    if (!read)
        return read.error().code == errc::eio ? nullptr : "refused with another error";
    if (read->recorded.has_value() != (bytes.size() > 4))
        return "a digest where there is none, or the reverse";
    auto const written = mark::write_metacopy(*read);
    if (written != (bytes.size() == 4 ? std::string() : bytes))
        return "written otherwise than it was read";
    if (read->recorded && read->recorded->bytes().size() != digest_size(read->recorded->algorithm()))
        return "a digest of another length than its algorithm's";
    return nullptr;
}

}  // namespace fuzz
