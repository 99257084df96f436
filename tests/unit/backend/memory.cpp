// Names in a memory tree: made, found, listed, removed.
#include "catch.hpp"

#include <set>
#include <utility>

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

static_assert(writable_backend<memory_tree>);
static_assert(makes_unnamed_files<memory_tree>);
static_assert(has_work_area<memory_tree>);
static_assert(descends<memory_tree>);
static_assert(copies_from<memory_file, memory_file>);
static_assert(!std::copy_constructible<memory_tree> && !std::copy_constructible<memory_file>);

TEST_CASE("[memory.1] every type of object is made with its attributes") {
    memory_options options;
    options.uid = 7;
    options.gid = 8;
    memory_tree tree(options);
    auto const root = tree.root();
    CHECK(outcome(tree.create_at(root, "f", 0666)) == errc::ok);
    CHECK(outcome(tree.create_directory_at(root, "d", 0777)) == errc::ok);
    CHECK(outcome(tree.create_symlink_at(root, "l", "to/where")) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "c", file_type::character, 0666, {5, 1})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "b", file_type::block, 0660, {0xfff, 0xfffff})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "p", file_type::fifo, 0600, {5, 1})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "s", file_type::socket, 0755, {})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "r", file_type::regular, 04755, {})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "w", file_type::character, 0, {0, 0})) == errc::ok);

    struct expectation {
        char const* name;
        file_type type;
        mode_bits mode;
        std::uint64_t nlink;
        std::uint64_t size;
        device_number rdev;
    };
    std::set<std::uint64_t> numbers;
    for (auto const& want :
         {expectation{"f", file_type::regular, 0644, 1, 0, {}}, expectation{"d", file_type::directory, 0755, 2, 0, {}},
          expectation{"l", file_type::symlink, 0777, 1, 8, {}},
          expectation{"c", file_type::character, 0644, 1, 0, {5, 1}},
          expectation{"b", file_type::block, 0640, 1, 0, {0xfff, 0xfffff}},
          expectation{"p", file_type::fifo, 0600, 1, 0, {}}, expectation{"s", file_type::socket, 0755, 1, 0, {}},
          expectation{"r", file_type::regular, 04755, 1, 0, {}}, expectation{"w", file_type::character, 0, 1, 0, {}}}) {
        INFO(want.name);
        auto const is = status_of(tree, root, want.name);
        CHECK(is.type == want.type);
        CHECK(is.mode == want.mode);
        CHECK(is.nlink == want.nlink);
        CHECK(is.size == want.size);
        CHECK(is.rdev == want.rdev);
        CHECK(is.uid == 7);
        CHECK(is.gid == 8);
        CHECK(is.blocks == 0);
        numbers.insert(is.id.inode);
    }
    CHECK(numbers.size() == 9);
    CHECK(tree.read_symlink_at(root, "l").value() == "to/where");
    CHECK(outcome(tree.read_symlink_at(root, "f")) == errc::einval);
    CHECK(outcome(tree.read_symlink_at(root, "d")) == errc::einval);
    CHECK(outcome(tree.read_symlink_at(root, "none")) == errc::enoent);
}

TEST_CASE("[memory.2] what cannot be made is refused, and nothing is there afterwards") {
    memory_tree tree;
    auto const root = tree.root();
    CHECK(outcome(tree.create_symlink_at(root, "l", "")) == errc::enoent);
    CHECK(outcome(tree.create_symlink_at(root, "l", std::string(4096, 'x'))) == errc::enametoolong);
    CHECK(outcome(tree.create_symlink_at(root, "l", std::string_view("a\0b", 3))) == errc::einval);
    CHECK(outcome(tree.create_node_at(root, "n", file_type::directory, 0755, {})) == errc::eperm);
    CHECK(outcome(tree.create_node_at(root, "n", file_type::symlink, 0755, {})) == errc::einval);
    CHECK(outcome(tree.create_node_at(root, "n", file_type::unknown, 0755, {})) == errc::einval);
    CHECK(outcome(tree.create_node_at(root, "n", static_cast<file_type>(77), 0755, {})) == errc::einval);
    CHECK(outcome(tree.create_at(root, std::string(256, 'n'), 0644)) == errc::enametoolong);
    for (std::string_view const name : {std::string_view("."), std::string_view(".."), std::string_view("a/b"),
                                        std::string_view("a\0b", 3), std::string_view("/")}) {
        INFO(name);
        CHECK(outcome(tree.create_at(root, name, 0644)) == errc::einval);
        CHECK(outcome(tree.create_directory_at(root, name, 0755)) == errc::einval);
        CHECK(tree.lookup(root, name).value() == std::nullopt);
    }
    CHECK(outcome(tree.create_at(root, "", 0644)) == errc::eexist);
    CHECK(outcome(tree.create_directory_at(root, "", 0755)) == errc::eexist);
    CHECK(names_in(tree, root).empty());
    CHECK(used(tree) == 0);

    CHECK(outcome(tree.create_symlink_at(root, "l", std::string(4095, 'x'))) == errc::ok);
    CHECK(outcome(tree.create_at(root, std::string(255, 'n'), 0644)) == errc::ok);
    CHECK(tree.lookup(root, std::string(255, 'n')).value().has_value());
    CHECK(tree.lookup(root, std::string(254, 'n')).value() == std::nullopt);
    for (std::size_t const length : {256, 511, 5000}) {
        std::string const long_name(length, 'n');
        CHECK(outcome(tree.lookup(root, long_name)) == errc::enametoolong);
        CHECK(outcome(tree.remove_at(root, long_name)) == errc::enametoolong);
        CHECK(outcome(tree.open_directory_at(root, long_name)) == errc::enametoolong);
        CHECK(outcome(tree.create_directory_at(root, long_name, 0755)) == errc::enametoolong);
    }
    CHECK(outcome(tree.create_directory_at(root, "l", 0755)) == errc::eexist);
    CHECK(outcome(tree.create_at(root, "l", 0755)) == errc::eexist);
}

TEST_CASE("[memory.3] opening answers by the type of what is there") {
    memory_tree tree;
    auto const root = tree.root();
    CHECK(outcome(tree.create_directory_at(root, "d", 0755)) == errc::ok);
    CHECK(outcome(tree.create_symlink_at(root, "l", "d")) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "p", file_type::fifo, 0644, {})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "s", file_type::socket, 0644, {})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "c", file_type::character, 0644, {1, 3})) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "b", file_type::block, 0644, {1, 3})) == errc::ok);
    CHECK(outcome(tree.create_at(root, "f", 0644)) == errc::ok);

    CHECK(outcome(tree.open_at(root, "f", open_flags::read)) == errc::ok);
    CHECK(outcome(tree.open_at(root, "none", open_flags::read)) == errc::enoent);
    CHECK(outcome(tree.open_at(root, "d", open_flags::read)) == errc::eisdir);
    CHECK(outcome(tree.open_at(root, "", open_flags::read)) == errc::eisdir);
    CHECK(outcome(tree.open_at(root, "l", open_flags::read)) == errc::eloop);
    for (char const* special : {"p", "s", "c", "b"}) {
        CHECK(outcome(tree.open_at(root, special, open_flags::read_write)) == errc::enxio);
        CHECK(outcome(tree.resize_at(root, special, 0)) == errc::einval);
    }
    CHECK(outcome(tree.resize_at(root, "l", 0)) == errc::einval);
    CHECK(outcome(tree.resize_at(root, "d", 0)) == errc::eisdir);
    CHECK(outcome(tree.resize_at(root, "", 0)) == errc::eisdir);
    CHECK(outcome(tree.resize_at(root, "none", 0)) == errc::enoent);

    CHECK(outcome(tree.open_directory_at(root, "none")) == errc::enoent);
    for (char const* other : {"f", "l", "p", "s", "c", "b"})
        CHECK(outcome(tree.open_directory_at(root, other)) == errc::enotdir);
    auto const d = tree.open_directory_at(root, "d").value();
    CHECK(status_of(tree, d, "").id == status_of(tree, root, "d").id);
    auto const again = tree.open_directory_at(d, "").value();
    CHECK(again == d);
    tree.release(again);
    tree.release(d);
}

TEST_CASE("[memory.4] handles do what they were opened for") {
    memory_tree tree;
    auto const root = tree.root();
    auto made = tree.create_at(root, "f", 0).value();
    CHECK(made.write_at(bytes("0123456789"), 0).value() == 10);
    CHECK(read_all(made) == "0123456789");

    auto reader = tree.open_at(root, "f", open_flags::read).value();
    CHECK(outcome(reader.write_at(bytes("x"), 0)) == errc::ebadf);
    CHECK(outcome(reader.append(bytes("x"))) == errc::ebadf);
    CHECK(outcome(reader.resize(0)) == errc::einval);
    CHECK(outcome(reader.set_mode(0644)) == errc::ok);  // as fchmod
    auto writer = tree.open_at(root, "f", open_flags::write).value();
    std::byte one{};
    CHECK(outcome(writer.read_at({&one, 1}, 0)) == errc::ebadf);
    CHECK(writer.write_at(bytes("AB"), 1).value() == 2);
    auto appender = tree.open_at(root, "f", open_flags::read | open_flags::append).value();
    CHECK(appender.write_at(bytes("!"), 0).value() == 1);
    CHECK(appender.append(bytes("?")).value() == 1);
    CHECK(writer.append(bytes("#")).value() == 1);
    CHECK(read_all(appender) == "0AB3456789!?#");
    CHECK(read_all(reader, 11, 1) == "?");
    CHECK(read_all(reader, 13).empty());
    CHECK(read_all(reader, ~std::uint64_t{0}).empty());

    CHECK(outcome(tree.open_at(root, "f", open_flags::read | open_flags::truncate)) == errc::ok);
    CHECK(read_all(reader).empty());
    CHECK(made.status().value().blocks == 0);

    auto moved = std::move(reader);
    CHECK(read_all(moved).empty());
    moved = std::move(made);
    CHECK(moved.write_at(bytes("z"), 0).value() == 1);
}

TEST_CASE("[memory.5] an open file outlives its names") {
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

TEST_CASE("[memory.6] an open file outlives its tree") {
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

TEST_CASE("[memory.7] hard links are one object, counted") {
    memory_tree tree;
    auto const root = tree.root();
    CHECK(outcome(tree.create_directory_at(root, "d", 0755)) == errc::ok);
    auto const d = tree.open_directory_at(root, "d").value();
    CHECK(outcome(tree.create_at(root, "f", 0644)) == errc::ok);
    CHECK(outcome(tree.create_symlink_at(root, "l", "f")) == errc::ok);
    CHECK(outcome(tree.create_node_at(root, "w", file_type::character, 0, {})) == errc::ok);
    for (char const* name : {"f", "l", "w"}) {
        INFO(name);
        CHECK(outcome(tree.link_at(root, name, d, name)) == errc::ok);
        CHECK(outcome(tree.link_at(d, name, d, std::string(name) + "2")) == errc::ok);
        CHECK(status_of(tree, root, name).nlink == 3);
        CHECK(status_of(tree, root, name).id == status_of(tree, d, std::string(name) + "2").id);
        CHECK(outcome(tree.remove_at(root, name)) == errc::ok);
        CHECK(status_of(tree, d, name).nlink == 2);
    }
    CHECK(outcome(tree.link_at(root, "d", root, "e")) == errc::eperm);
    CHECK(outcome(tree.link_at(root, "", root, "e")) == errc::eperm);
    CHECK(outcome(tree.link_at(root, "d", d, "f")) == errc::eexist);  // found before it is a directory
    CHECK(outcome(tree.link_at(root, "none", d, "f")) == errc::enoent);
    CHECK(outcome(tree.link_at(d, "f", root, "")) == errc::eexist);
    CHECK(outcome(tree.link_at(d, "f", root, std::string(256, 'x'))) == errc::enametoolong);
    CHECK(status_of(tree, d, "f").nlink == 2);
    tree.release(d);

    memory_options few;
    few.link_limit = 3;
    memory_tree limited(few);
    auto const top = limited.root();
    auto file = limited.create_at(top, "f", 0644).value();
    CHECK(outcome(limited.link_at(top, "f", top, "g")) == errc::ok);
    CHECK(outcome(limited.link_at(top, "f", top, "h")) == errc::ok);
    CHECK(outcome(limited.link_at(top, "f", top, "i")) == errc::emlink);
    CHECK(outcome(limited.publish_at(file, top, "i")) == errc::emlink);
    CHECK(outcome(limited.create_directory_at(top, "d", 0755)) == errc::ok);
    CHECK(outcome(limited.create_directory_at(top, "e", 0755)) == errc::emlink);
    CHECK(limited.lookup(top, "e").value() == std::nullopt);
    limited.create_directory("d/e").value();
    CHECK(outcome(limited.rename("d/e", "e")) == errc::emlink);
    limited.create_symlink("x", "d/l").value();
    CHECK(outcome(limited.rename("d/l", "d/e", rename_flags::exchange)) == errc::ok);
    CHECK(outcome(limited.rename("d/l", "f", rename_flags::exchange)) == errc::emlink);
}

TEST_CASE("[memory.8] a directory counts its subdirectories") {
    memory_tree tree;
    auto const nlink = [&](path_view path) { return tree.status(path).value().nlink; };
    CHECK(nlink("/") == 2);
    tree.create_directories("a/b/c").value();
    tree.create_directory("d").value();
    tree.write("a/f", "").value();
    CHECK(nlink("/") == 4);
    CHECK(nlink("a") == 3);
    CHECK(nlink("a/b") == 3);
    CHECK(nlink("a/b/c") == 2);
    tree.rename("a/b", "d/b").value();
    CHECK(nlink("a") == 2);
    CHECK(nlink("d") == 3);
    tree.rename("a/f", "d/b", rename_flags::exchange).value();
    CHECK(nlink("a") == 3);
    CHECK(nlink("d") == 2);
    CHECK(nlink("a/f") == 3);
    tree.create_directory("d/e").value();
    tree.rename("d/e", "a/f/c").value();  // replaces an empty one
    CHECK(nlink("a/f") == 3);
    CHECK(nlink("d") == 2);
    tree.remove("a/f/c").value();
    CHECK(nlink("a/f") == 2);
}

TEST_CASE("[memory.9] removal has the errors of unlink and rmdir") {
    memory_tree tree;
    auto const root = tree.root();
    tree.create_directories("d/e").value();
    tree.write("f", "x").value();
    tree.create_symlink("d", "l").value();
    CHECK(outcome(tree.remove_at(root, "d")) == errc::eisdir);
    CHECK(outcome(tree.remove_at(root, "")) == errc::eisdir);
    CHECK(outcome(tree.remove_at(root, "none")) == errc::enoent);
    CHECK(outcome(tree.remove_directory_at(root, "d")) == errc::enotempty);
    CHECK(outcome(tree.remove_directory_at(root, "f")) == errc::enotdir);
    CHECK(outcome(tree.remove_directory_at(root, "l")) == errc::enotdir);
    CHECK(outcome(tree.remove_directory_at(root, "none")) == errc::enoent);
    CHECK(outcome(tree.remove_directory_at(root, "")) == errc::einval);
    CHECK(names_in(tree, root) == std::vector<std::string>{"d", "f", "l"});
    tree.remove("d/e").value();
    CHECK(outcome(tree.remove_directory_at(root, "d")) == errc::ok);
    CHECK(outcome(tree.remove_at(root, "l")) == errc::ok);
    CHECK(outcome(tree.remove_at(root, "f")) == errc::ok);
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.10] the node of a removed directory stays, and everything on it is enoent") {
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

TEST_CASE("[memory.11] the node of a renamed directory goes with it") {
    memory_tree tree;
    tree.create_directories("a/b").value();
    auto const b = tree.open_directory_at(tree.open_directory_at(tree.root(), "a").value(), "b").value();
    tree.rename("a/b", "c").value();
    CHECK(outcome(tree.create_at(b, "f", 0644)) == errc::ok);
    CHECK(tree.exists("c/f").value());
    tree.release(tree.open_directory_at(tree.root(), "a").value());
    auto const a = tree.open_directory_at(tree.root(), "a").value();
    tree.release(a);
    tree.release(a);  // the one that was opened on the way to b
    tree.release(b);
}

TEST_CASE("[memory.12] descend goes as far as there are directories, and no further") {
    memory_tree tree;
    auto const root = tree.root();
    tree.create_directories("a/b/c").value();
    tree.create_symlink("b", "a/link").value();
    tree.write("a/b/file", "").value();
    auto const reach = [&](std::string_view names) {
        auto const down = tree.descend(root, names);
        auto const inode = status_of(tree, down.reached, "").id.inode;
        tree.release(down.reached);
        return std::pair(down.used, inode);
    };
    auto const inode = [&](path_view path) { return tree.symlink_status(path).value().id.inode; };
    CHECK(reach("") == std::pair(std::size_t{0}, inode("/")));
    CHECK(reach("a") == std::pair(std::size_t{1}, inode("a")));
    CHECK(reach("a/b/c") == std::pair(std::size_t{5}, inode("a/b/c")));
    CHECK(reach("a//b/c///") == std::pair(std::size_t{6}, inode("a/b/c")));
    CHECK(reach("a/b/file") == std::pair(std::size_t{3}, inode("a/b")));
    CHECK(reach("a/link/c") == std::pair(std::size_t{1}, inode("a")));
    CHECK(reach("a/none/c") == std::pair(std::size_t{1}, inode("a")));
    CHECK(reach("a/./b") == std::pair(std::size_t{1}, inode("a")));
    CHECK(reach("a/b/../b") == std::pair(std::size_t{3}, inode("a/b")));
    CHECK(reach("none") == std::pair(std::size_t{0}, inode("/")));
    CHECK(reach(std::string(300, 'x')) == std::pair(std::size_t{0}, inode("/")));
}

TEST_CASE("[memory.13] an unnamed file is published complete, once") {
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

TEST_CASE("[memory.14] the work area lies beside the visible tree, and names move between the two") {
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

TEST_CASE("[memory.15] a tree can be moved, and its nodes go with it") {
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

TEST_CASE("[memory.16] trees have device numbers of their own, and inode numbers are not given twice") {
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

TEST_CASE("[memory.17] a clone is equal, and the two then live apart") {
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

TEST_CASE("[memory.18] a tree 100,000 levels deep is copied and destroyed without recursion") {
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
