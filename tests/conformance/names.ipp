// Names made and removed: directories, links, special files. Rules create.*, link.* and remove.*. For `fixture` see
// README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::capability;
using lamina::errc;
using lamina::file_type;

TEST_CASE("[create.1] a directory is made empty, with the mode asked for") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.create_directory("new", 0700)) == errc::ok);
    CHECK(tree.status("new").value().mode == 0700);
    CHECK(tree.list("new").value().empty());
    CHECK(outcome(tree.create_directory("d/inner/", 0755)) == errc::ok);
    CHECK(outcome(tree.create_directory("d/inner/most", 0711)) == errc::ok);
    CHECK(tree.status("d/inner/most").value().mode == 0711);
    CHECK(names_in(tree, "/") == names{"d", "new"});
    CHECK(names_in(tree, "d") == names{"inner"});
}

TEST_CASE("[create.2] a name that is taken is eexist, by whatever it is") {
    fixture on(content()
                   .directory("d")
                   .file("f", "")
                   .symlink("l", "d")
                   .symlink("dangling", "nowhere")
                   .special("p", file_type::fifo));
    auto& tree = on.tree();
    for (lamina::path_view const taken :
         {lamina::path_view("d"), lamina::path_view("f"), lamina::path_view("l"), lamina::path_view("dangling"),
          lamina::path_view("p"), lamina::path_view("/"), lamina::path_view("d/."), lamina::path_view("d/.."),
          lamina::path_view("d/")}) {
        INFO(taken.bytes());
        CHECK(outcome(tree.create_directory(taken)) == errc::eexist);
        CHECK(outcome(tree.create_symlink("x", taken)) == errc::eexist);
        CHECK(outcome(tree.create_node(taken, file_type::fifo, 0644)) == errc::eexist);
        CHECK(outcome(tree.create_node(taken, file_type::regular, 0644)) == errc::eexist);
    }
    CHECK(names_in(tree, "/") == names{"d", "dangling", "f", "l", "p"});
    CHECK(tree.exists("nowhere").value() == false);
}

TEST_CASE("[create.3] nothing is made where no directory is, and only a directory under a name with a slash") {
    fixture on(content().file("f", "").directory("d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.create_directory("missing/new")) == errc::enoent);
    CHECK(outcome(tree.create_directory("f/new")) == errc::enotdir);
    CHECK(outcome(tree.create_symlink("x", "missing/new")) == errc::enoent);
    CHECK(outcome(tree.create_symlink("x", "new/")) == errc::enoent);
    CHECK(outcome(tree.create_node("new/", file_type::fifo, 0644)) == errc::enoent);
    CHECK(outcome(tree.create_hard_link("f", "new/")) == errc::enoent);
    CHECK(names_in(tree, "/") == names{"d", "f"});
}

TEST_CASE("[create.4] create_directories makes what is missing; existing is success") {
    fixture on(content().directory("d").file("f", "").symlink("l", "d").symlink("dangling", "nowhere"));
    auto& tree = on.tree();
    CHECK(outcome(tree.create_directories("a/b/c", 0755)) == errc::ok);
    CHECK(tree.status("a/b/c").value().mode == 0755);
    CHECK(outcome(tree.create_directories("a/b/c")) == errc::ok);
    CHECK(outcome(tree.create_directories("/")) == errc::ok);
    CHECK(outcome(tree.create_directories("d/x//y/./z/")) == errc::ok);
    CHECK(outcome(tree.create_directories("l/through")) == errc::ok);
    CHECK(names_in(tree, "d") == names{"through", "x"});
    CHECK(outcome(tree.create_directories("new/../newer/x")) == errc::ok);
    CHECK(names_in(tree, "newer") == names{"x"});
    auto const below_file = tree.create_directories("f/x/y");
    CHECK(outcome(below_file) == errc::enotdir);
    CHECK(below_file.error().path == "f");
    CHECK(outcome(tree.create_directories("f")) == errc::enotdir);
    CHECK(outcome(tree.create_directories("dangling/x")) == errc::enoent);
    CHECK(tree.exists("nowhere").value() == false);
    // The directories above can be entered whatever the mode of the last.
    CHECK(outcome(tree.create_directories("p/q/r", 0)) == errc::ok);
    CHECK(tree.status("p/q/r").value().mode == 0);
    CHECK(tree.status("p").value().mode == 0300);
}

TEST_CASE("[create.5] a link's target may be any bytes but NUL, up to 4,095") {
    fixture on{content()};
    auto& tree = on.tree();
    std::string const longest(4095, 'x');
    CHECK(outcome(tree.create_symlink(longest, "longest")) == errc::ok);
    CHECK((tree.read_symlink("longest").value() == longest));
    CHECK(outcome(tree.create_symlink("\xff\n//../", "odd")) == errc::ok);
    CHECK(tree.read_symlink("odd").value() == "\xff\n//../");
    CHECK(outcome(tree.create_symlink("", "empty")) == errc::enoent);
    CHECK(outcome(tree.create_symlink(longest + "x", "too-long")) == errc::enametoolong);
    CHECK(outcome(tree.create_symlink(std::string_view("a\0b", 3), "nul")) == errc::einval);
    CHECK(names_in(tree, "/") == names{"longest", "odd"});
}

TEST_CASE("[create.6] fifos, sockets, empty files; not directories and links") {
    fixture on{content()};
    auto& tree = on.tree();
    CHECK(outcome(tree.create_node("p", file_type::fifo, 0600)) == errc::ok);
    CHECK(outcome(tree.create_node("s", file_type::socket, 0600)) == errc::ok);
    CHECK(outcome(tree.create_node("f", file_type::regular, 0600)) == errc::ok);
    CHECK(tree.status("p").value().type == file_type::fifo);
    CHECK(tree.status("s").value().type == file_type::socket);
    CHECK(tree.status("f").value().type == file_type::regular);
    CHECK(tree.status("p").value().mode == 0600);
    CHECK(tree.read("f").value().empty());
    CHECK(outcome(tree.create_node("d", file_type::directory, 0700)) == errc::eperm);
    CHECK(outcome(tree.create_node("l", file_type::symlink, 0700)) == errc::einval);
    CHECK(outcome(tree.create_node("u", file_type::unknown, 0700)) == errc::einval);
    CHECK(names_in(tree, "/") == names{"f", "p", "s"});
}

TEST_CASE("[create.7] devices, with their number") {
    fixture on{content()};
    auto& tree = on.tree();
    if (lacks(tree, capability::special_files, "devices"))
        return;
    CHECK(outcome(tree.create_node("c", file_type::character, 0600, {1, 3})) == errc::ok);
    CHECK(outcome(tree.create_node("b", file_type::block, 0600, {259, 70'000})) == errc::ok);
    CHECK(tree.status("c").value().rdev == lamina::device_number{1, 3});
    CHECK(tree.status("b").value().rdev == lamina::device_number{259, 70'000});
}

TEST_CASE("[create.8] what is made moves the times of its directory, and no other's") {
    fixture on(content().directory("d").directory("e").file("e/f", ""));
    auto& tree = on.tree();
    auto const d = tree.status("d").value();
    auto const e = tree.status("e").value();
    CHECK(outcome(tree.write("d/f", "")) == errc::ok);
    CHECK(tree.status("d").value().mtime > d.mtime);
    CHECK(tree.status("e").value().mtime == e.mtime);
    CHECK(outcome(tree.write("e/f", "text")) == errc::ok);
    CHECK(tree.status("e").value().mtime == e.mtime);
    CHECK(outcome(tree.remove("e/f")) == errc::ok);
    CHECK(tree.status("e").value().mtime > e.mtime);
}

TEST_CASE("[create.9] in a set-gid directory the group is the directory's, and directories pass the bit on") {
    if (cannot_hold<fixture>(capability::change_owner, "owners"))
        return;
    fixture on(content().directory("d").owner(0, 4321).mode(02775));
    auto& tree = on.tree();
    CHECK(outcome(tree.write("d/f", "", 0644)) == errc::ok);
    CHECK(outcome(tree.create_directory("d/e", 0755)) == errc::ok);
    CHECK(outcome(tree.create_symlink("x", "d/l")) == errc::ok);
    CHECK(outcome(tree.create_node("d/p", file_type::fifo, 0644)) == errc::ok);
    CHECK(tree.status("d/f").value().gid == 4321);
    CHECK(tree.status("d/f").value().mode == 0644);
    CHECK(tree.status("d/e").value().gid == 4321);
    CHECK(tree.status("d/e").value().mode == 02755);
    CHECK(tree.symlink_status("d/l").value().gid == 4321);
    CHECK(tree.status("d/p").value().gid == 4321);
}

TEST_CASE("[create.10] names are bytes, 255 of them at most") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    auto const longest = static_cast<std::size_t>(tree.space().value().name_max);
    std::string const name(longest, 'n');
    CHECK(outcome(tree.write(at("d/" + name), "text")) == errc::ok);
    CHECK(tree.read(at("d/" + name)).value() == "text");
    CHECK(outcome(tree.create_directory(at(name))) == errc::ok);
    CHECK(outcome(tree.rename(at("d/" + name), at(name + "/" + name))) == errc::ok);
    CHECK(tree.read(at(name + "/" + name)).value() == "text");
    for (int byte = 1; byte != 256; ++byte) {
        if (byte == '/')
            continue;
        auto const odd = at(std::string("d/x") + static_cast<char>(byte));
        INFO("byte " << byte);
        CHECK(outcome(tree.write(odd, "t")) == errc::ok);
    }
    CHECK(tree.list("d").value().size() == 254);
}

TEST_CASE("[create.11] what is made belongs to who makes it") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    auto const root = tree.status("/").value();
    CHECK(outcome(tree.write("d/f", "")) == errc::ok);
    CHECK(outcome(tree.create_directory("d/e")) == errc::ok);
    CHECK(tree.status("d/f").value().uid == root.uid);
    CHECK(tree.status("d/e").value().uid == tree.status("d/f").value().uid);
    CHECK(tree.status("d/f").value().nlink == 1);
}

TEST_CASE("[link.1] a hard link is a second name of the same object") {
    fixture on(content().file("f", "text").directory("d").special("p", file_type::fifo));
    auto& tree = on.tree();
    if (lacks(tree, capability::hard_links, "hard links"))
        return;
    CHECK(outcome(tree.create_hard_link("f", "d/g")) == errc::ok);
    CHECK(tree.read("d/g").value() == "text");
    CHECK(tree.status("f").value().id == tree.status("d/g").value().id);
    CHECK(tree.status("f").value().nlink == 2);
    CHECK(outcome(tree.write("d/g", "changed")) == errc::ok);
    CHECK(tree.read("f").value() == "changed");
    CHECK(outcome(tree.permissions("f", 0600)) == errc::ok);
    CHECK(tree.status("d/g").value().mode == 0600);
    CHECK(outcome(tree.create_hard_link("d/g", "h")) == errc::ok);
    CHECK(tree.status("f").value().nlink == 3);
    CHECK(outcome(tree.create_hard_link("p", "q")) == errc::ok);
    CHECK(tree.status("q").value().type == file_type::fifo);
}

TEST_CASE("[link.2] a link to a symbolic link is one to the link itself") {
    fixture on(content().file("f", "text").symlink("l", "f").symlink("dangling", "nowhere"));
    auto& tree = on.tree();
    if (lacks(tree, capability::hard_links, "hard links"))
        return;
    CHECK(outcome(tree.create_hard_link("l", "m")) == errc::ok);
    CHECK(tree.symlink_status("m").value().is_symlink());
    CHECK(tree.read_symlink("m").value() == "f");
    CHECK(tree.symlink_status("m").value().id == tree.symlink_status("l").value().id);
    CHECK(outcome(tree.create_hard_link("dangling", "n")) == errc::ok);
    CHECK(tree.read_symlink("n").value() == "nowhere");
}

TEST_CASE("[link.3] not of a directory (eperm), not onto a name that is taken (eexist), not of nothing (enoent)") {
    fixture on(content().directory("d").file("f", "text").file("g", "other"));
    auto& tree = on.tree();
    if (lacks(tree, capability::hard_links, "hard links"))
        return;
    CHECK(outcome(tree.create_hard_link("d", "e")) == errc::eperm);
    CHECK(outcome(tree.create_hard_link("/", "e")) == errc::eperm);
    CHECK(outcome(tree.create_hard_link("f", "g")) == errc::eexist);
    CHECK(outcome(tree.create_hard_link("f", "f")) == errc::eexist);
    CHECK(outcome(tree.create_hard_link("d", "g")) == errc::eexist);
    CHECK(outcome(tree.create_hard_link("f", "d")) == errc::eexist);
    CHECK(outcome(tree.create_hard_link("missing", "e")) == errc::enoent);
    CHECK(outcome(tree.create_hard_link("f", "missing/e")) == errc::enoent);
    CHECK(outcome(tree.create_hard_link("f/", "e")) == errc::enotdir);
    CHECK(names_in(tree, "/") == names{"d", "f", "g"});
    CHECK(tree.status("f").value().nlink == 1);
}

TEST_CASE("[remove.1] a name is gone, for everybody who asks") {
    fixture on(content()
                   .directory("d")
                   .file("d/f", "text")
                   .file("d/g", "")
                   .symlink("d/l", "f")
                   .special("d/p", file_type::fifo));
    auto& tree = on.tree();
    for (lamina::path_view const gone :
         {lamina::path_view("d/f"), lamina::path_view("d/l"), lamina::path_view("d/p")}) {
        INFO(gone.bytes());
        CHECK(outcome(tree.remove(gone)) == errc::ok);
        CHECK(outcome(tree.symlink_status(gone)) == errc::enoent);
        CHECK(outcome(tree.status(gone)) == errc::enoent);
        CHECK(outcome(tree.read(gone)) == errc::enoent);
        CHECK(outcome(tree.list(gone)) == errc::enoent);
        CHECK(outcome(tree.xattrs(gone)) == errc::enoent);
        CHECK(outcome(tree.permissions(gone, 0600)) == errc::enoent);
        CHECK(outcome(tree.rename(gone, "elsewhere")) == errc::enoent);
        CHECK(outcome(tree.create_hard_link(gone, "elsewhere")) == errc::enoent);
        CHECK(outcome(tree.remove(gone)) == errc::enoent);
        CHECK(tree.exists(gone).value() == false);
    }
    CHECK(names_in(tree, "d") == names{"g"});
}

TEST_CASE("[remove.2] a directory must be empty: enotempty") {
    fixture on(content().directory("d").directory("d/e").file("d/e/f", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("d")) == errc::enotempty);
    CHECK(outcome(tree.remove("d/e")) == errc::enotempty);
    CHECK(tree.read("d/e/f").value() == "text");
    CHECK(outcome(tree.remove("d/e/f")) == errc::ok);
    CHECK(outcome(tree.remove("d/e")) == errc::ok);
    CHECK(outcome(tree.remove("d/")) == errc::ok);
    CHECK(names_in(tree, "/").empty());
}

TEST_CASE("[remove.3] the root is ebusy, '.' einval, '..' enotempty; a slash wants a directory") {
    fixture on(content().directory("d").file("f", "").symlink("l", "d"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("/")) == errc::ebusy);
    CHECK(outcome(tree.remove("")) == errc::ebusy);
    CHECK(outcome(tree.remove("d/.")) == errc::einval);
    CHECK(outcome(tree.remove("d/..")) == errc::enotempty);
    CHECK(outcome(tree.remove("f/")) == errc::enotdir);
    CHECK(outcome(tree.remove("l/")) == errc::enotdir);
    CHECK(outcome(tree.remove("missing")) == errc::enoent);
    CHECK(outcome(tree.remove("missing/")) == errc::enoent);
    CHECK(outcome(tree.remove("missing/x")) == errc::enoent);
    CHECK(outcome(tree.remove("f/x")) == errc::enotdir);
    CHECK(names_in(tree, "/") == names{"d", "f", "l"});
}

TEST_CASE("[remove.4] a directory that is removed and made again is empty") {
    fixture on(content().directory("d").file("d/f", "old").directory("d/e").file("d/e/g", "old"));
    auto& tree = on.tree();
    for (int i = 0; i != 3; ++i) {
        CHECK(tree.remove_all("d").has_value());
        CHECK(outcome(tree.status("d/f")) == errc::enoent);
        CHECK(outcome(tree.create_directory("d")) == errc::ok);
        CHECK(tree.list("d").value().empty());
        CHECK(outcome(tree.status("d/f")) == errc::enoent);
        CHECK(outcome(tree.status("d/e/g")) == errc::enoent);
        CHECK(outcome(tree.create_directory("d/e")) == errc::ok);
        CHECK(tree.list("d/e").value().empty());
        CHECK(outcome(tree.write("d/new", "new")) == errc::ok);
    }
    CHECK(names_in(tree, "d") == names{"e", "new"});
}

TEST_CASE("[remove.5] a name that is removed and made again is a new object") {
    fixture on(content().file("f", "old").mode(0600).directory("d").symlink("l", "f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("f")) == errc::ok);
    CHECK(outcome(tree.write("f", "new", 0640)) == errc::ok);
    CHECK(tree.read("f").value() == "new");
    CHECK(tree.status("f").value().mode == 0640);
    // One type for another, and back.
    CHECK(outcome(tree.remove("d")) == errc::ok);
    CHECK(outcome(tree.write("d", "a file")) == errc::ok);
    CHECK(tree.read("l").value() == "new");
    CHECK(outcome(tree.remove("l")) == errc::ok);
    CHECK(outcome(tree.create_directory("l")) == errc::ok);
    CHECK(outcome(tree.write("l/x", "")) == errc::ok);
    CHECK(outcome(tree.remove("d")) == errc::ok);
    CHECK(outcome(tree.create_symlink("l", "d")) == errc::ok);
    CHECK(names_in(tree, "d") == names{"x"});
    CHECK(names_in(tree, "/") == names{"d", "f", "l"});
}

TEST_CASE("[remove.6] one name of several: the object stays under the others") {
    if (cannot_hold<fixture>(capability::hard_links, "hard links"))
        return;
    if (no_promise<fixture>(promise::links_stay_links, "hard links outlast a copy-up"))
        return;
    fixture on(content().file("f", "text").hard_link("g", "f").directory("d").hard_link("d/h", "f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("f")) == errc::ok);
    CHECK(tree.read("g").value() == "text");
    CHECK(tree.status("g").value().nlink == 2);
    CHECK(outcome(tree.remove("d/h")) == errc::ok);
    CHECK(tree.status("g").value().nlink == 1);
    CHECK(tree.read("g").value() == "text");
    CHECK(outcome(tree.remove("g")) == errc::ok);
    CHECK(names_in(tree, "/") == names{"d"});
}

TEST_CASE("[remove.7] a link is removed, what it leads to stays") {
    fixture on(content().directory("d").file("d/f", "text").symlink("l", "d").symlink("m", "d/f"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("l")) == errc::ok);
    CHECK(outcome(tree.remove("m")) == errc::ok);
    CHECK(tree.read("d/f").value() == "text");
}

TEST_CASE("[remove.8] the primitives tell files from directories: eisdir, enotdir, enotempty, enoent") {
    fixture on(content().directory("d").file("d/x", "").file("f", "").symlink("l", "d"));
    auto& tree = on.tree();
    auto const root = tree.root();
    CHECK(outcome(tree.remove_at(root, "d")) == errc::eisdir);
    CHECK(outcome(tree.remove_directory_at(root, "f")) == errc::enotdir);
    CHECK(outcome(tree.remove_directory_at(root, "l")) == errc::enotdir);
    CHECK(outcome(tree.remove_directory_at(root, "d")) == errc::enotempty);
    CHECK(outcome(tree.remove_at(root, "missing")) == errc::enoent);
    CHECK(outcome(tree.remove_directory_at(root, "missing")) == errc::enoent);
    CHECK(names_in(tree, "/") == names{"d", "f", "l"});
}

TEST_CASE("[remove.9] a name that was removed stays away after its neighbours change") {
    fixture on(content().directory("d").file("d/a", "1").file("d/b", "2").file("d/c", "3"));
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("d/b")) == errc::ok);
    CHECK(outcome(tree.write("d/a", "changed")) == errc::ok);
    CHECK(outcome(tree.permissions("d", 0700)) == errc::ok);
    CHECK(outcome(tree.rename("d", "e")) == errc::ok);
    CHECK(names_in(tree, "e") == names{"a", "c"});
    CHECK(outcome(tree.status("e/b")) == errc::enoent);
    CHECK(outcome(tree.rename("e", "d")) == errc::ok);
    CHECK(outcome(tree.read("d/b")) == errc::enoent);
    CHECK(tree.read("d/c").value() == "3");
}

}  // namespace
