// An upper in memory over lowers in memory: one, three of known types, and a list of ten.
#include "model/run.hpp"

namespace {

struct any_lowers : model::layer_stack {
    explicit any_lowers(model::shared_trees lowers) : layer_stack(std::move(lowers), model::rules_for_links()) {}
    static model::wishes may() { return model::with_lower_links(); }
    static lamina::policy layer_rules() { return model::rules_for_links(); }
};
struct ten_lowers : any_lowers {
    using any_lowers::any_lowers;
    static constexpr std::size_t lowers = 10;
};

// Lowers whose types are written in the stack's own.
class three_lowers {
public:
    using memory = lamina::memory_tree;
    using tree_type =
        decltype(lamina::overlay{lamina::upper(std::declval<memory&>()),
                                 lamina::lower(std::declval<memory&>(), std::declval<memory&>(), std::declval<memory&>())});
    static constexpr std::size_t lowers = 3;
    static model::wishes may() { return model::with_lower_links(); }
    static lamina::policy layer_rules() { return model::rules_for_links(); }

    explicit three_lowers(model::shared_trees trees) : lowers_(std::move(trees)) {}
    [[nodiscard]] lamina::mark_space marks() const { return lamina::mark_space::trusted; }
    [[nodiscard]] tree_type& tree() { return *tree_; }
    [[nodiscard]] memory& upper() { return upper_; }
    [[nodiscard]] static bool refuses(model::step const&, model::outcome const&) { return false; }
    void open() { tree_.emplace(lamina::upper(upper_), lamina::lower(*lowers_[0], *lowers_[1], *lowers_[2]), model::rules_for_links()); }
    void close() { tree_.reset(); }
    [[nodiscard]] std::vector<model::image> lower_images() { return model::exact_images(lowers_); }

private:
    model::shared_trees lowers_;
    memory upper_;
    std::optional<tree_type> tree_;
};

struct one_lower : any_lowers {
    using any_lowers::any_lowers;
    static constexpr std::size_t lowers = 1;
};

}  // namespace

TEST_CASE("[model.1] a memory upper over one memory lower") { model::compare_with_model<one_lower>(); }
TEST_CASE("[model.2] a memory upper over three memory lowers of known types") { model::compare_with_model<three_lowers>(); }
TEST_CASE("[model.3] a memory upper over a list of ten lowers") { model::compare_with_model<ten_lowers>(); }
