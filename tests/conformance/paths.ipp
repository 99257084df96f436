// How a path is read: slashes, dots, lengths, bytes. Rules path.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;

TEST_CASE("[path.1] a leading slash, repeated slashes and single dots change nothing") {
    fixture on(content().directory("a").directory("a/b").file("a/b/f", "text"));
    auto& tree = on.tree();
    for (lamina::path_view const same :
         {lamina::path_view("a/b/f"), lamina::path_view("/a/b/f"), lamina::path_view("//a///b//f"),
          lamina::path_view("./a/./b/./f"), lamina::path_view("/././a/b/f")}) {
        INFO(same.bytes());
        CHECK(tree.read(same).value() == "text");
        CHECK(tree.status(same).value().size == 4);
    }
    for (lamina::path_view const same :
         {lamina::path_view("a/b"), lamina::path_view("a/b/"), lamina::path_view("a//b//"), lamina::path_view("a/b/."),
          lamina::path_view("a/b/./")}) {
        INFO(same.bytes());
        CHECK(names_in(tree, same) == names{"f"});
        CHECK(tree.symlink_status(same).value().is_directory());
    }
}

TEST_CASE("[path.2] '..' goes to the parent of the directory that was reached") {
    fixture on(content().file("top", "1").directory("a").file("a/f", "2").directory("a/b").directory("a/b/c"));
    auto& tree = on.tree();
    CHECK(tree.read("a/../top").value() == "1");
    CHECK(tree.read("a/b/../f").value() == "2");
    CHECK(tree.read("a/b/c/../../f").value() == "2");
    CHECK(tree.read("a/b/../../a/b/c/../../../top").value() == "1");
    CHECK(names_in(tree, "a/b/..") == names{"b", "f"});
    CHECK(tree.status("a/b/c/..").value().id == tree.status("a/b").value().id);
    CHECK(tree.status("a/..").value().id == tree.status("/").value().id);
}

TEST_CASE("[path.3] '..' after something that is missing is enoent, after a file enotdir") {
    fixture on(content().directory("a").file("f", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.read("missing/../f")) == errc::enoent);
    CHECK(outcome(tree.status("a/missing/..")) == errc::enoent);
    CHECK(outcome(tree.status("f/..")) == errc::enotdir);
    CHECK(outcome(tree.read("f/../f")) == errc::enotdir);
    CHECK(outcome(tree.status("f/.")) == errc::enotdir);
}

TEST_CASE("[path.4] a slash at the end wants a directory") {
    fixture on(content().directory("a").file("f", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.status("f/")) == errc::enotdir);
    CHECK(outcome(tree.symlink_status("f/")) == errc::enotdir);
    CHECK(outcome(tree.read("f/")) == errc::enotdir);
    CHECK(outcome(tree.list("f/")) == errc::enotdir);
    CHECK(outcome(tree.status("missing/")) == errc::enoent);
    CHECK(tree.exists("f/").value() == false);
    CHECK(tree.status("a/").value().is_directory());
    CHECK(outcome(tree.read("a/")) == errc::eisdir);
}

TEST_CASE("[path.5] nothing lies below a file, and nothing below what is missing") {
    fixture on(content().directory("a").file("f", "text"));
    auto& tree = on.tree();
    CHECK(outcome(tree.read("f/x")) == errc::enotdir);
    CHECK(outcome(tree.status("f/x/y")) == errc::enotdir);
    CHECK(outcome(tree.read("missing")) == errc::enoent);
    CHECK(outcome(tree.read("missing/x")) == errc::enoent);
    CHECK(outcome(tree.read("a/missing/x")) == errc::enoent);
    CHECK(outcome(tree.list("a/missing")) == errc::enoent);
    CHECK(tree.exists("missing").value() == false);
    CHECK(tree.exists("f/x").value() == false);
    CHECK(tree.exists("f").value() == true);
}

TEST_CASE("[path.6] a name is bytes: any but slash and NUL") {
    content given;
    for (int byte = 1; byte != 256; ++byte)
        if (byte != '/')
            given.file(std::string("x") + static_cast<char>(byte), std::to_string(byte));
    given.file("\xf0\x9f\x98\x80", "four bytes").file("...", "dots").file(" ", "space");
    fixture on(given);
    auto& tree = on.tree();
    CHECK(tree.list("/").value().size() == given.objects().size());
    for (auto const& o : given.objects()) {
        INFO("name '" << o.path << "'");
        CHECK(tree.read(at(o.path)).value_or("nothing") == o.bytes);
    }
}

TEST_CASE("[path.7] a name may have 255 bytes") {
    std::string const longest(255, 'n');
    fixture on(content().directory(longest).file(longest + "/" + longest, "text"));
    auto& tree = on.tree();
    CHECK(tree.read(at(longest + "/" + longest)).value() == "text");
    CHECK(names_in(tree, at(longest)) == names{longest});
    CHECK(outcome(tree.status(at(std::string(254, 'n')))) == errc::enoent);
}

TEST_CASE("[path.8] a path longer than 4,096 bytes works") {
    content given;
    std::string path;
    for (int i = 0; i != 40; ++i) {
        path += (i == 0 ? "" : "/") + std::string(200, static_cast<char>('a' + i % 26));
        given.directory(path);
    }
    given.file(path + "/file", "deep");
    fixture on(given);
    auto& tree = on.tree();
    REQUIRE(path.size() > 8000);
    CHECK(tree.read(at(path + "/file")).value() == "deep");
    CHECK(tree.status(at(path)).value().is_directory());
    CHECK(names_in(tree, at(path)) == names{"file"});
    CHECK(tree.read(at(path + "/../" + path.substr(path.size() - 200) + "/file")).value() == "deep");
}

TEST_CASE("[path.9] the root is a directory under all its names") {
    fixture on(content().file("f", "text"));
    auto& tree = on.tree();
    auto const id = tree.status("").value().id;
    for (lamina::path_view const root : {lamina::path_view("/"), lamina::path_view("."), lamina::path_view("//./")}) {
        INFO("'" << root.bytes() << "'");
        CHECK(tree.status(root).value().is_directory());
        CHECK(tree.status(root).value().id == id);
        CHECK(names_in(tree, root) == names{"f"});
        CHECK(outcome(tree.read(root)) == errc::eisdir);
    }
}

TEST_CASE("[path.10] upper and lower case are different names") {
    fixture on(content().file("name", "1").file("Name", "2").file("NAME", "3"));
    auto& tree = on.tree();
    CHECK(tree.read("name").value() == "1");
    CHECK(tree.read("Name").value() == "2");
    CHECK(tree.read("NAME").value() == "3");
    CHECK(outcome(tree.read("nAME")) == errc::enoent);
}

TEST_CASE("[path.11] directories may lie five hundred deep") {
    content given;
    std::string path = "d";
    for (int i = 0; i != 500; ++i, path += "/d")
        given.directory(path);
    given.file(path, "bottom");
    fixture on(given);
    auto& tree = on.tree();
    CHECK(tree.read(at(path)).value() == "bottom");
    CHECK(outcome(tree.read(at(path + "/d"))) == errc::enotdir);
}

}  // namespace
