// Owners in the list of changes: what counts where the process may not give files away.
#include "catch.hpp"

#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include <string>
#include <vector>

namespace {

// Somebody else's: everything in it belongs to user 1000.
lamina::memory_tree image() {
    lamina::memory_options options;
    options.uid = 1000;
    lamina::memory_tree tree{options};
    tree.create_directories("srv/app").value();
    tree.write("srv/app/log", "1\n").value();
    return tree;
}

template <class Root>
std::vector<std::string> changes_of(Root& root) {
    std::vector<std::string> lines;
    for (auto const& change : root.changes().value())
        lines.push_back(to_string(change));
    return lines;
}

}  // namespace

TEST_CASE("[changes.owner] a directory that a rootless copy-up made the process's own is no change") {
    auto lower = image();
    lamina::memory_tree scratch;
    lamina::fault upper{scratch};
    upper.inject({.op = lamina::operation::set_owner, .code = lamina::errc::eperm});
    lamina::policy rules;
    rules.owner = lamina::ownership::take;
    lamina::overlay root{lamina::upper(upper), lamina::lower(lower), rules};
    root.append("srv/app/log", "2\n").value();
    CHECK(root.status("srv/app").value().uid == 0);
    CHECK(changes_of(root) == std::vector<std::string>{"C srv/app/log"});
}

TEST_CASE("[changes.owner] a directory that was given away is a change") {
    auto lower = image();
    lamina::memory_tree scratch;
    lamina::overlay root{lamina::upper(scratch), lamina::lower(lower)};
    root.append("srv/app/log", "2\n").value();
    root.owner("srv", 7, 7).value();
    CHECK(changes_of(root) == std::vector<std::string>{"C srv", "C srv/app/log"});
}
