// Paths and names inside a tree. Bytes, not text: any byte but NUL and '/'. A leading '/' means the tree's root, as
// does its absence: there is no current directory. `..` may not lead above the root in the path's own words
// ("etc/../../x" is refused); what symbolic links do to it is decided when the path is walked, and never leaves the
// tree either.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

inline constexpr std::size_t name_max = 255;

// One component on its way into a directory, with its hash, computed once for all the layers that will be asked.
struct name_ref {
    std::string_view text;
    std::uint32_t hash = 0;

    constexpr name_ref() = default;
    name_ref(std::string_view name) noexcept;
    name_ref(char const* name) noexcept : name_ref(std::string_view(name)) {}
    name_ref(std::string const& name) noexcept : name_ref(std::string_view(name)) {}
    constexpr name_ref(std::string_view name, std::uint32_t known_hash) noexcept : text(name), hash(known_hash) {}

    [[nodiscard]] constexpr bool empty() const noexcept { return text.empty(); }
};

namespace detail {

// The seed differs from run to run (with address space randomisation), so that nobody can prepare a layer whose names
// all fall into one slot.
inline char const hash_anchor = 0;

[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using wide = unsigned __int128;
    auto const product = static_cast<wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// The two ends of `size` bytes, overlapping in the middle where there are fewer than 16: a short name in two loads, no
// loop.
struct name_ends {
    std::uint64_t front, back;
};
[[nodiscard]] inline name_ends ends_of(char const* bytes, std::size_t size) noexcept {
    name_ends ends{};
    if (size >= 8) {
        __builtin_memcpy(&ends.front, bytes, 8);
        __builtin_memcpy(&ends.back, bytes + size - 8, 8);
    } else if (size >= 4) {
        std::uint32_t front, back;
        __builtin_memcpy(&front, bytes, 4);
        __builtin_memcpy(&back, bytes + size - 4, 4);
        ends = {front, back};
    } else if (size != 0) {
        auto const byte = [bytes](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(bytes[i])}; };
        ends = {byte(0) | byte(size / 2) << 8, byte(size - 1)};
    }
    return ends;
}

[[nodiscard]] inline std::uint32_t hash_name(std::string_view name) noexcept {
    constexpr std::uint64_t odd1 = 0x9e3779b97f4a7c15ULL;
    constexpr std::uint64_t odd2 = 0xc2b2ae3d27d4eb4fULL;
    std::uint64_t state = reinterpret_cast<std::uintptr_t>(&hash_anchor) ^ name.size() * odd1;
    char const* at = name.data();
    std::size_t left = name.size();
    for (; left > 16; at += 16, left -= 16) {
        auto const block = ends_of(at, 16);
        state = mix(block.front ^ state, block.back ^ odd1);
    }
    auto const tail = ends_of(at, left);
    state = mix(tail.front ^ state, tail.back ^ odd2);
    return static_cast<std::uint32_t>(state ^ state >> 32);
}

[[nodiscard]] inline bool same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size())
        return false;
    if (a.size() > 16)
        return __builtin_memcmp(a.data(), b.data(), a.size()) == 0;
    auto const left = ends_of(a.data(), a.size());
    auto const right = ends_of(b.data(), b.size());
    return left.front == right.front && left.back == right.back;
}

// What is wrong with the bytes as a path; errc::ok if nothing is.
[[nodiscard]] constexpr errc judge_path(std::string_view bytes) noexcept {
    std::size_t at = 0;
    std::size_t depth = 0;
    while (at < bytes.size()) {
        std::size_t end = at;
        while (end < bytes.size() && bytes[end] != '/') {
            if (bytes[end] == '\0')
                return errc::einval;
            ++end;
        }
        auto const name = bytes.substr(at, end - at);
        if (name.size() > name_max)
            return errc::enametoolong;
        if (name == "..") {
            if (depth == 0)
                return errc::einval;
            --depth;
        } else if (!name.empty() && name != ".") {
            ++depth;
        }
        at = end + 1;
    }
    return errc::ok;
}

// Deliberately not constexpr: to reach it while a path literal is compiled is the error message.
inline void path_literal_holds_a_NUL_or_leads_above_the_root_or_has_a_component_over_255_bytes() {}

}  // namespace detail

inline name_ref::name_ref(std::string_view name) noexcept : text(name), hash(detail::hash_name(name)) {}

// A single name that can be an entry of a directory: not empty, not "." or "..", no '/' or NUL, at most 255 bytes.
[[nodiscard]] constexpr errc judge_name(std::string_view name) noexcept {
    if (name.empty() || name == "." || name == "..")
        return errc::einval;
    if (name.size() > name_max)
        return errc::enametoolong;
    for (char const c : name)
        if (c == '/' || c == '\0')
            return errc::einval;
    return errc::ok;
}

class path;

// A checked path that somebody else keeps alive. From a literal it is checked when it is compiled; at run time it comes
// from a `path`, which comes from `path::parse`.
class path_view {
public:
    constexpr path_view() = default;
    consteval path_view(char const* literal) : bytes_(literal) {
        if (detail::judge_path(bytes_) != errc::ok)
            detail::path_literal_holds_a_NUL_or_leads_above_the_root_or_has_a_component_over_255_bytes();
    }
    path_view(path const& owner) noexcept;

    // Checks `bytes` without copying them. Errors: einval, enametoolong as path::parse.
    [[nodiscard]] static constexpr result<path_view> parse(std::string_view bytes) noexcept {
        if (auto const code = detail::judge_path(bytes); code != errc::ok)
            return fail(code, operation::parse);
        return path_view(bytes, checked{});
    }

    [[nodiscard]] constexpr std::string_view bytes() const noexcept { return bytes_; }
    // True for "", "/", "." and their like: no component but ".".
    [[nodiscard]] constexpr bool is_root() const noexcept {
        for (auto rest = *this; !rest.bytes_.empty();)
            if (auto const name = rest.pop_front(); !name.empty() && name != ".")
                return false;
        return true;
    }
    // True where POSIX wants a directory: after a trailing '/', "." or "..".
    [[nodiscard]] constexpr bool must_be_directory() const noexcept {
        auto const last = bytes_.substr(bytes_.rfind('/') + 1);  // npos + 1 is 0
        return !bytes_.empty() && (last.empty() || last == "." || last == "..");
    }
    // Takes the first component off the front and returns it. Empty only when nothing is left: repeated and leading
    // slashes are skipped; "." and ".." are returned as they stand.
    constexpr std::string_view pop_front() noexcept {
        std::size_t start = 0;
        while (start < bytes_.size() && bytes_[start] == '/')
            ++start;
        std::size_t end = start;
        while (end < bytes_.size() && bytes_[end] != '/')
            ++end;
        auto const name = bytes_.substr(start, end - start);
        bytes_.remove_prefix(end);
        return name;
    }
    // The path without its last component, and that component ("a/b/" gives "a" and "b"; "/" gives "" and "").
    [[nodiscard]] constexpr std::pair<path_view, std::string_view> split_last() const noexcept {
        auto text = bytes_;
        while (!text.empty() && text.back() == '/')
            text.remove_suffix(1);
        auto const slash = text.rfind('/');
        if (slash == std::string_view::npos)
            return {path_view({}, checked{}), text};
        return {path_view(text.substr(0, slash), checked{}), text.substr(slash + 1)};
    }

private:
    friend class path;
    struct checked {};
    constexpr path_view(std::string_view bytes, checked) noexcept : bytes_(bytes) {}
    std::string_view bytes_;
};

// A checked path that owns its bytes.
class path {
public:
    path() = default;
    path(path_view view) : bytes_(view.bytes()) {}

    // Errors: einval (a NUL, or `..` leads above the root), enametoolong (a component over 255 bytes). Of any length.
    [[nodiscard]] static result<path> parse(std::string bytes) {
        if (auto const code = detail::judge_path(bytes); code != errc::ok)
            return fail(code, operation::parse);
        path made;
        made.bytes_ = std::move(bytes);
        return made;
    }

    [[nodiscard]] std::string const& bytes() const noexcept { return bytes_; }
    friend bool operator==(path const&, path const&) = default;
    friend auto operator<=>(path const& a, path const& b) noexcept { return a.bytes_ <=> b.bytes_; }

    // Below this path, one name. Errors: as judge_name.
    [[nodiscard]] result<path> child(std::string_view name) const {
        if (auto const code = judge_name(name); code != errc::ok)
            return fail(code, operation::parse);
        path made = *this;
        if (!made.bytes_.empty() && made.bytes_.back() != '/')
            made.bytes_ += '/';
        made.bytes_ += name;
        return made;
    }

private:
    std::string bytes_;
};

inline path_view::path_view(path const& owner) noexcept : bytes_(owner.bytes()) {}

}  // namespace lamina
