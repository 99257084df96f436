// Files without a name in an overlay: where they lie, what they take after, and what becomes of whiteouts and lower
// directories when they get one. What holds for any backend is handle.13 of the conformance suite.
#include <sys/stat.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../../model/scratch.hpp"
#include "catch.hpp"

namespace {

using namespace lamina;

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

template <class Tree>
std::vector<std::string> names_in(Tree& tree, path_view where) {
    std::vector<std::string> names;
    for (auto const entry : tree.list(where).value())
        names.emplace_back(entry.name);
    return names;
}

}  // namespace

TEST_CASE("[unnamed.1] over a whiteout, in the upper's and in a lower's directory: the lower object stays hidden") {
    for (auto const format : {whiteout_format::kernel, whiteout_format::aufs}) {
        memory_tree top, below;
        below.create_directories("d/e").value();
        below.write("d/f", "lower").value();
        below.write("d/e/g", "lower").value();
        policy rules;
        rules.format = format;
        {
            overlay root{upper(top), lower(below), rules};
            root.remove("d/f").value();
            root.remove_all("d/e").value();
            node_guard const d(root, root.open_directory_at(root.root(), "d").value());
            for (char const* const name : {"f", "e"}) {
                auto file = root.create_unnamed(d.get(), 0644).value();
                REQUIRE(file.write_at(bytes_of("new"), 0).has_value());
                REQUIRE(root.publish_at(file, d.get(), name).has_value());
                CHECK(file.status().value().nlink == 1);
            }
            CHECK(root.read("d/f").value() == "new");
            CHECK(names_in(root, "d").size() == 2);
        }
        overlay again{upper(top), lower(below), rules};
        CHECK(again.read("d/f").value() == "new");
        CHECK(again.read("d/e").value() == "new");
        CHECK(names_in(top, "d").size() == 2);  // no whiteout is left
        again.remove("d/f").value();
        CHECK_FALSE(again.exists("d/f").value());
    }
}

TEST_CASE("[unnamed.2] a directory of a lower is copied up for the file, and for its name") {
    memory_tree top, below;
    below.create_directory("made").value();
    below.permissions("made", 02770).value();
    below.owner("made", 12, 34).value();
    below.create_directories("named/inner").value();
    overlay root{upper(top), lower(below)};
    node_guard const made(root, root.open_directory_at(root.root(), "made").value());
    node_guard const inner(root, root.open_directory_at(root.root(), "named").value());
    auto file = root.create_unnamed(made.get(), 0600).value();
    CHECK(file.status().value().gid == 34);
    CHECK(top.status("made").value().mode == 02770);
    CHECK(top.list("made").value().empty());
    CHECK_FALSE(top.exists("named").value());
    REQUIRE(root.publish_at(file, inner.get(), "f").has_value());
    CHECK(names_in(top, "named") == std::vector<std::string>{"f"});
    CHECK(root.status("named/f").value().gid == 34);  // a name changes nothing of the file
}

TEST_CASE("[unnamed.3] a default ACL is inherited from where the file was made, also under a whiteout") {
    model::scratch place;
    for (char const* const name : {"/upper", "/work", "/lower"})
        REQUIRE(::mkdir((place.path() + name).c_str(), 0755) == 0);
    auto top = posix_directory::open(place / "upper").value();
    auto work = posix_directory::open(place / "work").value();
    auto below = posix_directory::open(place / "lower").value();
    overlay root{upper(top, work), lower(below)};
    if (!root.able().has(capability::unnamed_files)) {
        WARN("left out: no O_TMPFILE here");
        return;
    }
    root.create_directory("d").value();
    // user::rwx user:1000:rw- group::r-x mask::rwx other::---
    std::string const acl("\2\0\0\0"
                          "\1\0\7\0\377\377\377\377"
                          "\2\0\6\0\350\3\0\0"
                          "\4\0\5\0\377\377\377\377"
                          "\20\0\7\0\377\377\377\377"
                          "\40\0\0\0\377\377\377\377",
                          44);
    if (auto const set = root.set_xattr("d", xattr::acl_default, acl, xattr_flags::none); !set) {
        WARN("left out: no ACLs here");
        return;
    }
    root.write("d/by name", "").value();
    node_guard const d(root, root.open_directory_at(root.root(), "d").value());
    auto file = root.create_unnamed(d.get(), 0666).value();
    root.create_directory("e").value();
    node_guard const e(root, root.open_directory_at(root.root(), "e").value());
    REQUIRE(root.publish_at(file, e.get(), "f").has_value());
    CHECK(root.get_xattr("e/f", xattr::acl_access).value() == root.get_xattr("d/by name", xattr::acl_access).value());
    CHECK(root.status("e/f").value().mode == root.status("d/by name").value().mode);
}

TEST_CASE("[unnamed.4] only where the upper can; a file of another overlay gets no name here") {
    memory_tree one, two, below;
    overlay first{upper(one), lower(below)};
    overlay second{upper(two), lower(below)};
    auto file = first.create_unnamed(first.root(), 0600).value();
    CHECK(second.publish_at(file, second.root(), "f").error() == errc::exdev);
    CHECK(second.list("").value().empty());
    CHECK(first.able().has(capability::unnamed_files));
    static_assert(!makes_unnamed_files<decltype(overlay{lower(below)})>);

    memory_tree whole;
    whole.create_directory("upper").value();
    whole.create_directory("work").value();
    any_backend erased{subtree_of(whole, "upper").value()};
    any_backend scratch{subtree_of(whole, "work").value()};
    overlay third{upper(erased, scratch), lower(below)};
    auto other = third.create_unnamed(third.root(), 0600).value();
    REQUIRE(third.publish_at(other, third.root(), "f").has_value());
    CHECK(whole.exists("upper/f").value());
}

TEST_CASE("[unnamed.5] a name for what was opened by name is one more link, of a lower file too") {
    memory_tree top, below;
    below.create_directory("d").value();
    below.write("d/f", "lower").value();
    overlay root{upper(top), lower(below)};
    auto file = root.open("d/f", open_flags::read).value();
    REQUIRE(root.publish_at(file, root.root(), "g").has_value());
    CHECK(root.read("g").value() == "lower");
    CHECK(root.status("g").value().id == root.status("d/f").value().id);
    CHECK(root.status("g").value().nlink == 2);
    CHECK(root.publish_at(file, root.root(), "g").error() == errc::eexist);
}

TEST_CASE("[unnamed.6] threads that write while the file gets its name lose nothing, and no stale size is kept") {
    memory_tree top, below;
    overlay root{upper(top), lower(below)};
    for (int round = 0; round < 50; ++round) {
        auto file = root.create_unnamed(root.root(), 0600).value();
        std::string const name = "f" + std::to_string(round);
        auto const as = path::parse(name).value();
        std::atomic<bool> go{false};
        std::vector<std::thread> writers;
        for (int i = 0; i < 2; ++i)
            writers.emplace_back([&] {
                while (!go) {
                }
                for (int n = 0; n < 100; ++n)
                    (void)file.append(bytes_of("x")).value();
            });
        std::thread looker([&] {
            while (!go) {
            }
            for (int n = 0; n < 100; ++n)
                (void)root.status(as);
        });
        go = true;
        root.publish_at(file, root.root(), name_ref(name)).value();
        for (auto& writer : writers)
            writer.join();
        looker.join();
        REQUIRE(root.status(as).value().size == 200);
        REQUIRE(root.status(as).value().nlink == 1);
    }
}

TEST_CASE("[unnamed.7] strict: the file is flushed before its name, then the directory; else nothing is") {
    for (auto const durable : {durability::none, durability::ordered, durability::strict}) {
        memory_tree top, below;
        count counted{top};
        policy rules;
        rules.durable = durable;
        overlay root{upper(counted), lower(below), rules};
        auto file = root.create_unnamed(root.root(), 0600).value();
        REQUIRE(file.write_at(bytes_of("text"), 0).has_value());
        auto const before = counted.counts();
        REQUIRE(root.publish_at(file, root.root(), "f").has_value());
        auto const asked = counted.counts() - before;
        bool const strict = durable == durability::strict;
        CHECK(asked[primitive::file_sync].calls == (strict ? 1 : 0));
        CHECK(asked[primitive::sync_directory].calls == (strict ? 1 : 0));
    }
}

TEST_CASE("[unnamed.8] where the flush of its name fails, the file has the name all the same") {
    memory_tree top, below;
    fault faulty{top};
    policy rules;
    rules.durable = durability::strict;
    overlay root{upper(faulty), lower(below), rules};
    auto file = root.create_unnamed(root.root(), 0600).value();
    REQUIRE(file.write_at(bytes_of("text"), 0).has_value());
    faulty.inject_if([](call const& c) { return c.what == primitive::sync_directory; }, {.code = errc::enospc});
    CHECK(root.publish_at(file, root.root(), "f").error() == errc::enospc);
    faulty.clear();
    CHECK(root.status("f").value().nlink == 1);
    CHECK(root.status("f").value().id == file.status().value().id);
    REQUIRE(file.append(bytes_of("!")).has_value());
    CHECK(root.status("f").value().size == 5);
    // Where nothing was named, it still has none, and gets one.
    auto other = root.create_unnamed(root.root(), 0600).value();
    faulty.inject_if([](call const& c) { return c.what == primitive::publish_at; });
    CHECK(root.publish_at(other, root.root(), "g").error() == errc::eio);
    CHECK(root.publish_at(other, root.root(), "f").error() == errc::eexist);
    faulty.clear();
    CHECK(other.status().value().nlink == 0);
    REQUIRE(root.publish_at(other, root.root(), "g").has_value());
    CHECK(root.status("g").value().nlink == 1);
}
