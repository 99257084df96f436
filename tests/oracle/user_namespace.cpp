// Ours against the kernel's without privilege: marks in user.overlay, no redirects, in a user namespace. The kernel's mount needs
// such a namespace, and a process cannot leave one, so all of it happens in a child process. Where root runs the test,
// also on file systems of its own.
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <exception>
#include <string>

#include "oracle/compare.hpp"
#include "oracle/loop_image.hpp"

namespace {

struct without_privilege {
    static constexpr std::size_t lowers = 3;
    static constexpr bool kernel_numbers_links = false;
    static constexpr bool keeps_numbers = false;
    static constexpr auto looks_at = model::detail::what_counts;
    static model::wishes may() {
        model::wishes all;
        all.owners = all.devices = all.trusted_xattrs = all.capabilities = false;
        all.copies = false;  // which know hard links by their number
        return all;
    }
    // Here too: the kernel refuses redirects that it finds.
    static lamina::policy layer_rules() {
        auto rules = lamina::policy::memory();
        rules.marks = lamina::mark_space::user;
        rules.redirect = lamina::redirects::follow;
        return rules;
    }
    static lamina::policy rules() {
        auto rules = lamina::policy::rootless();
        rules.durable = lamina::durability::none;
        return rules;
    }
    static std::string mount_options() { return "userxattr,xino=on"; }
};

constexpr unsigned nobody = 65534;

// What the child has to say: "skipped: ...", a failure, or nothing.
std::string run_in_namespace(std::string const& where, int seconds) {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
        return "skipped: root cannot become somebody else";
    // To have changed its user hides a process's own files in /proc from it.
    if (::prctl(PR_SET_DUMPABLE, 1) != 0)
        return "skipped: /proc/self is out of reach";
    if (auto const why = oracle::private_user_mounts(); !why.empty())
        return "skipped: " + why;
    try {
        auto const play_it = [&](model::script& s, std::uint64_t seed, std::size_t wanted, model::care how) {
            return oracle::play_in<without_privilege>(where, s, seed, wanted, how);
        };
        return model::find_failure(120, seconds, play_it);
    } catch (std::exception const& e) {
        return e.what();
    }
}

void compare_without_privilege(std::string const& where, int seconds) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_t const child = ::fork();
    REQUIRE(child != -1);
    if (child == 0) {
        ::close(ends[0]);
        auto const said = run_in_namespace(where, seconds);
        bool const sent = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
        ::_exit(sent ? 0 : 1);
    }
    ::close(ends[1]);
    std::string said;
    char buffer[4096];
    for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    if (said.starts_with("skipped")) {
        WARN(said);
        return;
    }
    INFO(said);
    CHECK(said.empty());
}

void compare_on(oracle::file_system const& kind) {
    if (::geteuid() != 0) {
        WARN("skipped: only root mounts " << kind.kind);
        return;
    }
    static std::string const why = oracle::private_mounts();
    if (!why.empty()) {
        WARN("skipped: " << why);
        return;
    }
    model::scratch const place;
    oracle::loop_image const there(kind, place.path());
    if (!there.obstacle().empty()) {
        WARN("skipped: " << there.obstacle());
        return;
    }
    REQUIRE(::chown(there.path().c_str(), nobody, nobody) == 0);
    compare_without_privilege(there.path(), 1);
}

}  // namespace

TEST_CASE("[oracle.5] without privilege, as the kernel mounts it in a user namespace") {
    compare_without_privilege(model::scratch::usual_place(), 8);
}
TEST_CASE("[oracle.10] ext4, without privilege") { compare_on(oracle::ext4()); }
TEST_CASE("[oracle.11] xfs, without privilege") { compare_on(oracle::xfs()); }
TEST_CASE("[oracle.12] btrfs, without privilege") { compare_on(oracle::btrfs()); }
TEST_CASE("[oracle.13] tmpfs, without privilege") { compare_on(oracle::tmpfs()); }
