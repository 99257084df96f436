// Each primitive of posix_directory, on this kernel's newest calls and as if it were an old one.
#include "scratch.hpp"

using namespace lamina;

namespace {

posix_options with_calls(bool old) {
    posix_options options;
    options.old_calls_only = old;
    return options;
}

}  // namespace

TEST_CASE("[posix.1] lookup tells what stat tells, and absence is no error") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    auto tree = scratch.open(with_calls(old));
    auto const root = tree.root();
    scratch.write("file", "hello");
    REQUIRE(::symlink("/etc/passwd", (scratch / "link").c_str()) == 0);
    REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0640) == 0);
    REQUIRE(::chmod((scratch / "file").c_str(), 04751) == 0);

    auto const file = tree.lookup(root, "file").value();
    REQUIRE(file);
    struct stat seen;
    REQUIRE(::stat((scratch / "file").c_str(), &seen) == 0);
    CHECK(file->is_regular());
    CHECK(file->mode == 04751);
    CHECK(file->size == 5);
    CHECK(file->uid == ::geteuid());
    CHECK(file->nlink == 1);
    CHECK(file->id == file_id{seen.st_dev, seen.st_ino});
    CHECK(file->mtime == timestamp{seen.st_mtim.tv_sec, static_cast<std::uint32_t>(seen.st_mtim.tv_nsec)});
    CHECK(file->blocks == static_cast<std::uint64_t>(seen.st_blocks));

    auto const link = tree.lookup(root, "link").value();
    REQUIRE(link);
    CHECK(link->is_symlink());
    CHECK(link->size == 11);
    CHECK(tree.lookup(root, "fifo").value()->type == lamina::file_type::fifo);
    CHECK(tree.lookup(root, "").value()->is_directory());
    CHECK_FALSE(tree.lookup(root, "absent").value());
}

TEST_CASE("[posix.2] a name that is no single component never reaches the kernel") {
    scratch_directory outside;
    outside.write("secret", "x");
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    scratch.write("f", "");
    std::string const escape = "../" + outside.path().substr(outside.path().rfind('/') + 1) + "/secret";
    for (std::string const& name : {escape, std::string(".."), std::string("."), std::string("a/b"), std::string("f/"),
                                    outside / "secret", std::string("f\0g", 3)}) {
        CAPTURE(name);
        CHECK(tree.lookup(root, name).error() == errc::einval);
        CHECK(tree.open_at(root, name, open_flags::read).error() == errc::einval);
        CHECK(tree.open_known_regular_at(root, name, open_flags::write).error() == errc::einval);
        CHECK(tree.open_directory_at(root, name).error() == errc::einval);
        CHECK(tree.create_at(root, name, 0600).error() == errc::einval);
        CHECK(tree.create_directory_at(root, name, 0700).error() == errc::einval);
        CHECK(tree.remove_at(root, name).error() == errc::einval);
        CHECK(tree.remove_directory_at(root, name).error() == errc::einval);
        CHECK(tree.rename_at(root, name, root, "x", rename_flags::none).error() == errc::einval);
        CHECK(tree.rename_at(root, "f", root, name, rename_flags::none).error() == errc::einval);
        CHECK(tree.link_at(root, "f", root, name).error() == errc::einval);
        CHECK(tree.set_mode_at(root, name, 0777).error() == errc::einval);
        CHECK(tree.set_owner_at(root, name, 1, 1).error() == errc::einval);
        CHECK(tree.get_xattr_at(root, name, "user.x").error() == errc::einval);
        CHECK(tree.resize_at(root, name, 0).error() == errc::einval);
    }
    std::string const long_name(256, 'n');
    CHECK(tree.lookup(root, long_name).error() == errc::enametoolong);
    CHECK(tree.create_at(root, long_name, 0600).error() == errc::enametoolong);
    CHECK(slurp(outside / "secret") == "x");
}

TEST_CASE("[posix.3] open_at opens regular files and nothing else") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    auto tree = scratch.open(with_calls(old));
    auto const root = tree.root();
    scratch.write("file", "hello");
    scratch.write("outside", "");
    REQUIRE(::symlink("file", (scratch / "link").c_str()) == 0);
    REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0666) == 0);
    REQUIRE(tree.create_directory_at(root, "dir", 0755));
    REQUIRE(tree.create_node_at(root, "socket", lamina::file_type::socket, 0666, {}));

    auto file = tree.open_at(root, "file", open_flags::read).value();
    CHECK(read_whole(file) == "hello");
    CHECK(file.write_at(bytes_of("x"), 0).error() == errc::ebadf);
    CHECK(file.append(bytes_of("x")).error() == errc::ebadf);
    for (auto const flags : {open_flags::read, open_flags::write, open_flags::read_write}) {
        CHECK(tree.open_at(root, "absent", flags).error() == errc::enoent);
        CHECK(tree.open_at(root, "dir", flags).error() == errc::eisdir);
        CHECK(tree.open_at(root, "", flags).error() == errc::eisdir);
        CHECK(tree.open_at(root, "link", flags).error() == errc::eloop);
        CHECK(tree.open_at(root, "fifo", flags).error() == errc::enxio);  // and does not wait
        CHECK(tree.open_at(root, "socket", flags).error() == errc::enxio);
        CHECK(tree.open_known_regular_at(root, "link", flags).error() == errc::eloop);
    }
    CHECK(tree.open_at(root, "file", open_flags{}).error() == errc::einval);
    CHECK(tree.open_at(root, "file", open_flags::write | open_flags::create).error() == errc::einval);

    auto appending = tree.open_at(root, "file", open_flags::append).value();
    CHECK(appending.write_at(bytes_of("!"), 0).value() == 1);  // the end, whatever the offset
    CHECK(appending.read_at(std::span<std::byte>(), 0).error() == errc::ebadf);
    CHECK(slurp(scratch / "file") == "hello!");
    auto cut = tree.open_at(root, "file", open_flags::read | open_flags::truncate).value();
    CHECK(read_whole(cut).empty());
    CHECK(slurp(scratch / "file").empty());
}

TEST_CASE("[posix.4] a character device is not opened") {
    if (::geteuid() != 0) {
        WARN("skipped: only root makes devices");
        return;
    }
    scratch_directory scratch;
    auto tree = scratch.open();
    // 10/130 is /dev/watchdog on every Linux: to open it by mistake would be noticed.
    REQUIRE(tree.create_node_at(tree.root(), "dev", lamina::file_type::character, 0666, {10, 130}));
    CHECK(tree.open_at(tree.root(), "dev", open_flags::read).error() == errc::enxio);
    CHECK(tree.open_at(tree.root(), "dev", open_flags::write).error() == errc::enxio);
    CHECK(tree.resize_at(tree.root(), "dev", 0).error() == errc::einval);
    auto const found = tree.lookup(tree.root(), "dev").value();
    CHECK(found->type == lamina::file_type::character);
    CHECK(found->rdev == device_number{10, 130});
}

TEST_CASE("[posix.5] creating makes what was asked for, once") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    mode_t const before = ::umask(027);
    {
        REQUIRE(tree.create_at(root, "file", 04777));
        auto file = tree.create_at(root, "data", 0600).value();  // another: to write clears the set-id bit for some
        CHECK(file.write_at(bytes_of("abc"), 0).value() == 3);
        CHECK(read_whole(file) == "abc");
        REQUIRE(tree.create_directory_at(root, "dir", 01777));
        REQUIRE(tree.create_node_at(root, "fifo", lamina::file_type::fifo, 0666, {}));
        REQUIRE(tree.create_node_at(root, "empty", lamina::file_type::regular, 0600, {}));
    }
    ::umask(before);
    REQUIRE(tree.create_symlink_at(root, "link", "nowhere/at all"));
    CHECK(tree.lookup(root, "file").value()->mode == 04750);
    CHECK(tree.lookup(root, "dir").value()->mode == 01750);
    CHECK(tree.lookup(root, "fifo").value()->mode == 0640);
    CHECK(tree.lookup(root, "empty").value()->size == 0);
    CHECK(tree.read_symlink_at(root, "link").value() == "nowhere/at all");

    for (std::string const name : {"file", "dir", "fifo", "link", ""}) {
        CAPTURE(name);
        CHECK(tree.create_at(root, name, 0600).error() == errc::eexist);
        CHECK(tree.create_directory_at(root, name, 0700).error() == errc::eexist);
        CHECK(tree.create_symlink_at(root, name, "x").error() == errc::eexist);
        CHECK(tree.create_node_at(root, name, lamina::file_type::fifo, 0600, {}).error() == errc::eexist);
        CHECK(tree.link_at(root, "file", root, name).error() == errc::eexist);
    }
    CHECK(tree.create_node_at(root, "n", lamina::file_type::directory, 0600, {}).error() == errc::einval);
    CHECK(tree.create_node_at(root, "n", lamina::file_type::symlink, 0600, {}).error() == errc::einval);
    CHECK(tree.create_node_at(root, "n", lamina::file_type::character, 0600, {0x1000, 0}).error() == errc::einval);
    CHECK(tree.create_node_at(root, "n", lamina::file_type::block, 0600, {1, 0x100000}).error() == errc::einval);
    CHECK(tree.create_symlink_at(root, "n", std::string_view("a\0b", 3)).error() == errc::einval);
    CHECK(tree.create_symlink_at(root, "n", "").error() == errc::enoent);
    CHECK(tree.create_symlink_at(root, "n", std::string(5000, 'x')).error() == errc::enametoolong);
    CHECK_FALSE(tree.lookup(root, "n").value());
}

TEST_CASE("[posix.6] links of any length are read whole") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    for (std::size_t const size : {1u, 255u, 256u, 257u, 2047u, 2048u, 2049u, 4095u}) {
        auto const name = "l" + std::to_string(size);
        std::string const target(size, 't');
        CAPTURE(size);
        REQUIRE(tree.create_symlink_at(root, name, target));
        CHECK(tree.read_symlink_at(root, name).value() == target);
    }
    scratch.write("file", "");
    CHECK(tree.read_symlink_at(root, "file").error() == errc::einval);
    CHECK(tree.read_symlink_at(root, "").error() == errc::einval);
    CHECK(tree.read_symlink_at(root, "absent").error() == errc::enoent);
}

TEST_CASE("[posix.7] removing and linking") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    scratch.write("file", "x");
    REQUIRE(tree.create_directory_at(root, "dir", 0755));
    scratch.write("dir/child", "");
    REQUIRE(tree.create_symlink_at(root, "link", "dir"));
    REQUIRE(tree.link_at(root, "file", root, "second"));
    REQUIRE(tree.link_at(root, "link", root, "link2"));
    CHECK(tree.lookup(root, "link2").value()->is_symlink());
    CHECK(tree.lookup(root, "second").value()->id == tree.lookup(root, "file").value()->id);
    CHECK(tree.lookup(root, "file").value()->nlink == 2);
    CHECK(tree.link_at(root, "dir", root, "d2").error() == errc::eperm);
    CHECK(tree.link_at(root, "", root, "d2").error() == errc::eperm);
    CHECK(tree.link_at(root, "absent", root, "d2").error() == errc::enoent);

    CHECK(tree.remove_at(root, "dir").error() == errc::eisdir);
    CHECK(tree.remove_at(root, "").error() == errc::eisdir);
    CHECK(tree.remove_at(root, "absent").error() == errc::enoent);
    CHECK(tree.remove_directory_at(root, "dir").error() == errc::enotempty);
    CHECK(tree.remove_directory_at(root, "file").error() == errc::enotdir);
    CHECK(tree.remove_directory_at(root, "link").error() == errc::enotdir);
    CHECK(tree.remove_directory_at(root, "").error() == errc::einval);
    REQUIRE(tree.remove_at(root, "link"));
    CHECK(tree.lookup(root, "dir").value());
    REQUIRE(tree.remove("dir/child"));
    REQUIRE(tree.remove_directory_at(root, "dir"));
    REQUIRE(tree.remove_at(root, "file"));
    CHECK(names_in(tree, root) == std::vector<std::string>{"link2", "second"});
}

TEST_CASE("[posix.8] renaming follows renameat2") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    scratch.write("a", "1");
    scratch.write("b", "2");
    REQUIRE(tree.create_directory_at(root, "d", 0755));
    REQUIRE(tree.create_directory_at(root, "e", 0755));
    auto const d = tree.open_directory_at(root, "d").value();
    node_guard held(tree, d);

    CHECK(tree.rename_at(root, "a", root, "b", rename_flags::no_replace).error() == errc::eexist);
    REQUIRE(tree.rename_at(root, "a", root, "b", rename_flags::exchange));
    CHECK(slurp(scratch / "a") == "2");
    CHECK(tree.rename_at(root, "a", root, "absent", rename_flags::exchange).error() == errc::enoent);
    CHECK(tree.rename_at(root, "a", root, "x", rename_flags::exchange | rename_flags::no_replace).error() ==
          errc::einval);
    CHECK(tree.rename_at(root, "a", root, "d", rename_flags::none).error() == errc::eisdir);
    CHECK(tree.rename_at(root, "d", root, "a", rename_flags::none).error() == errc::enotdir);
    CHECK(tree.rename_at(root, "d", d, "inside", rename_flags::none).error() == errc::einval);
    CHECK(tree.rename_at(root, "", root, "x", rename_flags::none).error() == errc::ebusy);
    CHECK(tree.rename_at(root, "a", root, "", rename_flags::none).error() == errc::ebusy);
    REQUIRE(tree.rename_at(root, "a", d, "moved", rename_flags::none));
    CHECK(slurp(scratch / "d/moved") == "2");
    CHECK(tree.rename_at(root, "e", root, "d", rename_flags::none).error() == errc::enotempty);
    REQUIRE(tree.link_at(d, "moved", root, "again"));
    REQUIRE(tree.rename_at(d, "moved", root, "again", rename_flags::none));  // one object: nothing happens
    CHECK(tree.lookup(d, "moved").value());
    if (tree.able().has(capability::rename_whiteout)) {
        REQUIRE(tree.rename_at(d, "moved", root, "c", rename_flags::whiteout));
        auto const left = tree.lookup(d, "moved").value();
        REQUIRE(left);
        CHECK(left->type == lamina::file_type::character);
        CHECK(left->rdev == device_number{0, 0});
    }
}

TEST_CASE("[posix.9] mode, owner, times and size, of a name and of the directory itself") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    auto tree = scratch.open(with_calls(old));
    auto const root = tree.root();
    REQUIRE(tree.create_directory_at(root, "dir", 0755));
    node_guard dir(tree, tree.open_directory_at(root, "dir").value());
    scratch.write("dir/file", "hello");
    REQUIRE(tree.create_symlink_at(*dir, "link", "file"));

    REQUIRE(tree.set_mode_at(*dir, "file", 02755));
    CHECK(tree.lookup(*dir, "file").value()->mode == 02755);
    REQUIRE(tree.set_mode_at(*dir, "", 01700));
    CHECK(tree.lookup(*dir, "").value()->mode == 01700);
    CHECK(tree.set_mode_at(*dir, "link", 0600).error() == errc::eopnotsupp);
    CHECK(tree.lookup(*dir, "file").value()->mode == 02755);
    CHECK(tree.set_mode_at(*dir, "absent", 0600).error() == errc::enoent);

    REQUIRE(tree.set_owner_at(*dir, "file", keep_user, keep_group));
    if (::geteuid() == 0) {
        REQUIRE(tree.set_owner_at(*dir, "file", 7, keep_group));
        REQUIRE(tree.set_owner_at(*dir, "link", 11, 12));
        REQUIRE(tree.set_owner_at(*dir, "", keep_user, 13));
        CHECK(tree.lookup(*dir, "file").value()->uid == 7);
        CHECK(tree.lookup(*dir, "file").value()->gid == ::getegid());
        CHECK(tree.lookup(*dir, "link").value()->uid == 11);
        CHECK(tree.lookup(*dir, "").value()->gid == 13);
    }

    timestamp const early{-1'000'000'000, 999'999'999}, late{10'000'000'000, 123'456'789};
    for (std::string const name : {"file", "link", ""}) {
        CAPTURE(name);
        REQUIRE(tree.set_times_at(*dir, name, time_change::both(early, late)));
        CHECK(tree.lookup(*dir, name).value()->atime == early);
        CHECK(tree.lookup(*dir, name).value()->mtime == late);
        REQUIRE(tree.set_times_at(*dir, name, time_change::modified(early)));
        CHECK(tree.lookup(*dir, name).value()->atime == early);
        CHECK(tree.lookup(*dir, name).value()->mtime == early);
        REQUIRE(tree.set_times_at(*dir, name, time_change::touch()));
        CHECK(tree.lookup(*dir, name).value()->mtime.seconds > 1'600'000'000);
        // UTIME_NOW and UTIME_OMIT must not be reachable as nanoseconds.
        for (std::uint32_t const odd : {0x3fffffffu, 0x3ffffffeu, 1'000'000'000u})
            CHECK(tree.set_times_at(*dir, name, time_change::modified({0, odd})).error() == errc::einval);
    }

    REQUIRE(tree.resize_at(*dir, "file", 3));
    CHECK(slurp(scratch / "dir/file") == "hel");
    REQUIRE(tree.resize_at(*dir, "file", std::uint64_t{5} << 30));
    CHECK(tree.lookup(*dir, "file").value()->size == std::uint64_t{5} << 30);
    CHECK(tree.resize_at(*dir, "file", ~std::uint64_t{0}).error() == errc::efbig);
    CHECK(tree.resize_at(*dir, "link", 0).error() == errc::einval);
    CHECK(tree.resize_at(*dir, "", 0).error() == errc::eisdir);
    CHECK(tree.resize_at(root, "dir", 0).error() == errc::eisdir);
    CHECK(tree.resize_at(*dir, "absent", 0).error() == errc::enoent);
    REQUIRE(tree.create_node_at(*dir, "fifo", lamina::file_type::fifo, 0600, {}));
    CHECK(tree.resize_at(*dir, "fifo", 0).error() == errc::einval);

    REQUIRE(tree.sync_directory(*dir));
    auto const space = tree.space().value();
    CHECK(space.capacity > 0);
    CHECK(space.free <= space.capacity);
    CHECK(space.name_max == 255);
}

TEST_CASE("[posix.10] a listing has every entry once, and ends when told to") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    constexpr int many = 5000;  // several buffers
    for (int i = 0; i < many; ++i)
        REQUIRE(tree.create_at(root, "a-name-of-some-length-" + std::to_string(i), 0600));
    REQUIRE(tree.create_directory_at(root, "dir", 0700));
    REQUIRE(tree.create_symlink_at(root, "link", "x"));
    REQUIRE(tree.create_node_at(root, std::string(255, 'n'), lamina::file_type::fifo, 0600, {}));
    std::string const odd("\x01\xff \n*\\", 6);
    REQUIRE(tree.create_node_at(root, odd, lamina::file_type::regular, 0600, {}));

    auto const names = names_in(tree, root);
    CHECK(names.size() == many + 4);
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
    CHECK(std::find(names.begin(), names.end(), odd) != names.end());

    std::size_t seen = 0;
    REQUIRE(tree.list_at(root, [&](directory_entry const& entry) {
        auto const found = tree.lookup(root, entry.name).value();  // the sink may call back
        CHECK((entry.type == lamina::file_type::unknown || entry.type == found->type));
        CHECK(entry.inode == found->id.inode);
        return ++seen < 7;
    }));
    CHECK(seen == 7);
}

TEST_CASE("[posix.11] two listings of one directory do not disturb each other") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    for (int i = 0; i < 300; ++i)
        REQUIRE(tree.create_node_at(root, std::to_string(i), lamina::file_type::regular, 0600, {}));
    std::size_t outer = 0;
    REQUIRE(tree.list_at(root, [&](directory_entry const&) {
        if (outer++ % 50 == 0)
            CHECK(names_in(tree, root).size() == 300);
        return true;
    }));
    CHECK(outer == 300);
}

TEST_CASE("[posix.12] reading leaves access times alone, and may be told not to") {
    for (bool const quiet : {true, false}) {
        scratch_directory scratch;
        scratch.write("file", "hello");
        REQUIRE(::mkdir((scratch / "dir").c_str(), 0755) == 0);
        posix_options options;
        options.no_atime = quiet;
        auto tree = scratch.open(options);
        auto const root = tree.root();
        timestamp const before{1'000'000, 0}, changed{2'000'000, 0};  // relatime updates an atime older than mtime
        REQUIRE(tree.set_times_at(root, "file", time_change::both(before, changed)));
        REQUIRE(tree.set_times_at(root, "dir", time_change::both(before, changed)));
        {
            auto file = tree.open_at(root, "file", open_flags::read).value();
            CHECK(read_whole(file) == "hello");
            node_guard dir(tree, tree.open_directory_at(root, "dir").value());
            CHECK(names_in(tree, *dir).empty());
        }
        CAPTURE(quiet);
        CHECK((tree.lookup(root, "file").value()->atime == before) == quiet);
        CHECK((tree.lookup(root, "dir").value()->atime == before) == quiet);
    }
}

TEST_CASE("[posix.13] files without a name are published complete, once") {
    scratch_directory scratch;
    auto tree = scratch.open();
    auto const root = tree.root();
    auto file = tree.create_unnamed(root, 0640);
    if (!file) {
        CHECK(file.error() == errc::eopnotsupp);
        WARN("skipped: no unnamed files here");
        return;
    }
    REQUIRE(file->write_at(bytes_of("whole"), 0).value() == 5);
    CHECK(names_in(tree, root).empty());
    REQUIRE(tree.publish_at(*file, root, "name"));
    CHECK(slurp(scratch / "name") == "whole");
    CHECK(tree.lookup(root, "name").value()->nlink == 1);
    auto second = tree.create_unnamed(root, 0640).value();
    CHECK(tree.publish_at(second, root, "name").error() == errc::eexist);
    CHECK(tree.publish_at(second, root, "").error() == errc::eexist);
    CHECK(tree.publish_at(second, root, "a/b").error() == errc::einval);
}

TEST_CASE("[posix.14] opening a root that is none") {
    scratch_directory scratch;
    scratch.write("file", "");
    CHECK(posix_directory::open(scratch / "absent").error() == errc::enoent);
    CHECK(posix_directory::open(scratch / "file").error() == errc::enotdir);
    CHECK(posix_directory::open("").error() == errc::enoent);
    CHECK(posix_directory::open(std::string_view("/tmp\0/x", 7)).error() == errc::einval);
    CHECK(posix_directory::adopt(owned_fd()).error() == errc::ebadf);
    CHECK(posix_directory::adopt(owned_fd(::open((scratch / "file").c_str(), O_RDONLY))).error() == errc::enotdir);
    auto adopted = posix_directory::adopt(owned_fd(::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY))).value();
    CHECK(names_in(adopted, adopted.root()) == std::vector<std::string>{"file"});
}

TEST_CASE("[posix.15] the root is anchored: its path may be renamed and reused, the backend may be moved") {
    scratch_directory scratch;
    REQUIRE(::mkdir((scratch / "root").c_str(), 0755) == 0);
    scratch.write("root/file", "mine");
    auto tree = posix_directory::open(scratch / "root").value();
    REQUIRE(::rename((scratch / "root").c_str(), (scratch / "elsewhere").c_str()) == 0);
    REQUIRE(::mkdir((scratch / "root").c_str(), 0755) == 0);
    CHECK(tree.read("file").value() == "mine");
    auto const root = tree.root();
    auto moved = std::move(tree);
    CHECK(moved.root() == root);
    CHECK(moved.read("file").value() == "mine");
    REQUIRE(moved.write("new", "x"));
    CHECK(slurp(scratch / "elsewhere/new") == "x");
}
