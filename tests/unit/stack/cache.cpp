// The entry cache from outside: what is answered from it is right, and it stays within its bound.
#include <string>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "catch.hpp"

namespace {

using namespace lamina;

path at(std::string const& text) { return path::parse(text).value(); }

memory_tree many_files(int directories, int files) {
    memory_tree tree;
    for (int d = 0; d < directories; ++d) {
        auto const dir = "d" + std::to_string(d);
        tree.create_directory(at(dir)).value();
        for (int f = 0; f < files; ++f)
            tree.write(at(dir + "/f" + std::to_string(f)), dir).value();
    }
    return tree;
}

}  // namespace

TEST_CASE("[cache.1] a bounded cache forgets what was not used, and answers the same") {
    memory_tree lower_tree = many_files(20, 50);
    memory_tree scratch;
    policy rules;
    rules.cache_bytes = 16 * 1024;
    overlay root{upper(scratch), lower(lower_tree), rules};
    for (int round = 0; round < 3; ++round)
        for (int d = 0; d < 20; ++d)
            for (int f = 0; f < 50; ++f) {
                auto const name = "d" + std::to_string(d) + "/f" + std::to_string(f);
                REQUIRE(root.read(at(name)).value() == "d" + std::to_string(d));
                REQUIRE(root.status(at(name + "x")).error() == errc::enoent);
                REQUIRE(root.cached_bytes() < rules.cache_bytes + 4096);
            }
    // A listing may exceed the bound for itself; what follows brings it back.
    REQUIRE(root.list("d3").value().size() == 50);
    for (int i = 0; i < 100; ++i)
        REQUIRE(root.exists(at("d4/no" + std::to_string(i))).value() == false);
    REQUIRE(root.cached_bytes() < rules.cache_bytes + 4096);
}

TEST_CASE("[cache.2] inode numbers outlive the cached entry, also of what was copied up") {
    memory_tree lower_tree = many_files(10, 20);
    memory_tree scratch;
    policy rules;
    rules.cache_bytes = 4 * 1024;
    overlay root{upper(scratch), lower(lower_tree), rules};
    std::vector<std::uint64_t> numbers;
    for (int d = 0; d < 10; ++d)
        numbers.push_back(root.status(at("d" + std::to_string(d) + "/f7")).value().id.inode);
    for (int d = 0; d < 10; d += 2)
        root.append(at("d" + std::to_string(d) + "/f7"), "more").value();
    root.create_directory("new").value();
    auto const made = root.status("new").value().id.inode;
    for (int i = 0; i < 500; ++i)
        (void)root.status(at("d" + std::to_string(i % 10) + "/f" + std::to_string(i % 20))).value();
    for (std::size_t d = 0; d < 10; ++d)
        REQUIRE(root.status(at("d" + std::to_string(d) + "/f7")).value().id.inode == numbers[d]);
    REQUIRE(root.status("new").value().id.inode == made);
}

TEST_CASE("[cache.3] whiteouts of the upper are known again after they were forgotten") {
    memory_tree lower_tree = many_files(4, 30);
    memory_tree scratch;
    policy rules;
    rules.cache_bytes = 2 * 1024;
    overlay root{upper(scratch), lower(lower_tree), rules};
    for (int f = 0; f < 30; ++f)
        root.remove(at("d0/f" + std::to_string(f))).value();
    for (int i = 0; i < 300; ++i)
        (void)root.status(at("d" + std::to_string(1 + i % 3) + "/f" + std::to_string(i % 30))).value();
    for (int f = 0; f < 30; ++f) {
        auto const name = at("d0/f" + std::to_string(f));
        REQUIRE(root.status(name).error() == errc::enoent);
        if (f % 2 == 0)
            root.create_directory(name).value();
        else
            root.write(name, "again").value();
    }
    REQUIRE(root.list("d0/f0").value().empty());
    REQUIRE(root.read("d0/f1").value() == "again");
    REQUIRE(root.list("d0").value().size() == 30);
}
