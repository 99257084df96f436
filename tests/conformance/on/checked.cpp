// Permission judged for somebody who may do everything: nothing may look different.
#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(tree_, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree memory_;
    lamina::checked<lamina::memory_tree&> tree_{memory_, lamina::credentials::root()};
};

}  // namespace

#include "conformance/writable.ipp"
