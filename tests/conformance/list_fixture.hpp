// A stack whose layers are known at run time only: Count lowers behind any_backend.
#pragma once

#include <vector>

#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"

namespace conformance {

template <std::size_t Count>
class list_fixture : public overlay_promises<false> {
public:
    explicit list_fixture(content const& given) { spread(given, lowers_); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    static std::vector<lamina::any_backend> lowers() {
        std::vector<lamina::any_backend> made;
        for (std::size_t i = 0; i != Count; ++i)
            made.emplace_back(lamina::memory_tree());
        return made;
    }

    std::vector<lamina::any_backend> lowers_ = lowers();
    lamina::memory_tree upper_;
    decltype(lamina::overlay(lamina::upper(upper_), lamina::lower(lowers_))) tree_{lamina::upper(upper_),
                                                                                   lamina::lower(lowers_)};
};

}  // namespace conformance
