#include <lamina/backend/walk.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include <lamina/backend/archetype.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/backend/paths.hpp>

#include "catch.hpp"

using namespace lamina;

namespace {

thread_local bool counting_allocations = false;
thread_local int allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    if (counting_allocations)
        ++allocations;
    if (void* const storage = std::malloc(size == 0 ? 1 : size))
        return storage;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
    if (counting_allocations)
        ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* storage) noexcept { std::free(storage); }
void operator delete(void* storage, std::size_t) noexcept { std::free(storage); }

namespace {

template <class F>
int allocations_of(F&& f) {
    allocations = 0;
    counting_allocations = true;
    f();
    counting_allocations = false;
    return allocations;
}

template <class R>
errc outcome(R const& r) {
    return r.has_value() ? errc::ok : static_cast<error>(r.error()).code;
}

// A tree that tells what a walk asked of it, and how many nodes it still holds.
class watched : public memory_tree {
public:
    node root() const { return memory_tree::root(); }
    void retain(node n) {
        ++held_;
        memory_tree::retain(n);
    }
    void release(node n) {
        --held_;
        memory_tree::release(n);
    }
    result<std::optional<attributes>> lookup(node dir, name_ref name) {
        ++lookups;
        longest = std::max(longest, name.text.size());
        return memory_tree::lookup(dir, name);
    }
    result<node> open_directory_at(node dir, name_ref name) {
        ++directories;
        longest = std::max(longest, name.text.size());
        if (before_directory)
            before_directory(name.text);
        auto opened = memory_tree::open_directory_at(dir, name);
        if (opened)
            ++held_;
        return opened;
    }
    result<file_type> open_at(node dir, name_ref name, open_flags flags) {
        ++opens;
        return memory_tree::open_at(dir, name, flags);
    }
    result<std::string> read_symlink_at(node dir, name_ref name) {
        ++links;
        return memory_tree::read_symlink_at(dir, name);
    }
    descent descend(node from, std::string_view names) {
        ++descents;
        descent down{from, 0};
        if (goes_down)
            down = memory_tree::descend(from, names);
        else
            memory_tree::retain(from);
        ++held_;
        return down;
    }

    [[nodiscard]] int calls() const { return lookups + directories + opens + links + descents; }
    void forget() { lookups = directories = opens = links = descents = 0; }
    // Retentions that nobody has given back.
    [[nodiscard]] int held() const { return held_; }

    bool goes_down = true;
    int lookups = 0, directories = 0, opens = 0, links = 0, descents = 0;
    std::size_t longest = 0;  // of the names that came in
    std::function<void(std::string_view)> before_directory;

private:
    int held_ = 0;
};

void fill(watched& tree) {
    paths::create_directories(tree, "a/b/c/d", 0755).value();
    paths::write(tree, "a/b/c/d/file", "text", 0644).value();
    paths::create_symlink(tree, "../b/c", "a/b/link").value();
    paths::create_symlink(tree, "/a/b", "short").value();
    tree.forget();
}

}  // namespace

TEST_CASE("[walk.cost.1] status of five plain components: one descent, one lookup, no allocation") {
    watched tree;
    fill(tree);
    result<attributes> found = fail(errc::eio);
    CHECK(allocations_of([&] { found = paths::status(tree, "a/b/c/d/file", links::follow); }) == 0);
    CHECK(found.value().size == 4);
    CHECK(tree.descents == 1);
    CHECK(tree.lookups == 1);
    CHECK(tree.calls() == 2);
    CHECK(tree.held() == 0);
}

TEST_CASE("[walk.cost.2] open of five plain components: one descent, one open") {
    watched tree;
    fill(tree);
    CHECK(outcome(paths::open(tree, "a/b/c/d/file", open_flags::read, 0)) == errc::ok);
    CHECK(tree.descents == 1);
    CHECK(tree.opens == 1);
    CHECK(tree.calls() == 2);
    tree.forget();
    CHECK(outcome(paths::open(tree, "a/b/c/d/missing", open_flags::read, 0)) == errc::enoent);
    CHECK(tree.calls() == 2);
    tree.forget();
    CHECK(outcome(paths::open(tree, "a/b/c/d/file", open_flags::write | open_flags::create, 0)) == errc::ok);
    CHECK(tree.calls() == 3);
    CHECK(tree.held() == 0);
}

TEST_CASE("[walk.cost.3] without a short cut each directory is entered once and nothing else asked") {
    watched tree;
    tree.goes_down = false;
    fill(tree);
    CHECK(allocations_of([&] { (void)paths::status(tree, "a/b/c/d/file", links::follow).has_value(); }) == 0);
    CHECK(tree.directories == 4);
    CHECK(tree.lookups == 1);
    CHECK(tree.links == 0);
    CHECK(tree.held() == 0);
}

TEST_CASE("[walk.cost.4] a name that is missing at the top costs what lies above it") {
    watched tree;
    fill(tree);
    CHECK(outcome(paths::status(tree, "missing/b/c/d/e/f/g", links::follow)) == errc::enoent);
    CHECK(tree.calls() == 2);
    CHECK(tree.held() == 0);
}

TEST_CASE("[walk.route.1] with and without a short cut a walk comes to the same place") {
    for (path_view const path :
         {path_view("a/b/c/d/file"), path_view("a/b/link/d/file"), path_view("short/c/../c/d/file"),
          path_view("short/link/d/../d/file"), path_view("a/../short/link/../c/d/file"), path_view("a//b/./c///d/file"),
          path_view("/short/./c/d/file")}) {
        for (bool const goes_down : {true, false}) {
            watched tree;
            tree.goes_down = goes_down;
            fill(tree);
            INFO(path.bytes());
            CHECK(paths::read(tree, path).value() == "text");
            CHECK(tree.held() == 0);
        }
    }
}

TEST_CASE("[walk.route.2] every node is given back, also where the walk fails") {
    for (bool const goes_down : {true, false}) {
        watched tree;
        tree.goes_down = goes_down;
        fill(tree);
        paths::create_symlink(tree, "loop", "a/loop").value();
        for (path_view const path : {path_view("a/b/missing/x"), path_view("a/b/c/d/file/x"), path_view("a/loop/x"),
                                     path_view("a/b/../../missing"), path_view("short/link/../../b/c/missing"),
                                     path_view("a/b/c/d/file/..")}) {
            INFO(path.bytes());
            CHECK(outcome(paths::status(tree, path, links::follow)) != errc::ok);
            CHECK(outcome(paths::list(tree, path)) != errc::ok);
            CHECK(outcome(paths::rename(tree, path, "x", rename_flags::none)) != errc::ok);
            CHECK(outcome(paths::remove_all(tree, path)) != errc::eio);
            CHECK(tree.held() == 0);
        }
    }
}

TEST_CASE("[walk.route.3] '..' goes to the parent of the directory that was entered, wherever it is moved meanwhile") {
    watched tree;
    tree.goes_down = false;
    paths::create_directories(tree, "a/b/c", 0755).value();
    paths::create_directories(tree, "elsewhere", 0755).value();
    paths::write(tree, "a/mark", "in a", 0644).value();
    paths::write(tree, "elsewhere/mark", "elsewhere", 0644).value();
    // Just before c is entered, b moves: the walk has been in a and in b, and goes back the way it came.
    tree.before_directory = [&](std::string_view name) {
        if (name == "c") {
            tree.before_directory = nullptr;
            CHECK(outcome(paths::rename(tree, "a/b", "elsewhere/b", rename_flags::none)) == errc::ok);
        }
    };
    CHECK(paths::read(tree, "a/b/c/../../mark").value() == "in a");
    CHECK(tree.held() == 0);
}

TEST_CASE("[walk.route.4] a directory that becomes a link while it is entered is followed inside the tree") {
    watched tree;
    tree.goes_down = false;
    paths::create_directories(tree, "d", 0755).value();
    paths::write(tree, "secret", "top", 0644).value();
    tree.before_directory = [&](std::string_view name) {
        if (name == "d") {
            tree.before_directory = nullptr;
            CHECK(outcome(paths::remove(tree, "d")) == errc::ok);
            CHECK(outcome(paths::create_symlink(tree, "../../..", "d")) == errc::ok);
        }
    };
    CHECK(paths::read(tree, "d/secret").value() == "top");
    CHECK(tree.held() == 0);
}

TEST_CASE("[walk.place.1] what a walk knows at its end") {
    watched tree;
    fill(tree);
    path_walk at(tree, operation::lookup);
    REQUIRE(outcome(at.to_object("short/link/d", links::follow)) == errc::ok);
    CHECK(at.found());
    CHECK(at.name().text == "d");
    CHECK(at.object().is_directory());
    REQUIRE(outcome(at.to_object("short", links::no_follow)) == errc::ok);
    CHECK(at.object().is_symlink());
    REQUIRE(outcome(at.to_object("short/", links::no_follow)) == errc::ok);
    CHECK(at.object().is_directory());
    CHECK(at.name().text == "b");
    REQUIRE(outcome(at.to_object("a/b/..", links::follow)) == errc::ok);
    CHECK(at.name().empty());
    REQUIRE(outcome(at.to_place("a/b/new", links::follow)) == errc::ok);
    CHECK_FALSE(at.found());
    CHECK(at.name().text == "new");
    CHECK(outcome(at.to_place("a/b/new/", links::follow)) == errc::eisdir);
    REQUIRE(outcome(at.to_parent("a/b/./")) == errc::ok);
    CHECK(at.last() == last_component::dot);
    CHECK(at.trailing_slash());
    REQUIRE(outcome(at.to_parent("a/b/..")) == errc::ok);
    CHECK(at.last() == last_component::dot_dot);
    REQUIRE(outcome(at.to_parent("//")) == errc::ok);
    CHECK(at.last() == last_component::root);
    REQUIRE(outcome(at.to_directory("short/c")) == errc::ok);
    CHECK(at.name().empty());
    CHECK(tree.lookup(at.directory(), {}).value()->id == paths::status(tree, "a/b/c", links::follow).value().id);
}

TEST_CASE("[walk.place.2] errors carry the operation that the caller named, and the layer of the backend") {
    watched tree;
    fill(tree);
    path_walk at(tree, operation::set_owner);
    CHECK(at.to_object("missing", links::follow).error() == error(errc::enoent, operation::set_owner));
    CHECK(paths::status(tree, "missing/x", links::follow).error().op == operation::lookup);
    CHECK(paths::read(tree, "missing").error().op == operation::read);
    CHECK(paths::write(tree, "missing/x", "", 0644).error().op == operation::write);
    CHECK(paths::list(tree, "missing").error().op == operation::list);
    CHECK(paths::rename(tree, "missing", "x", rename_flags::none).error().op == operation::rename);
    CHECK(paths::remove(tree, "missing").error().op == operation::remove);
    CHECK(paths::get_xattr(tree, "a", "user.none", links::follow).error().op == operation::get_xattr);
}

TEST_CASE("[walk.place.3] came_through tells what lies above the end of a walk") {
    watched tree;
    fill(tree);
    path_walk at(tree, operation::create, route::retained);
    REQUIRE(outcome(at.to_parent("short/link/d/new")) == errc::ok);
    for (path_view const above :
         {path_view("/"), path_view("a"), path_view("a/b"), path_view("a/b/c"), path_view("a/b/c/d")})
        CHECK(at.came_through(paths::status(tree, above, links::follow).value().id).value());
    CHECK_FALSE(at.came_through(paths::status(tree, "a/b/c/d/file", links::follow).value().id).value());
    CHECK_FALSE(at.came_through(paths::status(tree, "a/b/link", links::no_follow).value().id).value());
}

namespace {

// Answers against the contract: goes down further than there are names.
class overshooting : public memory_tree {
public:
    descent descend(node from, std::string_view names) {
        memory_tree::retain(from);
        return {from, names.size() + 7};
    }
};

// What a damaged or malicious backend could put into a link.
class strange_links : public memory_tree {
public:
    result<std::string> read_symlink_at(node, name_ref) { return target; }
    std::string target;
};

}  // namespace

TEST_CASE("[walk.guard.1] a short cut that claims more than there was is not believed") {
    overshooting tree;
    tree.create_directories("a/b").value();
    CHECK(paths::status(tree, "a/b", links::follow).value().is_directory());
    CHECK(outcome(paths::status(tree, "a/c", links::follow)) == errc::enoent);
}

TEST_CASE("[walk.guard.2] a target that no file system stores ends the walk") {
    strange_links tree;
    tree.create_symlink("x", "l").value();
    tree.target = "";
    CHECK(outcome(paths::status(tree, "l", links::follow)) == errc::enoent);
    CHECK(outcome(paths::status(tree, "l/x", links::follow)) == errc::enoent);
    tree.target = std::string("a\0b", 3);
    CHECK(outcome(paths::status(tree, "l", links::follow)) == errc::einval);
    tree.target = std::string(4096, '/');
    CHECK(outcome(paths::status(tree, "l", links::follow)) == errc::enametoolong);
    tree.target = std::string(4095, '/');
    CHECK(paths::status(tree, "l", links::follow).value().is_directory());
    tree.target = "../../l/../l";
    CHECK(outcome(paths::status(tree, "l", links::follow)) == errc::eloop);
}

TEST_CASE("[walk.guard.3] no name over 255 bytes reaches a primitive") {
    watched tree;
    tree.goes_down = false;
    std::string const too_long(256, 'x');
    paths::create_symlink(tree, too_long, "last").value();
    paths::create_symlink(tree, too_long + "/x", "first").value();
    paths::create_symlink(tree, "./" + too_long + "/x", "middle").value();
    for (path_view const link : {path_view("last"), path_view("first"), path_view("middle")}) {
        INFO(link.bytes());
        CHECK(outcome(paths::status(tree, link, links::follow)) == errc::enametoolong);
        CHECK(outcome(paths::list(tree, link)) == errc::enametoolong);
        CHECK(outcome(paths::write(tree, link, "", 0644)) == errc::enametoolong);
    }
    CHECK(tree.longest <= name_max);
}

// That they compile is the test: the algorithms ask no more of a backend than its concept has.
template <class B>
void ask_everything_readable(B& tree) {
    (void)paths::open(tree, "x", open_flags::read, 0).has_value();
    (void)paths::read(tree, "x").has_value();
    (void)paths::status(tree, "x", links::follow).has_value();
    (void)paths::exists(tree, "x").has_value();
    (void)paths::list(tree, "x").has_value();
    (void)paths::walk(tree, "x", [](walk_entry const&) {}).has_value();
    (void)paths::read_symlink(tree, "x").has_value();
    (void)paths::xattrs(tree, "x", links::follow).has_value();
    (void)paths::get_xattr(tree, "x", "user.k", links::follow).has_value();
}
template <class B>
void ask_everything_writable(B& tree) {
    (void)paths::write(tree, "x", "", 0).has_value();
    (void)paths::append(tree, "x", "", 0).has_value();
    (void)paths::resize(tree, "x", 0).has_value();
    (void)paths::create_directory(tree, "x", 0).has_value();
    (void)paths::create_directories(tree, "x", 0).has_value();
    (void)paths::create_symlink(tree, "y", "x").has_value();
    (void)paths::create_hard_link(tree, "y", "x").has_value();
    (void)paths::create_node(tree, "x", file_type::fifo, 0, {}).has_value();
    (void)paths::rename(tree, "x", "y", rename_flags::none).has_value();
    (void)paths::remove(tree, "x").has_value();
    (void)paths::remove_all(tree, "x").has_value();
    (void)paths::permissions(tree, "x", 0, links::follow).has_value();
    (void)paths::owner(tree, "x", 0, 0, links::follow).has_value();
    (void)paths::times(tree, "x", time_change{}, links::follow).has_value();
    (void)paths::set_xattr(tree, "x", "user.k", "v", xattr_flags::none, links::follow).has_value();
    (void)paths::remove_xattr(tree, "x", "user.k", links::follow).has_value();
}

TEST_CASE("[walk.archetype] the algorithms run on the poorest backend, and pass on what it answers") {
    archetype::readable_backend reading{archetype::only_movable::made_by_the_test{}};
    archetype::writable_backend writing{archetype::only_movable::made_by_the_test{}};
    ask_everything_readable(reading);
    ask_everything_readable(writing);
    ask_everything_writable(writing);
    CHECK(outcome(paths::read(reading, "x")) == errc::eopnotsupp);
    CHECK(outcome(paths::rename(writing, "x", "y", rename_flags::none)) == errc::eopnotsupp);
    CHECK(outcome(copy_tree(reading, "x", writing, "y")) == errc::eopnotsupp);
}
