// renameat2 in a memory tree: every pair of types, every flag, every error.
#include "catch.hpp"

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

// f g: files, l: a link, p: a fifo, e: an empty directory, e2: another one, d: a directory with d/f and d/sub/deep.
memory_tree furnished(memory_options const& options = {}) {
    memory_tree tree(options);
    tree.write("f", "one").value();
    tree.write("g", "two").value();
    tree.create_symlink("f", "l").value();
    tree.create_node("p", file_type::fifo, 0644).value();
    tree.create_directory("e").value();
    tree.create_directory("e2").value();
    tree.create_directories("d/sub/deep").value();
    tree.write("d/f", "three").value();
    return tree;
}

errc rename(memory_tree& tree, path_view from, path_view to, rename_flags flags = rename_flags::none) {
    return outcome(tree.rename(from, to, flags));
}

}  // namespace

TEST_CASE("[memory.rename.1] a name moves with its object, into the place of another where types allow it") {
    auto tree = furnished();
    auto const f = tree.status("f").value().id;
    CHECK(rename(tree, "f", "new") == errc::ok);
    CHECK_FALSE(tree.exists("f").value());
    CHECK(tree.status("new").value().id == f);
    CHECK(rename(tree, "new", "g") == errc::ok);
    CHECK(tree.read("g").value() == "one");
    CHECK(rename(tree, "g", "l") == errc::ok);  // the link itself is replaced
    CHECK(rename(tree, "l", "p") == errc::ok);
    CHECK(tree.read("p").value() == "one");
    CHECK(rename(tree, "p", "d/sub/f") == errc::ok);
    CHECK(tree.read("d/sub/f").value() == "one");
    CHECK(rename(tree, "d", "e") == errc::ok);
    CHECK(tree.read("e/sub/f").value() == "one");
    CHECK(rename(tree, "e", "e2") == errc::ok);
    CHECK(names_in(tree, tree.root()) == std::vector<std::string>{"e2"});
}

TEST_CASE("[memory.rename.2] what may not be replaced is refused") {
    auto tree = furnished();
    CHECK(rename(tree, "none", "x") == errc::enoent);
    CHECK(rename(tree, "none", "f") == errc::enoent);
    for (path_view const other : {path_view("f"), path_view("l"), path_view("p")}) {
        CHECK(rename(tree, "e", other) == errc::enotdir);
        CHECK(rename(tree, other, "e") == errc::eisdir);
        CHECK(rename(tree, other, "d") == errc::eisdir);
    }
    CHECK(rename(tree, "e", "d") == errc::enotempty);
    CHECK(rename(tree, "d", "e2") == errc::ok);
    CHECK(rename(tree, "e2", "d") == errc::ok);

    auto const root = tree.root();
    CHECK(outcome(tree.rename_at(root, "", root, "x", rename_flags::none)) == errc::ebusy);
    CHECK(outcome(tree.rename_at(root, "f", root, "", rename_flags::none)) == errc::ebusy);
    CHECK(outcome(tree.rename_at(root, "f", root, "", rename_flags::no_replace)) == errc::eexist);
    CHECK(outcome(tree.rename_at(root, "f", root, std::string(256, 'x'), rename_flags::none)) == errc::enametoolong);
    CHECK(outcome(tree.rename_at(root, "f", root, "a/b", rename_flags::none)) == errc::einval);
}

TEST_CASE("[memory.rename.3] a directory goes neither below itself nor onto its ancestor") {
    auto tree = furnished();
    CHECK(rename(tree, "d", "d/x") == errc::einval);
    CHECK(rename(tree, "d", "d/sub") == errc::einval);
    CHECK(rename(tree, "d", "d/sub/deep/x") == errc::einval);
    CHECK(rename(tree, "d/sub/deep", "d") == errc::enotempty);
    CHECK(rename(tree, "d/f", "d") == errc::enotempty);
    CHECK(rename(tree, "d/sub/deep", "d/sub") == errc::enotempty);
    CHECK(rename(tree, "d", "d/sub/deep", rename_flags::exchange) == errc::einval);
    CHECK(rename(tree, "d/sub/deep", "d", rename_flags::exchange) == errc::einval);
    CHECK(rename(tree, "d", "d") == errc::ok);
}

TEST_CASE("[memory.rename.4] two names of one object: nothing happens, and it is a success") {
    ticking_clock clock;
    auto tree = furnished(clock.options());
    tree.create_hard_link("f", "d/link").value();
    auto const before = tree.status("f").value();
    auto const root_before = tree.status("/").value();
    for (auto const flags : {rename_flags::none, rename_flags::exchange, rename_flags::whiteout}) {
        CHECK(rename(tree, "f", "d/link", flags) == errc::ok);
        CHECK(rename(tree, "f", "f", flags) == errc::ok);
        CHECK(rename(tree, "e", "e", flags) == errc::ok);
    }
    CHECK(rename(tree, "f", "d/link", rename_flags::no_replace) == errc::eexist);
    CHECK(tree.status("f").value().nlink == 2);
    CHECK(tree.status("f").value().ctime == before.ctime);
    CHECK(tree.status("/").value().mtime == root_before.mtime);
}

TEST_CASE("[memory.rename.5] flags: no_replace, exchange, and what does not go together") {
    auto tree = furnished();
    CHECK(rename(tree, "f", "g", rename_flags::no_replace) == errc::eexist);
    CHECK(rename(tree, "e", "f", rename_flags::no_replace) == errc::eexist);
    CHECK(rename(tree, "f", "new", rename_flags::no_replace) == errc::ok);
    CHECK(rename(tree, "new", "f", rename_flags::exchange) == errc::enoent);
    CHECK(rename(tree, "none", "new", rename_flags::exchange) == errc::enoent);
    CHECK(rename(tree, "new", "g", rename_flags::exchange | rename_flags::no_replace) == errc::einval);
    CHECK(rename(tree, "new", "g", rename_flags::exchange | rename_flags::whiteout) == errc::einval);
    CHECK(rename(tree, "new", "g", static_cast<rename_flags>(64)) == errc::einval);
    CHECK(rename(tree, "new", "g", rename_flags::exchange) == errc::ok);
    CHECK(tree.read("g").value() == "one");
    CHECK(tree.read("new").value() == "two");
    for (path_view const other : {path_view("g"), path_view("l"), path_view("p"), path_view("e"), path_view("e2")}) {
        INFO(other.bytes());
        auto const is = tree.symlink_status(other).value().id;
        CHECK(rename(tree, other, "d", rename_flags::exchange) == errc::ok);
        CHECK(tree.symlink_status("d").value().id == is);
        CHECK(tree.exists((path_view::parse(std::string(other.bytes()) + "/sub/deep").value())).value());
        CHECK(rename(tree, "d", other, rename_flags::exchange) == errc::ok);
    }
    CHECK(tree.status("/").value().nlink == 5);
}

TEST_CASE("[memory.rename.6] whiteout leaves a character device 0/0 where the name was") {
    auto tree = furnished();
    CHECK(rename(tree, "f", "moved", rename_flags::whiteout) == errc::ok);
    auto const whiteout = tree.status("f").value();
    CHECK(whiteout.type == file_type::character);
    CHECK(whiteout.rdev == device_number{});
    CHECK(whiteout.mode == 0);
    CHECK(whiteout.nlink == 1);
    CHECK(tree.read("moved").value() == "one");
    CHECK(rename(tree, "d", "e", rename_flags::whiteout) == errc::ok);
    CHECK(tree.status("d").value().type == file_type::character);
    CHECK(tree.status("/").value().nlink == 4);
    CHECK(rename(tree, "g", "moved", rename_flags::whiteout | rename_flags::no_replace) == errc::eexist);
    CHECK(rename(tree, "g", "e/g", rename_flags::whiteout | rename_flags::no_replace) == errc::ok);
    CHECK(tree.read("e/g").value() == "two");
    tree.remove_all("e").value();
    for (auto const& name : names_in(tree, tree.root()))
        if (auto const removed = tree.remove_at(tree.root(), name); !removed)
            tree.remove_directory_at(tree.root(), name).value();
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.rename.7] what was replaced stays open") {
    auto tree = furnished();
    auto g = tree.open("g", open_flags::read).value();
    auto const e = tree.open_directory_at(tree.root(), "e").value();
    CHECK(rename(tree, "f", "g") == errc::ok);
    CHECK(g.status().value().nlink == 0);
    CHECK(read_all(g) == "two");
    CHECK(rename(tree, "d", "e") == errc::ok);
    CHECK(outcome(tree.lookup(e, "f")) == errc::enoent);
    CHECK(outcome(tree.create_at(e, "x", 0644)) == errc::enoent);
    tree.release(e);
}
