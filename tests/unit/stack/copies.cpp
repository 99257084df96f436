// Data that moves between open files of overlays without passing through this process.
#include <sys/stat.h>

#include <string>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../../model/scratch.hpp"
#include "catch.hpp"

namespace {

using namespace lamina;

std::string numbered(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; bytes.size() < size; ++i)
        bytes += std::to_string(i) + ' ';
    bytes.resize(size);
    return bytes;
}

}  // namespace

TEST_CASE("[copies.1] from a file of a lower and from one of the upper, into one of the upper, inside the kernel") {
    model::scratch place;
    for (char const* const name : {"/upper", "/work", "/lower"})
        REQUIRE(::mkdir((place.path() + name).c_str(), 0755) == 0);
    auto top = posix_directory::open(place / "upper").value();
    auto work = posix_directory::open(place / "work").value();
    auto below = posix_directory::open(place / "lower").value();
    auto const bytes = numbered(300000);
    below.write("f", bytes).value();
    overlay root{upper(top, work), lower(below)};
    static_assert(copies_from<decltype(root)::file_type, decltype(root)::file_type>);

    auto from = root.open("f", open_flags::read).value();
    root.write("g", "head").value();
    CHECK(root.status("g").value().size == 4);
    auto to = root.open("g", open_flags::read_write).value();
    CHECK(to.copy_range_from(from, 100, 4, 200000).value() == 200000);
    CHECK(root.status("g").value().size == 200004);
    CHECK(root.read("g").value() == "head" + bytes.substr(100, 200000));
    CHECK_FALSE(top.exists("f").value());  // what is only read stays below
    CHECK(to.copy_range_from(from, 300000, 0, 10).value() == 0);

    root.append("f", "!").value();  // the source follows its copy-up
    CHECK(to.copy_range_from(from, 299999, 0, 10).value() == 2);
    CHECK(root.read("g").value().substr(0, 2) == bytes.substr(299999) + "!");

    // Between ranges of one file.
    CHECK(to.copy_range_from(to, 10, 200004, 5).value() == 5);
    CHECK(root.read("g").value().substr(200004) == root.read("g").value().substr(10, 5));
}

TEST_CASE("[copies.2] handles that were not opened for it refuse, and so do files of another kind") {
    memory_tree top, below;
    below.write("f", numbered(100000)).value();
    below.write("big", numbered(100000)).value();
    overlay root{upper(top), lower(below)};
    auto reading = root.open("f", open_flags::read).value();
    auto other = root.open("big", open_flags::read).value();
    auto created = root.create_at(root.root(), "g", 0600).value();
    auto writing = root.open("g", open_flags::write).value();
    auto appending = root.open("g", open_flags::append).value();
    CHECK(reading.copy_range_from(other, 0, 0, 10).error() == errc::ebadf);
    CHECK(created.copy_range_from(writing, 0, 0, 10).error() == errc::ebadf);
    CHECK(appending.copy_range_from(reading, 0, 0, 10).error() == errc::ebadf);
    CHECK(reading.clone_from(other).error() == errc::ebadf);
    CHECK(created.clone_from(writing).error() == errc::ebadf);
    CHECK(root.read("g").value().empty());

    REQUIRE(writing.clone_from(reading).has_value());
    CHECK(root.read("g").value() == below.read("f").value());
    CHECK(root.status("g").value().size == 100000);

    // Files of an any_backend.
    any_backend erased{root};
    auto from = erased.open("f", open_flags::read).value();
    auto to = erased.create_at(erased.root(), "h", 0600).value();
    CHECK(to.copy_range_from(from, 0, 0, 1000).value() == 1000);
    memory_tree elsewhere;
    auto strange = any_backend(elsewhere).create_at(elsewhere.root(), "f", 0600).value();
    CHECK(to.copy_range_from(strange, 0, 0, 1000).error() == errc::eopnotsupp);
}

TEST_CASE("[copies.3] a file that is copied up block by block takes no part") {
    memory_tree top, below;
    below.write("big", numbered(100000)).value();
    any_backend uncloned{below};  // of another type than the upper: else the copy would be a clone
    policy blocks;
    blocks.blocks = block_copies::on;
    blocks.blocks_from = 50000;
    overlay root{upper(top), lower(uncloned), blocks};
    auto half = root.open("big", open_flags::read_write).value();
    auto created = root.create_at(root.root(), "g", 0600).value();
    CHECK(created.copy_range_from(half, 0, 0, 10).error() == errc::eopnotsupp);
    CHECK(half.copy_range_from(created, 0, 0, 10).error() == errc::eopnotsupp);
    CHECK(half.clone_from(created).error() == errc::eopnotsupp);
    CHECK(root.read("g").value().empty());
}
