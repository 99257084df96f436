// The stack that is stopped, and what a new one over the remains shows.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "scenes.hpp"

#include "catch.hpp"

namespace scenes {

template <class Upper>
auto stack(Upper& upper_tree, memory_tree& lower_tree, policy const& rules) {
    return overlay{upper(upper_tree), lower(lower_tree), rules};
}

struct configuration {
    char const* name;
    policy rules;
};

// What the work directory holds that a finished operation should not have left.
inline std::size_t left_in_work(memory_tree& scratch) {
    auto const work = scratch.open_directory_at(scratch.work_root(), "work").value();
    std::size_t count = 0;
    REQUIRE(scratch.list_at(work, [&](directory_entry const&) {
                       ++count;
                       return true;
                   }).has_value());
    scratch.release(work);
    return count;
}

inline std::string view(memory_tree& scratch, memory_tree& below, policy const& rules) {
    std::string seen;
    {
        auto root = stack(scratch, below, rules);
        root.ready().value();
        seen = picture(root);
    }
    CHECK(left_in_work(scratch) == 0);
    return seen;
}

}  // namespace scenes
