// All that a test begins with lies in the upper already, over an empty lower: nothing copies up, and what is removed
// leaves nothing behind.
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"

namespace {

class fixture : public conformance::overlay_promises<false> {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(tree_, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }
    // There is no copy-up.
    [[nodiscard]] static bool promises(conformance::promise p) { return p != conformance::promise::acls_act; }

private:
    lamina::memory_tree lower_;
    lamina::memory_tree upper_;
    decltype(lamina::overlay(lamina::upper(upper_), lamina::lower(lower_))) tree_{lamina::upper(upper_),
                                                                                  lamina::lower(lower_)};
};

}  // namespace

#include "conformance/writable.ipp"
