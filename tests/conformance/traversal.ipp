// Whole trees visited. Rules walk.*. For `fixture` see README.md.
#pragma once

#include <set>

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;
using lamina::walk_action;
using lamina::walk_entry;

content some_tree() {
    return content()
        .directory("a")
        .directory("a/b")
        .file("a/b/f", "text")
        .file("a/g", "")
        .symlink("a/l", "b")
        .directory("e")
        .file("top", "");
}

TEST_CASE("[walk.1] everything once, parents before what is in them, the start itself not") {
    fixture on(some_tree());
    names seen;
    std::set<std::string> visited{""};
    auto const walked = on.tree().walk("/", [&](walk_entry const& entry) {
        std::string const path(entry.path);
        seen.push_back(path);
        auto const slash = path.rfind('/');
        INFO(path);
        CHECK(visited.contains(slash == std::string::npos ? "" : path.substr(0, slash)));
        CHECK(visited.insert(path).second);
        CHECK(entry.name == path.substr(slash + 1));
        CHECK(entry.depth == static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')));
    });
    CHECK(outcome(walked) == errc::ok);
    std::sort(seen.begin(), seen.end());
    CHECK(seen == names{"a", "a/b", "a/b/f", "a/g", "a/l", "e", "top"});
}

TEST_CASE("[walk.2] attributes are those of symlink_status, links are not followed") {
    fixture on(some_tree());
    auto& tree = on.tree();
    int count = 0;
    auto const walked = tree.walk("a", [&](walk_entry const& entry) {
        auto const expected = tree.symlink_status(at(std::string(entry.path))).value();
        INFO(entry.path);
        CHECK(entry.object.type == expected.type);
        CHECK(entry.object.id == expected.id);
        CHECK(entry.object.size == expected.size);
        ++count;
    });
    CHECK(outcome(walked) == errc::ok);
    CHECK(count == 4);
}

TEST_CASE("[walk.3] the visitor may skip a directory, or stop") {
    fixture on(some_tree());
    auto& tree = on.tree();
    names seen;
    CHECK(outcome(tree.walk("", [&](walk_entry const& entry) {
              seen.emplace_back(entry.path);
              return entry.name == "b" ? walk_action::skip : walk_action::next;
          })) == errc::ok);
    std::sort(seen.begin(), seen.end());
    CHECK(seen == names{"a", "a/b", "a/g", "a/l", "e", "top"});
    int count = 0;
    CHECK(outcome(tree.walk("", [&](walk_entry const&) {
              return ++count == 3 ? walk_action::stop : walk_action::next;
          })) == errc::ok);
    CHECK(count == 3);
}

TEST_CASE("[walk.4] paths are in the words of the start, which may be a link") {
    fixture on(content().directory("d").directory("d/e").file("d/e/f", "").symlink("l", "d"));
    names seen;
    auto const walked = on.tree().walk("/l/", [&](walk_entry const& entry) { seen.emplace_back(entry.path); });
    CHECK(outcome(walked) == errc::ok);
    CHECK(seen == names{"l/e", "l/e/f"});
}

TEST_CASE("[walk.5] only a directory is walked, and the error names it") {
    fixture on(content().file("f", ""));
    auto& tree = on.tree();
    auto const nobody = [](walk_entry const&) { FAIL("nothing to visit"); };
    auto const file = tree.walk("f", nobody);
    CHECK(outcome(file) == errc::enotdir);
    CHECK(file.error().path == "f");
    CHECK(outcome(tree.walk("missing", nobody)) == errc::enoent);
}

TEST_CASE("[walk.6] a tree five hundred deep") {
    content given;
    std::string path = "d";
    for (int i = 0; i != 500; ++i, path += "/d")
        given.directory(path);
    fixture on(given);
    std::size_t deepest = 0;
    std::size_t count = 0;
    auto const walked = on.tree().walk("", [&](walk_entry const& entry) {
        deepest = std::max(deepest, entry.depth);
        ++count;
    });
    CHECK(outcome(walked) == errc::ok);
    CHECK(count == 500);
    CHECK(deepest == 499);
}

}  // namespace
