#include "catch.hpp"

#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <lamina/backend/from_paths.hpp>

using namespace lamina;

namespace {

// A table of paths: what a program might have at hand.
struct table {
    std::map<std::string, std::string, std::less<>> files;  // directories end in '/'
    std::map<std::string, std::string, std::less<>> symlinks;
    std::vector<std::string> asked;

    result<std::optional<attributes>> status(path_view where) {
        asked.emplace_back(where.bytes());
        attributes about;
        std::string const bytes(where.bytes());
        if (bytes.empty() || files.count(bytes + '/') != 0) {
            about.type = file_type::directory;
            about.mode = 0755;
        } else if (auto const file = files.find(bytes); file != files.end()) {
            about.type = bytes.ends_with(".fifo") ? file_type::fifo : file_type::regular;
            about.size = file->second.size();
        } else if (symlinks.count(bytes) != 0) {
            about.type = file_type::symlink;
        } else {
            return std::optional<attributes>();
        }
        return std::optional(about);
    }
    result<void> list(path_view where, entry_sink sink) {
        std::string const prefix = where.is_root() ? "" : std::string(where.bytes()) + '/';
        for (auto const* names : {&files, &symlinks})
            for (auto const& [path, content] : *names) {
                if (!path.starts_with(prefix))
                    continue;
                auto name = path.substr(prefix.size());
                if (name.ends_with('/'))
                    name.pop_back();
                if (!name.empty() && name.find('/') == std::string::npos && !sink({name}))
                    return {};
            }
        return {};
    }
    result<std::size_t> read(path_view where, std::uint64_t offset, std::span<std::byte> into) {
        auto const& content = files.find(where.bytes())->second;
        if (offset >= content.size())
            return std::size_t{0};
        auto const count = std::min<std::size_t>({into.size(), content.size() - offset, 3});  // a few bytes at a time
        std::memcpy(into.data(), content.data() + offset, count);
        return count;
    }
    result<std::string> read_symlink(path_view where) { return symlinks.find(where.bytes())->second; }
    result<std::vector<std::pair<std::string, std::string>>> xattrs(path_view where) {
        return std::vector<std::pair<std::string, std::string>>{{"user.path", std::string(where.bytes())},
                                                                {"user.x", "y"}};
    }
};

table example() {
    return {{{"etc/", ""},
             {"etc/motd", "hello, world\n"},
             {"etc/deep/", ""},
             {"etc/deep/er/", ""},
             {"etc/deep/er/f", "x"},
             {"p.fifo", ""}},
            {{"link", "etc/motd"}},
            {}};
}

}  // namespace

TEST_CASE("three functions make a backend with every path-level member") {
    auto functions = example();
    from_paths tree{functions};
    static_assert(readable_backend<decltype(tree)> && !writable_backend<decltype(tree)>);
    CHECK(tree.read("etc/motd").value() == "hello, world\n");
    CHECK(tree.read("link").value() == "hello, world\n");
    CHECK(tree.read("etc/deep/er/../../motd").value() == "hello, world\n");
    CHECK(tree.read_symlink("link").value() == "etc/motd");
    CHECK(tree.status("etc").value().is_directory());
    CHECK(tree.list("etc").value().size() == 2);
    CHECK(tree.get_xattr("etc/motd", "user.path").value() == "etc/motd");
    CHECK(tree.get_xattr("etc/motd", "user.none").error() == errc::enodata);
    CHECK(tree.xattrs("etc").value() == std::vector<std::string>{"user.path", "user.x"});
    CHECK(tree.held_nodes() == 0);
    // The functions never see ".", ".." or a leading slash.
    for (auto const& path : functions.asked) {
        INFO(path);
        CHECK(path.find("..") == std::string::npos);
        CHECK_FALSE(path.starts_with('/'));
    }
}

TEST_CASE("the mistakes of callers are told apart as everywhere") {
    from_paths tree{example()};
    auto const root = tree.root();
    CHECK(tree.open_directory_at(root, "nothing").error() == errc::enoent);
    CHECK(tree.open_directory_at(root, "link").error() == errc::enotdir);
    CHECK(tree.open_at(root, "nothing", open_flags::read).error() == errc::enoent);
    CHECK(tree.open_at(root, "etc", open_flags::read).error() == errc::eisdir);
    CHECK(tree.open_at(root, "link", open_flags::read).error() == errc::eloop);
    CHECK(tree.open_at(root, "p.fifo", open_flags::read).error() == errc::enxio);
    CHECK(tree.open("etc/motd", open_flags::write).error() == errc::erofs);
    CHECK(tree.read_symlink("etc").error() == errc::einval);
    CHECK(tree.lookup(root, "a/b").error() == errc::einval);
    CHECK(tree.lookup(root, "..").error() == errc::einval);
    CHECK_FALSE(tree.able().has(capability::write));
    CHECK(tree.xattrs("nothing").error() == errc::enoent);
}

TEST_CASE("an open file reads the whole of what it is asked for, and tells where its data ends") {
    from_paths tree{example()};
    auto file = tree.open("etc/motd", open_flags::read).value();
    std::string into(20, '\0');
    CHECK(file.read_at(std::as_writable_bytes(std::span(into)), 0).value() == 13);
    CHECK(file.read_at(std::as_writable_bytes(std::span(into)), 13).value() == 0);
    CHECK(file.next_data(4).value() == 4);
    CHECK(file.next_data(40).value() == 13);
    CHECK(file.next_hole(4).value() == 13);
}

TEST_CASE("an open file that is no longer there is stale") {
    auto functions = example();
    from_paths tree{functions};
    auto file = tree.open("etc/motd", open_flags::read).value();
    functions.files.erase("etc/motd");
    CHECK(file.status().error() == errc::estale);
}

TEST_CASE("a directory's node is kept once, while anybody holds it") {
    from_paths tree{example()};
    auto const root = tree.root();
    auto const one = tree.open_directory_at(root, "etc").value();
    auto const two = tree.open_directory_at(root, "etc").value();
    CHECK(one == two);
    tree.retain(one);
    CHECK(tree.held_nodes() == 1);
    tree.release(one);
    tree.release(two);
    CHECK(tree.held_nodes() == 1);
    CHECK(tree.lookup(one, "motd").value().has_value());
    auto moved = std::move(tree);
    CHECK(moved.lookup(one, "motd").value().has_value());
    moved.release(one);
    CHECK(moved.held_nodes() == 0);
    CHECK(moved.open_directory_at(root, "").value() == root);
    moved.release(root);
    CHECK(moved.lookup(root, "etc").value().has_value());
}

TEST_CASE("the number of nodes is bounded") {
    from_paths tree{example(), 2};
    auto const root = tree.root();
    auto const etc = tree.open_directory_at(root, "etc").value();
    auto const deep = tree.open_directory_at(etc, "deep").value();
    CHECK(tree.open_directory_at(deep, "er").error() == errc::enfile);
    CHECK(tree.open_directory_at(root, "etc").has_value());
    tree.release(etc);
    tree.release(etc);
    CHECK(tree.open_directory_at(deep, "er").has_value());
}

TEST_CASE("objects without a number get one each, other numbers stay") {
    struct numbered : table {
        result<std::optional<attributes>> status(path_view where) {
            auto found = table::status(where);
            if (found && *found && where.bytes() == "link")
                (*found)->id = {3, 4};
            return found;
        }
    };
    from_paths tree{numbered{example()}};
    auto const motd = tree.status("etc/motd").value().id;
    auto const etc = tree.status("etc").value().id;
    CHECK(motd != etc);
    CHECK(motd.inode != 0);
    CHECK(motd == tree.status("etc/motd").value().id);
    CHECK(tree.symlink_status("link").value().id == file_id{3, 4});
    from_paths other{example()};
    CHECK(other.status("etc/motd").value().id != motd);
}

TEST_CASE("functions that break their promise do not get through") {
    struct liar : table {
        std::string bad;
        result<void> list(path_view, entry_sink sink) {
            for (std::string_view const name : {std::string_view("good"), std::string_view(bad)})
                if (!sink({name}))
                    break;
            return {};
        }
        result<std::size_t> read(path_view, std::uint64_t, std::span<std::byte> into) { return into.size() + 1; }
    };
    for (auto const& bad : {std::string(""), std::string("."), std::string(".."), std::string("a/b"),
                            std::string("a\0b", 3), std::string(256, 'x')}) {
        liar functions{example(), bad};
        from_paths tree{functions};
        CHECK(tree.list("").error() == errc::ebadmsg);
        CHECK(tree.read("etc/motd").error() == errc::ebadmsg);
    }
}

TEST_CASE("a sink that has seen enough ends the listing") {
    from_paths tree{example()};
    int seen = 0;
    REQUIRE(tree.list_at(tree.root(),
                         [&](directory_entry const&) {
                             ++seen;
                             return false;
                         })
                .has_value());
    CHECK(seen == 1);
}

TEST_CASE("without functions for links and attributes a link cannot be read and there are no attributes") {
    struct plain {
        table inner = example();
        result<std::optional<attributes>> status(path_view where) { return inner.status(where); }
        result<void> list(path_view where, entry_sink sink) { return inner.list(where, sink); }
        result<std::size_t> read(path_view where, std::uint64_t offset, std::span<std::byte> into) {
            return inner.read(where, offset, into);
        }
    };
    from_paths tree{plain{}};
    CHECK(tree.read_symlink("link").error() == errc::eopnotsupp);
    CHECK(tree.xattrs("etc").value().empty());
    CHECK(tree.get_xattr("etc", "user.x").error() == errc::enodata);
}

TEST_CASE("nodes are held and given back by many threads") {
    struct quiet : table {
        result<std::optional<attributes>> status(path_view where) {
            attributes about;
            about.type = file_type::directory;
            return where.bytes().size() < 8 ? std::optional(about) : std::nullopt;
        }
    };
    from_paths tree{quiet{}};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                auto const a = tree.open_directory_at(tree.root(), "a").value();
                auto const b = tree.open_directory_at(a, "b").value();
                (void)tree.lookup(b, "c");
                tree.release(a);
                tree.release(b);
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(tree.held_nodes() == 0);
}
