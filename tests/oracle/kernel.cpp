// Ours against the kernel's, as root: redirects on, no index, no half copies; and with half copies.
#include "oracle/compare.hpp"

namespace {

struct plain {
    static constexpr std::size_t lowers = 3;
    static constexpr bool kernel_numbers_links = true;
    static constexpr bool keeps_numbers = false;
    static constexpr auto looks_at = model::detail::what_counts;
    static model::wishes may() {
        model::wishes all;
        all.capabilities = false;  // the kernel looks into the value
        return all;
    }
    static lamina::policy layer_rules() { return lamina::policy::memory(); }
    static lamina::policy rules() {
        auto rules = lamina::policy::kernel();
        rules.durable = lamina::durability::none;  // of no interest here, and slow otherwise
        return rules;
    }
    static std::string mount_options() { return "redirect_dir=on,index=off,metacopy=off,xino=on"; }
};
struct one_lower : plain {
    static constexpr std::size_t lowers = 1;
};
struct ten_lowers : plain {
    static constexpr std::size_t lowers = 10;
};
struct half_copies : plain {
    static constexpr bool kernel_numbers_links = false;
    static model::wishes may() {
        auto all = plain::may();
        all.copies = false;  // which know hard links by their number
        return all;
    }
    static lamina::policy layer_rules() {
        auto rules = plain::layer_rules();
        rules.metacopy = lamina::metacopies::on;
        return rules;
    }
    static lamina::policy rules() {
        auto rules = plain::rules();
        rules.metacopy = lamina::metacopies::on;
        return rules;
    }
    static std::string mount_options() { return "redirect_dir=on,index=off,metacopy=on,xino=on"; }
};

// Why it cannot be done here; empty if it can.
std::string const& obstacle() {
    static std::string const why = ::geteuid() != 0 ? "only root mounts" : oracle::private_mounts();
    return why;
}

template <class Configuration>
void compare_with_kernel() {
    if (!obstacle().empty()) {
        WARN("skipped: " << obstacle());
        return;
    }
    model::play_scripts(120, 8, oracle::play<Configuration>);
}

}  // namespace

TEST_CASE("[oracle.1] one lower, as the kernel mounts it") { compare_with_kernel<one_lower>(); }
TEST_CASE("[oracle.2] three lowers, as the kernel mounts them") { compare_with_kernel<plain>(); }
TEST_CASE("[oracle.3] ten lowers, as the kernel mounts them") { compare_with_kernel<ten_lowers>(); }
TEST_CASE("[oracle.4] half copies, as the kernel makes and reads them") { compare_with_kernel<half_copies>(); }
