// An upper and lowers that are real directories.
#include <sys/stat.h>
#include <unistd.h>

#include <lamina/backend/tree_copy.hpp>
#include <lamina/posix/directory.hpp>

#include "model/run.hpp"
#include "model/scratch.hpp"

namespace {

using lamina::posix_directory;

lamina::policy rules_here() {
    auto rules = lamina::policy::kernel();
    if (::geteuid() != 0) {
        rules.marks = lamina::mark_space::user;
        rules.owner = lamina::ownership::take;
    }
    return rules;
}


// The memory lowers are written out into directories first: marks, times and all.
class posix_stack {
public:
    using tree_type = lamina::overlay<lamina::upper_layer<posix_directory&>,
                                      lamina::detail::lower_list<std::vector<posix_directory>&>>;

    static model::wishes may() {
        model::wishes all;
        all.capabilities = false;  // the kernel looks into the value
        all.owners = all.devices = all.trusted_xattrs = ::geteuid() == 0;
        return all;
    }
    static lamina::policy layer_rules() { return rules_here(); }

    explicit posix_stack(model::shared_trees const& trees) {
        auto outside = place_.open();
        for (std::size_t i = 0; i < trees.size(); ++i) {
            std::string const name = "lower" + std::to_string(i);
            lamina::copy_tree(*trees[i], "/", outside, lamina::path::parse(name).value()).value();
            lowers_.push_back(posix_directory::open(place_ / name).value());
        }
        if (lowers_.empty()) {
            outside.create_directory("lower").value();
            lowers_.push_back(posix_directory::open(place_ / "lower").value());
        }
        outside.create_directory("upper").value();
        outside.create_directory("work").value();
        upper_.emplace(posix_directory::open(place_ / "upper").value());
        work_.emplace(posix_directory::open(place_ / "work").value());
    }

    [[nodiscard]] posix_directory& upper() { return *upper_; }
    [[nodiscard]] tree_type& tree() { return *tree_; }
    [[nodiscard]] lamina::mark_space marks() const { return rules_here().marks; }
    [[nodiscard]] static bool refuses(model::step const&, model::outcome const&) { return false; }
    void open() { tree_.emplace(lamina::upper(*upper_, *work_), lamina::lower(lowers_), rules_here()); }
    void close() { tree_.reset(); }
    [[nodiscard]] std::vector<model::image> lower_images() {
        std::vector<model::image> images;
        for (auto& tree : lowers_)
            images.push_back(model::photograph(tree, model::detail::everything));
        return images;
    }

private:
    model::scratch place_;
    std::vector<posix_directory> lowers_;
    std::optional<posix_directory> upper_, work_;
    std::optional<tree_type> tree_;
};
struct over_one : posix_stack {
    using posix_stack::posix_stack;
    static constexpr std::size_t lowers = 1;
};
struct over_three : posix_stack {
    using posix_stack::posix_stack;
    static constexpr std::size_t lowers = 3;
};
struct over_ten : posix_stack {
    using posix_stack::posix_stack;
    static constexpr std::size_t lowers = 10;
};

}  // namespace

TEST_CASE("[model.14] a directory over a directory") { model::compare_with_model<over_one>(); }
TEST_CASE("[model.15] a directory over three directories") { model::compare_with_model<over_three>(); }
TEST_CASE("[model.16] a directory over ten directories") { model::compare_with_model<over_ten>(); }
