// Ours against the kernel's with all that it keeps (redirects, index, half copies), on each of the file systems that
// uppers usually lie on.
#include "oracle/compare.hpp"
#include "oracle/loop_image.hpp"

namespace {

struct everything_on {
    static constexpr std::size_t lowers = 1;
    static constexpr bool kernel_numbers_links = true;
    static constexpr bool keeps_numbers = true;
    static constexpr auto looks_at = model::detail::access_times;
    static model::wishes may() {
        auto all = model::with_lower_links();
        all.capabilities = false;  // the kernel looks into the value
        all.reopenings = 6;
        all.acls = true;
        return all;
    }
    static lamina::policy layer_rules() {
        auto rules = model::rules_for_links();
        rules.metacopy = lamina::metacopies::on;
        return rules;
    }
    static lamina::policy rules() {
        auto rules = lamina::policy::kernel();
        rules.metacopy = lamina::metacopies::on;
        rules.index = lamina::indexing::on;
        rules.count_links_of_removed_trees = true;
        rules.durable = lamina::durability::none;  // of no interest here, and slow otherwise
        return rules;
    }
    static std::string mount_options() { return "redirect_dir=on,index=on,metacopy=on,xino=on"; }
};

// Why nothing can be mounted here; empty if it can.
std::string const& obstacle() {
    static std::string const why = ::geteuid() != 0 ? "only root mounts" : oracle::private_mounts();
    return why;
}

template <class Configuration>
void compare_on(oracle::file_system const& kind) {
    if (!obstacle().empty()) {
        WARN("skipped: " << obstacle());
        return;
    }
    model::scratch const place;
    oracle::loop_image const there(kind, place.path());
    if (!there.obstacle().empty()) {
        WARN("skipped: " << there.obstacle());
        return;
    }
    model::play_scripts(120, 4, [&](model::script& s, std::uint64_t seed, std::size_t wanted, model::care how) {
        static constexpr std::size_t lowers[] = {1, 2, 3, 7};
        s.lowers.resize(lowers[seed % std::size(lowers)]);
        return oracle::play_in<Configuration>(there.path(), s, seed, wanted, how);
    });
}

}  // namespace

TEST_CASE("[oracle.6] ext4, with redirects, index and half copies") { compare_on<everything_on>(oracle::ext4()); }
TEST_CASE("[oracle.7] xfs, with redirects, index and half copies") { compare_on<everything_on>(oracle::xfs()); }
TEST_CASE("[oracle.8] btrfs, with redirects, index and half copies") { compare_on<everything_on>(oracle::btrfs()); }
TEST_CASE("[oracle.9] tmpfs, with redirects, index and half copies") { compare_on<everything_on>(oracle::tmpfs()); }
