// What outlives what in a memory tree: open files, nodes, unnamed files, moved and cloned trees.
#include "catch.hpp"

#include <memory>
#include <set>
#include <utility>

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

TEST_CASE("[memory.life.1] an open file outlives its names") {
    memory_tree tree;
    auto const root = tree.root();
    auto file = tree.create_at(root, "f", 0644).value();
    CHECK(file.write_at(bytes("kept"), 0).value() == 4);
    CHECK(outcome(tree.link_at(root, "f", root, "g")) == errc::ok);
    auto const id = file.status().value().id;
    CHECK(outcome(tree.remove_at(root, "f")) == errc::ok);
    CHECK(file.status().value().nlink == 1);
    CHECK(outcome(tree.remove_at(root, "g")) == errc::ok);
    CHECK(file.status().value().nlink == 0);
    CHECK(read_all(file) == "kept");
    CHECK(file.append(bytes(" on")).value() == 3);
    CHECK(read_all(file) == "kept on");
    CHECK(file.status().value().id == id);
    CHECK(tree.lookup(root, "f").value() == std::nullopt);

    // It had names and lost them: it gets no new one.
    CHECK(outcome(tree.publish_at(file, root, "back")) == errc::enoent);
    auto const open = used(tree);
    CHECK(open > 0);
    file = tree.create_at(root, "other", 0644).value();
    CHECK(outcome(tree.remove_at(root, "other")) == errc::ok);
    CHECK(used(tree) < open);
    { auto const last = std::move(file); }
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.life.2] an open file outlives its tree") {
    auto tree = std::make_unique<memory_tree>();
    auto file = tree->create_at(tree->root(), "f", 0644).value();
    tree->create_directories("a/b").value();
    tree->create_hard_link("f", "a/b/g").value();
    CHECK(file.write_at(bytes("text"), 5000).value() == 4);
    tree.reset();
    CHECK(file.status().value().nlink == 0);
    CHECK(read_all(file, 5000) == "text");
    CHECK(file.append(bytes("more")).value() == 4);
    CHECK(read_all(file, 5000) == "textmore");
}

TEST_CASE("[memory.life.3] the node of a removed directory stays, and everything on it is enoent") {
    memory_tree tree;
    auto const root = tree.root();
    tree.create_directory("d").value();
    tree.write("f", "x").value();
    auto const d = tree.open_directory_at(root, "d").value();
    tree.remove("d").value();
    tree.create_directory("d").value();  // another one
    auto file = tree.open_at(root, "f", open_flags::read).value();

    CHECK(outcome(tree.lookup(d, "x")) == errc::enoent);
    CHECK(outcome(tree.lookup(d, "")) == errc::enoent);
    CHECK(outcome(tree.open_directory_at(d, "")) == errc::enoent);
    CHECK(outcome(tree.open_directory_at(d, "x")) == errc::enoent);
    CHECK(outcome(tree.list_at(d, [](directory_entry const&) { return true; })) == errc::enoent);
    CHECK(outcome(tree.open_at(d, "x", open_flags::read)) == errc::enoent);
    CHECK(outcome(tree.create_at(d, "x", 0644)) == errc::enoent);
    CHECK(outcome(tree.create_directory_at(d, "x", 0755)) == errc::enoent);
    CHECK(outcome(tree.create_symlink_at(d, "x", "y")) == errc::enoent);
    CHECK(outcome(tree.create_node_at(d, "x", file_type::fifo, 0644, {})) == errc::enoent);
    CHECK(outcome(tree.create_unnamed(d, 0644)) == errc::enoent);
    CHECK(outcome(tree.publish_at(file, d, "x")) == errc::enoent);
    CHECK(outcome(tree.link_at(root, "f", d, "x")) == errc::enoent);
    CHECK(outcome(tree.link_at(d, "x", root, "x")) == errc::enoent);
    CHECK(outcome(tree.rename_at(root, "f", d, "x", rename_flags::none)) == errc::enoent);
    CHECK(outcome(tree.rename_at(d, "x", root, "x", rename_flags::none)) == errc::enoent);
    CHECK(outcome(tree.remove_at(d, "x")) == errc::enoent);
    CHECK(outcome(tree.remove_directory_at(d, "x")) == errc::enoent);
    CHECK(outcome(tree.set_mode_at(d, "", 0700)) == errc::enoent);
    CHECK(outcome(tree.set_owner_at(d, "", 1, 1)) == errc::enoent);
    CHECK(outcome(tree.set_times_at(d, "", time_change::touch())) == errc::enoent);
    CHECK(outcome(tree.set_xattr_at(d, "", "user.x", "y", xattr_flags::none)) == errc::enoent);
    CHECK(outcome(tree.get_xattr_at(d, "", "user.x")) == errc::enoent);
    CHECK(outcome(tree.list_xattrs_at(d, "")) == errc::enoent);
    CHECK(outcome(tree.remove_xattr_at(d, "", "user.x")) == errc::enoent);
    CHECK(outcome(tree.sync_directory(d)) == errc::enoent);
    auto const down = tree.descend(d, "x/y");
    CHECK(down.used == 0);
    CHECK(down.reached == d);
    tree.release(down.reached);
    tree.release(d);
    CHECK(status_of(tree, root, "d").nlink == 2);
}

TEST_CASE("[memory.life.4] the node of a renamed directory goes with it, as do those below") {
    memory_tree tree;
    tree.create_directories("a/b").value();
    auto const a = tree.open_directory_at(tree.root(), "a").value();
    auto const b = tree.open_directory_at(a, "b").value();
    tree.create_directory("elsewhere").value();
    tree.rename("a", "elsewhere/c").value();
    tree.create_at(a, "f", 0644).value();
    tree.create_at(b, "g", 0644).value();
    CHECK(tree.exists("elsewhere/c/f").value());
    CHECK(tree.exists("elsewhere/c/b/g").value());
    tree.release(a);
    tree.release(b);
}

TEST_CASE("[memory.life.5] an unnamed file is published complete, once") {
    ticking_clock clock;
    memory_tree tree(clock.options());
    auto const root = tree.root();
    auto file = tree.create_unnamed(root, 0666).value();
    CHECK(file.write_at(bytes("whole"), 0).value() == 5);
    CHECK(file.status().value().nlink == 0);
    CHECK(file.status().value().mode == 0644);
    CHECK(names_in(tree, root).empty());
    auto const before = status_of(tree, root, "");
    tree.write("taken", "").value();
    CHECK(outcome(tree.publish_at(file, root, "taken")) == errc::eexist);
    CHECK(outcome(tree.publish_at(file, root, "")) == errc::eexist);
    CHECK(outcome(tree.publish_at(file, root, "there")) == errc::ok);
    CHECK(file.status().value().nlink == 1);
    CHECK(tree.read("there").value() == "whole");
    CHECK(status_of(tree, root, "").mtime > before.mtime);
    CHECK(outcome(tree.publish_at(file, root, "again")) == errc::ok);
    CHECK(file.status().value().nlink == 2);
    tree.remove("there").value();
    tree.remove("again").value();
    CHECK(outcome(tree.publish_at(file, root, "third")) == errc::enoent);

    memory_tree other;
    auto foreign = other.create_unnamed(other.root(), 0644).value();
    CHECK(outcome(tree.publish_at(foreign, root, "x")) == errc::exdev);
    auto dropped = tree.create_unnamed(root, 0644).value();
    CHECK(dropped.write_at(bytes("gone"), 0).value() == 4);
}

TEST_CASE("[memory.life.6] the work area lies beside the visible tree, and names move between the two") {
    memory_tree tree;
    auto const work = tree.work_root();
    CHECK(work != tree.root());
    CHECK(status_of(tree, work, "").mode == 0700);
    CHECK(status_of(tree, work, "").nlink == 2);
    CHECK(outcome(tree.create_directory_at(work, "temporary", 0755)) == errc::ok);
    CHECK(names_in(tree, tree.root()).empty());
    CHECK(outcome(tree.rename_at(work, "temporary", tree.root(), "published", rename_flags::none)) == errc::ok);
    CHECK(names_in(tree, work).empty());
    CHECK(status_of(tree, work, "").nlink == 2);
    CHECK(tree.status("published").value().is_directory());
    CHECK(tree.status("/").value().nlink == 3);
    CHECK(outcome(tree.rename_at(tree.root(), "published", work, "w", rename_flags::none)) == errc::ok);
    CHECK(names_in(tree, tree.root()).empty());
    CHECK(names_in(tree, work) == std::vector<std::string>{"w"});
}

TEST_CASE("[memory.life.7] a tree can be moved, and its nodes go with it") {
    memory_tree first;
    auto const root = first.root();
    first.write("f", "text").value();
    memory_tree second(std::move(first));
    CHECK(second.root() == root);
    CHECK(second.read("f").value() == "text");
    first = memory_tree();
    first.write("g", "").value();
    first = std::move(second);
    CHECK(first.read("f").value() == "text");
}

TEST_CASE("[memory.life.8] trees have device numbers of their own, and inode numbers are not given twice") {
    memory_tree one;
    memory_tree two;
    CHECK(one.status("/").value().id.device != two.status("/").value().id.device);
    std::set<std::uint64_t> seen{one.status("/").value().id.inode, status_of(one, one.work_root(), "").id.inode};
    CHECK(seen.size() == 2);
    for (int i = 0; i < 100; ++i) {
        one.write("f", "").value();
        CHECK(seen.insert(one.status("f").value().id.inode).second);
        one.remove("f").value();
    }
    auto const able = one.able();
    CHECK_FALSE(able.has(capability::persistent_inodes));
    CHECK(able.has(capability::clone));
    CHECK(able.has(capability::rename_whiteout));
}

TEST_CASE("[memory.life.9] a clone is equal, and the two then live apart") {
    ticking_clock clock;
    memory_tree tree(clock.options());
    tree.create_directories("a/b", 0750).value();
    tree.write("a/f", std::string(10000, 'x')).value();
    tree.create_hard_link("a/f", "a/b/g").value();
    tree.create_symlink("f", "a/l").value();
    tree.create_node("a/c", file_type::character, 0600, {1, 5}).value();
    tree.set_xattr("a", "user.k", "v").value();
    tree.set_xattr("a/l", "trusted.k", "", xattr_flags::none, links::no_follow).value();
    CHECK(outcome(tree.create_directory_at(tree.work_root(), "w", 0700)) == errc::ok);
    auto const unnamed = tree.create_unnamed(tree.root(), 0644).value();

    auto copy = tree.clone();
    for (path_view const path : {path_view("/"), path_view("a"), path_view("a/b"), path_view("a/f"), path_view("a/b/g"),
                                 path_view("a/l"), path_view("a/c")}) {
        INFO(path.bytes());
        auto is = copy.symlink_status(path).value();
        auto const was = tree.symlink_status(path).value();
        CHECK(is.id.device != was.id.device);
        CHECK(is.type == was.type);
        CHECK(is.mode == was.mode);
        CHECK(is.uid == was.uid);
        CHECK(is.nlink == was.nlink);
        CHECK(is.size == was.size);
        CHECK(is.blocks == was.blocks);
        CHECK(is.rdev == was.rdev);
        CHECK(is.atime == was.atime);
        CHECK(is.mtime == was.mtime);
        CHECK(is.ctime == was.ctime);
        CHECK(copy.xattrs(path, links::no_follow).value() == tree.xattrs(path, links::no_follow).value());
    }
    CHECK(copy.get_xattr("a", "user.k").value() == "v");
    CHECK(copy.read_symlink("a/l").value() == "f");
    CHECK(copy.status("a/f").value().id == copy.status("a/b/g").value().id);
    CHECK(names_in(copy, copy.work_root()) == std::vector<std::string>{"w"});
    CHECK(used(copy) == used(tree) - memory_price::inode);  // without what has no name

    copy.append("a/f", "y").value();
    tree.write("a/b/g", "short").value();
    CHECK(copy.read("a/b/g").value() == std::string(10000, 'x') + "y");
    CHECK(tree.read("a/f").value() == "short");
    copy.rename("a", "z").value();
    CHECK(tree.exists("a/b").value());
    copy.remove_all("z").value();
    CHECK(outcome(copy.remove_directory_at(copy.work_root(), "w")) == errc::ok);
    CHECK(used(copy) == 0);
}

TEST_CASE("[memory.life.10] a tree 100,000 levels deep is copied and destroyed without recursion") {
    memory_tree tree;
    auto here = tree.root();
    for (int i = 0; i < 100'000; ++i) {
        tree.create_directory_at(here, "d", 0755).value();
        auto const below = tree.open_directory_at(here, "d").value();
        if (here != tree.root())
            tree.release(here);
        here = below;
    }
    tree.create_at(here, "f", 0644).value();
    // A rename has to look at every ancestor of the new parent.
    CHECK(outcome(tree.rename_at(tree.root(), "d", here, "x", rename_flags::none)) == errc::einval);
    tree.release(here);
    auto const copy = tree.clone();
}
