// posix_file: what an open file promises.
#include "scratch.hpp"

using namespace lamina;

TEST_CASE("[posix.20] reading: short only at the end, nothing past it") {
    scratch_directory scratch;
    auto tree = scratch.open();
    scratch.write("file", "0123456789");
    auto file = tree.open_at(tree.root(), "file", open_flags::read).value();
    std::byte buffer[16];
    CHECK(file.read_at(std::span(buffer), 0).value() == 10);
    CHECK(file.read_at(std::span(buffer).first(4), 3).value() == 4);
    CHECK(std::to_integer<char>(buffer[0]) == '3');
    CHECK(file.read_at(std::span(buffer), 10).value() == 0);
    CHECK(file.read_at(std::span(buffer), 1'000'000).value() == 0);
    CHECK(file.read_at(std::span(buffer), ~std::uint64_t{0}).value() == 0);
    CHECK(file.read_at(std::span(buffer), 0x7fffffffffffffff).value() == 0);
    CHECK(file.read_at(std::span(buffer), 0x7ffffffffffffff8).value() == 0);
}

TEST_CASE("[posix.21] writing, appending, cutting, extending") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto file = tree.create_at(tree.root(), "file", 0600).value();
    CHECK(file.write_at(bytes_of("abc"), 5).value() == 3);
    CHECK(slurp(scratch / "file") == std::string("\0\0\0\0\0abc", 8));
    CHECK(file.append(bytes_of("def")).value() == 3);
    CHECK(file.write_at(bytes_of("X"), 0).value() == 1);  // an append does not move anything
    CHECK(slurp(scratch / "file") == std::string("X\0\0\0\0abcdef", 11));
    REQUIRE(file.resize(2));
    CHECK(file.status().value().size == 2);
    REQUIRE(file.resize(4));
    CHECK(slurp(scratch / "file") == std::string("X\0\0\0", 4));
    CHECK(file.write_at(bytes_of("x"), ~std::uint64_t{0}).error() == errc::efbig);
    CHECK(file.resize(~std::uint64_t{0}).error() == errc::efbig);
    CHECK(file.write_at({}, 0).value() == 0);
    REQUIRE(file.sync(sync_kind::data));
    REQUIRE(file.sync(sync_kind::everything));

    auto reader = tree.open_at(tree.root(), "file", open_flags::read).value();
    CHECK(reader.resize(0).error() == errc::einval);
    CHECK(reader.write_at(bytes_of("x"), 0).error() == errc::ebadf);
    CHECK(file.native_handle() != reader.native_handle());
}

TEST_CASE("[posix.22] appends from several handles do not overwrite each other") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto first = tree.create_at(tree.root(), "log", 0600).value();
    auto second = tree.open_at(tree.root(), "log", open_flags::read_write).value();
    auto third = tree.open_at(tree.root(), "log", open_flags::append).value();
    for (int i = 0; i < 100; ++i) {
        REQUIRE(first.append(bytes_of("a")).value() == 1);
        REQUIRE(second.append(bytes_of("b")).value() == 1);
        REQUIRE(third.append(bytes_of("c")).value() == 1);
    }
    std::string expected;
    for (int i = 0; i < 100; ++i)
        expected += "abc";
    CHECK(slurp(scratch / "log") == expected);
}

TEST_CASE("[posix.23] data and holes of a sparse file, above 4 GiB too") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto file = tree.create_at(tree.root(), "sparse", 0600).value();
    constexpr std::uint64_t far = std::uint64_t{6} << 30;
    constexpr std::uint64_t size = far + (1 << 20);
    REQUIRE(file.resize(size));
    if (file.next_data(0).value() == 0) {
        WARN("skipped: no account of holes here");
        return;
    }
    REQUIRE(file.write_at(bytes_of("data"), far).value() == 4);
    CHECK(file.next_data(0).value() == far);
    CHECK(file.next_data(far + 2).value() == far + 2);
    CHECK(file.next_hole(0).value() == 0);
    auto const end = file.next_hole(far).value();
    CHECK(end > far);
    CHECK(end <= far + (1 << 16));
    CHECK(file.next_data(end).value() == size);  // none any more
    CHECK(file.next_hole(size).value() == size);
    CHECK(file.next_data(size).value() == size);
    CHECK(file.next_data(size + 5).value() == size);
    CHECK(file.next_data(~std::uint64_t{0}).value() == size);
    CHECK(file.next_hole(~std::uint64_t{0}).value() == size);
    std::byte buffer[4];
    CHECK(file.read_at(std::span(buffer), far).value() == 4);
    CHECK(std::to_integer<char>(buffer[3]) == 'a');
}

TEST_CASE("[posix.24] attributes of an open file outlive its name") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto file = tree.create_at(tree.root(), "file", 0600).value();
    REQUIRE(file.write_at(bytes_of("12345"), 0));
    REQUIRE(tree.remove_at(tree.root(), "file"));
    CHECK(file.status().value().nlink == 0);
    CHECK(file.status().value().size == 5);
    REQUIRE(file.set_mode(04711));
    CHECK(file.status().value().mode == 04711);
    timestamp const early{-62'135'596, 1}, late{4'294'967'296, 999'999'999};
    REQUIRE(file.set_times(time_change::both(early, late)));
    CHECK(file.status().value().atime == early);
    CHECK(file.status().value().mtime == late);
    CHECK(file.set_times(time_change::modified({0, 0x3fffffff})).error() == errc::einval);
    REQUIRE(file.set_owner(keep_user, keep_group));
    if (::geteuid() == 0) {
        REQUIRE(file.set_owner(21, 22));
        CHECK(file.status().value().uid == 21);
        CHECK(file.status().value().gid == 22);
    }
}

TEST_CASE("[posix.25] ranges are copied inside the kernel, or refused as the contract says") {
    scratch_directory scratch;
    auto tree = scratch.open();
    std::string content(300'000, '\0');
    for (std::size_t i = 0; i < content.size(); ++i)
        content[i] = static_cast<char>(i * 7 + i / 255);
    scratch.write("from", content);
    auto from = tree.open_at(tree.root(), "from", open_flags::read).value();
    auto to = tree.create_at(tree.root(), "to", 0600).value();
    std::uint64_t done = 0;
    while (done < 200'000) {
        auto const moved = to.copy_range_from(from, 100'000 + done, 10 + done, 200'000 - done);
        REQUIRE(moved);
        REQUIRE(*moved > 0);
        done += *moved;
    }
    CHECK(slurp(scratch / "to") == std::string(10, '\0') + content.substr(100'000));
    CHECK(to.copy_range_from(from, 300'000, 0, 100).value() == 0);
    CHECK(to.copy_range_from(from, ~std::uint64_t{0}, 0, 100).value() == 0);
    CHECK(to.copy_range_from(from, 0, ~std::uint64_t{0}, 100).error() == errc::efbig);
    CHECK(from.copy_range_from(to, 0, 0, 1).error() == errc::ebadf);

    auto const cloned = to.clone_from(from);
    REQUIRE(tree.probe(tree.root()));
    CHECK(cloned.has_value() == tree.able().has(capability::clone));
    if (cloned)
        CHECK(slurp(scratch / "to") == content);
    else
        CHECK((cloned.error() == errc::eopnotsupp || cloned.error() == errc::exdev || cloned.error() == errc::einval));
}

TEST_CASE("[posix.26] a full file system is reported, and what fits is told") {
    if (::geteuid() != 0) {
        WARN("skipped: needs to mount a small tmpfs");
        return;
    }
    scratch_directory scratch;
    if (::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
        WARN("skipped: this process may not mount");
        return;
    }
    {
        auto tree = scratch.open();
        auto file = tree.create_at(tree.root(), "file", 0600).value();
        std::string const block(100'000, 'x');
        auto const written = file.write_at(bytes_of(block), 0);
        REQUIRE(written);
        CHECK(*written == 65536);
        CHECK(file.write_at(bytes_of(block), *written).error() == errc::enospc);
        CHECK(file.append(bytes_of(block)).error() == errc::enospc);
        CHECK(tree.space().value().available == 0);
    }
    CHECK(::umount(scratch.path().c_str()) == 0);
}

TEST_CASE("[posix.27] inode flags are read and set, and what was not asked for stays") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto file = tree.create_at(tree.root(), "file", 0600).value();
    auto const before = file.flags();
    if (!before) {
        CHECK(before.error() == errc::eopnotsupp);
        WARN("left out: this file system has no inode flags");
        return;
    }
    CHECK_FALSE(has(*before, inode_flags::no_dump));
    REQUIRE(file.set_flags(*before | inode_flags::no_dump).has_value());
    CHECK(file.flags().value() == (*before | inode_flags::no_dump));
    auto reading = tree.open_at(tree.root(), "file", open_flags::read).value();
    CHECK(has(reading.flags().value(), inode_flags::no_dump));
    REQUIRE(reading.set_flags(*before).has_value());
    CHECK(file.flags().value() == *before);
}
