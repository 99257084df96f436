// What stays true while something is held: an open file, a node. Rules handle.*. For `fixture` see README.md.
#pragma once

#include "conformance/expect.hpp"

namespace {

using namespace conformance;
using lamina::errc;
using lamina::open_flags;

TEST_CASE("[handle.1] an open file outlives its name") {
    fixture on(content().file("f", "text").directory("d").file("d/g", "other"));
    auto& tree = on.tree();
    auto reading = tree.open("f", open_flags::read).value();
    auto writing = tree.open("d/g", open_flags::read_write).value();
    CHECK(outcome(tree.remove("f")) == errc::ok);
    CHECK(outcome(tree.remove_all("d")) == errc::ok);
    CHECK(read_some(reading, 0, 100).value() == "text");
    CHECK(writing.write_at(bytes_of("++"), 5).value() == 2);
    CHECK(read_some(writing, 0, 100).value() == "other++");
    CHECK(outcome(writing.resize(2)) == errc::ok);
    CHECK(writing.status().value().size == 2);
    CHECK(writing.status().value().nlink == 0);
    CHECK(names_in(tree, "/").empty());
    if (!no_promise<fixture>(promise::handles_follow, "open files follow a copy-up"))
        CHECK(reading.status().value().nlink == 0);
}

TEST_CASE("[handle.2] what takes over the name is another file") {
    fixture on(content().file("f", "old").file("g", "replacement"));
    auto& tree = on.tree();
    auto old = tree.open("f", open_flags::read).value();
    CHECK(outcome(tree.rename("g", "f")) == errc::ok);
    CHECK(read_some(old, 0, 100).value() == "old");
    CHECK(tree.read("f").value() == "replacement");
    CHECK(outcome(tree.remove("f")) == errc::ok);
    CHECK(outcome(tree.write("f", "new")) == errc::ok);
    CHECK(read_some(old, 0, 100).value() == "old");
}

TEST_CASE("[handle.3] an open file goes along with a rename, of itself or of what it lies in") {
    fixture on(content().directory("d").directory("d/e").file("d/e/f", "text"));
    auto& tree = on.tree();
    auto file = tree.open("d/e/f", open_flags::read_write).value();
    CHECK(outcome(tree.rename("d", "moved")) == errc::ok);
    CHECK(file.write_at(bytes_of("T"), 0).value() == 1);
    CHECK(tree.read("moved/e/f").value() == "Text");
    CHECK(outcome(tree.rename("moved/e/f", "top")) == errc::ok);
    CHECK(file.write_at(bytes_of("!"), 4).value() == 1);
    CHECK(tree.read("top").value() == "Text!");
    CHECK(file.status().value().id == tree.status("top").value().id);
}

TEST_CASE("[handle.4] through a handle: mode, owner, times, attributes, size") {
    fixture on(content().file("f", "text").mode(0600));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::read_write).value();
    CHECK(outcome(file.set_mode(0751)) == errc::ok);
    CHECK(tree.status("f").value().mode == 0751);
    CHECK(outcome(file.set_times(lamina::time_change::both({1, 2}, {3, 4}))) == errc::ok);
    CHECK(tree.status("f").value().mtime == lamina::timestamp{3, 4});
    CHECK(file.status().value().atime == lamina::timestamp{1, 2});
    CHECK(outcome(file.set_owner(lamina::keep_user, lamina::keep_group)) == errc::ok);
    CHECK(file.status().value().mode == 0751);
    if (!lacks(tree, lamina::capability::user_xattrs, "user.* attributes")) {
        CHECK(outcome(file.set_xattr("user.k", "v", lamina::xattr_flags::none)) == errc::ok);
        CHECK(tree.get_xattr("f", "user.k").value() == "v");
        CHECK(outcome(file.set_xattr("user.k", "v", lamina::xattr_flags::create)) == errc::eexist);
        CHECK(outcome(file.set_xattr("user.none", "v", lamina::xattr_flags::replace)) == errc::enodata);
    }
    if (!lacks(tree, lamina::capability::change_owner, "change of owner")) {
        CHECK(outcome(file.set_owner(12, 34)) == errc::ok);
        CHECK(tree.status("f").value().uid == 12);
        CHECK(tree.status("f").value().gid == 34);
    }
    CHECK(tree.read("f").value() == "text");
}

TEST_CASE("[handle.5] a created file is open at once for both, and empty") {
    fixture on(content().directory("d"));
    auto& tree = on.tree();
    lamina::node_guard const d(tree, tree.open_directory_at(tree.root(), "d").value());
    auto file = tree.create_at(d.get(), "f", 0400).value();
    CHECK(file.status().value().size == 0);
    CHECK(file.write_at(bytes_of("text"), 0).value() == 4);
    CHECK(read_some(file, 0, 100).value() == "text");
    CHECK(tree.status("d/f").value().mode == 0400);
    CHECK(outcome(tree.create_at(d.get(), "f", 0600)) == errc::eexist);
    CHECK(file.status().value().id == tree.status("d/f").value().id);
}

TEST_CASE("[handle.6] a node is its directory, also after a rename") {
    fixture on(content().directory("d").file("d/f", "text").directory("e"));
    auto& tree = on.tree();
    lamina::node_guard const d(tree, tree.open_directory_at(tree.root(), "d").value());
    CHECK(outcome(tree.rename("d", "e/moved")) == errc::ok);
    CHECK(tree.lookup(d.get(), "f").value().has_value());
    CHECK(outcome(tree.create_directory_at(d.get(), "new", 0755)) == errc::ok);
    CHECK(names_in(tree, "e/moved") == names{"f", "new"});
    // What takes over the name is another directory.
    CHECK(outcome(tree.create_directory("d")) == errc::ok);
    CHECK(outcome(tree.create_directory_at(d.get(), "newer", 0755)) == errc::ok);
    CHECK(tree.list("d").value().empty());
}

TEST_CASE("[handle.7] a node whose directory is gone answers enoent or estale, and makes nothing") {
    fixture on(content().directory("d").file("d/f", "text"));
    auto& tree = on.tree();
    lamina::node_guard const d(tree, tree.open_directory_at(tree.root(), "d").value());
    CHECK(outcome(tree.remove_all("d")) == errc::ok);
    auto const gone = [](errc code) { return code == errc::enoent || code == errc::estale; };
    CHECK(gone(outcome(tree.create_at(d.get(), "new", 0600))));
    CHECK(gone(outcome(tree.create_directory_at(d.get(), "new", 0700))));
    CHECK(gone(outcome(tree.open_at(d.get(), "f", open_flags::read))));
    CHECK(gone(outcome(tree.remove_at(d.get(), "f"))));
    CHECK(outcome(tree.create_directory("d")) == errc::ok);
    CHECK(gone(outcome(tree.create_at(d.get(), "new", 0600))));
    CHECK(tree.list("d").value().empty());
}

TEST_CASE("[handle.8] a listing that was taken does not change with the directory") {
    fixture on(content().directory("d").file("d/a", "").file("d/b", "").file("d/c", ""));
    auto& tree = on.tree();
    auto const before = tree.list("d").value();
    CHECK(outcome(tree.remove("d/b")) == errc::ok);
    CHECK(outcome(tree.write("d/new", "")) == errc::ok);
    names seen;
    for (auto const entry : before)
        seen.emplace_back(entry.name);
    std::sort(seen.begin(), seen.end());
    CHECK(seen == names{"a", "b", "c"});
    CHECK(names_in(tree, "d") == names{"a", "c", "new"});
}

TEST_CASE("[handle.9] what is removed while a directory is listed is listed once or not at all, the rest once") {
    content given;
    given.directory("d");
    for (int i = 0; i != 200; ++i)
        given.file("d/" + std::to_string(1000 + i), "");
    fixture on(given);
    auto& tree = on.tree();
    lamina::node_guard const d(tree, tree.open_directory_at(tree.root(), "d").value());
    names seen;
    auto const remove_the_odd = [&](lamina::directory_entry const& entry) {
        seen.emplace_back(entry.name);
        if (seen.size() == 1)
            for (int i = 1; i < 200; i += 2)
                CHECK(outcome(tree.remove(at("d/" + std::to_string(1000 + i)))) == errc::ok);
        return true;
    };
    CHECK(outcome(tree.list_at(d.get(), remove_the_odd)) == errc::ok);
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    for (int i = 0; i < 200; i += 2)
        CHECK(std::binary_search(seen.begin(), seen.end(), std::to_string(1000 + i)));
    CHECK(names_in(tree, "d").size() == 100);
}

TEST_CASE("[handle.10] a handle that was opened before the first write sees it") {
    if (no_promise<fixture>(promise::handles_follow, "open files follow a copy-up"))
        return;
    fixture on(content().file("f", "0123456789").directory("d").file("d/g", "text"));
    auto& tree = on.tree();
    auto before = tree.open("f", open_flags::read).value();
    CHECK(read_some(before, 0, 2).value() == "01");
    CHECK(outcome(tree.write("f", "new content")) == errc::ok);
    CHECK(read_some(before, 0, 100).value() == "new content");
    auto other = tree.open("d/g", open_flags::read).value();
    CHECK(outcome(tree.append("d/g", "+more")) == errc::ok);
    CHECK(read_some(other, 0, 100).value() == "text+more");
    CHECK(other.status().value().size == 9);
}

TEST_CASE("[handle.11] a handle from before a change of mode reads on, and tells the new mode") {
    if (no_promise<fixture>(promise::handles_follow, "open files follow a copy-up"))
        return;
    fixture on(content().file("f", "text").mode(0644));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::read).value();
    CHECK(outcome(tree.permissions("f", 0600)) == errc::ok);
    CHECK(read_some(file, 0, 100).value() == "text");
    CHECK(file.status().value().mode == 0600);
    CHECK(file.status().value().id == tree.status("f").value().id);
}

TEST_CASE("[handle.12] through a handle: extended attributes, read and removed, also when the name is gone") {
    if (cannot_hold<fixture>(lamina::capability::user_xattrs, "user.* attributes"))
        return;
    fixture on(content().file("f", "text").xattr("user.k", "v").xattr("user.l", ""));
    auto& tree = on.tree();
    auto file = tree.open("f", open_flags::read).value();
    if constexpr (!lamina::removes_xattrs<decltype(file)>) {
        WARN("left out: files of this configuration have their attributes by name only");
    } else {
        auto const keys = [&] {
            auto found = file.list_xattrs().value();
            std::erase_if(found, [](std::string const& key) { return !key.starts_with("user."); });
            std::sort(found.begin(), found.end());
            return found;
        };
        CHECK(file.get_xattr("user.k").value() == "v");
        CHECK(file.get_xattr("user.l").value() == "");
        CHECK(file.get_xattr("user.none").value() == std::nullopt);
        CHECK(outcome(file.get_xattr("")) == errc::erange);
        CHECK(keys() == names{"user.k", "user.l"});
        CHECK(outcome(file.remove_xattr("user.none")) == errc::enodata);
        CHECK(outcome(file.remove_xattr("user.k")) == errc::ok);
        CHECK(keys() == names{"user.l"});
        CHECK(outcome(tree.get_xattr("f", "user.k")) == errc::enodata);
        CHECK(outcome(tree.set_xattr("f", "user.m", "by name")) == errc::ok);
        CHECK(file.get_xattr("user.m").value() == "by name");
        CHECK(outcome(tree.remove("f")) == errc::ok);
        CHECK(keys() == names{"user.l", "user.m"});
        CHECK(outcome(file.remove_xattr("user.l")) == errc::ok);
        CHECK(keys() == names{"user.m"});
        CHECK(read_some(file, 0, 100).value() == "text");
    }
}

TEST_CASE("[handle.13] a file that is made without a name can be used at once, and gets its name in one step") {
    using tree_type = std::remove_reference_t<decltype(std::declval<fixture&>().tree())>;
    fixture on(content().directory("d").mode(02755).file("d/taken", "text").directory("e"));
    auto& tree = on.tree();
    if constexpr (!lamina::makes_unnamed_files<tree_type>) {
        WARN("left out: this configuration has no files without a name");
    } else if (!lacks(tree, lamina::capability::unnamed_files, "files without a name")) {
        lamina::node_guard const d(tree, tree.open_directory_at(tree.root(), "d").value());
        lamina::node_guard const e(tree, tree.open_directory_at(tree.root(), "e").value());
        {
            auto never = tree.create_unnamed(d.get(), 0600).value();
            CHECK(never.write_at(bytes_of("lost"), 0).value() == 4);
        }
        auto file = tree.create_unnamed(d.get(), 0640).value();
        CHECK(file.status().value().nlink == 0);
        CHECK(file.status().value().is_regular());
        CHECK(file.status().value().mode == 0640);
        CHECK(file.status().value().gid == tree.status("d").value().gid);
        CHECK(file.write_at(bytes_of("text of no name"), 0).value() == 15);
        CHECK(read_some(file, 5, 100).value() == "of no name");
        CHECK(outcome(file.resize(12)) == errc::ok);
        CHECK(outcome(file.set_mode(0604)) == errc::ok);
        CHECK(names_in(tree, "d") == names{"taken"});

        CHECK(outcome(tree.publish_at(file, d.get(), "taken")) == errc::eexist);
        CHECK(outcome(tree.publish_at(file, tree.root(), "d")) == errc::eexist);
        CHECK(outcome(tree.publish_at(file, e.get(), "f")) == errc::ok);
        CHECK(tree.read("e/f").value() == "text of no n");
        auto const named = tree.status("e/f").value();
        CHECK(named.nlink == 1);
        CHECK(named.mode == 0604);
        CHECK(named.id == file.status().value().id);
        CHECK(file.write_at(bytes_of("TEXT"), 0).value() == 4);
        CHECK(file.append(bytes_of("ame")).value() == 3);
        CHECK(tree.status("e/f").value().size == 15);
        CHECK(tree.read("e/f").value() == "TEXT of no name");
        CHECK(outcome(tree.rename("e/f", "d/g")) == errc::ok);
        CHECK(file.append(bytes_of("!")).value() == 1);
        CHECK(tree.status("d/g").value().size == 16);
        CHECK(tree.read("d/taken").value() == "text");

        // One more name.
        if (!lacks(tree, lamina::capability::hard_links, "hard links")) {
            CHECK(outcome(tree.publish_at(file, d.get(), "h")) == errc::ok);
            CHECK(tree.status("d/h").value().id == file.status().value().id);
            CHECK(tree.status("d/g").value().nlink == 2);
            CHECK(outcome(tree.remove("d/h")) == errc::ok);
        }
        CHECK(outcome(tree.remove("d/g")) == errc::ok);
        CHECK(file.status().value().nlink == 0);
        CHECK(outcome(tree.publish_at(file, d.get(), "again")) == errc::enoent);
        // Where a name was removed it is free.
        auto other = tree.create_unnamed(e.get(), 0600).value();
        CHECK(outcome(tree.remove("d/taken")) == errc::ok);
        CHECK(outcome(tree.publish_at(other, d.get(), "taken")) == errc::ok);
        CHECK(tree.read("d/taken").value().empty());
        CHECK(names_in(tree, "d") == names{"taken"});
        CHECK(outcome(tree.remove_all("d")) == errc::ok);
        auto late = tree.create_unnamed(e.get(), 0600).value();
        CHECK(outcome(tree.publish_at(late, d.get(), "f")) != errc::ok);
        CHECK(outcome(tree.create_unnamed(d.get(), 0600)) != errc::ok);
    }
}

}  // namespace
