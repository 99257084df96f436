// What the objects are: cases 7, 9 to 13, 17, 19 and 20.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include <lamina/backend/adapt/checked.hpp>

#include "conformance/cases_names.ipp"

namespace {

TEST_CASE("[case.7] a lower layer is never written to, whatever is done to the stack") {
    layer lower = deep_tree();
    lower.file("f", pattern(100'000)).mode(0444).xattr("user.k", "v").directory("e").file("e/g", "g");
    lower.file("h", "linked").hard_link("h2", "h").special("pipe", file_type::fifo);
    fixture on(layer_list{lower});
    auto const before = on.lower_images();
    auto& tree = on.tree();
    (void)all_paths(tree);
    CHECK(tree.read("f").value().size() == 100'000);
    CHECK(outcome(tree.append("f", "more")) == errc::ok);
    CHECK(outcome(tree.permissions("a/f", 0600)) == errc::ok);
    CHECK(outcome(tree.times("a/b/f", lamina::time_change::touch())) == errc::ok);
    CHECK(outcome(tree.set_xattr("a/b", "user.k", "v")) == errc::ok);
    CHECK(outcome(tree.resize("a/b/c/f", 1)) == errc::ok);
    CHECK(outcome(tree.write("h", "through one name")) == errc::ok);
    CHECK(outcome(tree.create_hard_link("h2", "h3")) ==
          (tree.able().has(lamina::capability::hard_links) ? errc::ok : errc::eperm));
    CHECK(outcome(tree.rename("e/g", "g")) == errc::ok);
    CHECK(outcome(tree.rename("pipe", "a/pipe")) == errc::ok);
    CHECK(outcome(tree.remove("a/b/c/l")) == errc::ok);
    if (fixture::moves_lower_directories())
        CHECK(outcome(tree.rename("a", "e", rename_flags::exchange)) ==
              (tree.able().has(lamina::capability::exchange) ? errc::ok : errc::einval));
    CHECK(outcome(tree.remove_all("a")) == errc::ok);
    CHECK(outcome(tree.copy("f", "f2")) == errc::ok);
    {
        auto file = tree.open("h2", open_flags::read_write).value();
        CHECK(outcome(file.write_at(bytes_of("x"), 3)) == errc::ok);
        CHECK(outcome(file.set_mode(0640)) == errc::ok);
    }
    on.reopen();
    (void)all_paths(on.tree());
    auto const after = on.lower_images();
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i)
        CHECK(model::differences(before[i], after[i]) == names());
}

// What has several names in a lower, and whether they will stay one object.
bool keeps_links(fixture& on) { return on.tree().rules().index == lamina::indexing::on && fixture::lowers_give_handles(); }

TEST_CASE("[case.9] without an index the names of a lower file part at copy-up, and each has the right content") {
    fixture on(layer().file("a", "text").hard_link("b", "a").directory("d").hard_link("d/c", "a"));
    if (keeps_links(on)) {
        WARN("left out: there is an index");
        return;
    }
    auto& tree = on.tree();
    CHECK(tree.status("a").value().id == tree.status("d/c").value().id);
    CHECK(tree.status("a").value().nlink == 3);
    CHECK(outcome(tree.append("a", "+a")) == errc::ok);
    for (int again = 0; again < 2; ++again) {
        CHECK(on.tree().read("a").value() == "text+a");
        CHECK(on.tree().read("b").value() == "text");
        CHECK(on.tree().read("d/c").value() == "text");
        CHECK(on.tree().status("a").value().nlink == 1);
        CHECK(on.tree().status("b").value().id == on.tree().status("d/c").value().id);
        CHECK(!(on.tree().status("a").value().id == on.tree().status("b").value().id));
        on.reopen();
    }
    CHECK(outcome(on.tree().remove("b")) == errc::ok);
    CHECK(on.tree().read("d/c").value() == "text");
}

TEST_CASE("[case.9] with an index the names of a lower file stay one file, over re-opening, removal and rename") {
    fixture on(layer()
                   .file("a", "text")
                   .hard_link("b", "a")
                   .directory("d")
                   .hard_link("d/c", "a")
                   .hard_link("d/e", "a")
                   .file("other", "o"));
    if (!keeps_links(on)) {
        WARN("left out: no index");
        return;
    }
    auto const number = on.tree().status("a").value().id.inode;
    {
        auto early = on.tree().open("d/e", open_flags::read).value();
        CHECK(outcome(on.tree().append("a", "+a")) == errc::ok);
        CHECK(read_some(early, 0, 100).value() == "text+a");
    }
    for (int again = 0; again < 2; ++again) {
        for (char const* const name : {"a", "b", "d/c", "d/e"}) {
            INFO(name);
            CHECK(on.tree().read(at(name)).value() == "text+a");
            CHECK(on.tree().status(at(name)).value().nlink == 4);
            CHECK(on.tree().status(at(name)).value().id.inode == number);
        }
        on.reopen();
    }
    // One that is still in the lower goes, one moves, one is replaced, one comes.
    CHECK(outcome(on.tree().remove("b")) == errc::ok);
    CHECK(on.tree().status("a").value().nlink == 3);
    CHECK(outcome(on.tree().rename("d/c", "moved")) == errc::ok);
    CHECK(on.tree().status("moved").value().nlink == 3);
    CHECK(outcome(on.tree().rename("other", "d/e")) == errc::ok);
    CHECK(on.tree().status("a").value().nlink == 2);
    CHECK(outcome(on.tree().create_hard_link("moved", "new")) == errc::ok);
    for (int again = 0; again < 2; ++again) {
        for (char const* const name : {"a", "moved", "new"}) {
            INFO(name);
            CHECK(on.tree().status(at(name)).value().nlink == 3);
            CHECK(on.tree().status(at(name)).value().id.inode == number);
        }
        CHECK(on.tree().read("d/e").value() == "o");
        on.reopen();
    }
    CHECK(outcome(on.tree().append("new", "+new")) == errc::ok);
    CHECK(on.tree().read("a").value() == "text+a+new");
    CHECK(outcome(on.tree().remove("a")) == errc::ok);
    CHECK(outcome(on.tree().remove("new")) == errc::ok);
    on.reopen();
    CHECK(on.tree().status("moved").value().nlink == 1);
    CHECK(on.tree().read("moved").value() == "text+a+new");
    CHECK(outcome(on.tree().remove("moved")) == errc::ok);
    CHECK(all_paths(on.tree()) == names{"d", "d/e"});
}

TEST_CASE("[case.9] links of which none is copied up are counted when they go; symbolic links and devices too") {
    fixture on(layer().file("a", "text").hard_link("b", "a").hard_link("c", "a").symlink("l", "a").hard_link("m", "l"));
    if (!keeps_links(on)) {
        WARN("left out: no index");
        return;
    }
    CHECK(outcome(on.tree().remove("b")) == errc::ok);
    CHECK(on.tree().status("a").value().nlink == 2);
    on.reopen();
    CHECK(on.tree().status("c").value().nlink == 2);
    CHECK(outcome(on.tree().remove("a")) == errc::ok);
    CHECK(on.tree().status("c").value().nlink == 1);
    on.reopen();
    CHECK(on.tree().status("c").value().nlink == 1);
    CHECK(on.tree().read("c").value() == "text");
    CHECK(outcome(on.tree().remove("c")) == errc::ok);
    auto const changed = on.tree().times("l", lamina::time_change::modified({5, 6}), lamina::links::no_follow);
    CHECK(outcome(changed) == errc::ok);
    if (on.tree().symlink_status("l").value().nlink == 2) {
        CHECK(outcome(on.tree().remove("m")) == errc::ok);
        CHECK(on.tree().symlink_status("l").value().nlink == 1);
    }
    on.reopen();
    CHECK(on.tree().read_symlink("l").value() == "a");
}

TEST_CASE("[case.12] numbers outlast copy-up, rename and re-opening where there is an index") {
    fixture on(layer().directory("d").file("d/f", "f").file("g", "g").symlink("l", "g").directory("e").file("e/k", "k"));
    if (!keeps_links(on)) {
        WARN("left out: no index");
        return;
    }
    auto const number = [&](char const* path) { return on.tree().symlink_status(at(path)).value().id.inode; };
    auto const root = number("/"), d = number("d"), f = number("d/f"), g = number("g"), e = number("e"), k = number("e/k");
    std::set<std::uint64_t> const all{root, d, f, g, e, k, number("l")};
    CHECK(all.size() == 7);
    CHECK(outcome(on.tree().append("d/f", "+")) == errc::ok);
    CHECK(outcome(on.tree().permissions("g", 0600)) == errc::ok);
    CHECK(outcome(on.tree().rename("d/f", "moved")) == errc::ok);
    bool const moves = outcome(on.tree().rename("e", "d/e")) == errc::ok;
    char const* const e_now = moves ? "d/e" : "e";
    char const* const k_now = moves ? "d/e/k" : "e/k";
    CHECK(outcome(on.tree().write(at(k_now), "another")) == errc::ok);
    CHECK(outcome(on.tree().write("fresh", "1")) == errc::ok);
    for (int again = 0; again < 2; ++again) {
        CHECK(number("/") == root);
        CHECK(number("d") == d);
        CHECK(number("moved") == f);
        CHECK(number("g") == g);
        CHECK(number(e_now) == e);
        CHECK(number(k_now) == k);
        CHECK(all.count(number("fresh")) == 0);
        on.reopen();
    }
}

TEST_CASE("[case.9] names made in the stack are one file, also when they are removed one by one") {
    fixture on(layer().file("a", "text").file("gone", "g").directory("d"));
    if (lacks(on.tree(), lamina::capability::hard_links, "hard links"))
        return;
    REQUIRE(outcome(on.tree().remove("gone")) == errc::ok);
    REQUIRE(outcome(on.tree().create_hard_link("a", "d/b")) == errc::ok);
    REQUIRE(outcome(on.tree().create_hard_link("d/b", "gone")) == errc::ok);
    for (int again = 0; again < 2; ++again) {
        auto& tree = on.tree();
        CHECK(outcome(tree.append("gone", "+")) == errc::ok);
        CHECK(tree.read("a").value() == tree.read("d/b").value());
        CHECK(tree.status("a").value().nlink == 3);
        CHECK(tree.status("a").value().id == tree.status("gone").value().id);
        on.reopen();
    }
    CHECK(on.tree().read("a").value() == "text++");
    CHECK(outcome(on.tree().remove("a")) == errc::ok);
    CHECK(on.tree().status("gone").value().nlink == 2);
    CHECK(outcome(on.tree().remove("gone")) == errc::ok);
    CHECK(on.tree().status("d/b").value().nlink == 1);
    on.reopen();
    CHECK(on.tree().read("d/b").value() == "text++");
    CHECK(all_paths(on.tree()) == names{"d", "d/b"});
}

TEST_CASE("[case.10] a change of mode, owner, times or attributes of a lower file copies no data") {
    if (!fixture::half_copies()) {
        WARN("left out: metadata-only copy-up is not on");
        return;
    }
    layer lower;
    for (char const* const name : {"mode", "owner", "times", "xattr"})
        lower.file(name, pattern(50'000));
    fixture on(lower);
    CHECK(outcome(on.tree().permissions("mode", 0600)) == errc::ok);
    CHECK(outcome(on.tree().owner("owner", lamina::keep_user, lamina::keep_group)) == errc::ok);
    CHECK(outcome(on.tree().times("times", lamina::time_change::modified({5, 6}))) == errc::ok);
    CHECK(outcome(on.tree().set_xattr("xattr", "user.k", "v")) == errc::ok);
    for (int again = 0; again < 2; ++again) {
        for (char const* const name : {"mode", "owner", "times", "xattr"}) {
            auto const lying = on.raw_upper().status(at(name)).value();
            CHECK(lying.size == 50'000);
            CHECK(lying.blocks <= 16);  // attributes may take a block
            CHECK((on.tree().read(at(name)).value() == pattern(50'000)));
        }
        on.reopen();
    }
    CHECK(on.tree().status("mode").value().mode == 0600);
    CHECK(on.tree().status("times").value().mtime == lamina::timestamp{5, 6});
    // Data comes when it is written, all of it; or so much as is left of it.
    CHECK(outcome(on.tree().append("mode", "end")) == errc::ok);
    CHECK((on.tree().read("mode").value() == pattern(50'000) + "end"));
    CHECK(on.raw_upper().status("mode").value().blocks != 0);
    CHECK(outcome(on.tree().resize("xattr", 3)) == errc::ok);
    on.reopen();
    CHECK((on.tree().read("xattr").value() == pattern(50'000).substr(0, 3)));
    CHECK((on.raw_upper().read("mode").value() == pattern(50'000) + "end"));
}

TEST_CASE("[case.11] a handle opened for reading before a copy-up sees what is written after it") {
    fixture on(layer().file("f", "before").file("g", "before").file("h", "before"));
    auto& tree = on.tree();
    auto reading = tree.open("f", open_flags::read).value();
    auto cut = tree.open("g", open_flags::read).value();
    auto gone = tree.open("h", open_flags::read).value();
    CHECK(read_some(reading, 0, 100).value() == "before");
    CHECK(outcome(tree.append("f", " and after")) == errc::ok);
    CHECK(read_some(reading, 0, 100).value() == "before and after");
    CHECK(reading.status().value().size == 16);
    CHECK(reading.status().value().id == tree.status("f").value().id);
    CHECK(outcome(tree.resize("g", 2)) == errc::ok);
    CHECK(read_some(cut, 0, 100).value() == "be");
    // What takes the name of another is another file.
    CHECK(outcome(tree.remove("h")) == errc::ok);
    CHECK(outcome(tree.write("h", "new")) == errc::ok);
    CHECK(read_some(gone, 0, 100).value() == "before");
}

TEST_CASE("[case.12] inode numbers are unique, and stay what they are while the stack is open") {
    fixture on(layer_list{deep_tree().file("g", "g").directory("e")});
    auto& tree = on.tree();
    auto const number = [&](char const* path) { return tree.symlink_status(at(path)).value().id.inode; };
    auto const file = number("a/f"), link = number("a/b/c/l"), directory = number("a/b"), other = number("g");
    CHECK((std::set{file, link, directory, other, number("a"), number("a/b/f"), number("a/b/c")}.size() == 7));
    CHECK(outcome(tree.append("a/f", "+")) == errc::ok);
    CHECK(outcome(tree.owner("a/b/c/l", lamina::keep_user, lamina::keep_group, lamina::links::no_follow)) == errc::ok);
    CHECK(outcome(tree.permissions("a/b", 0700)) == errc::ok);
    CHECK(outcome(tree.write("g", "written as a whole")) == errc::ok);
    CHECK(number("a/f") == file);
    CHECK(number("a/b/c/l") == link);
    CHECK(number("a/b") == directory);
    CHECK(number("g") == other);
    CHECK(tree.open("a/f", open_flags::read).value().status().value().id.inode == file);
    CHECK(outcome(tree.rename("a/f", "e/f")) == errc::ok);
    CHECK(number("e/f") == file);
    if (fixture::moves_lower_directories()) {
        CHECK(outcome(tree.rename("a/b", "e/b")) == errc::ok);
        CHECK(number("e/b") == directory);
    }
    (void)all_paths(tree);
    for (auto const entry : tree.list("e").value())
        if (entry.name == "f")
            CHECK((entry.inode == 0 || entry.inode == file));
    CHECK(outcome(tree.write("a/f", "another")) == errc::ok);
    CHECK(number("a/f") != file);
}

TEST_CASE("[case.13] threads that copy one file up at once make one copy, and nobody sees half of it") {
    static constexpr std::size_t size = 300'000;
    fixture on(layer().file("f", pattern(size)));
    auto& tree = on.tree();
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            while (!done) {
                auto const found = tree.status("f");
                auto const bytes = tree.read("f");
                bool const whole = found && bytes && found->size >= size && bytes->size() >= size &&
                                   bytes->compare(0, size, pattern(size)) == 0 &&
                                   bytes->find_first_not_of('+', size) == std::string::npos;
                wrong += whole ? 0 : 1;
            }
        });
    std::vector<std::thread> writers;
    for (int i = 0; i < 4; ++i)
        writers.emplace_back([&] {
            auto file = tree.open("f", open_flags::read_write);
            wrong += file && file->append(bytes_of("+")) ? 0 : 1;
        });
    for (auto& writer : writers)
        writer.join();
    done = true;
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    CHECK((tree.read("f").value() == pattern(size) + "++++"));
    on.reopen();
    CHECK((on.tree().read("f").value() == pattern(size) + "++++"));
    CHECK(all_paths(on.tree()) == names{"f"});
}

TEST_CASE("[case.17] permission is judged by what was asked for, not by the read that a copy-up needs") {
    layer lower;
    lower.file("write only", "secret").mode(0222).file("read only", "public").mode(0444).file("mode", "m").mode(0600);
    lower.directory("closed").mode(0700).file("closed/f", "f");
    fixture on(lower);
    lamina::checked somebody{on.tree(), lamina::credentials{1000, 1000}};
    // Written, though not readable, and so copied up.
    CHECK(outcome(somebody.append("write only", "!")) == errc::ok);
    CHECK(outcome(somebody.read("write only")) == errc::eacces);
    CHECK(on.tree().read("write only").value() == "secret!");
    // Refused before anything is copied.
    CHECK(outcome(somebody.append("read only", "!")) == errc::eacces);
    CHECK(outcome(somebody.permissions("read only", 0666)) == errc::eperm);
    CHECK(outcome(somebody.permissions("mode", 0666)) == errc::eperm);
    CHECK(outcome(somebody.remove("mode")) == errc::eacces);
    CHECK(outcome(somebody.read("closed/f")) == errc::eacces);
    CHECK(names_in(on.raw_upper(), "/") == names{"write only"});
}

TEST_CASE("[case.19] holes stay holes through a copy-up, and files may be larger than 4 GiB") {
    fixture on(layer().file("f", pattern(10'000)));
    constexpr std::uint64_t far = 5'000'000'000;
    {
        // Made in the stack first: not every lower can be given so large a file.
        auto file = on.tree().open("f", open_flags::read_write).value();
        REQUIRE(file.write_at(bytes_of("end"), far).value() == 3);
    }
    lamina::memory_tree above;
    lamina::overlay second{lamina::upper(above), lamina::lower(on.tree())};
    REQUIRE(outcome(second.append("f", "+")) == errc::ok);
    auto const copied = above.status("f").value();
    CHECK(copied.size == far + 4);
    CHECK(copied.blocks * 512 < 1'000'000);
    auto file = second.open("f", open_flags::read).value();
    CHECK(read_some(file, far, 10).value() == "end+");
    CHECK(read_some(file, 9'990, 20).value() == pattern(10'000).substr(9'990) + std::string(10, '\0'));
}

TEST_CASE("[case.19] times before 1970 and after 2038 survive a copy-up to the nanosecond") {
    lamina::timestamp const before{-1'000'000'000, 123'456'789}, after{5'000'000'000, 987'654'321};
    fixture on(layer()
                   .file("f", "text")
                   .times(before, after)
                   .directory("d")
                   .times(after, before)
                   .symlink("l", "f")
                   .times(after, after));
    CHECK(outcome(on.tree().permissions("f", 0600)) == errc::ok);
    CHECK(outcome(on.tree().permissions("d", 0700)) == errc::ok);
    CHECK(outcome(on.tree().owner("l", lamina::keep_user, lamina::keep_group, lamina::links::no_follow)) == errc::ok);
    for (int again = 0; again < 2; ++again) {
        CHECK(on.tree().status("f").value().mtime == after);
        CHECK(on.tree().status("f").value().atime == before);
        CHECK(on.tree().status("d").value().mtime == before);
        CHECK(on.tree().symlink_status("l").value().mtime == after);
        on.reopen();
    }
}

TEST_CASE("[case.20] five hundred layers") {
    if (too_few_lowers<fixture>(500))
        return;
    layer_list given(500);
    for (std::size_t i = 0; i < given.size(); ++i) {
        given[i].directory("d").file("d/f" + std::to_string(i), std::to_string(i)).file("same", std::to_string(i));
        if (i % 50 == 0)
            given[i].whiteout("d/f" + std::to_string(i + 25));
    }
    fixture on(given);
    auto& tree = on.tree();
    CHECK(names_in(tree, "d").size() == 490);
    CHECK(tree.read("same").value() == "0");
    CHECK(tree.read("d/f499").value() == "499");
    CHECK(outcome(tree.status("d/f25")) == errc::enoent);
    CHECK(outcome(tree.append("d/f499", "+")) == errc::ok);
    CHECK(outcome(tree.remove("d/f498")) == errc::ok);
    if (fixture::moves_lower_directories())
        CHECK(outcome(tree.rename("d", "e")) == errc::ok);
    on.reopen();
    auto const directory = fixture::moves_lower_directories() ? std::string("e") : std::string("d");
    CHECK(names_in(on.tree(), at(directory)).size() == 489);
    CHECK(on.tree().read(at(directory + "/f499")).value() == "499+");
    CHECK(on.tree().read(at(directory + "/f300")).value() == "300");
}

}  // namespace
