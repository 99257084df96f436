#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

// Beside the subtree lies what a link that leads out of it would find.
class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given)
        : tree_(lamina::subtree_of(memory_with_more(), "a/tree").value()) {
        conformance::materialise(tree_, given);
    }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree& memory_with_more() {
        memory_.create_directories("a/tree").value();
        memory_.create_directories("etc").value();
        memory_.write("etc/passwd", "outside").value();
        memory_.create_directories("a/etc").value();
        memory_.write("a/etc/passwd", "outside").value();
        return memory_;
    }

    lamina::memory_tree memory_;
    lamina::subtree<lamina::memory_tree&> tree_;
};

}  // namespace

#include "conformance/writable.ipp"
