// Lowers that hold the kernel's marks and aufs's side by side, as container engines unpack them for a mount program.
#include "catch.hpp"

#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using lamina::file_type;
using lamina::memory_tree;

// What the layers above say goes, with what shall stay beside it.
void fill_base(memory_tree& tree) {
    for (auto const* const directory : {"etc", "opaque by kernel", "opaque by aufs", "remade", "merged"}) {
        tree.create_directory(lamina::path::parse(directory).value()).value();
        tree.write(lamina::path::parse(std::string(directory) + "/below").value(), "below").value();
    }
    for (auto const* const file : {"etc/device", "etc/name", "etc/kept"})
        tree.write(lamina::path::parse(file).value(), "below").value();
}
void fill_top(memory_tree& tree) {
    for (auto const* const directory : {"etc", "opaque by kernel", "opaque by aufs", "remade", "merged"})
        tree.create_directory(lamina::path::parse(directory).value()).value();
    tree.create_node("etc/device", file_type::character, 0, {0, 0}).value();
    tree.write("etc/.wh.name", "").value();
    tree.write("etc/.wh..wh.plnk", "").value();
    tree.set_xattr("opaque by kernel", "trusted.overlay.opaque", "y").value();
    tree.write("opaque by aufs/.wh..wh..opq", "").value();
    tree.write(".wh.remade", "").value();
    tree.write("remade/new", "new").value();
}

template <class View>
std::vector<std::string> names(View& view, char const* directory) {
    std::vector<std::string> all;
    for (auto const& entry : view.list(lamina::path::parse(directory).value()).value())
        all.emplace_back(entry.name);
    std::sort(all.begin(), all.end());
    return all;
}
using list = std::vector<std::string>;

template <class View>
void expect_both_kinds(View& view) {
    CHECK(names(view, "etc") == list{"below", "kept"});
    CHECK_FALSE(view.exists("etc/device").value());
    CHECK_FALSE(view.exists("etc/name").value());
    CHECK_FALSE(view.exists("etc/.wh.name").value());
    CHECK(names(view, "opaque by kernel").empty());
    CHECK(names(view, "opaque by aufs").empty());
    CHECK(names(view, "remade") == list{"new"});
    CHECK(names(view, "merged") == list{"below"});
    CHECK(names(view, "/") == list{"etc", "merged", "opaque by aufs", "opaque by kernel", "remade"});
}

lamina::policy reading_both() {
    lamina::policy rules;
    rules.aufs_in_lowers = true;
    return rules;
}

}  // namespace

TEST_CASE("[lower.both] a lower that is declared so has both kinds of marks, and the one below it its own") {
    memory_tree base, top;
    fill_base(base);
    fill_top(top);
    base.write("etc/.wh.kept", "").value();
    lamina::overlay view{lamina::lower(lamina::marked(top, lamina::whiteout_format::both), base)};
    CHECK(names(view, "etc") == list{".wh.kept", "below", "kept"});
    base.remove("etc/.wh.kept").value();
    lamina::overlay again{lamina::lower(lamina::marked(top, lamina::whiteout_format::both), base)};
    expect_both_kinds(again);
}

TEST_CASE("[lower.both] the policy says it of all lowers, and of the upper it does not") {
    memory_tree base, top, upper;
    fill_base(base);
    fill_top(top);
    upper.create_directory("etc").value();
    upper.write("etc/.wh.kept", "a file like any").value();
    lamina::overlay view{lamina::upper(upper), lamina::lower(top, base), reading_both()};
    CHECK(names(view, "etc") == list{".wh.kept", "below", "kept"});
    view.remove("etc/.wh.kept").value();
    expect_both_kinds(view);
}

TEST_CASE("[lower.both] over either kind of whiteout things are made, changed and removed again as over the kernel's") {
    memory_tree base, top, upper;
    fill_base(base);
    fill_top(top);
    lamina::overlay view{lamina::upper(upper), lamina::lower(top, base), reading_both()};
    for (auto const* const name : {"etc/device", "etc/name"}) {
        auto const path = lamina::path::parse(name).value();
        view.create_directory(path).value();
        CHECK(names(view, name).empty());
        view.remove(path).value();
        view.write(path, "new").value();
        view.remove(path).value();
        CHECK_FALSE(view.exists(path).value());
    }
    view.rename("remade/new", "etc/name").value();
    view.remove("remade").value();
    view.create_directory("remade").value();
    CHECK(names(view, "remade").empty());
    view.write("merged/below", "changed").value();
    view.remove("etc/kept").value();
    CHECK(names(view, "etc") == list{"below", "name"});

    // What the upper says is in the kernel's words alone.
    CHECK(upper.status("etc/kept").value().type == file_type::character);
    CHECK_FALSE(upper.exists("etc/.wh.kept").value());
    list told;
    for (auto const& change : view.changes().value())
        told.push_back(change.path);
    CHECK(std::find(told.begin(), told.end(), "etc/kept") != told.end());
    CHECK(std::find(told.begin(), told.end(), "etc/device") == told.end());  // it has been gone before
    lamina::overlay again{lamina::upper(upper), lamina::lower(top, base), reading_both()};
    CHECK(names(again, "etc") == list{"below", "name"});
    CHECK(again.read("merged/below").value() == "changed");
}
