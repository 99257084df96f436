// Owners are stored 100,000 above what is asked for, and must come back as they went in.
#include <lamina/backend/adapt/map_ids.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(tree_, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    static lamina::id_map ids() { return lamina::id_map::parse("0 100000 100000\n").value(); }
    static lamina::memory_options options() {
        lamina::memory_options made;
        made.uid = 100'000;
        made.gid = 100'000;
        return made;
    }

    lamina::memory_tree memory_{options()};
    lamina::map_ids<lamina::memory_tree&> tree_{memory_, ids(), ids()};
};

}  // namespace

#include "conformance/writable.ipp"
