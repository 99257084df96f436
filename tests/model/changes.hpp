// What `changes()` must say: applied to what the lowers show it gives what the stack shows, and nothing that differs is left out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/stack/changes.hpp>

#include "model/image.hpp"

namespace model {

[[nodiscard]] inline bool is_below(std::string_view path, std::string_view above) {
    return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
}

// What is wrong with `said`, given what was there before and is now; empty if nothing is.
[[nodiscard]] inline std::vector<std::string> judge_changes(image const& before, image const& now,
                                                            std::vector<lamina::change> const& said) {
    using kind = lamina::change::kind;
    std::vector<std::string> wrong;
    std::map<std::string, object const*> state;
    for (auto const& [path, o] : before.objects)
        state.emplace(path, &o);

    for (std::size_t i = 0; i < said.size(); ++i) {
        auto const& change = said[i];
        auto const complain = [&](std::string_view what) { wrong.push_back(to_string(change) + ": " + std::string(what)); };
        if (i > 0 && change.path < said[i - 1].path)
            complain("is out of order");
        switch (change.what) {
        case kind::deleted:
            if (state.erase(change.path) == 0)
                complain("was not there");
            std::erase_if(state, [&](auto const& entry) { return is_below(entry.first, change.path); });
            break;
        case kind::added:
            if (!now.objects.contains(change.path))
                complain("is not there");
            else if (!state.emplace(change.path, &now.objects.at(change.path)).second)
                complain("was there already");
            if (!change.from.empty()) {
                if (!before.objects.contains(change.from))
                    complain("comes from where nothing was");
                for (auto const& [path, o] : before.objects)
                    if (is_below(path, change.from))
                        state.emplace(change.path + path.substr(change.from.size()), &o);
            }
            break;
        case kind::modified:
            if (!now.objects.contains(change.path))
                complain("is not there");
            else if (auto const known = state.find(change.path); known == state.end())
                complain("was not there before");
            else
                known->second = &now.objects.at(change.path);
            break;
        }
    }

    auto const alike = [](object a, object b) {
        // For its times a directory is no change; link counts and first names follow from other names.
        if (a.type == lamina::file_type::directory) {
            a.mtime = b.mtime;
            a.exactly = b.exactly;
        }
        a.nlink = b.nlink;
        a.first_name = b.first_name;
        return a == b;
    };
    for (auto const& [path, o] : state)
        if (!now.objects.contains(path))
            wrong.push_back("not said: " + in_quotes(path) + " is gone");
        else if (!alike(*o, now.objects.at(path)) && !path.empty())
            wrong.push_back("not said: " + in_quotes(path) + " has changed\n      from " + describe(*o) + "\n      to   " +
                            describe(now.objects.at(path)));
    for (auto const& [path, o] : now.objects)
        if (!state.contains(path))
            wrong.push_back("not said: " + in_quotes(path) + " is new: " + describe(o));
    if (wrong.size() > 10)
        wrong.resize(10);
    return wrong;
}

}  // namespace model
