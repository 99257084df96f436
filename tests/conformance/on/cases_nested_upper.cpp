// The cases where the upper and its work directory are directories of another overlay.
#include <lamina/backend/adapt/subtree.hpp>

#include "conformance/case_stacks.hpp"

namespace {

class overlay_upper {
    using inner_type =
        decltype(lamina::overlay{lamina::upper(std::declval<lamina::memory_tree&>()), lamina::lower(std::declval<lamina::memory_tree&>())});
    using part = lamina::subtree<inner_type&>;

public:
    [[nodiscard]] auto layer() { return lamina::upper(tree_, work_); }
    [[nodiscard]] part& raw() { return tree_; }
    [[nodiscard]] static lamina::capabilities able() { return lamina::memory_tree().able(); }

private:
    static lamina::memory_tree two_directories() {
        lamina::memory_tree made;
        made.create_directory("upper").value();
        made.create_directory("work").value();
        return made;
    }
    lamina::memory_tree below_ = two_directories();
    lamina::memory_tree above_;
    inner_type inner_{lamina::upper(above_), lamina::lower(below_)};
    part tree_ = lamina::subtree_of(inner_, "upper").value();
    part work_ = lamina::subtree_of(inner_, "work").value();
};

using fixture = conformance::case_stack<overlay_upper, conformance::memory_lowers, 3>;

}  // namespace

#include "conformance/cases.ipp"
