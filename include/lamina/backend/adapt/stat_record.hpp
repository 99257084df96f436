// The record of an object's owner and mode in an extended attribute: its names, its text, and how a layer tells that it has
// such records. What is done with them stands in recorded_stat.hpp. Pure functions, and two that ask a layer's root.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <lamina/backend/concepts.hpp>

namespace lamina {

// Under which name the record is kept.
enum class stat_record : std::uint8_t {
    privileged,  // security.fuseoverlayfs.override_stat
    containers,  // user.containers.override_stat
    legacy,      // user.fuseoverlayfs.override_stat, of fuse-overlayfs before 1.14
};

namespace detail {

inline constexpr std::string_view stat_record_keys[] = {
    "security.fuseoverlayfs.override_stat", "user.containers.override_stat", "user.fuseoverlayfs.override_stat"};
[[nodiscard]] constexpr std::string_view key_of(stat_record form) noexcept {
    return stat_record_keys[static_cast<std::uint8_t>(form)];
}

struct recorded_values {
    user_id uid = 0;
    group_id gid = 0;
    mode_bits mode = 0;
};

// Errors: eio.
[[nodiscard]] inline result<recorded_values> parse_stat_record(std::string_view text) {
    recorded_values found;
    std::uint32_t* const fields[] = {&found.uid, &found.gid, &found.mode};
    for (int i = 0; i < 3; ++i) {
        auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), *fields[i], i == 2 ? 8 : 10);
        if (problem != std::errc{})
            return fail(errc::eio, operation::get_xattr);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (text.empty() ? i != 2 : text.front() != ':')
            return fail(errc::eio, operation::get_xattr);
        if (!text.empty())
            text.remove_prefix(1);
    }
    found.mode &= 07777;
    return found;
}
[[nodiscard]] inline std::string stat_record_text(recorded_values values) {
    char octal[16];
    auto const end = std::to_chars(octal, octal + sizeof octal, values.mode & 07777, 8).ptr;
    return std::to_string(values.uid) + ':' + std::to_string(values.gid) + ':' +
           std::string(octal, static_cast<std::size_t>(end - octal));
}

}  // namespace detail

// In which form a layer records owners and modes, which its root tells; empty if it does not. Errors: the layer's.
template <class B>
[[nodiscard]] result<std::optional<stat_record>> find_stat_record(B& layer) {
    for (auto const form : {stat_record::privileged, stat_record::containers, stat_record::legacy}) {
        LAMINA_TRY(auto const text, layer.get_xattr_at(layer.root(), name_ref{}, detail::key_of(form)));
        if (text)
            return std::optional(form);
    }
    return std::optional<stat_record>();
}
// Makes a layer's root tell `form`, and belong to root, as fuse-overlayfs has it. A layer that tells one keeps it, whichever
// that is: its objects are recorded so. Answers the form that it then has.
template <class B>
[[nodiscard]] result<stat_record> mark_stat_record(B& layer, stat_record form) {
    LAMINA_TRY(auto const found, find_stat_record(layer));
    if (found)
        return *found;
    LAMINA_CHECK(layer.set_xattr_at(layer.root(), name_ref{}, detail::key_of(form),
                                    detail::stat_record_text({0, 0, 0755}), xattr_flags::none));
    return form;
}

}  // namespace lamina
