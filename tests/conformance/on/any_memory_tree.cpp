#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given) : tree_(lamina::memory_tree()) {
        conformance::materialise(tree_, given);
    }
    [[nodiscard]] lamina::any_backend& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::any_backend tree_;
};

}  // namespace

#include "conformance/writable.ipp"
