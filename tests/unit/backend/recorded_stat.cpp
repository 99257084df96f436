#include "catch.hpp"

#include <string>

#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/recorded_stat.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../posix/scratch.hpp"
#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

namespace {

constexpr std::string_view key = "user.containers.override_stat";

std::string record_of(small_tree& tree, std::string_view path) {
    return tree.get_xattr(path_view::parse(path).value(), key, links::no_follow).value_or("none");
}

}  // namespace

TEST_CASE("[recorded_stat] the record's text: uid, gid, octal mode, and what may follow") {
    auto const read = [](std::string_view text) { return detail::parse_stat_record(text); };
    CHECK(read("0:42:755").value().gid == 42);
    CHECK(read("0:42:755").value().mode == 0755);
    CHECK(read("4294967294:1:0100644").value().uid == 4294967294u);
    CHECK(read("4294967294:1:0100644").value().mode == 0644);  // libkrun writes the type too
    CHECK(read("1:2:4755:char-1-3").value().mode == 04755);
    for (auto const* wrong : {"", "1", "1:2", "1:2:", "1:2:8", "a:2:755", "1:2:755x", "-1:2:755", "4294967296:0:755", ":::"})
        CHECK(read(wrong).error() == errc::eio);
    CHECK(detail::stat_record_text({1, 2, 0104755}) == "1:2:4755");
}

TEST_CASE("[recorded_stat] owners and modes are shown as recorded, and recorded when they are set") {
    small_tree tree;
    recorded_stat view{tree, stat_record::containers};
    REQUIRE(view.write("f", "x").has_value());
    REQUIRE(tree.owner("f", 7, 7).has_value());
    CHECK(view.status("f").value().uid == 7);  // without a record it is what it is
    REQUIRE(view.owner("f", 0, 42).has_value());
    REQUIRE(view.permissions("f", 02640).has_value());
    CHECK(record_of(tree, "f") == "0:42:2640");
    CHECK(view.status("f").value().uid == 0);
    CHECK(view.status("f").value().gid == 42);
    CHECK(view.status("f").value().mode == 02640);
    CHECK(tree.status("f").value().uid == 7);
    CHECK(tree.status("f").value().mode == 0640);  // no set-id bit for the real owner
    REQUIRE(view.owner("f", keep_user, 5).has_value());
    CHECK(record_of(tree, "f") == "0:5:2640");

    auto file = view.open("f", open_flags::read_write).value();
    CHECK(file.status().value().gid == 5);
    REQUIRE(file.set_mode(04711).has_value());
    REQUIRE(file.set_owner(1, keep_group).has_value());
    CHECK(record_of(tree, "f") == "1:5:711");  // a change of owner takes set-id bits away
    CHECK(file.status().value().mode == 0711);
}

TEST_CASE("[recorded_stat] what is made with a mode that cannot be real has a record at once") {
    small_tree tree;
    recorded_stat view{tree, stat_record::containers};
    { auto made = view.open("secret", open_flags::write | open_flags::create, 0).value(); CHECK(made.status().value().mode == 0); }
    CHECK(tree.status("secret").value().mode == 0600);
    CHECK(record_of(tree, "secret") == "0:0:0");
    REQUIRE(view.create_directory("d", 01555).has_value());
    CHECK(view.status("d").value().mode == 01555);
    CHECK(tree.status("d").value().mode == 0755);
    REQUIRE(view.create_directory("plain", 0755).has_value());
    CHECK(record_of(tree, "plain") == "none");
    REQUIRE(view.create_node("w", file_type::character, 0, device_number{0, 0}).has_value());
    CHECK(tree.status("w").value().mode == 0);
}

TEST_CASE("[recorded_stat] what cannot carry a record keeps its owner, and a refused change of it is no failure") {
    small_tree tree;
    fault disk{tree};
    disk.inject({.op = operation::set_owner, .code = errc::eperm});
    recorded_stat view{disk, stat_record::containers};
    REQUIRE(view.create_symlink("t", "l").has_value());
    CHECK(view.owner("l", 5, 5, links::no_follow).has_value());
    CHECK(view.symlink_status("l").value().uid == 0);
    CHECK(record_of(tree, "l") == "none");

    small_tree other;
    recorded_stat privileged{other, stat_record::privileged};
    REQUIRE(privileged.create_symlink("t", "l").has_value());
    REQUIRE(privileged.owner("l", 5, 6, links::no_follow).has_value());
    CHECK(privileged.symlink_status("l").value().gid == 6);
}

TEST_CASE("[recorded_stat] nobody sees or writes the record itself; security attributes are sheltered") {
    small_tree tree;
    recorded_stat view{tree, stat_record::containers};
    REQUIRE(view.write("f", "x").has_value());
    REQUIRE(view.owner("f", 1, 2).has_value());
    CHECK(view.get_xattr("f", key).error() == errc::enodata);
    CHECK(view.set_xattr("f", key, "0:0:4777").error() == errc::eperm);
    CHECK(view.remove_xattr("f", key).error() == errc::eperm);
    CHECK(view.open("f", open_flags::read_write).value().set_xattr(key, "0:0:4777", xattr_flags::none).error() == errc::eperm);
    CHECK(view.set_xattr("f", "security.fuseoverlayfs.override_stat", "0:0:777").error() == errc::eperm);
    REQUIRE(view.set_xattr("f", "security.capability", "v").has_value());
    REQUIRE(view.set_xattr("f", "user.mine", "m").has_value());
    CHECK(tree.get_xattr("f", "user.containers.override_security.capability").value() == "v");
    CHECK(view.get_xattr("f", "security.capability").value() == "v");
    CHECK(view.xattrs("f").value() == std::vector<std::string>{"security.capability", "user.mine"});
    REQUIRE(view.remove_xattr("f", "security.capability").has_value());
    CHECK(view.xattrs("f").value() == std::vector<std::string>{"user.mine"});
}

TEST_CASE("[recorded_stat] a record that is none is an error, not a guess") {
    small_tree tree;
    recorded_stat view{tree, stat_record::containers};
    REQUIRE(tree.write("f", "x").has_value());
    REQUIRE(tree.set_xattr("f", key, "root").has_value());
    CHECK(view.status("f").error() == errc::eio);
    CHECK(view.permissions("f", 0600).error() == errc::eio);
}

TEST_CASE("[recorded_stat] a layer's root tells the form") {
    small_tree tree;
    CHECK_FALSE(find_stat_record(tree).value().has_value());
    CHECK(mark_stat_record(tree, stat_record::containers).value() == stat_record::containers);
    CHECK(find_stat_record(tree).value() == stat_record::containers);
    CHECK(tree.get_xattr("", key).value() == "0:0:755");
    REQUIRE(tree.set_xattr("", key, "5:5:700").has_value());
    REQUIRE(mark_stat_record(tree, stat_record::containers).has_value());
    CHECK(tree.get_xattr("", key).value() == "5:5:700");
}

TEST_CASE("[recorded_stat] a layer of an older form keeps it") {
    small_tree tree;
    REQUIRE(tree.set_xattr("", "user.fuseoverlayfs.override_stat", "0:0:40755").has_value());
    REQUIRE(tree.write("f", "x").has_value());
    REQUIRE(tree.set_xattr("f", "user.fuseoverlayfs.override_stat", "5:6:104750").has_value());
    auto const form = mark_stat_record(tree, stat_record::containers).value();
    CHECK(form == stat_record::legacy);
    CHECK(tree.get_xattr("", key).error() == errc::enodata);
    recorded_stat view{tree, form};
    CHECK(view.status("f").value().gid == 6);
    CHECK(view.status("f").value().mode == 04750);
    REQUIRE(view.set_xattr("f", "security.capability", "v").has_value());  // it shelters nothing
    CHECK(tree.get_xattr("f", "security.capability").value() == "v");
}

TEST_CASE("[recorded_stat] an overlay whose upper records: owners survive copy-up, and another life") {
    scratch_directory const here;
    REQUIRE(::mkdir((here / "upper").c_str(), 0755) == 0);
    REQUIRE(::mkdir((here / "work").c_str(), 0755) == 0);
    auto upper = posix_directory::open(here / "upper").value();
    auto work = posix_directory::open(here / "work").value();
    memory_tree image;
    REQUIRE(image.create_directories("etc").has_value());
    REQUIRE(image.write("etc/shadow", "root\n", 0640).has_value());
    REQUIRE(image.owner("etc/shadow", 0, 42).has_value());
    for (int life = 0; life < 2; ++life) {
        recorded_stat disk{upper, stat_record::containers};
        recorded_stat bench{work, stat_record::containers};
        overlay root{lamina::upper(disk, bench), lower(image)};
        REQUIRE(root.ready().has_value());
        if (life == 0) {
            REQUIRE(root.append("etc/shadow", "user\n").has_value());
            REQUIRE(root.write("etc/new", "n").has_value());
            REQUIRE(root.owner("etc/new", 101, 102).has_value());
            REQUIRE(root.permissions("etc/new", 06755).has_value());
        }
        CHECK(root.status("etc/shadow").value().gid == 42);
        CHECK(root.status("etc/shadow").value().mode == 0640);
        CHECK(root.status("etc/new").value().uid == 101);
        CHECK(root.status("etc/new").value().mode == 06755);
    }
    CHECK(upper.status("etc/new").value().uid == ::geteuid());
    CHECK(upper.status("etc/new").value().mode == 0755);
}
