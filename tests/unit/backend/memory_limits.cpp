// ENOSPC in a memory tree: at the exact byte, before anything has changed, and given back when things go.
#include "catch.hpp"

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

constexpr std::uint64_t object_price(std::string_view name, std::uint64_t more = 0) {
    return memory_price::inode + memory_price::name + name.size() + more;
}

[[nodiscard]] memory_tree limited(std::uint64_t bytes, std::uint64_t inodes = memory_options::unlimited) {
    memory_options options;
    options.size_limit = bytes;
    options.inode_limit = inodes;
    return memory_tree(options);
}

}  // namespace

TEST_CASE("[memory.limit.1] each thing that is made fits to the byte") {
    std::string const target(100, 't');
    struct attempt {
        char const* what;
        std::uint64_t price;
        errc (*make)(memory_tree&);
    };
    for (auto const& one :
         {attempt{"file", object_price("name"),
                  [](memory_tree& tree) { return outcome(tree.create_at(tree.root(), "name", 0644)); }},
          attempt{"directory", object_price("name"),
                  [](memory_tree& tree) { return outcome(tree.create_directory_at(tree.root(), "name", 0755)); }},
          attempt{"fifo", object_price("name"),
                  [](memory_tree& tree) {
                      return outcome(tree.create_node_at(tree.root(), "name", file_type::fifo, 0644, {}));
                  }},
          attempt{"symlink", object_price("name", 100),
                  [](memory_tree& tree) {
                      return outcome(tree.create_symlink_at(tree.root(), "name", std::string(100, 't')));
                  }},
          attempt{"unnamed", memory_price::inode,
                  [](memory_tree& tree) { return outcome(tree.create_unnamed(tree.root(), 0644)); }},
          attempt{"xattr", memory_price::xattr + 6 + 50, [](memory_tree& tree) {
                      return outcome(
                          tree.set_xattr_at(tree.root(), "", "user.k", std::string(50, 'v'), xattr_flags::none));
                  }}}) {
        INFO(one.what);
        auto enough = limited(one.price);
        CHECK(one.make(enough) == errc::ok);
        auto one_less = limited(one.price - 1);
        auto const before = status_of(one_less, one_less.root(), "");
        CHECK(one.make(one_less) == errc::enospc);
        CHECK(used(one_less) == 0);
        CHECK(names_in(one_less, one_less.root()).empty());
        CHECK(status_of(one_less, one_less.root(), "").ctime == before.ctime);
        CHECK(one.make(one_less) == errc::enospc);
    }
    auto none = limited(0, 0);
    CHECK(outcome(none.create_at(none.root(), "x", 0644)) == errc::enospc);
    CHECK(none.space().value().capacity == 0);
    CHECK(none.space().value().name_max == 255);
}

TEST_CASE("[memory.limit.2] links, names and renames count for their names") {
    auto const base = object_price("f") + object_price("long-name");
    auto tree = limited(base + memory_price::name + 3);
    auto const root = tree.root();
    auto file = tree.create_at(root, "f", 0644).value();
    CHECK(outcome(tree.create_at(root, "long-name", 0644)) == errc::ok);
    CHECK(outcome(tree.link_at(root, "f", root, "four")) == errc::enospc);
    CHECK(file.status().value().nlink == 1);
    CHECK(outcome(tree.link_at(root, "f", root, "two")) == errc::ok);
    CHECK(tree.space().value().free == 0);
    CHECK(outcome(tree.link_at(root, "f", root, "x")) == errc::enospc);
    // A longer name does not fit, a shorter one makes room, replacing needs none.
    CHECK(outcome(tree.rename_at(root, "two", root, "long", rename_flags::none)) == errc::enospc);
    CHECK(names_in(tree, root) == std::vector<std::string>{"f", "long-name", "two"});
    CHECK(outcome(tree.rename_at(root, "two", root, "ab", rename_flags::none)) == errc::ok);
    CHECK(tree.space().value().free == 1);
    CHECK(outcome(tree.rename_at(root, "ab", root, "abc", rename_flags::none)) == errc::ok);
    CHECK(outcome(tree.rename_at(root, "abc", root, "long-name", rename_flags::exchange)) == errc::ok);
    CHECK(outcome(tree.rename_at(root, "abc", root, "f", rename_flags::whiteout)) == errc::enospc);
    CHECK(outcome(tree.rename_at(root, "abc", root, "long-name", rename_flags::none)) == errc::ok);
    // What is there is found before it is asked whether it would fit.
    CHECK(outcome(tree.create_directory_at(root, "f", 0755)) == errc::eexist);
}

TEST_CASE("[memory.limit.3] inodes have a limit of their own, and open files keep theirs") {
    auto tree = limited(memory_options::unlimited, 2);
    auto const root = tree.root();
    auto file = tree.create_at(root, "f", 0644).value();
    CHECK(outcome(tree.create_directory_at(root, "d", 0755)) == errc::ok);
    CHECK(outcome(tree.create_at(root, "g", 0644)) == errc::enospc);
    CHECK(outcome(tree.create_unnamed(root, 0644)) == errc::enospc);
    CHECK(outcome(tree.rename_at(root, "f", root, "g", rename_flags::whiteout)) == errc::enospc);
    CHECK(tree.exists("f").value());
    CHECK(outcome(tree.link_at(root, "f", root, "g")) == errc::ok);
    tree.remove("f").value();
    tree.remove("g").value();
    CHECK(outcome(tree.create_at(root, "g", 0644)) == errc::enospc);  // still open
    { auto const closed = std::move(file); }
    CHECK(outcome(tree.create_at(root, "g", 0644)) == errc::ok);
    auto const d = tree.open_directory_at(root, "d").value();
    tree.remove("d").value();
    CHECK(outcome(tree.create_at(root, "h", 0644)) == errc::enospc);  // still retained
    tree.release(d);
    CHECK(outcome(tree.create_at(root, "h", 0644)) == errc::ok);
}

TEST_CASE("[memory.limit.4] a write takes what there is, then enospc; what is allocated can always be written") {
    auto const base = object_price("f");
    auto tree = limited(base + 3 * 4096 + 100);
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    std::string const four(4 * 4096, 'x');
    CHECK(file.write_at(bytes(four), 0).value() == 3 * 4096);
    CHECK(file.status().value().size == 3 * 4096);
    auto const before = file.status().value();
    CHECK(outcome(file.append(bytes("y"))) == errc::enospc);
    CHECK(outcome(file.write_at(bytes("y"), 100 * 4096)) == errc::enospc);
    CHECK(file.status().value().size == 3 * 4096);
    CHECK(file.status().value().mtime == before.mtime);
    CHECK(file.write_at(bytes(four).first(3 * 4096), 0).value() == 3 * 4096);
    CHECK(outcome(file.resize(std::uint64_t{1} << 50)) == errc::ok);  // holes are free
    CHECK(outcome(file.resize(4096)) == errc::ok);
    CHECK(tree.space().value().free == 2 * 4096 + 100);

    // A first chunk that cannot double ends the write where it is full.
    auto small = limited(base + 127);
    auto f = small.create_at(small.root(), "f", 0644).value();
    CHECK(f.append(bytes(std::string(64, 'a'))).value() == 64);
    CHECK(outcome(f.append(bytes("b"))) == errc::enospc);
    CHECK(read_all(f) == std::string(64, 'a'));
}

TEST_CASE("[memory.limit.5] a clone needs room for all of it, and its writes need no more") {
    auto const base = object_price("a") + object_price("b");
    auto tree = limited(base + 8 * 4096);
    auto a = tree.create_at(tree.root(), "a", 0644).value();
    auto b = tree.create_at(tree.root(), "b", 0644).value();
    CHECK(a.append(bytes(std::string(4 * 4096, 'a'))).value() == 4 * 4096);
    CHECK(outcome(b.clone_from(a)) == errc::ok);
    CHECK(tree.space().value().free == 0);
    CHECK(b.write_at(bytes(std::string(4 * 4096, 'b')), 0).value() == 4 * 4096);
    CHECK(read_all(a) == std::string(4 * 4096, 'a'));
    CHECK(a.copy_range_from(b, 0, 0, 4096).value() == 4096);

    CHECK(outcome(b.resize(0)) == errc::ok);
    auto c = tree.create_unnamed(tree.root(), 0644).value();
    CHECK(c.append(bytes("c")).value() == 1);
    CHECK(outcome(b.clone_from(a)) == errc::enospc);
    CHECK(b.status().value().size == 0);
    CHECK(b.copy_range_from(a, 0, 0, 4 * 4096).value() == 3 * 4096);
    // Over a longer file too, all or nothing.
    CHECK(outcome(a.resize(4096)) == errc::ok);
    auto sparse = tree.create_unnamed(tree.root(), 0644).value();
    CHECK(outcome(sparse.resize(10 * 4096)) == errc::ok);
    CHECK(a.copy_range_from(b, 0, 4096, 4096).value() == 4096);
    while (c.append(bytes(std::string(4096, 'c')))) {
    }
    CHECK(outcome(sparse.clone_from(a)) == errc::enospc);
    CHECK(sparse.next_data(0).value() == 10 * 4096);
    CHECK(sparse.status().value().size == 10 * 4096);
}

TEST_CASE("[memory.limit.6] attributes count what they hold, and give it back") {
    auto const base = object_price("f");
    auto tree = limited(base + memory_price::xattr + 6 + 10);
    auto const root = tree.root();
    tree.write("f", "").value();
    auto const set = [&](std::string_view key, std::string_view value) {
        return outcome(tree.set_xattr_at(root, "f", key, value, xattr_flags::none));
    };
    CHECK(set("user.a", std::string(11, 'v')) == errc::enospc);
    CHECK(tree.list_xattrs_at(root, "f").value().empty());
    CHECK(set("user.a", std::string(5, 'v')) == errc::ok);
    CHECK(set("user.a", std::string(11, 'w')) == errc::enospc);
    CHECK(tree.get_xattr_at(root, "f", "user.a").value() == "vvvvv");
    CHECK(set("user.a", std::string(10, 'w')) == errc::ok);
    CHECK(set("user.a", "") == errc::ok);
    CHECK(tree.space().value().free == 10);
    CHECK(outcome(tree.remove_xattr_at(root, "f", "user.a")) == errc::ok);
    CHECK(used(tree) == base);
    CHECK(set("security.capability", "") == errc::enospc);
    tree.remove("f").value();
    CHECK(outcome(tree.create_at(root, "f", 0644)) == errc::ok);
    CHECK(set("user.a", std::string(10, 'v')) == errc::ok);
    tree.remove("f").value();
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.limit.7] without a limit, space is that of the largest file") {
    memory_tree tree;
    auto const space = tree.space().value();
    CHECK(space.capacity == ~std::uint64_t{0} >> 1);
    CHECK(space.free == space.capacity);
    CHECK(space.available == space.free);
    tree.write("f", "x").value();
    CHECK(tree.space().value().free == space.capacity - object_price("f", 64));
}

TEST_CASE("room that was made in a file is there when the tree is full; room that is not there changes nothing") {
    auto tree = limited(100000);
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    REQUIRE(file.write_at(bytes("begin"), 0).has_value());
    auto const before = used(tree);
    auto const ctime = file.status().value().ctime;
    CHECK(outcome(file.allocate(allocation::plain, 0, 1'000'000)) == errc::enospc);
    CHECK(outcome(file.allocate(allocation::zero_range, 0, 1'000'000)) == errc::enospc);
    CHECK(file.status().value().size == 5);
    CHECK(file.status().value().ctime == ctime);
    CHECK(read_all(file) == "begin");
    CHECK(used(tree) < before + 4096);  // the first chunk may have grown

    REQUIRE(outcome(file.allocate(allocation::keep_size, 0, 40960)) == errc::ok);
    CHECK(file.status().value().size == 5);
    CHECK(file.status().value().blocks == 80);
    auto other = tree.create_at(tree.root(), "other", 0644).value();
    std::string const much(200'000, 'x');
    while (other.append(bytes(much)).has_value()) {
    }
    CHECK(file.write_at(bytes(std::string(40960, 'y')), 0).value() == 40960);
    CHECK(read_all(file) == std::string(40960, 'y'));
    REQUIRE(outcome(file.allocate(allocation::zero_range, 100, 40000)) == errc::ok);
    CHECK(file.status().value().blocks == 80);
    REQUIRE(outcome(file.allocate(allocation::punch_hole, 0, 40960)) == errc::ok);
    CHECK(file.status().value().blocks == 0);
    CHECK(read_all(file) == std::string(40960, '\0'));
}

TEST_CASE("a hole in a clone is none in its original") {
    memory_tree tree;
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    REQUIRE(file.write_at(bytes(std::string(20000, 'x')), 0).has_value());
    auto clone = tree.create_at(tree.root(), "g", 0644).value();
    REQUIRE(clone.clone_from(file).has_value());
    REQUIRE(clone.allocate(allocation::punch_hole, 100, 15000).has_value());
    CHECK(read_all(file) == std::string(20000, 'x'));
    CHECK(read_all(clone) == std::string(100, 'x') + std::string(15000, '\0') + std::string(4900, 'x'));
    CHECK(clone.next_hole(0).value() == 4096);
    REQUIRE(clone.allocate(allocation::punch_hole, 0, ~std::uint64_t{0} >> 1).has_value());
    CHECK(clone.status().value().size == 20000);
    CHECK(clone.next_data(0).value() == 20000);
}
