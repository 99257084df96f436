// For the configurations that are stacks.
#pragma once

#include <cstddef>

#include "conformance/expect.hpp"

namespace conformance {

// For fixtures over an overlay: what it cannot keep up by itself. Links need an index, and so layers that give handles and an
// upper in the kernel's format.
template <bool AclsAct, bool LinksStay = true>
struct overlay_promises {
    [[nodiscard]] static bool promises(promise p) {
        return p == promise::acls_act ? AclsAct : p == promise::links_stay_links ? LinksStay : true;
    }
};

// Spreads `given` over the trees of a list, the first of which is the topmost.
template <class Trees>
void spread(content const& given, Trees& trees) {
    for (std::size_t i = 0; i != trees.size(); ++i)
        materialise(trees[i], part(given, i, trees.size()));
}

}  // namespace conformance
