// The words that the bodies of the suite are written in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/paths.hpp>

#include "catch.hpp"
#include "conformance/content.hpp"

namespace Catch {

template <>
struct StringMaker<lamina::errc> {
    static std::string convert(lamina::errc code) {
        auto const known = lamina::mnemonic(code);
        return known.empty() ? "errno " + std::to_string(static_cast<int>(code)) : std::string(known);
    }
};
template <>
struct StringMaker<lamina::file_type> {
    static std::string convert(lamina::file_type type) { return std::string(lamina::name(type)); }
};
template <>
struct StringMaker<lamina::timestamp> {
    static std::string convert(lamina::timestamp t) {
        return std::to_string(t.seconds) + " s " + std::to_string(t.nanoseconds) + " ns";
    }
};

}  // namespace Catch

namespace conformance {

// What became of a call: errc::ok, or what went wrong.
template <class T, class E>
[[nodiscard]] lamina::errc outcome(lamina::result<T, E> const& r) {
    return r.has_value() ? lamina::errc::ok : static_cast<lamina::error>(r.error()).code;
}

// Whether the test is about something that this tree cannot do. Says so: a test that is left out must not look like one
// that passed.
template <class B>
[[nodiscard]] bool lacks(B& tree, lamina::capabilities wanted, std::string_view what) {
    if (lamina::capabilities() == wanted.without(tree.able()))
        return false;
    WARN("left out: this configuration has no " << what);
    return true;
}

// The same for what a fixture cannot put into a tree before the test begins.
template <class Fixture>
[[nodiscard]] bool cannot_hold(lamina::capabilities wanted, std::string_view what) {
    if (lamina::capabilities() == wanted.without(Fixture::holds()))
        return false;
    WARN("left out: this configuration cannot be given " << what);
    return true;
}

template <class Fixture>
[[nodiscard]] bool no_promise(promise wanted, std::string_view what) {
    if constexpr (requires { Fixture::promises(wanted); }) {
        if (!Fixture::promises(wanted)) {
            WARN("left out: this configuration does not promise that " << what);
            return true;
        }
    }
    return false;
}

template <class B>
[[nodiscard]] std::vector<std::string> names_in(B& tree, lamina::path_view directory) {
    std::vector<std::string> names;
    for (auto const entry : tree.list(directory).value())
        names.emplace_back(entry.name);
    std::sort(names.begin(), names.end());
    return names;
}

using names = std::vector<std::string>;

// Bytes without a period that a power of two could hide.
[[nodiscard]] inline std::string pattern(std::size_t size, std::uint32_t seed = 1) {
    std::string bytes(size, '\0');
    std::uint32_t state = seed;
    for (auto& byte : bytes) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

[[nodiscard]] inline std::span<std::byte const> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// At most `count` bytes from `offset` on, in one call.
template <class F>
[[nodiscard]] lamina::result<std::string> read_some(F& file, std::uint64_t offset, std::size_t count) {
    std::string bytes(count, '?');
    LAMINA_TRY(std::size_t const got, file.read_at(std::as_writable_bytes(std::span(bytes)), offset));
    bytes.resize(got);
    return bytes;
}

}  // namespace conformance
