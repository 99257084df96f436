#include "catch.hpp"
#include "tar_maker.hpp"

#include <string>
#include <vector>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;

namespace {

std::vector<std::string> names(tar_layer& layer, path_view directory) {
    std::vector<std::string> found;
    auto const entries = layer.list(directory).value();
    for (auto const& entry : entries)
        found.emplace_back(entry.name);
    return found;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("[tar.tree.1] directories that only names imply are 0755, root's, at time 0") {
    auto layer = tree(maker().file("a/b/c"));
    for (path_view const path : {path_view("/"), path_view("a"), path_view("a/b")}) {
        auto const a = layer.status(path).value();
        CHECK(a.is_directory());
        CHECK(a.mode == 0755);
        CHECK(a.uid == 0);
        CHECK(a.gid == 0);
        CHECK(a.mtime == timestamp{});
    }
}

TEST_CASE("[tar.tree.2] of two members of one name the last counts") {
    auto layer = tree(maker().file("a", "one").file("b", "x").add({.name = "a", .data = "two", .mode = 0600}));
    CHECK(layer.read("a").value() == "two");
    CHECK(layer.status("a").value().mode == 0600);
    CHECK(layer.status("a").value().nlink == 1);
    CHECK(names(layer, "/") == list{"a", "b"});

    layer = tree(maker().pax({{"SCHILY.xattr.user.x", "1"}, {"atime", "5"}}).file("a", "one").symlink("a", "t"));
    CHECK(layer.read_symlink("a").value() == "t");
    CHECK(layer.xattrs("a", links::no_follow).value().empty());
    CHECK(layer.symlink_status("a").value().atime == timestamp{1'600'000'000, 0});
}

TEST_CASE("[tar.tree.3] a directory met again has the attributes of the last and all children") {
    auto layer = tree(
        maker().directory("d", 0700).file("d/a").directory("d/", 0711).file("d/b").file("e/f").directory("e", 0500));
    CHECK(layer.status("d").value().mode == 0711);
    CHECK(names(layer, "d") == list{"a", "b"});
    CHECK(layer.status("e").value().mode == 0500);
    CHECK(layer.exists("e/f").value());
}

TEST_CASE("[tar.tree.4] anything over a directory drops what was in it, for good") {
    auto layer = tree(maker().file("d/s/a").file("d/b").file("d", "file").file("other"));
    CHECK(layer.read("d").value() == "file");
    CHECK(layer.status("d/b").error() == errc::enotdir);
    CHECK(names(layer, "/") == list{"d", "other"});
    CHECK(layer.status("/").value().nlink == 2);

    layer = tree(maker().file("d/s/a").file("d/b").file("d").directory("d", 0700).file("d/s/new"));
    CHECK(names(layer, "d") == list{"s"});
    CHECK(names(layer, "d/s") == list{"new"});
    CHECK(layer.status("d").value().mode == 0700);
    CHECK(layer.status("d/s").value().mode == 0755);
    CHECK(layer.status("d").value().nlink == 3);

    layer = tree(maker().directory("d/s", 0700).file("d/s/a").symlink("d", "x").directory("d").file("d/s/a", "again"));
    CHECK(layer.read("d/s/a").value() == "again");
    CHECK(layer.status("d/s").value().mode == 0755);
}

TEST_CASE("[tar.tree.5] a directory over anything else takes its place") {
    for (char const type : {'0', '2', '3', '6'}) {
        auto layer = tree(maker().add({.name = "d", .type = type, .link = "x"}).directory("d").file("d/a"));
        CHECK(names(layer, "d") == list{"a"});
    }
}

TEST_CASE("[tar.tree.6] a member below something that is not a directory is refused") {
    auto const below_file = open(maker().file("a").file("a/b"));
    REQUIRE_FALSE(below_file);
    CHECK(below_file.error() == tar_reason::below_a_file);
    CHECK(below_file.error() == errc::enotdir);
    CHECK(below_file.error().member == "a/b");
    CHECK(open(maker().add({.name = "a", .type = '3'}).directory("a/b/c")).error() == tar_reason::below_a_file);
    CHECK(open(maker().file("f").link("a", "f").file("a/b")).error() == tar_reason::below_a_file);
}

TEST_CASE("[tar.tree.7] a member below a symbolic link is refused, wherever the link leads") {
    for (auto const* target : {"d", "/etc", "..", ".", "nowhere"}) {
        auto const layer = open(maker().directory("d").symlink("l", target).file("l/x"));
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == tar_reason::below_a_symlink);
        CHECK(layer.error() == errc::eloop);
        CHECK(layer.error().member == "l/x");
    }
    CHECK(open(maker().symlink("l", "d").link("h", "l").file("h/x")).error() == tar_reason::below_a_symlink);
}

TEST_CASE("[tar.tree.8] symbolic links are kept as they are, and one without a target is refused") {
    auto const* const target = "../../../etc/passwd";
    auto layer = tree(maker().symlink("l", target).pax({{"linkpath", "//x//"}}).symlink("m", "y"));
    CHECK(layer.read_symlink("l").value() == target);
    CHECK(layer.symlink_status("l").value().size == 19);
    CHECK(layer.read_symlink("m").value() == "//x//");
    CHECK(open(maker().symlink("l", "")).error() == tar_reason::empty_symlink);
    CHECK(open(maker().pax({{"linkpath", std::string_view("a\0b", 3)}}).symlink("l", "")).error() ==
          tar_reason::nul_in_name);
}

TEST_CASE("[tar.links.1] hard links are one object: inode, count, data, attributes") {
    auto layer = tree(maker()
                          .add({.name = "a", .data = "shared", .mode = 0640})
                          .add({.name = "d/b", .type = '1', .link = "a", .mode = 0777, .uid = 9})
                          .link("c", "./d/b"));
    auto const a = layer.status("a").value();
    CHECK(a.nlink == 3);
    for (path_view const path : {path_view("d/b"), path_view("c")}) {
        auto const b = layer.status(path).value();
        CHECK(b.id == a.id);
        CHECK(b.nlink == 3);
        CHECK(b.mode == 0640);
        CHECK(b.uid == 1000);
        CHECK(layer.read(path).value() == "shared");
    }
    auto const entries = layer.list("/").value();
    CHECK(entries[2].name == "c");
    CHECK(entries[2].inode == a.id.inode);
    CHECK(entries[2].type == file_type::regular);
}

TEST_CASE("[tar.links.2] anything but a directory can have links") {
    auto layer = tree(maker()
                          .symlink("s", "target")
                          .link("s2", "s")
                          .add({.name = "p", .type = '6'})
                          .link("p2", "p")
                          .add({.name = "c", .type = '3', .major = 1, .minor = 3})
                          .link("c2", "c"));
    CHECK(layer.read_symlink("s2").value() == "target");
    CHECK(layer.symlink_status("s2").value().nlink == 2);
    CHECK(layer.status("p2").value().type == file_type::fifo);
    CHECK(layer.status("c2").value().rdev == device_number{1, 3});
    CHECK(layer.open("p2", open_flags::read).error() == errc::enxio);
    CHECK(layer.open_at(layer.root(), "s2", open_flags::read).error() == errc::eloop);
}

TEST_CASE("[tar.links.3] a link to what comes later, to nothing, or through a link or file, is refused") {
    auto const refused = [](maker const& made, tar_reason reason, errc code) {
        auto const layer = open(made);
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == reason);
        CHECK(layer.error() == code);
        CHECK(layer.error().member == "l");
    };
    refused(maker().link("l", "a").file("a"), tar_reason::link_to_nothing, errc::enoent);
    refused(maker().file("a").link("l", "b"), tar_reason::link_to_nothing, errc::enoent);
    refused(maker().file("a").link("l", "a/b"), tar_reason::link_to_nothing, errc::enoent);
    refused(maker().file("d/a").symlink("s", "d").link("l", "s/a"), tar_reason::link_to_nothing, errc::enoent);
    refused(maker().link("l", "l"), tar_reason::link_to_nothing, errc::enoent);
    refused(maker().directory("d").link("l", "d"), tar_reason::link_to_a_directory, errc::eperm);
    refused(maker().directory("d").link("l", "."), tar_reason::link_to_a_directory, errc::eperm);
    for (auto const* target : {"", "/a", "../a", "d/../a", "a//", "nothing/..", ".wh."})
        refused(maker().file("a").link("l", target), tar_reason::bad_link_name, errc::einval);
}

TEST_CASE("[tar.links.4] a link to itself changes nothing") {
    auto layer = tree(maker().file("a", "x").link("a", "a").link("b", "a").link("b", "a").link("a", "b"));
    CHECK(layer.status("a").value().nlink == 2);
    CHECK(layer.read("a").value() == "x");
    CHECK(layer.read("b").value() == "x");
}

TEST_CASE("[tar.links.5] replacing what a link leads to leaves the link with the old object") {
    auto layer = tree(maker().file("a", "old").link("b", "a").file("a", "new").link("c", "b"));
    CHECK(layer.read("a").value() == "new");
    CHECK(layer.status("a").value().nlink == 1);
    CHECK(layer.read("b").value() == "old");
    CHECK(layer.read("c").value() == "old");
    CHECK(layer.status("b").value().nlink == 2);
    CHECK(layer.status("b").value().id == layer.status("c").value().id);
    CHECK(layer.status("b").value().id.inode != layer.status("a").value().id.inode);
    CHECK(names(layer, "/") == list{"b", "a", "c"});
}

TEST_CASE("[tar.links.6] replacing a link takes its name from the object") {
    auto layer = tree(maker().file("a", "old").link("b", "a").file("b", "new"));
    CHECK(layer.status("a").value().nlink == 1);
    CHECK(layer.read("b").value() == "new");

    layer = tree(maker().file("a", "1").file("b", "2").link("l", "a").link("l", "b"));
    CHECK(layer.read("l").value() == "2");
    CHECK(layer.status("a").value().nlink == 1);
    CHECK(layer.status("b").value().nlink == 2);
}

TEST_CASE("[tar.links.7] links survive the directory of the object's own name, and die with theirs") {
    auto layer = tree(maker().file("d/a", "x").link("keep", "d/a").link("d/b", "d/a").file("d"));
    CHECK(layer.read("keep").value() == "x");
    CHECK(layer.status("keep").value().nlink == 1);
    CHECK(layer.read("d").value().empty());

    // The directory gives way to a link to a file in it.
    layer = tree(maker().file("d/a", "x").link("d", "d/a"));
    CHECK(layer.read("d").value() == "x");
    CHECK(layer.status("d").value().nlink == 1);

    // The name comes back while a link still holds the old object.
    layer = tree(maker().file("d/a", "old").link("keep", "d/a").file("d").directory("d").file("d/a", "new"));
    CHECK(layer.read("keep").value() == "old");
    CHECK(layer.read("d/a").value() == "new");
    CHECK(layer.status("keep").value().id.inode != layer.status("d/a").value().id.inode);
    CHECK(names(layer, "d") == list{"a"});
}

TEST_CASE("[tar.links.8] the link count of a directory is two and the directories in it") {
    auto layer = tree(maker().directory("d/x").directory("d/y").file("d/z").file("e/f/g"));
    CHECK(layer.status("d").value().nlink == 4);
    CHECK(layer.status("/").value().nlink == 4);
    CHECK(layer.status("e/f").value().nlink == 2);
}

TEST_CASE("[tar.tree.9] entries come in the order in which the archive first names them") {
    auto layer = tree(maker().file("z").file("a/x").file("m").directory("a").file("z", "again").file("a/b"));
    CHECK(names(layer, "/") == list{"z", "a", "m"});
    CHECK(names(layer, "a") == list{"x", "b"});
}

TEST_CASE("[tar.tree.10] ten thousand names in one directory, and each is found") {
    maker made;
    for (int i = 0; i < 10000; ++i)
        made.file("d/" + std::to_string(i), std::to_string(i));
    auto layer = tree(made);
    CHECK(layer.list("d").value().size() == 10000);
    for (int i = 0; i < 10000; ++i)
        REQUIRE(layer.read(at("d/" + std::to_string(i))).value() == std::to_string(i));
    CHECK_FALSE(layer.exists("d/10000").value());
}

TEST_CASE("[tar.tree.11] a directory that a member named 'd/.' replaced is not remembered for the next one") {
    auto const made = maker().file("d/s/a").symlink("d/.", "elsewhere");
    CHECK(tree(made).read_symlink("d").value() == "elsewhere");
    CHECK(open(maker(made).file("d/s/b")).error() == tar_reason::below_a_symlink);
}
