// All that a test begins with lies in one lower: every change copies up.
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"

namespace {

class fixture : public conformance::overlay_promises<false> {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(lower_, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree lower_;
    lamina::memory_tree upper_;
    decltype(lamina::overlay(lamina::upper(upper_), lamina::lower(lower_))) tree_{lamina::upper(upper_),
                                                                                  lamina::lower(lower_)};
};

}  // namespace

#include "conformance/writable.ipp"
