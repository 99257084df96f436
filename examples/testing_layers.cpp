// Logic over layers, tested in memory: no disk, no mount, no privilege, and every failure on demand.
//
// What is tested is `deploy`: it puts a new release in place of the old one, over a base image that must not change.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <fmt/core.h>

#include <cstdint>
#include <string>

namespace {

// quote: deploy
template <class Tree>
lamina::result<void> deploy(Tree& root, std::string_view release) {
    LAMINA_CHECK(root.write("srv/app/current.new", release));
    return root.rename("srv/app/current.new", "srv/app/current");  // the old release or the new one, nothing between
}
// end quote

int failures = 0;

void expect(bool holds, std::string_view what) {
    fmt::print("{}: {}\n", holds ? "ok" : "NOT OK", what);
    failures += holds ? 0 : 1;
}

lamina::memory_tree base_image() {
    lamina::memory_tree base;
    base.create_directories("srv/app").value();
    base.write("srv/app/current", "release 1").value();
    return base;
}

void test_success() {
    // quote: success
    lamina::memory_tree base = base_image();
    lamina::memory_tree scratch;
    lamina::overlay root{lamina::upper(scratch), lamina::lower(base)};

    expect(deploy(root, "release 2").has_value(), "a release is deployed");
    expect(root.read("srv/app/current").value() == "release 2", "the stack shows it");
    expect(base.read("srv/app/current").value() == "release 1", "the base is what it was");
    // end quote
}

void test_full_disk() {
    // quote: full disk
    lamina::memory_tree base = base_image();
    lamina::memory_tree scratch;
    lamina::fault disk{scratch};
    lamina::overlay root{lamina::upper(disk), lamina::lower(base)};

    disk.inject({.op = lamina::operation::write, .code = lamina::errc::enospc});
    auto const outcome = deploy(root, "release 2");
    expect(!outcome && outcome.error() == lamina::errc::enospc, "a full disk is reported");
    expect(root.read("srv/app/current").value() == "release 1", "and the old release is still there");
    // end quote
}

void test_crash_at_every_step() {
    // quote: crash
    std::uint64_t steps = 0;
    bool whole = true;
    for (bool finished = false; !finished && steps < 1000; ++steps) {
        lamina::memory_tree base = base_image();
        lamina::memory_tree scratch;
        {
            lamina::fault machine{scratch};
            lamina::overlay root{lamina::upper(machine), lamina::lower(base)};
            machine.stop_after(steps);  // so many changes reach the upper, then nothing works any more
            finished = deploy(root, "release 2").has_value();
        }
        lamina::overlay root{lamina::upper(scratch), lamina::lower(base)};  // the machine is on again
        auto const seen = root.read("srv/app/current").value();
        whole = whole && (seen == "release 2" || (!finished && seen == "release 1"));
    }
    expect(steps > 3, "deploying takes several steps");
    expect(whole, "stopped at any of them, the stack shows one release or the other, whole");
    // end quote
}

void test_cost() {
    // quote: cost
    lamina::memory_tree base = base_image();
    lamina::count counted{base};
    lamina::memory_tree scratch;
    lamina::overlay root{lamina::upper(scratch), lamina::lower(counted)};

    root.status("srv/app/current").value();
    auto const before = counted.counts();
    root.status("srv/app/current").value();
    expect((counted.counts() - before).total().calls == 0, "a second look asks no layer");
    // end quote
}

}  // namespace

int main() {
    test_success();
    test_full_disk();
    test_crash_at_every_step();
    test_cost();
    return failures == 0 ? 0 : 1;
}

// Output:
//   ok: a release is deployed
//   ok: the stack shows it
//   ok: the base is what it was
//   ok: a full disk is reported
//   ok: and the old release is still there
//   ok: deploying takes several steps
//   ok: stopped at any of them, the stack shows one release or the other, whole
//   ok: a second look asks no layer
