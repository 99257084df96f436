// An overlay whose lower is an overlay: marks of one must not be taken for marks of the other.
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"

namespace {

class fixture : public conformance::overlay_promises<false> {
public:
    // What is given reaches the innermost overlay through itself, half of it in its upper, half in its lower.
    explicit fixture(conformance::content const& given) {
        conformance::materialise(bottom_, conformance::part(given, 1, 2));
        conformance::materialise(middle_, conformance::part(given, 0, 2));
    }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree bottom_;
    lamina::memory_tree middle_;
    lamina::memory_tree upper_;
    decltype(lamina::overlay(lamina::upper(middle_), lamina::lower(bottom_))) inner_{lamina::upper(middle_),
                                                                                     lamina::lower(bottom_)};
    decltype(lamina::overlay(lamina::upper(upper_), lamina::lower(inner_))) tree_{lamina::upper(upper_),
                                                                                  lamina::lower(inner_)};
};

}  // namespace

#include "conformance/writable.ipp"
