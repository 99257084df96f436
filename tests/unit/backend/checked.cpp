// The adaptor's own conduct. That its verdicts are the kernel's is proved in tests/oracle/permission.cpp.
#include "catch.hpp"

#include <array>
#include <string>

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/memory.hpp>

using namespace lamina;

namespace {

credentials const alice{.uid = 1000, .gid = 1000};
credentials const bob{.uid = 1001, .gid = 1001};

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// home (1755, alice), home/f (0640, alice), shared (02777, root, group 500), closed (0700, root), closed/in/f
memory_tree example() {
    memory_tree tree(memory_options{.umask = 0});
    auto const must = [](auto const& outcome) { REQUIRE(outcome.has_value()); };
    must(tree.create_directory("home", 01755));
    must(tree.write("home/f", "hers", 0640));
    must(tree.owner("home/f", 1000, 1000));
    must(tree.owner("home", 1000, 1000));
    must(tree.create_directory("shared"));
    must(tree.owner("shared", 0, 500));
    must(tree.permissions("shared", 02777));
    must(tree.create_directories("closed/in"));
    must(tree.write("closed/in/f", "secret", 0666));
    must(tree.permissions("closed", 0700));
    return tree;
}

}  // namespace

TEST_CASE("every directory on the way is searched, although the tree below could go down in one step") {
    auto tree = example();
    static_assert(descends<memory_tree>);
    checked view{tree, alice};
    CHECK(view.read("closed/in/f").error() == errc::eacces);
    CHECK(view.status("closed").has_value());
    CHECK(view.status("closed/in").error() == errc::eacces);
    CHECK(view.exists("closed/none").error() == errc::eacces);
    CHECK(view.list("closed").error() == errc::eacces);
    CHECK(checked(tree, credentials::root()).read("closed/in/f").value() == "secret");
}

TEST_CASE("what is refused changes nothing and is not asked of the backend") {
    auto tree = example();
    count below{tree};
    checked view{below, bob};
    CHECK(view.remove("home/f").error() == errc::eacces);
    CHECK(view.write("home/f", "mine").error() == errc::eacces);
    CHECK(view.rename("home/f", "shared/f").error() == errc::eacces);
    CHECK(view.permissions("home/f", 0777).error() == errc::eperm);
    CHECK(view.owner("home/f", 1001, 1001).error() == errc::eperm);
    CHECK(view.create_directory("home/d").error() == errc::eacces);
    auto const counts = below.counts();
    for (std::size_t i = 0; i < primitive_count; ++i)
        if (call{.what = static_cast<primitive>(i)}.mutates()) {
            INFO(name(static_cast<primitive>(i)));
            CHECK(counts.of[i].calls == 0);
        }
    CHECK(tree.read("home/f").value() == "hers");
}

TEST_CASE("what is made belongs to its maker, and to the group of a set-group-ID directory") {
    auto tree = example();
    checked view{tree, alice};
    constexpr auto making = open_flags::create | open_flags::read_write;
    REQUIRE(view.open("home/new", making, 04755).has_value());
    auto about = tree.status("home/new").value();
    CHECK(about.uid == 1000);
    CHECK(about.gid == 1000);
    CHECK(about.mode == 04755);
    REQUIRE(view.create_directory("shared/d", 0750).has_value());
    about = tree.status("shared/d").value();
    CHECK(about.uid == 1000);
    CHECK(about.gid == 500);
    CHECK(about.mode == 02750);
    REQUIRE(view.create_symlink("x", "shared/l").has_value());
    CHECK(tree.symlink_status("shared/l").value().uid == 1000);
    // She is not in group 500: a program that runs with it may not come from her.
    REQUIRE(view.open("shared/p", making, 02755).has_value());
    CHECK(tree.status("shared/p").value().mode == 0755);

    node_guard const shared(view, view.open_directory_at(view.root(), "shared").value());
    auto file = view.create_unnamed(shared.get(), 0600).value();
    CHECK(file.status().value().uid == 1000);
    CHECK(file.status().value().gid == 500);
}

TEST_CASE("no moment shows a new set-id file with a wrong owner") {
    auto tree = example();
    fault watched{tree};
    bool seen = false;
    watched.inject_if([&](call const& c) {
        // Each look at the tree between two steps; nothing is failed.
        auto const now = tree.status("shared/s");
        if (now && (now->mode & 04000) != 0) {
            seen = true;
            CHECK(now->uid == 1000);
        }
        return c.what == primitive::lookup && c.name.text == "never";
    });
    checked view{watched, alice};
    REQUIRE(view.open("shared/s", open_flags::create | open_flags::write, 04755).has_value());
    REQUIRE(view.exists("shared/s").value());
    CHECK(seen);
    CHECK(tree.status("shared/s").value().mode == 04755);
}

TEST_CASE("what cannot be given to its maker is taken away again") {
    auto tree = example();
    fault faulty{tree};
    faulty.inject({.op = operation::set_owner, .code = errc::eperm});
    checked view{faulty, alice};
    CHECK(view.write("shared/f", "x").error() == errc::eperm);
    CHECK(view.create_directory("shared/d").error() == error{errc::eperm, operation::create_directory});
    CHECK(view.create_symlink("x", "shared/l").error() == errc::eperm);
    CHECK(tree.list("shared").value().empty());
}

TEST_CASE("an owner that is right already is not set, so that no privilege is needed for one's own") {
    memory_tree tree;
    count below{tree};
    checked view{below, {.uid = 0, .gid = 0, .held = privilege::dac_override}};
    REQUIRE(view.write("f", "x").has_value());
    CHECK(below.counts()[operation::set_owner].calls == 0);
    CHECK(below.counts()[operation::set_mode].calls == 0);
}

TEST_CASE("set-id bits go before others' content comes, and come back if it does not") {
    auto tree = example();
    REQUIRE(tree.write("home/s", "program", 0777).has_value());
    REQUIRE(tree.owner("home/s", 1000, 1000).has_value());
    REQUIRE(tree.permissions("home/s", 06777).has_value());
    fault faulty{tree};
    checked view{faulty, bob};

    auto reading = view.open("home/s", open_flags::read).value();
    CHECK(reading.write_at(bytes_of("x"), 0).error() == errc::ebadf);
    CHECK(tree.status("home/s").value().mode == 06777);

    auto file = view.open("home/s", open_flags::write).value();
    CHECK(tree.status("home/s").value().mode == 06777);
    faulty.inject({.op = operation::write, .nth = 1, .code = errc::enospc});
    CHECK(file.write_at(bytes_of("x"), 0).error() == errc::enospc);
    CHECK(tree.status("home/s").value().mode == 06777);
    CHECK(file.write_at(bytes_of("x"), 0).value() == 1);
    CHECK(tree.status("home/s").value().mode == 0777);

    REQUIRE(tree.permissions("home/s", 06777).has_value());
    checked hers{faulty, alice};
    REQUIRE(hers.open("home/s", open_flags::write | open_flags::truncate).has_value());
    CHECK(tree.status("home/s").value().mode == 0777);
}

TEST_CASE("permission is judged by what is asked, not by what lies below does to do it") {
    // The file may be written and not read: what a copy-up below reads is nobody's business.
    auto tree = example();
    REQUIRE(tree.permissions("home/f", 0622).has_value());
    checked view{tree, bob};
    CHECK(view.open("home/f", open_flags::write).has_value());
    CHECK(view.open("home/f", open_flags::read).error() == errc::eacces);
    CHECK(view.read("home/f").error() == errc::eacces);
}

TEST_CASE("in a sticky directory only the owners of the name or of the directory remove it") {
    auto tree = example();
    REQUIRE(tree.permissions("home", 01777).has_value());
    REQUIRE(tree.write("home/his", "x").has_value());
    REQUIRE(tree.owner("home/his", 1001, 1001).has_value());
    checked view{tree, bob};
    CHECK(view.remove("home/f").error() == errc::eperm);
    CHECK(view.rename("home/f", "home/g").error() == errc::eperm);
    CHECK(view.rename("home/his", "home/f").error() == errc::eperm);
    CHECK(view.rename("home/his", "home/f", rename_flags::exchange).error() == errc::eperm);
    CHECK(view.remove("home/his").has_value());
    CHECK(checked(tree, {.uid = 1002, .gid = 1, .held = privilege::fowner}).remove("home/f").has_value());
}

TEST_CASE("trusted attributes are not even shown without the privilege") {
    auto tree = example();
    REQUIRE(tree.set_xattr("home/f", "trusted.overlay.opaque", "y").has_value());
    REQUIRE(tree.set_xattr("home/f", "user.k", "v").has_value());
    checked view{tree, alice};
    CHECK(view.xattrs("home/f").value() == std::vector<std::string>{"user.k"});
    CHECK(view.get_xattr("home/f", "trusted.overlay.opaque").error() == errc::enodata);
    CHECK(view.set_xattr("home/f", "trusted.overlay.opaque", "x").error() == errc::eperm);
    CHECK(view.get_xattr("home/f", "user.k").value() == "v");
    CHECK(checked(tree, bob).get_xattr("home/f", "user.k").error() == errc::eacces);
    CHECK(checked(tree, credentials::root()).xattrs("home/f").value().size() == 2);
}

TEST_CASE("where an ACL could matter, a handle for reading does not stand in for permission to write") {
    auto tree = example();
    REQUIRE(tree.permissions("home/f", 0666).has_value());
    checked view{tree, bob};
    auto reading = view.open("home/f", open_flags::read).value();
    CHECK(reading.set_times(time_change::touch()).error() == errc::eacces);
    CHECK(reading.set_times(time_change::modified({1, 2})).error() == errc::eperm);
    auto writing = view.open("home/f", open_flags::write).value();
    CHECK(writing.set_times(time_change::touch()).has_value());
    CHECK(writing.set_xattr("user.k", "v", xattr_flags::none).has_value());
    CHECK(writing.set_xattr("trusted.k", "v", xattr_flags::none).error() == errc::eperm);
    CHECK(writing.set_mode(0600).error() == errc::eperm);
}

TEST_CASE("the directory that one stands in needs no search to be asked about itself") {
    auto tree = example();
    auto const closed = tree.open_directory_at(tree.root(), "closed").value();
    checked view{tree, alice};
    CHECK(view.lookup(closed, "").value()->mode == 0700);
    CHECK(view.lookup(closed, "in").error() == errc::eacces);
    CHECK(view.set_mode_at(closed, "", 0777).error() == errc::eperm);
    tree.release(closed);
}

TEST_CASE("attributes through a handle are judged as by name") {
    memory_tree tree;
    REQUIRE(tree.write("f", "text").has_value());
    REQUIRE(tree.permissions("f", 0622).has_value());
    REQUIRE(tree.set_xattr("f", "user.k", "v", xattr_flags::none).has_value());
    REQUIRE(tree.set_xattr("f", "trusted.k", "v", xattr_flags::none).has_value());
    checked all{tree, credentials::root()};
    checked others{tree, alice};
    auto mine = all.open("f", open_flags::read).value();
    CHECK(mine.get_xattr("trusted.k").value() == "v");
    CHECK(mine.list_xattrs().value().size() == 2);
    auto theirs = others.open("f", open_flags::write).value();
    CHECK(theirs.get_xattr("user.k").error() == errc::eacces);
    CHECK(theirs.get_xattr("trusted.k").value() == std::nullopt);
    CHECK(theirs.list_xattrs().value() == std::vector<std::string>{"user.k"});
    CHECK(theirs.remove_xattr("trusted.k").error() == errc::eperm);
    REQUIRE(theirs.remove_xattr("user.k").has_value());
    CHECK(mine.get_xattr("user.k").value() == std::nullopt);
}
