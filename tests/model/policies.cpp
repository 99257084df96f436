// Choices that must not show: half copies, a cache that forgets at once, each durability.
#include "model/run.hpp"

namespace {

template <class Choice>
struct stack_with : model::layer_stack {
    static constexpr std::size_t lowers = 3;
    static model::wishes may() { return Choice::rules().index == lamina::indexing::off ? model::wishes{} : model::with_lower_links(); }
    static lamina::policy layer_rules() { return Choice::rules(); }
    explicit stack_with(model::shared_trees lowers_given) : layer_stack(std::move(lowers_given), Choice::rules()) {}
};

struct half_copies {
    static lamina::policy rules() {
        auto rules = model::rules_for_links();
        rules.metacopy = lamina::metacopies::on;
        return rules;
    }
};
struct no_cache {
    static lamina::policy rules() {
        auto rules = model::rules_for_links();
        rules.cache_bytes = 0;
        return rules;
    }
};
struct half_copies_without_cache {
    static lamina::policy rules() {
        auto rules = half_copies::rules();
        rules.cache_bytes = 0;
        return rules;
    }
};
struct small_cache {
    static lamina::policy rules() {
        auto rules = model::rules_for_links();
        rules.cache_bytes = 8000;
        return rules;
    }
};
// Every file, however small, by blocks; the layers below are made without.
template <lamina::durability How>
struct by_blocks {
    static lamina::policy rules() {
        auto rules = model::rules_for_links();
        rules.blocks = lamina::block_copies::on;
        rules.blocks_from = 1;
        rules.block_size = 4096;
        rules.durable = How;
        return rules;
    }
};
template <class Choice>
struct stack_with_upper : stack_with<Choice> {
    static lamina::policy layer_rules() { return model::rules_for_links(); }
    using stack_with<Choice>::stack_with;
};
template <lamina::durability How>
struct durable {
    static lamina::policy rules() {
        auto rules = half_copies::rules();
        rules.durable = How;
        return rules;
    }
};

}  // namespace

TEST_CASE("[model.19] metadata is copied up without data") { model::compare_with_model<stack_with<half_copies>>(); }
TEST_CASE("[model.20] a cache that keeps nothing") { model::compare_with_model<stack_with<no_cache>>(); }
TEST_CASE("[model.21] a cache that keeps little") { model::compare_with_model<stack_with<small_cache>>(); }
TEST_CASE("[model.22] half copies and no cache") { model::compare_with_model<stack_with<half_copies_without_cache>>(); }
TEST_CASE("[model.23] durability none") { model::compare_with_model<stack_with<durable<lamina::durability::none>>>(); }
TEST_CASE("[model.24] durability ordered") { model::compare_with_model<stack_with<durable<lamina::durability::ordered>>>(); }
TEST_CASE("[model.25] durability strict") { model::compare_with_model<stack_with<durable<lamina::durability::strict>>>(); }
TEST_CASE("[model.26] data is copied up by blocks") {
    model::compare_with_model<stack_with_upper<by_blocks<lamina::durability::automatic>>>();
}
TEST_CASE("[model.27] data is copied up by blocks, and everything is flushed") {
    model::compare_with_model<stack_with_upper<by_blocks<lamina::durability::strict>>>();
}
