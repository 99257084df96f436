// For the configurations that are stacks.
#pragma once

#include <cstddef>

#include "conformance/expect.hpp"

namespace conformance {

// What a fixture over an overlay does not promise yet.
struct overlay_promises {
    [[nodiscard]] static bool promises(promise) { return false; }
};

// Spreads `given` over the trees of a list, the first of which is the topmost.
template <class Trees>
void spread(content const& given, Trees& trees) {
    for (std::size_t i = 0; i != trees.size(); ++i)
        materialise(trees[i], part(given, i, trees.size()));
}

}  // namespace conformance
