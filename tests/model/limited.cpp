// Uppers whose file system lacks something: the same view, in more steps. And an overlay without privilege.
#include "model/limited.hpp"
#include "model/run.hpp"

namespace {

using lamina::capability;
using limited_memory = model::limited<lamina::memory_tree&>;

// A memory upper without some capabilities, over memory lowers.
template <class What>
class stack_without : public model::list_stack<lamina::upper_layer<limited_memory&>> {
public:
    static constexpr std::size_t lowers = What::lowers;
    static model::wishes may() {
        model::wishes all;
        all.hard_links = !What::missing.has(capability::hard_links);
        all.devices = !What::missing.has(capability::special_files);
        all.trusted_xattrs = !What::missing.has(capability::trusted_xattrs);
        all.owners = !What::missing.has(capability::change_owner);
        return all;
    }
    static lamina::policy layer_rules() {
        auto rules = lamina::policy::memory();
        rules.marks = What::rules().marks;
        return rules;
    }
    explicit stack_without(model::shared_trees trees)
        : list_stack(model::any_list(trees, lamina::whiteout_format::kernel), What::rules()), lowers_(std::move(trees)),
          limited_(memory_, What::missing) {}
    [[nodiscard]] limited_memory& upper() { return limited_; }
    void open() { open_over(lamina::upper(limited_)); }
    [[nodiscard]] std::vector<model::image> lower_images() { return model::exact_images(lowers_); }

private:
    model::shared_trees lowers_;
    lamina::memory_tree memory_;
    limited_memory limited_;
};

struct privileged {
    static constexpr std::size_t lowers = 3;
    static lamina::policy rules() { return lamina::policy::memory(); }
};
struct exchange : privileged {
    static constexpr lamina::capabilities missing = capability::exchange;
};
struct rename_whiteout : privileged {
    static constexpr lamina::capabilities missing = capability::rename_whiteout;
};
struct both_flags : privileged {
    static constexpr lamina::capabilities missing = capability::exchange | capability::rename_whiteout;
};
struct unnamed_files : privileged {
    static constexpr lamina::capabilities missing = capability::unnamed_files;
};
struct hard_links : privileged {
    static constexpr lamina::capabilities missing = capability::hard_links | capability::unnamed_files;
};
struct whiteout_devices : privileged {
    static constexpr lamina::capabilities missing = capability::whiteout_device | capability::rename_whiteout;
};
struct everything : privileged {
    static constexpr lamina::capabilities missing =
        capability::exchange | capability::rename_whiteout | capability::unnamed_files | capability::hard_links |
        capability::whiteout_device | capability::no_replace | capability::clone;
};
struct privilege {
    static constexpr std::size_t lowers = 3;
    static constexpr lamina::capabilities missing =
        capability::trusted_xattrs | capability::special_files | capability::change_owner;
    static lamina::policy rules() { return lamina::policy::rootless(); }
};

template <class What>
void without() {
    model::compare_with_model<stack_without<What>>();
}

}  // namespace

TEST_CASE("[model.6] an upper that cannot exchange names") { without<exchange>(); }
TEST_CASE("[model.7] an upper without RENAME_WHITEOUT") { without<rename_whiteout>(); }
TEST_CASE("[model.8] an upper with neither") { without<both_flags>(); }
TEST_CASE("[model.9] an upper without unnamed files") { without<unnamed_files>(); }
TEST_CASE("[model.10] an upper without hard links") { without<hard_links>(); }
TEST_CASE("[model.11] an upper that holds no whiteout devices") { without<whiteout_devices>(); }
TEST_CASE("[model.12] an upper that has only the least") { without<everything>(); }
TEST_CASE("[model.13] an overlay without privilege, its marks in user.overlay") { without<privilege>(); }
