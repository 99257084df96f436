// What must hold for path::parse, path_view and judge_name whatever bytes they are given, compared with a second,
// plainer way to say it. Used by the fuzzer (path.cpp) and by the replay of the corpus (replay.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/path.hpp>

namespace fuzz {

// Null if all that must hold holds.
inline char const* check_path(std::span<std::uint8_t const> input) {
    using namespace lamina;
    std::string const bytes(reinterpret_cast<char const*>(input.data()), input.size());

    // The components, empty ones included; and the first thing that is wrong with them, from left to right.
    std::vector<std::string> all(1);
    for (char const c : bytes)
        if (c == '/')
            all.emplace_back();
        else
            all.back() += c;
    auto expected = errc::ok;
    long depth = 0;
    for (auto const& name : all) {
        if (name.find('\0') != std::string::npos)
            expected = errc::einval;
        else if (name.size() > 255)
            expected = errc::enametoolong;
        else if (name == ".." && --depth < 0)
            expected = errc::einval;
        else if (name != ".." && name != "." && !name.empty())
            ++depth;
        if (expected != errc::ok)
            break;
    }

    auto const parsed = path::parse(bytes);
    auto const viewed = path_view::parse(bytes);
    if (parsed.has_value() != (expected == errc::ok) || viewed.has_value() != parsed.has_value())
        return "accepted and refused disagree";
    if (!parsed) {
        if (parsed.error() != error(expected, operation::parse) || viewed.error() != parsed.error())
            return "refused for another reason";
    } else {
        if (parsed->bytes() != bytes || path_view(*parsed).bytes() != bytes || path(*viewed) != *parsed)
            return "a path that is not its bytes";
        std::vector<std::string> components;
        for (auto const& name : all)
            if (!name.empty())
                components.push_back(name);
        auto rest = *viewed;
        for (auto const& name : components)
            if (rest.pop_front() != name)
                return "pop_front gives another component";
        if (!rest.pop_front().empty())
            return "pop_front gives one component too many";
        bool only_dots = true;
        for (auto const& name : components)
            only_dots = only_dots && name == ".";
        if (viewed->is_root() != only_dots)
            return "is_root";
        bool const wants_directory = !bytes.empty() && (all.back().empty() || all.back() == "." || all.back() == "..");
        if (viewed->must_be_directory() != wants_directory)
            return "must_be_directory";
        auto const [before, last] = viewed->split_last();
        if (last != (components.empty() ? std::string() : components.back()))
            return "split_last gives another name";
        auto rejoined = before;
        for (std::size_t i = 0; i + 1 < components.size(); ++i)
            if (rejoined.pop_front() != components[i])
                return "split_last gives another directory";
        if (!rejoined.pop_front().empty())
            return "split_last leaves too much";
    }

    for (auto const& name : all) {
        bool const good = !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
                          name.find('\0') == std::string::npos;
        auto const code = judge_name(name);
        if ((code == errc::ok) != good || ((code == errc::enametoolong) != (name.size() > 255)))
            return "judge_name";
        if (!parsed)
            continue;
        auto const below = parsed->child(name);
        if (below.has_value() != good)
            return "child accepts what judge_name refuses, or the reverse";
        if (below && (path_view(*below).split_last().second != name || !path_view::parse(below->bytes())))
            return "a child that is no path, or has another name";
    }
    if (judge_name(bytes) == errc::ok && (bytes.find('/') != std::string::npos || all.size() != 1))
        return "judge_name accepts a slash";
    if (name_ref(bytes).hash != name_ref(std::string(bytes)).hash)
        return "a hash that depends on where the name lies";
    return nullptr;
}

}  // namespace fuzz
