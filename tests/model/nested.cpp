// Overlays over overlays: an overlay is a backend, so it can be an upper and a lower.
#include <lamina/backend/adapt/subtree.hpp>

#include "model/run.hpp"

namespace {

using lamina::memory_tree;

using inner_type = decltype(lamina::overlay{lamina::upper(std::declval<memory_tree&>()), lamina::lower(std::declval<memory_tree&>())});
using inner_part = lamina::subtree<inner_type&>;

// The upper and its work directory are two directories of an inner overlay, whose lower is not empty either.
class overlay_as_upper : public model::list_stack<lamina::upper_layer<inner_part&>> {
public:
    static constexpr std::size_t lowers = 2;
    static model::wishes may() { return model::with_lower_links(); }
    static lamina::policy layer_rules() { return model::rules_for_links(); }

    explicit overlay_as_upper(model::shared_trees trees)
        : list_stack(model::any_list(trees, lamina::whiteout_format::kernel), model::rules_for_links()),
          lowers_(std::move(trees)) {
        below_.create_directories("up").value();
        below_.create_directories("other/things").value();
        inner_.emplace(lamina::upper(above_), lamina::lower(below_), model::rules_for_links());
        inner_->create_directory("work").value();
        upper_.emplace(lamina::subtree_of(*inner_, "up").value());
        work_.emplace(lamina::subtree_of(*inner_, "work").value());
    }

    [[nodiscard]] inner_part& upper() { return *upper_; }
    void open() { open_over(lamina::upper(*upper_, *work_)); }
    [[nodiscard]] std::vector<model::image> lower_images() { return model::exact_images(lowers_); }

private:
    model::shared_trees lowers_;
    memory_tree below_, above_;
    std::optional<inner_type> inner_;
    std::optional<inner_part> upper_, work_;
};

// All lowers are one lower: a view that nothing can be changed through.
class overlay_as_lower {
    using view_type = lamina::overlay<lamina::no_upper, lamina::detail::lower_list<std::vector<lamina::any_backend>&>>;

public:
    static constexpr std::size_t lowers = 4;
    using tree_type = decltype(lamina::overlay{lamina::upper(std::declval<memory_tree&>()), lamina::lower(std::declval<view_type&>())});
    static model::wishes may() {
        auto all = model::with_lower_links();
        all.marks = false;
        return all;
    }
    static lamina::policy layer_rules() { return model::rules_for_links(); }

    explicit overlay_as_lower(model::shared_trees trees)
        : lowers_(std::move(trees)), list_(model::any_list(lowers_, lamina::whiteout_format::kernel)) {
        view_.emplace(lamina::lower(list_), model::rules_for_links());
    }
    [[nodiscard]] memory_tree& upper() { return upper_; }
    [[nodiscard]] tree_type& tree() { return *tree_; }
    [[nodiscard]] lamina::mark_space marks() const { return lamina::mark_space::trusted; }
    [[nodiscard]] static bool refuses(model::step const&, model::outcome const&) { return false; }
    void open() { tree_.emplace(lamina::upper(upper_), lamina::lower(*view_), model::rules_for_links()); }
    void close() { tree_.reset(); }
    [[nodiscard]] std::vector<model::image> lower_images() { return model::exact_images(lowers_); }

private:
    model::shared_trees lowers_;
    std::vector<lamina::any_backend> list_;
    std::optional<view_type> view_;
    memory_tree upper_;
    std::optional<tree_type> tree_;
};

}  // namespace

TEST_CASE("[model.17] an overlay as the upper of an overlay") { model::compare_with_model<overlay_as_upper>(); }
TEST_CASE("[model.18] a read-only overlay as the lower of an overlay") { model::compare_with_model<overlay_as_lower>(); }
