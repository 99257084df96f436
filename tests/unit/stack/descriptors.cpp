// What an overlay's open files tell of the real files below them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../../model/scratch.hpp"
#include "catch.hpp"

namespace {

using namespace lamina;

struct directories {
    model::scratch place;
    posix_directory upper_tree = made("upper");
    posix_directory work = made("work");
    posix_directory lower_tree = made("lower");

    posix_directory made(char const* name) {
        REQUIRE(::mkdir((place / name).c_str(), 0755) == 0);
        return posix_directory::open(place / name).value();
    }
    auto stack(policy rules = {}) { return overlay{upper(upper_tree, work), lower(lower_tree), rules}; }
};

std::string through(int fd) {
    std::string bytes(100, '?');
    auto const got = ::pread(fd, bytes.data(), bytes.size(), 0);
    REQUIRE(got >= 0);
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
}
ino_t inode_behind(int fd) {
    struct stat found;
    REQUIRE(::fstat(fd, &found) == 0);
    return found.st_ino;
}
ino_t inode_at(std::string const& path) {
    struct stat found;
    REQUIRE(::lstat(path.c_str(), &found) == 0);
    return found.st_ino;
}

}  // namespace

TEST_CASE("[descriptor.1] a file's descriptor is that of the layer that holds its data, before and after a copy-up") {
    directories on;
    on.lower_tree.write("f", "below").value();
    auto root = on.stack();
    auto reader = root.open("f", open_flags::read).value();
    CHECK_FALSE(reader.descriptor_is_final());
    auto const before = reader.data_descriptor();
    REQUIRE(before);
    CHECK(through(*before) == "below");
    CHECK(inode_behind(*before) == inode_at(on.place / "lower/f"));

    auto writer = root.open("f", open_flags::read_write).value();
    CHECK(writer.descriptor_is_final());
    CHECK(inode_behind(writer.data_descriptor().value()) == inode_at(on.place / "upper/f"));
    CHECK(reader.descriptor_is_final());
    CHECK(inode_behind(reader.data_descriptor().value()) == inode_at(on.place / "upper/f"));
    CHECK(through(*before) == "below");  // who still has it, still may read it
    REQUIRE(writer.write_at(std::as_bytes(std::span("ABOVE", 5)), 0));
    CHECK(through(reader.data_descriptor().value()) == "ABOVE");
}

TEST_CASE("[descriptor.2] what is written through a descriptor is seen at once, by every name, and after closing") {
    directories on;
    auto root = on.stack();
    root.write("f", "12345").value();
    CHECK(root.status("f").value().size == 5);
    {
        auto file = root.open("f", open_flags::append).value();
        int const fd = file.data_descriptor().value();
        CHECK(root.status("f").value().size == 5);
        REQUIRE(::write(fd, "6", 1) == 1);
        CHECK(root.status("f").value().size == 6);
        REQUIRE(::ftruncate(fd, 5) == 0);
    }
    CHECK(root.status("f").value().size == 5);
    root.create_hard_link("f", "g").value();
    CHECK(root.status("g").value().size == 5);
    {
        auto file = root.open("f", open_flags::read_write).value();
        auto other = root.open("g", open_flags::read_write).value();
        int const fd = file.data_descriptor().value();
        (void)other.data_descriptor();
        auto const moved = std::move(file);
        for (char const* const name : {"f", "g"})
            CHECK(root.status(path::parse(name).value()).value().size == 5);
        REQUIRE(::pwrite(fd, "more", 4, 5) == 4);
        CHECK(root.status("f").value().size == 9);
        CHECK(root.status("g").value().size == 9);
        // Also when the name is gone by which it was opened.
        root.remove("f").value();
        CHECK(root.status("g").value().size == 9);
        REQUIRE(::pwrite(fd, "!", 1, 9) == 1);
        CHECK(root.status("g").value().size == 10);
        CHECK(root.status("g").value().nlink == 1);
    }
    CHECK(root.status("g").value().size == 10);
}

TEST_CASE("[descriptor.3] none where a write would be missed, or the data is nobody's alone") {
    directories on;
    on.lower_tree.write("big", std::string(300000, 'x')).value();
    on.lower_tree.write("f", "text").value();
    SECTION("each write is flushed") {
        policy strict;
        strict.durable = durability::strict;
        auto root = on.stack(strict);
        auto reader = root.open("f", open_flags::read).value();
        CHECK(reader.data_descriptor());
        CHECK_FALSE(root.open("f", open_flags::read_write).value().data_descriptor());
        // Nor to those who read: a front end has one descriptor of an object for all.
        CHECK_FALSE(reader.data_descriptor());
        CHECK_FALSE(root.open("f", open_flags::read).value().data_descriptor());
    }
    SECTION("block by block") {
        policy blocks;
        blocks.blocks = block_copies::on;
        blocks.blocks_from = 1;
        auto root = on.stack(blocks);
        auto reader = root.open("big", open_flags::read).value();
        CHECK(reader.data_descriptor());
        auto writer = root.open("big", open_flags::read_write).value();
        CHECK_FALSE(writer.data_descriptor());
        CHECK_FALSE(reader.data_descriptor());
    }
    SECTION("in memory") {
        memory_tree memory;
        overlay root{upper(memory), lower(on.lower_tree)};
        auto reader = root.open("f", open_flags::read).value();
        CHECK(through(reader.data_descriptor().value()) == "text");
        root.write("f", "new").value();
        CHECK_FALSE(reader.data_descriptor());
        CHECK(reader.descriptor_is_final());
    }
}

TEST_CASE("[descriptor.4] a half copy's data is read below, and moves when it is written; its attributes are the upper's") {
    directories on;
    on.lower_tree.write("f", "text").value();
    policy half;
    half.metacopy = metacopies::on;
    auto root = on.stack(half);
    root.permissions("f", 0600).value();
    root.set_xattr("f", "user.k", "of the copy", xattr_flags::none).value();
    auto reader = root.open("f", open_flags::read).value();
    CHECK(reader.get_xattr("user.k").value() == "of the copy");
    CHECK(reader.list_xattrs().value() == std::vector<std::string>{"user.k"});
    CHECK_FALSE(reader.descriptor_is_final());
    CHECK(inode_behind(reader.data_descriptor().value()) == inode_at(on.place / "lower/f"));
    root.append("f", "!").value();
    CHECK(reader.descriptor_is_final());
    CHECK(through(reader.data_descriptor().value()) == "text!");
}

TEST_CASE("[descriptor.5] a view that nobody can change, and overlays of overlays") {
    directories on;
    on.lower_tree.write("f", "text").value();
    overlay view{lower(on.lower_tree)};
    auto file = view.open("f", open_flags::read).value();
    CHECK(file.descriptor_is_final());
    CHECK(through(file.data_descriptor().value()) == "text");

    auto inner = on.stack();
    memory_tree memory;
    overlay outer{upper(memory), lower(inner)};
    auto nested = outer.open("f", open_flags::read).value();
    CHECK_FALSE(nested.descriptor_is_final());
    CHECK(through(nested.data_descriptor().value()) == "text");
}

TEST_CASE("[descriptor.6] an adaptor hands a descriptor on only if it has nothing to do with the data") {
    directories on;
    on.lower_tree.write("f", "text").value();
    auto const descriptor_of = [](auto& tree, open_flags flags) {
        auto file = tree.open("f", flags).value();
        return file.data_descriptor().has_value();
    };
    any_backend erased{on.lower_tree};
    read_only fixed{on.lower_tree};
    checked judged{on.lower_tree, credentials{}};
    count counted{on.lower_tree};
    CHECK(descriptor_of(on.lower_tree, open_flags::read_write));
    CHECK(descriptor_of(erased, open_flags::read_write));
    CHECK(descriptor_of(fixed, open_flags::read));
    CHECK_FALSE(descriptor_of(judged, open_flags::read));  // a write may have to take set-id bits away
    CHECK_FALSE(descriptor_of(counted, open_flags::read));
    memory_tree memory;
    memory.write("f", "text").value();
    any_backend without{memory};
    CHECK_FALSE(descriptor_of(without, open_flags::read));
}
