// Which names exist: cases 1 to 6, 8, 14, 15, 16 and 18.
#pragma once

#include <map>
#include <set>

#include "conformance/case_stacks.hpp"

namespace {

using namespace conformance;
using lamina::errc;
using lamina::file_type;
using lamina::open_flags;
using lamina::rename_flags;

// All paths of the tree, and that nothing in it contradicts itself.
template <class B>
[[nodiscard]] names all_paths(B& tree) {
    auto const seen = model::photograph(tree);
    CHECK(seen.contradictions == names());
    names paths;
    for (auto const& [path, object] : seen.objects) {
        // Found in one step as well as name by name.
        CHECK(outcome(tree.symlink_status(at(path))) == errc::ok);
        if (!path.empty())
            paths.push_back(path);
    }
    return paths;
}

layer deep_tree() {
    return layer()
        .directory("a")
        .file("a/f", "one")
        .directory("a/b")
        .file("a/b/f", "two")
        .directory("a/b/c")
        .file("a/b/c/f", "three")
        .symlink("a/b/c/l", "f")
        .directory("a/b/c/d");
}

TEST_CASE("[case.1] a renamed lower directory has every descendant under its new name, and none under the old") {
    fixture on(deep_tree());
    auto const before = all_paths(on.tree());
    if (!fixture::moves_lower_directories()) {
        CHECK(outcome(on.tree().rename("a", "x")) == errc::exdev);
        CHECK(all_paths(on.tree()) == before);
        return;
    }
    for (bool const again : {false, true}) {
        if (again)
            on.reopen();
        else
            REQUIRE(outcome(on.tree().rename("a", "x")) == errc::ok);
        CHECK(all_paths(on.tree()) ==
              names{"x", "x/b", "x/b/c", "x/b/c/d", "x/b/c/f", "x/b/c/l", "x/b/f", "x/f"});
        CHECK(on.tree().read("x/b/c/l").value() == "three");
        CHECK(outcome(on.tree().status("a")) == errc::enoent);
        CHECK(outcome(on.tree().read("a/b/c/f")) == errc::enoent);
    }
}

TEST_CASE("[case.1] directories renamed again and again, in and out of one another, keep what is in them") {
    if (moves_no_directories<fixture>())
        return;
    fixture on(deep_tree().directory("e").file("e/f", "four"));
    auto& tree = on.tree();
    REQUIRE(outcome(tree.rename("a/b", "a/x")) == errc::ok);       // in the same place
    REQUIRE(outcome(tree.rename("a", "y")) == errc::ok);           // what it lies in
    REQUIRE(outcome(tree.rename("y/x", "z")) == errc::ok);         // out of it
    REQUIRE(outcome(tree.create_directory("a")) == errc::ok);      // a new one at the old place
    REQUIRE(outcome(tree.rename("z/c", "a/c")) == errc::ok);
    REQUIRE(outcome(tree.rename("e", "a/c/e")) == errc::ok);
    REQUIRE(outcome(tree.rename("a/c", "y/c", rename_flags::no_replace)) == errc::ok);
    if (tree.able().has(lamina::capability::exchange)) {
        REQUIRE(outcome(tree.rename("y", "z", rename_flags::exchange)) == errc::ok);
    } else {
        REQUIRE(outcome(tree.rename("y", "w")) == errc::ok);
        REQUIRE(outcome(tree.rename("z", "y")) == errc::ok);
        REQUIRE(outcome(tree.rename("w", "z")) == errc::ok);
    }
    auto const now = names{"a", "y", "y/f", "z", "z/c", "z/c/d", "z/c/e", "z/c/e/f", "z/c/f", "z/c/l", "z/f"};
    CHECK(all_paths(tree) == now);
    on.reopen();
    CHECK(all_paths(on.tree()) == now);
    CHECK(on.tree().read("z/c/e/f").value() == "four");
    CHECK(on.tree().read("z/c/l").value() == "three");
    CHECK(on.tree().read("y/f").value() == "two");
    CHECK(on.tree().read("z/f").value() == "one");
}

TEST_CASE("[case.1] a directory merged from two lowers goes with both its halves") {
    if (too_few_lowers<fixture>(2))
        return;
    fixture on(layer_list{layer().directory("a").file("a/top", "t").directory("a/sub").file("a/sub/top", "t"),
                          layer().directory("a").file("a/low", "l").directory("a/sub").file("a/sub/low", "l")});
    if (!fixture::moves_lower_directories()) {
        CHECK(outcome(on.tree().rename("a/sub", "x")) == errc::exdev);
        return;
    }
    REQUIRE(outcome(on.tree().rename("a/sub", "x")) == errc::ok);
    REQUIRE(outcome(on.tree().rename("a", "y")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"x", "x/low", "x/top", "y", "y/low", "y/top"});
}

TEST_CASE("[case.2] a directory removed and made again is empty") {
    fixture on(deep_tree());
    CHECK(outcome(on.tree().remove_all("a/b")) == errc::ok);
    CHECK(outcome(on.tree().create_directory("a/b")) == errc::ok);
    for (bool const again : {false, true}) {
        if (again)
            on.reopen();
        CHECK(all_paths(on.tree()) == names{"a", "a/b", "a/f"});
        CHECK(outcome(on.tree().status("a/b/c")) == errc::enoent);
        CHECK(outcome(on.tree().read("a/b/c/f")) == errc::enoent);
    }
    CHECK(outcome(on.tree().create_directory("a/b/c")) == errc::ok);
    CHECK(all_paths(on.tree()) == names{"a", "a/b", "a/b/c", "a/f"});
}

TEST_CASE("[case.2] below a renamed parent too") {
    if (moves_no_directories<fixture>())
        return;
    fixture on(deep_tree());
    REQUIRE(outcome(on.tree().rename("a", "x")) == errc::ok);
    REQUIRE(outcome(on.tree().remove_all("x/b")) == errc::ok);
    REQUIRE(outcome(on.tree().create_directories("x/b/c")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"x", "x/b", "x/b/c", "x/f"});
    REQUIRE(outcome(on.tree().rename("x/b", "a")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"a", "a/c", "x", "x/f"});
}

template <class B>
void expect_nothing_at(B& tree, std::string const& gone, std::string const& below) {
    lamina::path const path = at(gone), inside = at(below);
    for (auto const& p : {path, inside}) {
        CHECK(outcome(tree.status(p)) == errc::enoent);
        CHECK(outcome(tree.symlink_status(p)) == errc::enoent);
        CHECK(outcome(tree.read(p)) == errc::enoent);
        CHECK(outcome(tree.open(p, open_flags::read_write)) == errc::enoent);
        CHECK(outcome(tree.list(p)) == errc::enoent);
        CHECK(outcome(tree.read_symlink(p)) == errc::enoent);
        CHECK(outcome(tree.xattrs(p)) == errc::enoent);
        CHECK(outcome(tree.get_xattr(p, "user.k")) == errc::enoent);
        CHECK(outcome(tree.set_xattr(p, "user.k", "v")) == errc::enoent);
        CHECK(outcome(tree.remove_xattr(p, "user.k")) == errc::enoent);
        CHECK(outcome(tree.permissions(p, 0700)) == errc::enoent);
        CHECK(outcome(tree.owner(p, 1, 1)) == errc::enoent);
        CHECK(outcome(tree.times(p, lamina::time_change::touch())) == errc::enoent);
        CHECK(outcome(tree.resize(p, 1)) == errc::enoent);
        CHECK(outcome(tree.rename(p, "elsewhere")) == errc::enoent);
        CHECK(outcome(tree.rename("other", p, rename_flags::exchange)) == errc::enoent);
        CHECK(outcome(tree.create_hard_link(p, "elsewhere")) == errc::enoent);
        CHECK(outcome(tree.remove(p)) == errc::enoent);
        CHECK(tree.remove_all(p).value() == 0);
        CHECK(tree.exists(p).value() == false);
    }
    CHECK(outcome(tree.create_directory(inside)) == errc::enoent);
    CHECK(outcome(tree.write(inside, "x")) == errc::enoent);
}

TEST_CASE("[case.3] a whiteout hides everything below it, from every operation") {
    fixture on(deep_tree().file("other", "o"));
    REQUIRE(outcome(on.tree().remove_all("a/b")) == errc::ok);
    expect_nothing_at(on.tree(), "a/b", "a/b/c/f");
    on.reopen();
    expect_nothing_at(on.tree(), "a/b", "a/b/c/f");
    CHECK(all_paths(on.tree()) == names{"a", "a/f", "other"});
}

TEST_CASE("[case.3] so does a whiteout, or an opaque directory, inside the lowers") {
    if (too_few_lowers<fixture>(2))
        return;
    fixture on(layer_list{layer().directory("a").whiteout("a/b").opaque("p").file("p/new", "n").whiteout("gone"),
                          deep_tree().directory("p").file("p/old", "o").directory("p/q").file("p/q/r", "r").file("gone", "g").file(
                              "other", "o")});
    expect_nothing_at(on.tree(), "a/b", "a/b/c/f");
    expect_nothing_at(on.tree(), "p/q", "p/q/r");
    expect_nothing_at(on.tree(), "p/old", "p/old/x");
    CHECK(all_paths(on.tree()) == names{"a", "a/f", "other", "p", "p/new"});
    // What is made there is new.
    REQUIRE(outcome(on.tree().create_directory("a/b")) == errc::ok);
    REQUIRE(outcome(on.tree().create_directory("p/q")) == errc::ok);
    REQUIRE(outcome(on.tree().write("gone", "back")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"a", "a/b", "a/f", "gone", "other", "p", "p/new", "p/q"});
    CHECK(on.tree().read("gone").value() == "back");
}

TEST_CASE("[case.4] status, list and open agree on what exists, after every change") {
    fixture on(deep_tree().special("pipe", file_type::fifo));
    auto& tree = on.tree();
    auto const after = [&](auto const& changed) {
        CHECK(outcome(changed) == errc::ok);
        (void)all_paths(tree);
        on.reopen();
        (void)all_paths(tree);
    };
    after(tree.write("a/new", "n"));
    after(tree.remove("a/f"));
    after(tree.create_directory("a/f"));
    after(tree.rename("a/b/f", "a/f/g"));
    after(tree.create_symlink("f/g", "a/l"));
    after(tree.rename("a/l", "a/b/f"));
    if (tree.able().has(lamina::capability::hard_links)) {
        after(tree.create_hard_link("a/f/g", "h"));
        after(tree.remove("a/f/g"));
    } else {
        after(tree.rename("a/f/g", "h"));
    }
    after(tree.remove("a/f"));
    after(tree.remove("pipe"));
    after(tree.remove_all("a"));
    CHECK(all_paths(tree) == names{"h"});
}

TEST_CASE("[case.5] deletions outlive the stack that made them") {
    fixture on(deep_tree().file("f", "text").symlink("l", "f").directory("empty"));
    for (char const* const gone : {"f", "l", "empty", "a/b/c/l", "a/b/c/d"})
        CHECK(outcome(on.tree().remove(at(gone))) == errc::ok);
    CHECK(outcome(on.tree().remove("a/f")) == errc::ok);
    CHECK(outcome(on.tree().write("a/f", "again")) == errc::ok);
    CHECK(outcome(on.tree().remove("a/f")) == errc::ok);
    auto const left = names{"a", "a/b", "a/b/c", "a/b/c/f", "a/b/f"};
    CHECK(all_paths(on.tree()) == left);
    for (int i = 0; i < 3; ++i) {
        on.reopen();
        CHECK(all_paths(on.tree()) == left);
    }
}

TEST_CASE("[case.6] a directory is removed when nothing shows in it, and not before") {
    fixture on(deep_tree());
    auto& tree = on.tree();
    CHECK(outcome(tree.remove("a/b/c")) == errc::enotempty);
    CHECK(outcome(tree.remove("a")) == errc::enotempty);
    for (char const* const gone : {"a/b/c/f", "a/b/c/l", "a/b/c/d"})
        REQUIRE(outcome(tree.remove(at(gone))) == errc::ok);
    REQUIRE(outcome(tree.write("a/b/c/new", "n")) == errc::ok);
    CHECK(outcome(tree.remove("a/b/c")) == errc::enotempty);
    REQUIRE(outcome(tree.remove("a/b/c/new")) == errc::ok);
    CHECK(outcome(tree.remove("a/b/c")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"a", "a/b", "a/b/f", "a/f"});
}

TEST_CASE("[case.6] also where the whiteouts lie in a lower") {
    if (too_few_lowers<fixture>(2))
        return;
    fixture on(layer_list{layer().directory("d").whiteout("d/f").whiteout("d/g"),
                          layer().directory("d").file("d/f", "f").directory("d/g").file("d/g/h", "h")});
    CHECK(names_in(on.tree(), "d").empty());
    CHECK(outcome(on.tree().remove("d")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()).empty());
    CHECK(outcome(on.tree().create_directory("d")) == errc::ok);
    CHECK(names_in(on.tree(), "d").empty());
}

TEST_CASE("[case.8] a directory is replaced by a file or a link, and back") {
    fixture on(deep_tree().file("f", "text"));
    auto& tree = on.tree();
    REQUIRE(outcome(tree.remove_all("a")) == errc::ok);
    REQUIRE(outcome(tree.write("a", "a file now")) == errc::ok);
    on.reopen();
    CHECK(on.tree().read("a").value() == "a file now");
    CHECK(outcome(on.tree().status("a/b")) == errc::enotdir);
    CHECK(all_paths(on.tree()) == names{"a", "f"});
    REQUIRE(outcome(on.tree().remove("a")) == errc::ok);
    REQUIRE(outcome(on.tree().create_symlink("f", "a")) == errc::ok);
    on.reopen();
    CHECK(on.tree().read("a").value() == "text");
    CHECK(all_paths(on.tree()) == names{"a", "f"});
    REQUIRE(outcome(on.tree().remove("a")) == errc::ok);
    REQUIRE(outcome(on.tree().create_directory("a")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"a", "f"});
    CHECK(names_in(on.tree(), "a").empty());
    // And a file by a directory.
    REQUIRE(outcome(on.tree().remove("f")) == errc::ok);
    REQUIRE(outcome(on.tree().create_directories("f/g")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"a", "f", "f/g"});
}

TEST_CASE("[case.8] a file over a lower directory hides it wholly, and a directory over a file begins anew") {
    if (too_few_lowers<fixture>(3))
        return;
    fixture on(layer_list{layer().directory("x").file("x/top", "t"), layer().file("x", "in the way").symlink("y", "x"),
                          layer().directory("x").file("x/low", "l").directory("y").file("y/low", "l")});
    CHECK(all_paths(on.tree()) == names{"x", "x/top", "y"});
    CHECK(on.tree().symlink_status("y").value().is_symlink());
    REQUIRE(outcome(on.tree().remove("y")) == errc::ok);
    REQUIRE(outcome(on.tree().create_directory("y")) == errc::ok);
    REQUIRE(outcome(on.tree().remove_all("x")) == errc::ok);
    on.reopen();
    CHECK(all_paths(on.tree()) == names{"y"});
}

TEST_CASE("[case.14] names that begin as an aufs whiteout, and character devices 0/0") {
    fixture on(layer().file("f", "text"));
    auto& tree = on.tree();
    for (char const* const name : {".wh.f", ".wh.", ".wh..wh..opq", ".wh..wh.x"}) {
        auto const expected = fixture::aufs_upper() ? errc::einval : errc::ok;
        CHECK(outcome(tree.write(at(name), "ordinary")) == expected);
        if (fixture::aufs_upper()) {
            CHECK(outcome(tree.create_directory(at(name))) == expected);
            CHECK(outcome(tree.create_symlink("f", at(name))) == expected);
            CHECK(outcome(tree.create_hard_link("f", at(name))) == expected);
            CHECK(outcome(tree.rename("f", at(name))) == expected);
            CHECK(outcome(tree.create_node(at(name), file_type::fifo, 0600)) == expected);
        } else {
            CHECK(tree.read(at(name)).value() == "ordinary");
        }
    }
    CHECK(tree.read("f").value() == "text");
    CHECK(outcome(tree.create_node("device", file_type::character, 0600)) == errc::eperm);
    CHECK(outcome(tree.create_node("f", file_type::character, 0600)) == errc::eexist);
    CHECK(outcome(tree.status("device")) == errc::enoent);
    on.reopen();
    if (fixture::aufs_upper())
        CHECK(all_paths(on.tree()) == names{"f"});
    else
        CHECK(all_paths(on.tree()) == names{".wh.", ".wh..wh..opq", ".wh..wh.x", ".wh.f", "f"});
}


template <class B>
errc prepare(B& tree, std::string const& what, std::string const& path) {
    auto const p = at(path), child = at(path + "/child");
    if (what == "upper file")
        return outcome(tree.write(p, "upper"));
    if (what == "copied file")
        return outcome(tree.append(p, "+"));
    if (what == "upper link")
        return outcome(tree.create_symlink("upper", p));
    if (what == "pure directory")
        return outcome(tree.create_directory(p));
    if (what == "full pure directory")
        return outcome(tree.create_directories(child));
    if (what == "merged directory")
        return outcome(tree.write(child, "upper"));
    if (what == "emptied directory")
        return outcome(tree.remove(at(path + "/low")));
    if (what == "opaque directory") {
        REQUIRE(outcome(tree.remove_all(p)) == errc::ok);
        return outcome(tree.create_directories(child));
    }
    if (what == "whiteout")
        return outcome(tree.remove(p));
    return errc::ok;
}

void add_below(layer& lower, std::string const& what, std::string const& path) {
    if (what == "lower file" || what == "copied file" || what == "whiteout")
        lower.file(path, "lower");
    else if (what == "lower link")
        lower.symlink(path, "lower");
    else if (what == "empty lower directory")
        lower.directory(path);
    else if (what == "lower directory" || what == "merged directory" || what == "emptied directory" ||
             what == "opaque directory")
        lower.directory(path).file(path + "/low", "l");
}

TEST_CASE("[case.15] rename, no_replace and exchange, of everything onto everything") {
    static constexpr char const* kinds[] = {
        "lower file",     "copied file",      "upper file",       "lower link",       "upper link",
        "lower directory", "empty lower directory", "pure directory", "full pure directory", "merged directory",
        "emptied directory", "opaque directory", "whiteout", "nothing"};
    layer lower;
    for (auto const flags : {'p', 'n', 'e'})
        for (std::size_t i = 0; i < std::size(kinds); ++i)
            for (std::size_t j = 0; j < std::size(kinds); ++j) {
                std::string const place = std::string(1, flags) + std::to_string(i) + "-" + std::to_string(j);
                lower.directory(place);
                add_below(lower, kinds[i], place + "/from");
                add_below(lower, kinds[j], place + "/to");
            }
    lamina::memory_tree plain;
    materialise(plain, lower.in(lamina::whiteout_format::none));
    fixture on(lower);
    for (auto const flags : {'p', 'n', 'e'})
        for (std::size_t i = 0; i < std::size(kinds); ++i)
            for (std::size_t j = 0; j < std::size(kinds); ++j) {
                std::string const place = std::string(1, flags) + std::to_string(i) + "-" + std::to_string(j);
                auto const from = place + "/from", to = place + "/to";
                auto const how = flags == 'p'   ? rename_flags::none
                                 : flags == 'n' ? rename_flags::no_replace
                                                : rename_flags::exchange;
                for (auto const& [which, path] : {std::pair{kinds[i], from}, std::pair{kinds[j], to}})
                    REQUIRE(prepare(on.tree(), which, path) == prepare(plain, which, path));
                auto const found = outcome(on.tree().rename(at(from), at(to), how));
                if (!fixture::moves_lower_directories() && found == errc::exdev)
                    continue;
                if (how == rename_flags::exchange && found == errc::einval &&
                    !on.tree().able().has(lamina::capability::exchange))
                    continue;
                INFO(place << ": " << kinds[i] << " onto " << kinds[j]);
                CHECK(found == outcome(plain.rename(at(from), at(to), how)));
            }
    for (int again = 0; again < 2; ++again) {
        auto const wrong = model::differences(model::photograph(plain), model::photograph(on.tree()));
        CHECK(wrong == names());
        on.reopen();
    }
}

TEST_CASE("[case.16] a directory that changes while it is listed loses none of the others and shows none twice") {
    layer lower;
    lower.directory("d");
    std::set<std::string> steady;
    for (int i = 0; i < 200; ++i) {
        auto const name = "f" + std::to_string(i);
        lower.file("d/" + name, "");
        if (i % 4 != 0)
            steady.insert(name);
    }
    fixture on(lower);
    auto& tree = on.tree();
    for (int i = 1; i < 200; i += 8)
        REQUIRE(outcome(tree.append(at("d/f" + std::to_string(i)), "in the upper")) == errc::ok);
    auto const directory = tree.open_directory_at(tree.root(), "d").value();
    std::map<std::string, int> seen;
    int at_entry = 0;
    CHECK(outcome(tree.list_at(directory, [&](lamina::directory_entry const& entry) {
        ++seen[std::string(entry.name)];
        if (at_entry < 200 && at_entry % 4 == 0) {
            CHECK(outcome(tree.remove(at("d/f" + std::to_string(at_entry)))) == errc::ok);
            CHECK(outcome(tree.write(at("d/new" + std::to_string(at_entry)), "")) == errc::ok);
        }
        ++at_entry;
        return true;
    })) == errc::ok);
    tree.release(directory);
    for (auto const& name : steady)
        CHECK(seen[name] == 1);
    for (auto const& [name, times] : seen)
        CHECK(times == 1);
    CHECK(names_in(tree, "d").size() == 200);
}

TEST_CASE("[case.18] names are bytes, of the longest length, on paths of any") {
    std::string every;
    for (int c = 1; c < 256; ++c)
        if (c != '/')
            every += static_cast<char>(c);
    std::string const longest(fixture::aufs_upper() ? 251 : 255, '\xfe');
    fixture on(layer().directory("d").file("d/\x01\xff\n", "odd").file("d/" + longest, "long"));
    auto& tree = on.tree();
    CHECK(tree.read(at("d/\x01\xff\n")).value() == "odd");
    for (auto const& name : {every.substr(0, 127), every.substr(127), longest}) {
        CHECK(outcome(tree.append(at("d/" + name), "!")) == errc::ok);
        CHECK(outcome(tree.rename(at("d/" + name), at(name))) == errc::ok);
        CHECK(outcome(tree.remove(at(name))) == errc::ok);
        CHECK(outcome(tree.create_directory(at(name))) == errc::ok);
        CHECK(outcome(tree.remove(at(name))) == errc::ok);
    }
    if (fixture::aufs_upper()) {
        // Its whiteout needs four bytes more.
        CHECK(outcome(tree.write(at(longest + "x"), "")) == errc::enametoolong);
        CHECK(outcome(tree.create_directory(at(longest + "x"))) == errc::enametoolong);
    }
    CHECK(outcome(lamina::path::parse(std::string(256, 'x'))) == errc::enametoolong);
    std::string deep;
    for (int i = 0; i < 40; ++i)
        deep += std::string(200, static_cast<char>('a' + i % 26)) + "/";
    REQUIRE(outcome(tree.create_directories(at(deep))) == errc::ok);
    CHECK(outcome(tree.write(at(deep + "f"), "deep down")) == errc::ok);
    on.reopen();
    CHECK(on.tree().read(at(deep + "f")).value() == "deep down");
    CHECK(names_in(on.tree(), "d") == names{"\x01\xff\n"});
    CHECK(outcome(on.tree().remove_all(at(deep.substr(0, 200)))) == errc::ok);
}

}  // namespace
