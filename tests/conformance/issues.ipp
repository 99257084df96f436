// Mistakes that were made once. Each has a test here for good; its name tells the situation, and its number never
// changes. Rules issue.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;
using lamina::open_flags;

TEST_CASE("[issue.1] a link in the last component, opened to be made, starts where the link lies") {
    // Elsewhere the target was looked up from the directory of the first link, not of the second.
    fixture on(content().directory("d").symlink("d/inner", "made").symlink("outer", "d/inner"));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("outer", "text")) == errc::ok);
    CHECK(tree.read("d/made").value() == "text");
    CHECK(outcome(tree.status("made")) == errc::enoent);
}

TEST_CASE("[issue.2] an empty name is never an entry") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    auto const root = tree.root();
    CHECK(outcome(tree.create_at(root, "", 0600)) != errc::ok);
    CHECK(outcome(tree.create_directory_at(root, "", 0700)) != errc::ok);
    CHECK(outcome(tree.create_symlink_at(root, "", "x")) != errc::ok);
    CHECK(outcome(tree.remove_at(root, "")) != errc::ok);
    CHECK(outcome(tree.remove_directory_at(root, "")) != errc::ok);
    CHECK(outcome(tree.rename_at(root, "", root, "x", lamina::rename_flags::none)) != errc::ok);
    CHECK(outcome(tree.rename_at(root, "d", root, "", lamina::rename_flags::none)) != errc::ok);
    CHECK(outcome(tree.link_at(root, "", root, "x")) != errc::ok);
    CHECK(outcome(tree.open_at(root, "", open_flags::read)) == errc::eisdir);
    CHECK(outcome(tree.read_symlink_at(root, "")) == errc::einval);
    CHECK(names_in(tree, "") == names{"d"});
}

TEST_CASE("[issue.3] '..' through a link that was entered in one step") {
    // A walk that goes down several components at once must still know their parents.
    fixture on(content()
                   .directory("a")
                   .directory("a/b")
                   .directory("a/b/c")
                   .directory("a/b/c/d")
                   .file("a/b/f", "right")
                   .symlink("a/b/c/d/l", "../../f"));
    CHECK(on.tree().read("a/b/c/d/l").value() == "right");
}

}  // namespace
