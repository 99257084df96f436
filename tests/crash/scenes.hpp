// What is stopped and failed at every step: one overlay over memory, prepared the same way each time, and the operations.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

namespace scenes {

using namespace lamina;

// The lower: everything that a change can meet below it.
inline memory_tree lower_tree() {
    memory_tree t;
    t.create_directories("dir/sub/deep").value();
    t.write("dir/file", "lower file").value();
    t.write("dir/sub/inner", "inner").value();
    t.write("dir/sub/deep/bottom", "bottom").value();
    t.set_xattr("dir/file", "user.kept", "yes").value();
    t.permissions("dir/file", 0640).value();
    t.owner("dir/file", 7, 8).value();
    t.create_symlink("file", "dir/link").value();
    t.create_node("dir/pipe", file_type::fifo, 0600).value();
    t.create_directory("empty").value();
    t.create_directory("emptied").value();
    t.write("emptied/gone", "x").value();
    t.write("other", "other").value();
    t.write("gone", "gone").value();
    t.create_directory("gone_dir").value();
    t.write("gone_dir/child", "child").value();
    t.write("changed", "before").value();
    t.write("shell", "data below").value();
    return t;
}

// What the upper has before the operation that is tested.
template <class Tree>
void prepare(Tree& root) {
    root.remove("gone").value();
    root.remove_all("gone_dir").value();
    root.remove("emptied/gone").value();
    root.write("changed", "after").value();
    root.write("new", "new").value();
    root.create_directory("pure").value();
    root.write("pure/file", "pure").value();
    root.create_directory("pure_empty").value();
    root.permissions("shell", 0640).value();  // of its data nothing is up, where the policy is so
}

// One operation. It is a type of its own for each overlay type, so it is a table made by a template.
template <class Tree>
struct scene {
    char const* name;
    std::function<result<void>(Tree&)> act;
};

inline result<void> plain(result<void, path_error> const& r) {
    if (!r)
        return unexpected(r.error().what);
    return {};
}
inline result<void> plain(result<std::uint64_t, path_error> const& r) {
    if (!r.has_value())
        return unexpected(r.error().what);
    return {};
}

template <class Tree>
result<void> emptied(Tree& tree, path_view file) {
    LAMINA_CHECK(tree.open(file, open_flags::write | open_flags::truncate));
    return {};
}

// A file that is made without a name gets one.
template <class Tree>
result<void> named(Tree& tree, path_view directory, char const* name) {
    path_walk<Tree> at(tree, operation::open);
    LAMINA_CHECK(at.to_directory(directory));
    LAMINA_TRY(auto file, tree.create_unnamed(at.directory(), 0600));
    LAMINA_CHECK(file.set_mode(0640));
    return tree.publish_at(file, at.directory(), name);
}

template <class Tree>
std::vector<scene<Tree>> all() {
    return {
        {"write a new file", [](Tree& t) { return t.write("dir/sub/fresh", "fresh"); }},
        {"write over a lower file", [](Tree& t) { return t.write("dir/file", "rewritten"); }},
        {"append to a lower file", [](Tree& t) { return t.append("dir/sub/deep/bottom", " more"); }},
        {"write over a whiteout", [](Tree& t) { return t.write("gone", "again"); }},
        {"make a directory", [](Tree& t) { return t.create_directory("dir/sub/made"); }},
        {"make a directory over a whiteout", [](Tree& t) { return t.create_directory("gone_dir"); }},
        {"make a link", [](Tree& t) { return t.create_symlink("target", "dir/sub/pointer"); }},
        {"make a link over a whiteout", [](Tree& t) { return t.create_symlink("target", "gone"); }},
        {"make a fifo", [](Tree& t) { return t.create_node("dir/fifo", file_type::fifo, 0600); }},
        {"remove a lower file", [](Tree& t) { return t.remove("dir/file"); }},
        {"remove a changed file", [](Tree& t) { return t.remove("changed"); }},
        {"remove a new file", [](Tree& t) { return t.remove("new"); }},
        {"remove a lower directory", [](Tree& t) { return t.remove("empty"); }},
        {"remove an emptied directory", [](Tree& t) { return t.remove("emptied"); }},
        {"remove a whole tree", [](Tree& t) { return plain(t.remove_all("dir")); }},
        {"remove a whole new tree", [](Tree& t) { return plain(t.remove_all("pure")); }},
        {"rename a lower file", [](Tree& t) { return t.rename("dir/file", "dir/sub/renamed"); }},
        {"rename onto a whiteout", [](Tree& t) { return t.rename("dir/file", "gone"); }},
        {"rename onto a lower file", [](Tree& t) { return t.rename("dir/file", "other"); }},
        {"rename onto a new file", [](Tree& t) { return t.rename("dir/file", "new"); }},
        {"rename a new file onto a lower one", [](Tree& t) { return t.rename("new", "other"); }},
        {"rename a lower directory", [](Tree& t) { return t.rename("dir/sub", "moved"); }},
        {"rename a lower directory onto a whiteout", [](Tree& t) { return t.rename("dir", "gone_dir"); }},
        {"rename a lower directory onto an emptied one", [](Tree& t) { return t.rename("dir", "emptied"); }},
        {"rename a new directory onto a lower one", [](Tree& t) { return t.rename("pure", "empty"); }},
        {"rename a new directory", [](Tree& t) { return t.rename("pure", "dir/pure"); }},
        {"exchange a file and a directory", [](Tree& t) { return t.rename("dir/file", "pure", rename_flags::exchange); }},
        {"exchange two directories", [](Tree& t) { return t.rename("dir/sub", "pure", rename_flags::exchange); }},
        {"link a lower file", [](Tree& t) { return t.create_hard_link("dir/file", "dir/sub/second"); }},
        {"link over a whiteout", [](Tree& t) { return t.create_hard_link("new", "gone"); }},
        {"change a mode", [](Tree& t) { return t.permissions("dir/file", 0600); }},
        {"change a directory's mode", [](Tree& t) { return t.permissions("dir/sub/deep", 0700); }},
        {"change an owner", [](Tree& t) { return t.owner("dir/link", 1, 2, links::no_follow); }},
        {"set an attribute", [](Tree& t) { return t.set_xattr("dir/file", "user.a", "b"); }},
        {"remove an attribute", [](Tree& t) { return t.remove_xattr("dir/file", "user.kept"); }},
        {"cut a file", [](Tree& t) { return t.resize("dir/file", 3); }},
        {"empty a lower file", [](Tree& t) { return emptied(t, "dir/file"); }},
        {"empty a changed file", [](Tree& t) { return emptied(t, "changed"); }},
        {"append to a shell", [](Tree& t) { return t.append("shell", " more"); }},
        {"cut a shell", [](Tree& t) { return t.resize("shell", 4); }},
        {"rename a shell", [](Tree& t) { return t.rename("shell", "dir/shell"); }},
        {"extend a file", [](Tree& t) { return t.resize("dir/sub/inner", 100'000); }},
        {"name a file over a whiteout", [](Tree& t) { return named(t, "", "gone"); }},
        {"name a file in a lower directory", [](Tree& t) { return named(t, "dir/sub", "fresh"); }},
    };
}

// The merged view in words, without times and numbers: two views that show the same are equal.
template <class Tree>
std::string picture(Tree& tree) {
    std::vector<std::string> lines;
    tree.walk("", [&](walk_entry const& found) {
            auto const at = path::parse(std::string(found.path)).value();
            auto const& a = found.object;
            std::string line(found.path);
            line.append(" ").append(name(a.type)).append(" ").append(std::to_string(a.mode)).append(" ");
            line.append(std::to_string(a.uid)).append(":").append(std::to_string(a.gid));
            if (a.is_regular())
                line.append(" ").append(std::to_string(a.size)).append(" ").append(tree.read(at).value().substr(0, 64));
            if (a.is_symlink())
                line.append(" -> ").append(tree.read_symlink(at).value());
            auto keys = tree.xattrs(at, links::no_follow).value();
            std::sort(keys.begin(), keys.end());
            for (auto const& key : keys)
                line.append(" ").append(key).append("=").append(tree.get_xattr(at, key, links::no_follow).value());
            lines.push_back(std::move(line));
        })
        .value();
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (auto const& line : lines)
        text.append(line).append("\n");
    return text;
}

}  // namespace scenes
