// Nodes of posix_directory: what they survive, what they do not, and how many descriptors they cost.
#include "scratch.hpp"

#include <sys/resource.h>

using namespace lamina;

namespace {

// A directory whose backend keeps eight descriptors, and a crowd of directories with which to push out all others.
class crowded {
public:
    explicit crowded(bool old = false) {
        options.max_descriptors = 8;
        options.old_calls_only = old;
        tree.emplace(scratch.open(options));
        REQUIRE(tree->create_directory_at(tree->root(), "crowd", 0755));
        node_guard crowd(*tree, tree->open_directory_at(tree->root(), "crowd").value());
        for (int i = 0; i < 32; ++i)
            REQUIRE(tree->create_directory_at(*crowd, std::to_string(i), 0755));
        others = gather(*tree, *crowd);
    }
    static std::vector<node_guard<posix_directory>> gather(posix_directory& tree, node crowd) {
        std::vector<node_guard<posix_directory>> all;
        for (int i = 0; i < 32; ++i)
            all.emplace_back(tree, tree.open_directory_at(crowd, std::to_string(i)).value());
        return all;
    }
    // Afterwards `name`, a path below the scratch directory, has no descriptor.
    void push_out(std::string const& name) {
        for (int round = 0; round < 2; ++round)
            for (auto const& other : others)
                REQUIRE(tree->lookup(*other, "absent"));
        REQUIRE_FALSE(is_open(scratch / name));
    }
    node open(std::string const& name) { return tree->open_directory_at(tree->root(), name).value(); }
    void make(std::string const& name) { REQUIRE(::mkdir((scratch / name).c_str(), 0755) == 0); }

    scratch_directory scratch;
    posix_options options;
    std::optional<posix_directory> tree;
    std::vector<node_guard<posix_directory>> others;
};

bool is_gone(result<std::optional<attributes>> const& found) {
    return !found && (found.error() == errc::enoent || found.error() == errc::estale);
}

}  // namespace

TEST_CASE("[posix.50] thousands of held directories cost eight descriptors") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    posix_options options;
    options.max_descriptors = 8;
    options.old_calls_only = old;
    auto const before = open_descriptors();
    {
        auto tree = scratch.open(options);
        std::vector<node_guard<posix_directory>> held;
        for (int i = 0; i < 50; ++i) {
            auto const name = std::to_string(i);
            REQUIRE(tree.create_directory_at(tree.root(), name, 0755));
            held.emplace_back(tree, tree.open_directory_at(tree.root(), name).value());
            auto const parent = held.back().get();
            for (int j = 0; j < 60; ++j) {
                auto const inner = std::to_string(j);
                REQUIRE(tree.create_directory_at(parent, inner, 0755));
                held.emplace_back(tree, tree.open_directory_at(parent, inner).value());
                REQUIRE(tree.create_at(held.back().get(), name + "-" + inner, 0600));
            }
        }
        CHECK(open_descriptors() <= before + 1 + 8);
        // In an order in which nothing is still open.
        for (std::size_t step = 0; step < held.size(); ++step) {
            auto const i = step * 997 % held.size();
            if (i % 61 == 0)
                continue;
            REQUIRE(tree.lookup(*held[i], std::to_string(i / 61) + "-" + std::to_string(i % 61 - 1)).value());
        }
        CHECK(open_descriptors() <= before + 1 + 8);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("[posix.51] a tree a thousand levels deep, its paths far above 4,096 bytes") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    posix_options options;
    options.max_descriptors = 8;
    options.old_calls_only = old;
    auto tree = scratch.open(options);
    std::string const name = "a-directory-of-a-long-path";
    std::string path;
    node_guard deepest(tree, (tree.retain(tree.root()), tree.root()));
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(tree.create_directory_at(*deepest, name, 0755));
        deepest = node_guard(tree, tree.open_directory_at(*deepest, name).value());
        path += name + "/";
    }
    REQUIRE(tree.create_directory_at(*deepest, "crowd", 0755));
    {
        // Push the chain out: only the root is left to start from.
        std::vector<node_guard<posix_directory>> crowd;
        for (int i = 0; i < 20; ++i) {
            auto const other = "other" + std::to_string(i);
            REQUIRE(tree.create_directory_at(tree.root(), other, 0755));
            crowd.emplace_back(tree, tree.open_directory_at(tree.root(), other).value());
            REQUIRE(tree.lookup(*crowd.back(), "x"));
        }
        for (auto const& other : crowd)
            REQUIRE(tree.lookup(*other, "x"));
        auto const all = tree.create_at(*deepest, "file", 0600);
        REQUIRE(all);
    }
    auto const whole = path::parse(path + "file").value();
    REQUIRE(tree.write(whole, "found"));
    CHECK(tree.read(whole).value() == "found");
    CHECK(tree.status(whole).value().size == 5);
    // A short cut takes what one system call takes, and is taken again.
    auto const first = tree.descend(tree.root(), path);
    CHECK(first.used > 0);
    CHECK(first.used <= 4095);
    CHECK(first.used % (name.size() + 1) == name.size());
    tree.release(first.reached);
    deepest = {};
    CHECK(tree.remove_all("a-directory-of-a-long-path").value() == 1002);
}

TEST_CASE("[posix.52] what nobody holds has no descriptor") {
    scratch_directory scratch;
    auto const before = open_descriptors();
    auto tree = scratch.open();
    REQUIRE(tree.create_directories("a/b/c/d"));
    CHECK(open_descriptors() == before + 1);
    auto const c = tree.descend(tree.root(), "a/b/c").reached;
    CHECK(open_descriptors() == before + 2);
    tree.retain(c);
    tree.release(c);
    CHECK(open_descriptors() == before + 2);
    tree.release(c);
    CHECK(open_descriptors() == before + 1);
}

TEST_CASE("[posix.53] one directory is one node, however it was come to") {
    scratch_directory scratch;
    auto tree = scratch.open();
    REQUIRE(tree.create_directories("a/b/c"));
    node_guard const down(tree, tree.descend(tree.root(), "a/b/c").reached);
    node_guard const a(tree, tree.open_directory_at(tree.root(), "a").value());
    node_guard const b(tree, tree.open_directory_at(*a, "b").value());
    node_guard const c(tree, tree.open_directory_at(*b, "c").value());
    node_guard const again(tree, tree.open_directory_at(*b, "c").value());
    CHECK(*down == *c);
    CHECK(*again == *c);
    node_guard const itself(tree, tree.open_directory_at(*c, "").value());
    CHECK(*itself == *c);
    node_guard const half(tree, tree.descend(*a, "b/c").reached);
    CHECK(*half == *c);
}

TEST_CASE("[posix.54] a directory renamed through the backend keeps its nodes and those below") {
    crowded c(GENERATE(false, true));
    auto& tree = *c.tree;
    c.make("from");
    c.make("from/a");
    c.make("from/a/b");
    c.make("to");
    c.scratch.write("from/a/b/file", "x");
    node_guard from(tree, c.open("from")), to(tree, c.open("to"));
    node_guard a(tree, tree.open_directory_at(*from, "a").value());
    node_guard b(tree, tree.descend(*from, "a/b").reached);

    REQUIRE(tree.rename_at(*from, "a", *to, "moved", rename_flags::none));
    c.push_out("to/moved/b");
    CHECK(tree.lookup(*b, "file").value());
    c.push_out("to/moved");
    CHECK(tree.lookup(*a, "b").value());
    REQUIRE(tree.rename_at(tree.root(), "to", tree.root(), "renamed", rename_flags::none));
    c.push_out("renamed/moved/b");
    CHECK(tree.lookup(*b, "file").value());
    node_guard again(tree, tree.open_directory_at(*to, "moved").value());
    CHECK(*again == *a);

    // Over an empty directory that somebody holds.
    c.make("renamed/empty");
    node_guard empty(tree, tree.open_directory_at(*to, "empty").value());
    REQUIRE(tree.rename_at(*to, "moved", *to, "empty", rename_flags::none));
    c.push_out("renamed/empty");
    CHECK(tree.lookup(*a, "b").value());
    CHECK(is_gone(tree.lookup(*empty, "")));

    // Exchanged, twice.
    c.make("other");
    c.scratch.write("other/this is other", "");
    node_guard other(tree, c.open("other"));
    REQUIRE(tree.rename_at(tree.root(), "other", *to, "empty", rename_flags::exchange));
    c.push_out("other/b");
    c.push_out("renamed/empty");
    CHECK(tree.lookup(*b, "file").value());
    CHECK(tree.lookup(*other, "this is other").value());
    REQUIRE(tree.rename_at(*to, "empty", tree.root(), "other", rename_flags::exchange));
    c.push_out("renamed/empty/b");
    CHECK(tree.lookup(*b, "file").value());

    // A rename that fails changes nothing.
    CHECK_FALSE(tree.rename_at(*to, "empty", *b, "inside", rename_flags::none));
    c.push_out("renamed/empty/b");
    CHECK(tree.lookup(*b, "file").value());
}

TEST_CASE("[posix.55] nodes of a work directory are renamed into another backend's tree") {
    crowded c;
    auto& upper = *c.tree;
    c.make("work");
    {
        std::optional<posix_directory> work = posix_directory::open(c.scratch / "work", c.options).value();
        REQUIRE(work->create_directory_at(work->root(), "temp", 0755));
        c.make("work/temp/inner");
        node_guard temp(*work, work->open_directory_at(work->root(), "temp").value());
        node_guard inner(*work, work->open_directory_at(*temp, "inner").value());
        {
            // Push them out of the descriptors that the work directory's backend has.
            c.make("work/crowd");
            for (int i = 0; i < 32; ++i)
                c.make("work/crowd/" + std::to_string(i));
            node_guard crowd(*work, work->open_directory_at(work->root(), "crowd").value());
            auto const others = crowded::gather(*work, *crowd);
            for (int round = 0; round < 2; ++round)
                for (auto const& other : others)
                    REQUIRE(work->lookup(*other, "absent"));
        }
        c.make("parent");
        node_guard parent(upper, c.open("parent"));
        REQUIRE(upper.rename_at(work->root(), "temp", *parent, "published", rename_flags::none));
        REQUIRE_FALSE(is_open(c.scratch / "parent/published"));
        REQUIRE_FALSE(is_open(c.scratch / "parent/published/inner"));
        REQUIRE(work->create_at(*inner, "through work", 0600));
        REQUIRE(upper.create_at(*inner, "through upper", 0600));
        REQUIRE(upper.create_at(*temp, "beside", 0600));
        node_guard found(upper, upper.open_directory_at(*parent, "published").value());
        CHECK(*found == *temp);
        upper.retain(*inner);
        auto const kept = inner.get();
        inner = {};
        REQUIRE(upper.rename_at(upper.root(), "parent", work->root(), "back", rename_flags::none));
        CHECK(upper.lookup(kept, "through work").value());
        upper.release(kept);
        REQUIRE(work->rename_at(work->root(), "back", upper.root(), "parent", rename_flags::none));
        temp = {};
        found = {};
        parent = {};
        work.reset();
    }
    CHECK(upper.exists("parent/published/inner/through work").value());
}

TEST_CASE("[posix.56] a removed directory is gone for its node, also when its name is used again") {
    for (bool const through_us : {true, false}) {
        crowded c;
        auto& tree = *c.tree;
        c.make("dir");
        for (bool const closed : {false, true}) {
            CAPTURE(through_us, closed);
            node_guard dir(tree, c.open("dir"));
            auto const inode = tree.lookup(*dir, "").value()->id.inode;
            if (closed)
                c.push_out("dir");
            if (through_us)
                REQUIRE(tree.remove_directory_at(tree.root(), "dir"));
            else
                REQUIRE(::rmdir((c.scratch / "dir").c_str()) == 0);
            CHECK(is_gone(tree.lookup(*dir, "")));
            CHECK_FALSE(tree.create_at(*dir, "x", 0600));
            CHECK(names_in(tree, tree.root()) == std::vector<std::string>{"crowd"});

            c.make("dir");
            c.scratch.write("dir/file", "");
            struct stat now;
            REQUIRE(::stat((c.scratch / "dir").c_str(), &now) == 0);
            if (closed && now.st_ino != inode)
                WARN("this file system did not use the inode number again");
            CHECK(is_gone(tree.lookup(*dir, "")));
            c.push_out("dir");
            CHECK(is_gone(tree.lookup(*dir, "")));
            CHECK_FALSE(tree.lookup(*dir, "file").value_or(std::nullopt));
            CHECK_FALSE(tree.create_at(*dir, "x", 0600));
            node_guard fresh(tree, c.open("dir"));
            CHECK(*fresh != *dir);
            CHECK(tree.lookup(*fresh, "file").value());
            c.push_out("dir");
            CHECK(tree.lookup(*fresh, "file").value());
            CHECK(is_gone(tree.lookup(*dir, "")));
            REQUIRE(::unlink((c.scratch / "dir/file").c_str()) == 0);
        }
    }
}

TEST_CASE("[posix.57] what others move is followed while it is open, and never mistaken for something else") {
    bool const old = GENERATE(false, true);
    crowded c(old);
    auto& tree = *c.tree;
    scratch_directory outside;
    outside.write("secret", "outside");
    auto const others_rename = [&](std::string const& from, std::string const& to) {
        REQUIRE(::rename((c.scratch / from).c_str(), (c.scratch / to).c_str()) == 0);
    };
    c.make("dir");
    c.scratch.write("dir/file", "");
    node_guard dir(tree, c.open("dir"));
    others_rename("dir", "moved");
    CHECK(tree.lookup(*dir, "file").value());  // its descriptor is open
    c.push_out("moved");
    CHECK(is_gone(tree.lookup(*dir, "file")));

    c.make("dir");  // another one in its place
    c.scratch.write("dir/not for you", "");
    CHECK(is_gone(tree.lookup(*dir, "not for you")));
    CHECK_FALSE(tree.create_at(*dir, "x", 0600));
    REQUIRE(::unlink((c.scratch / "dir/not for you").c_str()) == 0);
    REQUIRE(::rmdir((c.scratch / "dir").c_str()) == 0);
    REQUIRE(::symlink(outside.path().c_str(), (c.scratch / "dir").c_str()) == 0);  // or a way out
    CHECK(is_gone(tree.lookup(*dir, "secret")));
    CHECK_FALSE(tree.create_at(*dir, "x", 0600));
    REQUIRE(::unlink((c.scratch / "dir").c_str()) == 0);
    REQUIRE(::symlink("moved", (c.scratch / "dir").c_str()) == 0);  // or a link to itself
    CHECK(is_gone(tree.lookup(*dir, "file")));
    REQUIRE(::unlink((c.scratch / "dir").c_str()) == 0);
    c.scratch.write("dir", "a file");
    CHECK(is_gone(tree.lookup(*dir, "file")));
    REQUIRE(::unlink((c.scratch / "dir").c_str()) == 0);
    others_rename("moved", "dir");  // back in its place
    CHECK(tree.lookup(*dir, "file").value());
    CHECK(::access((outside / "x").c_str(), F_OK) != 0);
}

TEST_CASE("[posix.58] an open ancestor that others moved does not hide what has its name now") {
    crowded c;
    auto& tree = *c.tree;
    c.make("a");
    c.make("a/b");
    c.scratch.write("a/b/file", "");
    node_guard a(tree, c.open("a"));
    REQUIRE(::rename((c.scratch / "a").c_str(), (c.scratch / "old").c_str()) == 0);
    c.make("a");
    REQUIRE(::rename((c.scratch / "old/b").c_str(), (c.scratch / "a/b").c_str()) == 0);
    node_guard b(tree, tree.descend(tree.root(), "a/b").reached);
    for (int round = 0; round < 2; ++round)
        for (auto const& other : c.others) {
            REQUIRE(tree.lookup(*a, "absent"));  // stays open
            REQUIRE(tree.lookup(*other, "absent"));
        }
    REQUIRE(is_open(c.scratch / "old"));
    REQUIRE_FALSE(is_open(c.scratch / "a/b"));
    CHECK(tree.lookup(*b, "file").value());
}

TEST_CASE("[posix.59] moves by others that turn the tree inside out end in an error, not in a circle") {
    crowded c;
    auto& tree = *c.tree;
    c.make("a");
    c.make("a/b");
    node_guard a(tree, c.open("a"));
    node_guard b(tree, tree.open_directory_at(*a, "b").value());
    REQUIRE(::rename((c.scratch / "a/b").c_str(), (c.scratch / "b").c_str()) == 0);
    // As far as the records know, b lies in a; in truth it does not, and a may be put into it.
    REQUIRE(tree.rename_at(tree.root(), "a", *b, "a", rename_flags::none));
    CHECK(tree.lookup(*a, "")->has_value());
    c.push_out("b/a");
    CHECK(is_gone(tree.lookup(*a, "")));
    CHECK(is_gone(tree.lookup(*b, "")));
    a = {};
    CHECK(is_gone(tree.lookup(*b, "")));
}

TEST_CASE("[posix.60] descending stops before what is no plain directory") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    posix_options options;
    options.old_calls_only = old;
    auto tree = scratch.open(options);
    REQUIRE(tree.create_directories("a/b/c"));
    REQUIRE(tree.write("a/b/file", ""));
    REQUIRE(tree.create_symlink("b", "a/link"));
    auto const used = [&](std::string_view names) {
        auto const down = tree.descend(tree.root(), names);
        CHECK((down.used != 0 || down.reached == tree.root()));
        tree.release(down.reached);
        return down.used;
    };
    CHECK(used("a/b/c") == 5);
    CHECK(used("a/b") == 3);
    CHECK(used("//a///b//") == 7);
    CHECK(used("a/b/c/absent/more") == 5);
    CHECK(used("a/b/file/more") == 3);
    CHECK(used("a/link/c") == 1);
    CHECK(used("a/b/../b/c") == 3);
    CHECK(used("a/./b") == 0);
    CHECK(used("../a/b") == 0);
    CHECK(used("absent/x") == 0);
    CHECK(used("a/b/" + std::string(256, 'n') + "/c") == 3);
    CHECK(used(std::string_view("a/b/c\0d/e", 9)) == 3);
    CHECK(used("") == 0);
    CHECK(used("///") == 0);
    auto const before = open_descriptors();
    for (int i = 0; i < 100; ++i)
        used("a/b/c");
    CHECK(open_descriptors() == before);
    CHECK(tree.read("a/link/file").value() == "");
}

TEST_CASE("[posix.61] backends without a bound of their own share one") {
    scratch_directory scratch;
    auto const before = open_descriptors();
    std::vector<posix_directory> layers;
    std::vector<node> held;
    for (int i = 0; i < 40; ++i) {
        layers.push_back(scratch.open());
        for (int j = 0; j < 50; ++j) {
            auto const name = std::to_string(i) + "-" + std::to_string(j);
            REQUIRE(layers.back().create_directory_at(layers.back().root(), name, 0755));
            held.push_back(layers.back().open_directory_at(layers.back().root(), name).value());
        }
    }
    CHECK(open_descriptors() <= before + 40 + 1024);
    for (std::size_t i = 0; i < held.size(); ++i) {
        REQUIRE(layers[i / 50].lookup(held[i], "x"));
        layers[i / 50].release(held[i]);
    }
    CHECK(open_descriptors() == before + 40);
}

TEST_CASE("[posix.62] one descriptor is enough, also for what takes two directories") {
    scratch_directory scratch;
    posix_options options;
    options.max_descriptors = 1;
    auto tree = scratch.open(options);
    std::vector<node_guard<posix_directory>> held;
    for (int i = 0; i < 6; ++i) {
        REQUIRE(tree.create_directory_at(tree.root(), std::to_string(i), 0755));
        held.emplace_back(tree, tree.open_directory_at(tree.root(), std::to_string(i)).value());
    }
    REQUIRE(tree.create_at(*held[0], "file", 0600));
    for (std::size_t i = 0; i + 1 < held.size(); ++i) {
        REQUIRE(tree.rename_at(*held[i], "file", *held[i + 1], "file", rename_flags::none));
        REQUIRE(tree.link_at(*held[i + 1], "file", *held[0], "link" + std::to_string(i)));
    }
    CHECK(tree.lookup(*held[5], "file").value()->nlink == 6);
    REQUIRE(tree.rename_at(tree.root(), "1", *held[5], "in", rename_flags::none));
    CHECK(names_in(tree, *held[1]).empty());
    CHECK(names_in(tree, *held[5]) == std::vector<std::string>{"file", "in"});
}

TEST_CASE("[posix.63] without a free descriptor calls fail, nothing is lost, and they succeed again") {
    scratch_directory scratch;
    CHECK(in_child_as_nobody([&]() -> std::string {
              posix_options options;
              options.max_descriptors = 2;
              auto tree = posix_directory::open(scratch.path(), options).value();
              std::vector<node> held;
              for (int i = 0; i < 6; ++i) {
                  auto const name = std::to_string(i);
                  if (!tree.create_directories(path::parse(name + "/x/y").value()))
                      return "making";
                  held.push_back(tree.descend(tree.root(), name + "/x").reached);
              }
              struct rlimit some {};
              if (::getrlimit(RLIMIT_NOFILE, &some) != 0)
                  return "getrlimit";
              struct rlimit const none {0, some.rlim_max};
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0)
                  return "setrlimit";
              int failed = 0;
              for (node const n : held) {
                  auto const found = tree.lookup(n, "y");
                  if (!found && found.error() != errc::emfile)
                      return to_string(found.error());
                  failed += !found;
                  if (tree.open_directory_at(n, "y").error() != errc::emfile)
                      return "opened a directory";
                  auto const down = tree.descend(tree.root(), "0/x/y");
                  if (down.used != 0)
                      return "descended";
                  tree.release(down.reached);
                  if (tree.create_at(n, "f", 0600).error() != errc::emfile)
                      return "created";
                  if (tree.list_at(n, [](directory_entry const&) { return true; }).error() != errc::emfile)
                      return "listed";
              }
              if (failed == 0)
                  return "everything was open";
              if (::setrlimit(RLIMIT_NOFILE, &some) != 0)
                  return "setrlimit";
              for (node const n : held) {
                  if (!tree.lookup(n, "y").value() || !tree.create_at(n, "f", 0600))
                      return "not again";
                  tree.release(n);
              }
              return {};
          }) == "");
}

TEST_CASE("[posix.64] another file system is another one") {
    scratch_directory here;
    if (::access("/dev/shm", W_OK) != 0) {
        WARN("skipped: no /dev/shm");
        return;
    }
    scratch_directory there("/dev/shm");
    auto a = here.open(), b = there.open();
    if (a.lookup(a.root(), "").value()->id.device == b.lookup(b.root(), "").value()->id.device) {
        WARN("skipped: they are one");
        return;
    }
    here.write("file", "x");
    REQUIRE(a.create_directory_at(a.root(), "dir", 0755));
    node_guard dir(a, a.open_directory_at(a.root(), "dir").value());
    CHECK(a.rename_at(a.root(), "dir", b.root(), "dir", rename_flags::none).error() == errc::exdev);
    CHECK(a.link_at(a.root(), "file", b.root(), "file").error() == errc::exdev);
    CHECK(a.lookup(*dir, "x").has_value());
    CHECK(names_in(a, a.root()) == std::vector<std::string>{"dir", "file"});
    auto from = a.open_at(a.root(), "file", open_flags::read).value();
    auto to = b.create_at(b.root(), "copy", 0600).value();
    CHECK_FALSE(to.clone_from(from));
}

TEST_CASE("[posix.65] on an overlay mount, a directory that is copied up while it is closed stays the same") {
    if (::geteuid() != 0) {
        WARN("skipped: needs to mount");
        return;
    }
    scratch_directory scratch("/tmp");
    for (char const* const name : {"lower", "lower/dir", "lower/crowd", "upper", "work", "merged"})
        REQUIRE(::mkdir((scratch / name).c_str(), 0755) == 0);
    for (int i = 0; i < 32; ++i)
        REQUIRE(::mkdir((scratch / ("lower/crowd/" + std::to_string(i))).c_str(), 0755) == 0);
    auto const layers =
        "lowerdir=" + scratch / "lower" + ",upperdir=" + scratch / "upper" + ",workdir=" + scratch / "work";
    if (::mount("overlay", (scratch / "merged").c_str(), "overlay", 0, layers.c_str()) != 0) {
        WARN("skipped: this process may not mount an overlay here");
        return;
    }
    {
        posix_options options;
        options.max_descriptors = 8;
        auto tree = posix_directory::open(scratch / "merged", options).value();
        node_guard dir(tree, tree.open_directory_at(tree.root(), "dir").value());
        node_guard crowd(tree, tree.open_directory_at(tree.root(), "crowd").value());
        auto const push_out = [&] {
            auto const others = crowded::gather(tree, *crowd);
            for (int round = 0; round < 2; ++round)
                for (auto const& other : others)
                    REQUIRE(tree.lookup(*other, "absent"));
            REQUIRE_FALSE(is_open(scratch / "merged/dir"));
        };
        push_out();
        struct stat made;
        REQUIRE(::mkdir((scratch / "merged/dir/new").c_str(), 0755) == 0);  // copies dir up
        REQUIRE(::stat((scratch / "upper/dir").c_str(), &made) == 0);
        CHECK(tree.lookup(*dir, "new").value());
        push_out();
        CHECK(tree.lookup(*dir, "new").value());
    }
    CHECK(::umount((scratch / "merged").c_str()) == 0);
}

TEST_CASE("[posix.66] where inode numbers do not last, a closed directory is known by its name") {
    // No such file system is at hand everywhere: this one is treated as if it were.
    scratch_directory scratch;
    for (char const* const name : {"a", "a/b", "c", "c/d"})
        REQUIRE(::mkdir((scratch / name).c_str(), 0755) == 0);
    auto& tree = detail::directory_tree::of_process();
    auto& budget = tree.use_budget(1);
    detail::resolution how;
    how.identity = detail::identified_by::name;
    owned_fd opened(::open(scratch.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto* const root = tree.plant(std::move(opened), how, budget);
    auto const open = [&](detail::directory_record& parent, char const* name) {
        return detail::open_child(tree, parent, name, name, how, budget).value();
    };
    auto* const a = open(*root, "a");
    auto* const b = open(*a, "b");
    auto* const c = open(*root, "c");
    CHECK_FALSE(is_open(scratch / "a"));
    CHECK_FALSE(is_open(scratch / "a/b"));

    // Its number changes, as after the kernel has forgotten it.
    REQUIRE(::rename((scratch / "a/b").c_str(), (scratch / "was b").c_str()) == 0);
    REQUIRE(::mkdir((scratch / "a/b").c_str(), 0755) == 0);
    CHECK(tree.pin(*b, operation::lookup).has_value());
    auto* const again = open(*a, "b");
    CHECK(again == b);

    // While it is open, its number tells.
    {
        auto const pinned = tree.pin(*b, operation::lookup);
        REQUIRE(pinned);
        REQUIRE(::rmdir((scratch / "a/b").c_str()) == 0);
        REQUIRE(::mkdir((scratch / "a/b").c_str(), 0755) == 0);
        auto* const fresh = open(*a, "b");
        CHECK(fresh != b);
        tree.release(fresh);
    }
    // A link, or nothing, is never the same.
    REQUIRE(::rmdir((scratch / "c/d").c_str()) == 0);
    auto* const other = open(*root, "a");
    CHECK(other == a);
    CHECK(tree.pin(*a, operation::lookup).has_value());
    REQUIRE(::rmdir((scratch / "c").c_str()) == 0);
    REQUIRE(::symlink("a", (scratch / "c").c_str()) == 0);
    CHECK_FALSE(is_open(scratch / "c"));
    CHECK(tree.pin(*c, operation::lookup).error() == errc::estale);
    for (auto* const record : {a, b, c, again, other, root})
        tree.release(record);
    tree.drop_budget(budget);
}
