// Owners and modes are kept in an attribute, and nobody sees a difference.
#include <lamina/backend/adapt/recorded_stat.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given) {
        lamina::mark_stat_record(memory_, lamina::stat_record::containers).value();
        conformance::materialise(tree_, given);
    }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree memory_;
    lamina::recorded_stat<lamina::memory_tree&> tree_{memory_, lamina::stat_record::containers};
};

}  // namespace

#include "conformance/writable.ipp"
