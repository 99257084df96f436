// The aufs format (which is OCI's): whiteouts are other names, directories of lowers are not renamed.
#include "model/run.hpp"

namespace {

lamina::policy aufs() {
    auto rules = lamina::policy::memory();
    rules.format = lamina::whiteout_format::aufs;
    rules.redirect = lamina::redirects::automatic;
    return rules;
}

struct aufs_stack : model::layer_stack {
    explicit aufs_stack(model::shared_trees lowers) : layer_stack(std::move(lowers), aufs()) {}
    static model::wishes may() {
        model::wishes all;
        all.wh_names = false;
        return all;
    }
    static lamina::policy layer_rules() { return aufs(); }
};
struct over_one : aufs_stack {
    using aufs_stack::aufs_stack;
    static constexpr std::size_t lowers = 1;
};
struct over_four : aufs_stack {
    using aufs_stack::aufs_stack;
    static constexpr std::size_t lowers = 4;
};

}  // namespace

TEST_CASE("[model.4] an upper in the aufs format over one lower of that format") { model::compare_with_model<over_one>(); }
TEST_CASE("[model.5] an upper in the aufs format over four lowers of that format") { model::compare_with_model<over_four>(); }
