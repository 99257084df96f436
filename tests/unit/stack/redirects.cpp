// Redirects as a layer may hold them: written by us, by the kernel, or by somebody who means harm.
#include <string>
#include <string_view>

#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "catch.hpp"

using namespace lamina;
using namespace std::string_view_literals;

namespace {

constexpr char const* redirect_key = "trusted.overlay.redirect";
constexpr char const* opaque_key = "trusted.overlay.opaque";

path at(std::string const& text) { return path::parse(text).value(); }

// A lower with files whose bytes are their paths.
memory_tree tree_of(std::initializer_list<char const*> files) {
    memory_tree tree;
    for (std::string const file : files) {
        if (auto const slash = file.rfind('/'); slash != std::string::npos)
            tree.create_directories(at(file.substr(0, slash))).value();
        tree.write(at(file), file).value();
    }
    return tree;
}
void redirect(memory_tree& tree, std::string const& directory, std::string_view to) {
    tree.create_directories(at(directory)).value();
    tree.set_xattr(at(directory), redirect_key, to).value();
}
template <class Tree>
std::string names_in(Tree& tree, std::string const& directory) {
    auto const found = tree.list(at(directory));
    if (!found)
        return std::string(mnemonic(found.error().code));
    std::string names;
    for (auto const entry : *found)
        names.append(names.empty() ? "" : " ").append(entry.name);
    return names;
}
template <class T, class E>
errc code(result<T, E> const& r) {
    return r ? errc::ok : static_cast<error>(r.error()).code;
}

}  // namespace

TEST_CASE("[redirect.4] a redirect that is none spoils the directory that has it, and nothing else") {
    memory_tree lower_tree = tree_of({"a/f", "b/g", "f"});
    for (auto const& [bad, wanted] : {std::pair{""sv, errc::einval}, std::pair{"/"sv, errc::einval}, std::pair{"//x"sv, errc::einval},
                                      std::pair{"/x/"sv, errc::einval}, std::pair{"b/c"sv, errc::einval},
                                      std::pair{"\0"sv, errc::einval}, std::pair{".."sv, errc::eacces},
                                      std::pair{"."sv, errc::eacces}, std::pair{"/../../etc"sv, errc::eacces},
                                      std::pair{"/b/../b"sv, errc::eacces}}) {
        memory_tree scratch;
        redirect(scratch, "a", bad);
        overlay root{upper(scratch), lower(lower_tree)};
        CHECK(code(root.status("a")) == wanted);
        CHECK(code(root.list("a")) == wanted);
        CHECK(code(root.read("a/f")) == wanted);
        CHECK(code(root.write("a/new", "")) == wanted);
        CHECK(code(root.rename("a", "c")) == wanted);
        CHECK(code(root.remove("a")) == wanted);
        CHECK(root.read("b/g").value() == "b/g");
        CHECK(root.list("/").value().size() == 3);
        CHECK(scratch.status("a").value().is_directory());
    }
}

TEST_CASE("[redirect.5] a redirect that leads nowhere shows the directory alone") {
    memory_tree lower_tree = tree_of({"a/f", "file"});
    lower_tree.create_symlink("a", "link").value();
    for (auto const dangling : {"missing"sv, "/missing"sv, "/a/missing"sv, "/a/f/x"sv, "/file"sv, "file"sv, "/link"sv, "link"sv,
                                "/link/f"sv}) {
        memory_tree scratch;
        scratch.create_directory("a").value();
        scratch.write("a/own", "own").value();
        redirect(scratch, "a", dangling);
        overlay root{upper(scratch), lower(lower_tree)};
        CHECK(names_in(root, "a") == "own");
        CHECK(code(root.read("a/f")) == errc::enoent);
        // It is whole in every other way.
        CHECK(code(root.remove("a/own")) == errc::ok);
        CHECK(code(root.remove("a")) == errc::ok);
        CHECK(code(root.status("a")) == errc::enoent);
    }
}

TEST_CASE("[redirect.6] a name changes the name in the same place, a path starts at the root of each layer below") {
    memory_tree lower_tree = tree_of({"d/x/f", "x/g"});
    memory_tree scratch;
    redirect(scratch, "d/moved", "x");
    redirect(scratch, "d/far", "/x");
    overlay root{upper(scratch), lower(lower_tree)};
    CHECK(names_in(root, "d/moved") == "f");
    CHECK(names_in(root, "d/far") == "g");
    CHECK(root.read("d/moved/f").value() == "d/x/f");
}

TEST_CASE("[redirect.7] chains over layers are followed") {
    memory_tree bottom = tree_of({"a/f", "a/sub/g"});
    memory_tree middle, top, scratch;
    redirect(middle, "b", "a");
    middle.create_node("a", file_type::character, 0, {0, 0}).value();
    redirect(top, "d/c", "/b");
    top.create_node("b", file_type::character, 0, {0, 0}).value();
    redirect(scratch, "e", "/d/c");
    overlay root{upper(scratch), lower(top, middle, bottom)};
    CHECK(names_in(root, "e") == "f sub");
    CHECK(names_in(root, "d/c") == "f sub");
    CHECK(root.read("e/sub/g").value() == "a/sub/g");
    CHECK(code(root.status("a")) == errc::enoent);
    CHECK(code(root.status("b")) == errc::enoent);
    // What is below goes on in the same chain.
    CHECK(code(root.rename("e/sub", "s")) == errc::ok);
    CHECK(scratch.get_xattr("s", redirect_key).value() == "/d/c/sub");
    CHECK(root.read("s/g").value() == "a/sub/g");
}

TEST_CASE("[redirect.8] a redirect inside a redirected path continues from where that one leads") {
    memory_tree bottom = tree_of({"x/y/f"});
    memory_tree middle, scratch;
    redirect(middle, "a", "x");        // a is x
    redirect(middle, "a/b", "y");      // a/b is x/y, not a/y
    redirect(scratch, "z", "/a/b");
    overlay root{upper(scratch), lower(middle, bottom)};
    CHECK(names_in(root, "a/b") == "f");
    CHECK(names_in(root, "z") == "f");
}

TEST_CASE("[redirect.9] an absolute redirect goes on below a directory that is cut off itself") {
    memory_tree bottom = tree_of({"a/f", "x/g"});
    memory_tree middle, scratch;
    SECTION("by an opaque parent in the same layer") {
        redirect(scratch, "o/d", "/x");
        scratch.set_xattr("o", opaque_key, "y").value();
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "o/d") == "g");
    }
    SECTION("by a whiteout of its own name below") {
        redirect(scratch, "a", "/x");
        middle.create_node("a", file_type::character, 0, {0, 0}).value();
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "a") == "g");
    }
    SECTION("by an opaque directory on the way to one that has an absolute redirect of its own") {
        redirect(middle, "o/d", "/x");
        middle.set_xattr("o", opaque_key, "y").value();
        redirect(scratch, "e", "/o/d");
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "e") == "g");
    }
}

TEST_CASE("[redirect.10] a whiteout or an opaque directory inside a lower, on the path, cuts it off from what lies below") {
    memory_tree bottom = tree_of({"p/x/f"});
    memory_tree scratch;
    redirect(scratch, "d", "/p/x");
    SECTION("a whiteout of the directory") {
        memory_tree middle;
        middle.create_directory("p").value();
        middle.create_node("p/x", file_type::character, 0, {0, 0}).value();
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "d").empty());
    }
    SECTION("a whiteout above it") {
        memory_tree middle;
        middle.create_node("p", file_type::character, 0, {0, 0}).value();
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "d").empty());
    }
    SECTION("an opaque directory above it") {
        memory_tree middle = tree_of({"p/x/own"});
        middle.set_xattr("p", opaque_key, "y").value();
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "d") == "own");
    }
    SECTION("a file above it") {
        memory_tree middle = tree_of({"p"});
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "d").empty());
    }
    SECTION("what the layer lacks does not") {
        memory_tree middle = tree_of({"p/other"});
        overlay root{upper(scratch), lower(middle, bottom)};
        CHECK(names_in(root, "d") == "f");
    }
}

TEST_CASE("[redirect.11] a redirect to where the directory lies is none; on an opaque directory it means nothing") {
    memory_tree lower_tree = tree_of({"d/e/f", "x/g"});
    memory_tree scratch;
    redirect(scratch, "d/e", "/d/e");
    redirect(scratch, "d", "d");
    redirect(scratch, "x2", "x");
    scratch.set_xattr("x2", opaque_key, "y").value();
    overlay root{upper(scratch), lower(lower_tree)};
    CHECK(names_in(root, "d/e") == "f");
    CHECK(names_in(root, "x2").empty());
}

TEST_CASE("[redirect.12] directories that lead to each other end after the last layer") {
    memory_tree bottom = tree_of({"a/bottom a", "b/bottom b"});
    memory_tree middle, top, scratch;
    for (auto* const tree : {&middle, &top, &scratch}) {
        redirect(*tree, "a", "/b");
        redirect(*tree, "b", "/a");
    }
    overlay root{upper(scratch), lower(top, middle, bottom)};
    CHECK(names_in(root, "a") == "bottom b");
    CHECK(names_in(root, "b") == "bottom a");
}

TEST_CASE("[redirect.13] a long redirect is walked component by component") {
    std::string deep;
    for (int i = 0; i < 300; ++i)
        deep += "/component" + std::to_string(i);
    memory_tree lower_tree;
    lower_tree.create_directories(at(deep)).value();
    lower_tree.write(at(deep + "/f"), "deep").value();
    memory_tree scratch;
    redirect(scratch, "d", deep);
    redirect(scratch, "e", deep + "/missing");
    overlay root{upper(scratch), lower(lower_tree)};
    CHECK(root.read("d/f").value() == "deep");
    CHECK(names_in(root, "e").empty());
}

TEST_CASE("[redirect.14] only the marks of this overlay's namespace and of a layer's format count") {
    memory_tree lower_tree = tree_of({"x/f"});
    memory_tree scratch;
    scratch.create_directory("d").value();
    scratch.set_xattr("d", "user.overlay.redirect", "x").value();
    {
        overlay root{upper(scratch), lower(lower_tree)};
        CHECK(names_in(root, "d").empty());
    }
    policy rules;
    rules.marks = mark_space::user;
    {
        overlay root{upper(scratch), lower(lower_tree), rules};
        CHECK(names_in(root, "d") == "f");
    }
    memory_tree layer;
    redirect(layer, "d2", "x");
    memory_tree above;
    overlay root{upper(above), lower(marked(layer, whiteout_format::aufs), lower_tree)};
    CHECK(names_in(root, "d2").empty());
}

TEST_CASE("[redirect.15] a policy that refuses redirects refuses the directories that have one") {
    memory_tree lower_tree = tree_of({"x/f", "y/g"});
    memory_tree scratch;
    redirect(scratch, "d", "x");
    policy rules;
    rules.redirect = redirects::refuse;
    overlay root{upper(scratch), lower(lower_tree), rules};
    CHECK(code(root.status("d")) == errc::eperm);
    CHECK(code(root.read("d/f")) == errc::eperm);
    CHECK(root.read("y/g").value() == "y/g");
    CHECK(code(root.rename("y", "z")) == errc::exdev);
}

TEST_CASE("[redirect.16] what renames write: a name in the same place, else the path by which the layers below know it") {
    memory_tree lower_tree = tree_of({"a/b/c/f", "d/g"});
    memory_tree scratch;
    overlay root{upper(scratch), lower(lower_tree)};
    auto const written = [&](char const* directory) { return scratch.get_xattr(at(directory), redirect_key).value(); };
    REQUIRE(root.rename("a/b", "a/x"));
    CHECK(written("a/x") == "b");
    REQUIRE(root.rename("a/x", "a/y"));  // the old name stays
    CHECK(written("a/y") == "b");
    REQUIRE(root.rename("a/y", "d/y"));
    CHECK(written("d/y") == "/a/b");
    REQUIRE(root.rename("d/y", "d/z"));  // a path stays
    CHECK(written("d/z") == "/a/b");
    REQUIRE(root.rename("d/z/c", "c"));
    CHECK(written("c") == "/a/b/c");
    REQUIRE(root.rename("d/z", "a/b"));  // back to where it came from
    CHECK(written("a/b") == "/a/b");
    REQUIRE(root.rename("a", "e"));
    CHECK(written("e") == "a");
    REQUIRE(root.rename("d", "e/d"));
    CHECK(written("e/d") == "/d");
    CHECK(root.read("c/f").value() == "a/b/c/f");
    CHECK(root.read("e/d/g").value() == "d/g");
    // A directory of the upper alone is marked opaque instead, and only where something could show through.
    REQUIRE(root.create_directory("new"));
    REQUIRE(root.rename("new", "e/new"));
    CHECK(code(scratch.get_xattr("e/new", redirect_key)) == errc::enodata);
    CHECK(scratch.get_xattr("e/new", opaque_key).value() == "y");
}
