#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

class fixture {
public:
    explicit fixture(conformance::content const& given) : tree_(memory_) { conformance::materialise(memory_, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree memory_;
    lamina::read_only<lamina::memory_tree&> tree_;
};

}  // namespace

#include "conformance/readable.ipp"
#include "conformance/refusing.ipp"
