// Three lowers and no upper.
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"

namespace {

class fixture : public conformance::overlay_promises<false> {
public:
    explicit fixture(conformance::content const& given) { conformance::spread(given, lowers_); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    std::vector<lamina::memory_tree> lowers_ = std::vector<lamina::memory_tree>(3);
    decltype(lamina::overlay(lamina::lower(lowers_))) tree_{lamina::lower(lowers_)};
};

}  // namespace

#include "conformance/readable.ipp"
