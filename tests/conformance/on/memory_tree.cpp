#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(tree_, given); }
    [[nodiscard]] lamina::memory_tree& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree tree_;
};

}  // namespace

#include "conformance/writable.ipp"
