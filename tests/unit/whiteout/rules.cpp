// What a layer says of a name and of a directory, in each format.
#include <algorithm>
#include <string>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/whiteout/rules.hpp>

#include "catch.hpp"

using namespace lamina;
using verdict = finding::verdict;

namespace {

constexpr mark_style kernel{whiteout_format::kernel, mark_space::trusted};
constexpr mark_style rootless{whiteout_format::kernel, mark_space::user};
constexpr mark_style aufs{whiteout_format::aufs, mark_space::trusted};
constexpr mark_style both{whiteout_format::both, mark_space::trusted};
constexpr mark_style unmarked{whiteout_format::none, mark_space::trusted};

finding find(memory_tree& tree, std::string const& name, mark_style style, bool xattr_whiteouts = false) {
    return find_in_layer(tree, tree.root(), name, style, xattr_whiteouts).value();
}

// "name", or "-name" where it is deleted.
std::vector<std::string> list(memory_tree& tree, mark_style style, bool xattr_whiteouts = false) {
    std::vector<std::string> names;
    REQUIRE(list_layer(tree, tree.root(), style, xattr_whiteouts, [&](layer_entry const& found) {
        names.push_back((found.whiteout ? "-" : "") + std::string(found.entry.name));
        return true;
    }));
    std::sort(names.begin(), names.end());
    return names;
}
using names = std::vector<std::string>;

directory_marks marks(memory_tree& tree, mark_style style) {
    return read_directory_marks(tree, tree.root(), style).value();
}

}  // namespace

TEST_CASE("[rule.1] the kernel's marks of a directory") {
    memory_tree tree;
    CHECK_FALSE(marks(tree, kernel).opaque);
    CHECK_FALSE(marks(tree, kernel).redirect);
    tree.set_xattr("/", "trusted.overlay.opaque", "y").value();
    CHECK(marks(tree, kernel).opaque);
    CHECK_FALSE(marks(tree, kernel).xattr_whiteouts);
    CHECK_FALSE(marks(tree, rootless).opaque);
    CHECK_FALSE(marks(tree, aufs).opaque);
    CHECK_FALSE(marks(tree, unmarked).opaque);
    tree.set_xattr("/", "trusted.overlay.opaque", "x").value();
    CHECK_FALSE(marks(tree, kernel).opaque);
    CHECK(marks(tree, kernel).xattr_whiteouts);
    for (char const* const nothing : {"", "n", "Y", "yes", "xy"}) {
        tree.set_xattr("/", "trusted.overlay.opaque", nothing).value();
        CHECK_FALSE(marks(tree, kernel).opaque);
        CHECK_FALSE(marks(tree, kernel).xattr_whiteouts);
    }
    tree.set_xattr("/", "trusted.overlay.redirect", "/elsewhere").value();
    CHECK(marks(tree, kernel).redirect == "/elsewhere");
    CHECK_FALSE(marks(tree, rootless).redirect);
    tree.set_xattr("/", "trusted.overlay.redirect", "..").value();
    CHECK(read_directory_marks(tree, tree.root(), kernel).error() == errc::eacces);
    CHECK(read_directory_marks(tree, tree.root(), aufs).has_value());
    tree.set_xattr("/", "user.overlay.opaque", "y").value();
    CHECK(marks(tree, rootless).opaque);
}

TEST_CASE("[rule.2] the aufs mark of a directory") {
    memory_tree tree;
    CHECK_FALSE(marks(tree, aufs).opaque);
    tree.write(".wh..wh..opq", "").value();
    CHECK(marks(tree, aufs).opaque);
    CHECK_FALSE(marks(tree, kernel).opaque);
}

TEST_CASE("[rule.3] a device 0/0 deletes its own name, in the kernel's format only") {
    memory_tree tree;
    tree.create_node("gone", file_type::character, 0, {0, 0}).value();
    tree.create_node("null", file_type::character, 0666, {1, 3}).value();
    tree.write("there", "").value();
    CHECK(find(tree, "gone", kernel).what == verdict::whiteout);
    CHECK(find(tree, "gone", aufs).what == verdict::present);
    CHECK(find(tree, "gone", unmarked).what == verdict::present);
    CHECK(find(tree, "null", kernel).what == verdict::present);
    CHECK(find(tree, "there", kernel).what == verdict::present);
    CHECK(find(tree, "missing", kernel).what == verdict::absent);
    CHECK(list(tree, kernel) == names{"-gone", "null", "there"});
    CHECK(list(tree, unmarked) == names{"gone", "null", "there"});
}

TEST_CASE("[rule.4] an empty file with the attribute deletes its name where the directory says that there are such") {
    memory_tree tree;
    for (char const* const name : {"gone", "gone too", "full", "plain"})
        tree.write(path::parse(name).value(), "").value();
    tree.write("full", "x").value();
    tree.set_xattr("gone", "trusted.overlay.whiteout", "y").value();
    tree.set_xattr("gone too", "trusted.overlay.whiteout", "").value();
    tree.set_xattr("full", "trusted.overlay.whiteout", "y").value();
    CHECK(find(tree, "gone", kernel, true).what == verdict::whiteout);
    CHECK(find(tree, "gone too", kernel, true).what == verdict::whiteout);
    CHECK(find(tree, "full", kernel, true).what == verdict::present);
    CHECK(find(tree, "plain", kernel, true).what == verdict::present);
    CHECK(find(tree, "gone", kernel, false).what == verdict::present);
    CHECK(find(tree, "gone", rootless, true).what == verdict::present);
    CHECK(list(tree, kernel, true) == names{"-gone", "-gone too", "full", "plain"});
    CHECK(list(tree, kernel, false) == names{"full", "gone", "gone too", "plain"});
}

TEST_CASE("[rule.5] aufs: another name deletes, and beside the name that it deletes it only ends the merge") {
    memory_tree tree;
    tree.write(".wh.gone", "").value();
    tree.create_directory("both").value();
    tree.write(".wh.both", "").value();
    tree.write("file", "").value();
    tree.write(".wh.file", "").value();
    tree.create_directory("dir").value();
    CHECK(find(tree, "gone", aufs).what == verdict::whiteout);
    CHECK(find(tree, "both", aufs).what == verdict::present);
    CHECK(find(tree, "both", aufs).hides_below);
    CHECK(find(tree, "file", aufs).what == verdict::present);
    CHECK(find(tree, "dir", aufs).what == verdict::present);
    CHECK_FALSE(find(tree, "dir", aufs).hides_below);
    CHECK(find(tree, "missing", aufs).what == verdict::absent);
    // To the kernel these are files like others.
    CHECK(find(tree, ".wh.gone", kernel).what == verdict::present);
    CHECK(find(tree, "gone", kernel).what == verdict::absent);
    CHECK(list(tree, aufs) == names{"-both", "-file", "-gone", "both", "dir", "file"});
}

TEST_CASE("[rule.6] aufs: bookkeeping is neither found nor listed") {
    memory_tree tree;
    for (char const* const name : {".wh..wh..opq", ".wh..wh.aufs", ".wh.", ".wh.f"})
        tree.write(path::parse(name).value(), "").value();
    tree.create_directory(".wh..wh.plnk").value();
    for (char const* const name : {".wh..wh..opq", ".wh..wh.aufs", ".wh.", ".wh.f", ".wh..wh.plnk", ".wh.x"})
        CHECK(find(tree, name, aufs).what == verdict::absent);
    CHECK(list(tree, aufs) == names{"-f"});
}

TEST_CASE("[rule.7] aufs: a name too long to be deleted is found, and nothing else is asked") {
    memory_tree tree;
    std::string const longest(255, 'n');
    tree.create_directory(path::parse(longest).value()).value();
    CHECK(find(tree, longest, aufs).what == verdict::present);
    CHECK_FALSE(find(tree, longest, aufs).hides_below);
    CHECK(find(tree, std::string(255, 'm'), aufs).what == verdict::absent);
}

TEST_CASE("[rule.8] both: the kernel's marks and aufs's side by side, in one layer and in one directory") {
    memory_tree tree;
    tree.create_node("gone", file_type::character, 0, {0, 0}).value();
    tree.write(".wh.gone too", "").value();
    tree.write(".wh.gone twice", "").value();
    tree.create_node("gone twice", file_type::character, 0, {0, 0}).value();
    tree.create_directory("remade").value();
    tree.write(".wh.remade", "").value();
    tree.create_directory("merged").value();
    tree.write("file", "").value();
    for (char const* const name : {"gone", "gone too", "gone twice"})
        CHECK(find(tree, name, both).what == verdict::whiteout);
    CHECK(find(tree, "remade", both).hides_below);
    CHECK_FALSE(find(tree, "merged", both).hides_below);
    CHECK(find(tree, "file", both).what == verdict::present);
    CHECK(find(tree, "missing", both).what == verdict::absent);
    CHECK(find(tree, ".wh.gone too", both).what == verdict::absent);
    CHECK(list(tree, both) ==
          names{"-gone", "-gone too", "-gone twice", "-gone twice", "-remade", "file", "merged", "remade"});

    CHECK_FALSE(marks(tree, both).opaque);
    tree.set_xattr("/", "trusted.overlay.opaque", "y").value();
    CHECK(marks(tree, both).opaque);
    tree.set_xattr("/", "trusted.overlay.opaque", "x").value();
    CHECK_FALSE(marks(tree, both).opaque);
    CHECK(marks(tree, both).xattr_whiteouts);
    tree.write(".wh..wh..opq", "").value();
    CHECK(marks(tree, both).opaque);
    tree.set_xattr("/", "trusted.overlay.redirect", "/elsewhere").value();
    CHECK(marks(tree, both).redirect == "/elsewhere");
}
