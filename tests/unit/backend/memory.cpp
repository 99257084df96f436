// Names in a memory tree: made, found, opened, linked, removed.
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

TEST_CASE("[memory.names.1] every type of object is made with its attributes") {
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

TEST_CASE("[memory.names.2] what cannot be made is refused, and nothing is there afterwards") {
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
    for (std::size_t const length : {256u, 511u, 5000u}) {
        std::string const long_name(length, 'n');
        CHECK(outcome(tree.lookup(root, long_name)) == errc::enametoolong);
        CHECK(outcome(tree.remove_at(root, long_name)) == errc::enametoolong);
        CHECK(outcome(tree.open_directory_at(root, long_name)) == errc::enametoolong);
        CHECK(outcome(tree.create_directory_at(root, long_name, 0755)) == errc::enametoolong);
    }
    CHECK(outcome(tree.create_directory_at(root, "l", 0755)) == errc::eexist);
    CHECK(outcome(tree.create_at(root, "l", 0755)) == errc::eexist);
}

TEST_CASE("[memory.names.3] opening answers by the type of what is there") {
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

TEST_CASE("[memory.names.4] handles do what they were opened for") {
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

TEST_CASE("[memory.names.5] hard links are one object, counted") {
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

TEST_CASE("[memory.names.6] a directory counts its subdirectories") {
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

TEST_CASE("[memory.names.7] removal has the errors of unlink and rmdir") {
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

TEST_CASE("[memory.names.8] descend goes as far as there are directories, and no further") {
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
