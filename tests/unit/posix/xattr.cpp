// Extended attributes by name, by the calls of Linux 6.13 and by the way that every kernel has.
#include "scratch.hpp"

using namespace lamina;

TEST_CASE("[posix.30] attributes of every type of object, no link followed") {
    bool const old = GENERATE(false, true);
    CAPTURE(old);
    scratch_directory scratch;
    posix_options options;
    options.old_calls_only = old;
    auto tree = scratch.open(options);
    auto const root = tree.root();
    if (!tree.able().has(capability::user_xattrs)) {
        WARN("skipped: no user xattrs here");
        return;
    }
    scratch.write("file", "");
    REQUIRE(tree.create_directory_at(root, "dir", 0755));
    REQUIRE(tree.create_symlink_at(root, "link", "file"));
    REQUIRE(tree.create_node_at(root, "fifo", lamina::file_type::fifo, 0600, {}));
    node_guard dir(tree, tree.open_directory_at(root, "dir").value());

    for (auto const& [at, name] :
         {std::pair(root, "file"), std::pair(root, "dir"), std::pair(*dir, ""), std::pair(root, "")}) {
        CAPTURE(name);
        CHECK_FALSE(tree.get_xattr_at(at, name, "user.k").value());
        CHECK(tree.remove_xattr_at(at, name, "user.k").error() == errc::enodata);
        CHECK(tree.set_xattr_at(at, name, "user.k", "v", xattr_flags::replace).error() == errc::enodata);
        REQUIRE(tree.set_xattr_at(at, name, "user.k", "v", xattr_flags::create));
        CHECK(tree.set_xattr_at(at, name, "user.k", "w", xattr_flags::create).error() == errc::eexist);
        CHECK(tree.get_xattr_at(at, name, "user.k").value() == "v");
        REQUIRE(tree.set_xattr_at(at, name, "user.k", std::string_view("\0\xff", 2), xattr_flags::replace));
        CHECK(tree.get_xattr_at(at, name, "user.k").value() == std::string("\0\xff", 2));
        REQUIRE(tree.set_xattr_at(at, name, "user.empty", "", xattr_flags::none));
        CHECK(tree.get_xattr_at(at, name, "user.empty").value() == "");
        auto keys = tree.list_xattrs_at(at, name).value();
        std::erase_if(keys, [](std::string const& key) { return !xattr::is_user(key); });
        std::sort(keys.begin(), keys.end());
        CHECK(keys == std::vector<std::string>{"user.empty", "user.k"});
        REQUIRE(tree.remove_xattr_at(at, name, "user.k"));
        REQUIRE(tree.remove_xattr_at(at, name, "user.empty"));
        CHECK_FALSE(tree.get_xattr_at(at, name, "user.k").value());
    }
    REQUIRE(tree.set_xattr_at(root, "file", "user.k", "of the file", xattr_flags::none));
    CHECK_FALSE(tree.get_xattr_at(root, "link", "user.k").value_or("x"));
    for (char const* const name : {"link", "fifo"}) {
        CAPTURE(name);
        CHECK(tree.set_xattr_at(root, name, "user.k", "v", xattr_flags::none).error() == errc::eperm);
        CHECK(tree.list_xattrs_at(root, name).has_value());
        if (tree.able().has(capability::trusted_xattrs)) {
            REQUIRE(tree.set_xattr_at(root, name, "trusted.k", "v", xattr_flags::none));
            CHECK(tree.get_xattr_at(root, name, "trusted.k").value() == "v");
            CHECK(tree.list_xattrs_at(root, name).value() == std::vector<std::string>{"trusted.k"});
            REQUIRE(tree.remove_xattr_at(root, name, "trusted.k"));
        }
    }
    CHECK_FALSE(tree.get_xattr_at(root, "file", "trusted.k").value());
    for (auto const& name : {"absent"}) {
        CHECK(tree.get_xattr_at(root, name, "user.k").error() == errc::enoent);
        CHECK(tree.list_xattrs_at(root, name).error() == errc::enoent);
        CHECK(tree.set_xattr_at(root, name, "user.k", "", xattr_flags::none).error() == errc::enoent);
        CHECK(tree.remove_xattr_at(root, name, "user.k").error() == errc::enoent);
    }
}

TEST_CASE("[posix.31] keys and values at and past their limits") {
    bool const old = GENERATE(false, true);
    scratch_directory scratch;
    posix_options options;
    options.old_calls_only = old;
    auto tree = scratch.open(options);
    auto const root = tree.root();
    if (!tree.able().has(capability::user_xattrs)) {
        WARN("skipped: no user xattrs here");
        return;
    }
    scratch.write("file", "");
    auto file = tree.open_at(root, "file", open_flags::read_write).value();
    for (std::size_t const size : {511u, 512u, 513u, 2000u}) {
        std::string const value(size, 'v');
        REQUIRE(tree.set_xattr_at(root, "file", "user.k", value, xattr_flags::none));
        CHECK(tree.get_xattr_at(root, "file", "user.k").value() == value);
    }
    std::string const long_key = "user." + std::string(250, 'k');
    REQUIRE(tree.set_xattr_at(root, "file", long_key, "", xattr_flags::none));
    REQUIRE(file.set_xattr("user.through-the-handle", "yes", xattr_flags::create));
    CHECK(file.set_xattr("user.through-the-handle", "no", xattr_flags::create).error() == errc::eexist);
    CHECK(file.set_xattr("user.absent", "no", xattr_flags::replace).error() == errc::enodata);
    CHECK(tree.list_xattrs_at(root, "file").value().size() >= 3);

    for (std::string const& key : {long_key + "x", std::string()}) {
        CHECK(tree.set_xattr_at(root, "file", key, "", xattr_flags::none).error() == errc::erange);
        CHECK(tree.get_xattr_at(root, "file", key).error() == errc::erange);
        CHECK(tree.remove_xattr_at(root, "file", key).error() == errc::erange);
        CHECK(file.set_xattr(key, "", xattr_flags::none).error() == errc::erange);
    }
    std::string_view const with_nul("user.a\0b", 8);
    CHECK(tree.set_xattr_at(root, "file", with_nul, "", xattr_flags::none).error() == errc::einval);
    CHECK(file.set_xattr(with_nul, "", xattr_flags::none).error() == errc::einval);
    CHECK(tree.set_xattr_at(root, "file", "unknown.space", "", xattr_flags::none).error() == errc::eopnotsupp);
    CHECK_FALSE(tree.get_xattr_at(root, "file", "unknown.space").value());
    CHECK(tree.set_xattr_at(root, "file", "user.k", std::string(65537, 'v'), xattr_flags::none).error() == errc::e2big);
    // So many that they do not fit into the small buffer.
    REQUIRE(tree.remove_xattr_at(root, "file", "user.k"));
    for (int i = 0; i < 30; ++i)
        REQUIRE(tree.set_xattr_at(root, "file", "user.a-name-of-some-length" + std::to_string(i), "", {}));
    CHECK(tree.list_xattrs_at(root, "file").value().size() >= 32);
}

TEST_CASE("[posix.32] access control lists pass through as they are") {
    scratch_directory scratch;
    auto tree = scratch.open();
    REQUIRE(tree.create_directory_at(tree.root(), "dir", 0755));
    // version 2; owner rwx, user 1234 r-x, group r-x, mask r-x, others none
    std::string const acl("\x02\0\0\0"
                          "\x01\0\x07\0\xff\xff\xff\xff"
                          "\x02\0\x05\0\xd2\x04\0\0"
                          "\x04\0\x05\0\xff\xff\xff\xff"
                          "\x10\0\x05\0\xff\xff\xff\xff"
                          "\x20\0\0\0\xff\xff\xff\xff",
                          44);
    auto const set = tree.set_xattr_at(tree.root(), "dir", xattr::acl_default, acl, xattr_flags::none);
    if (!set) {
        CHECK(set.error() == errc::eopnotsupp);
        WARN("skipped: no access control lists here");
        return;
    }
    CHECK(tree.get_xattr_at(tree.root(), "dir", xattr::acl_default).value() == acl);
    CHECK_FALSE(tree.get_xattr_at(tree.root(), "dir", xattr::acl_access).value());
}

TEST_CASE("[posix.33] a directory that may not be searched still has attributes") {
    scratch_directory scratch;
    scratch.write("ignored", "");
    for (bool const old : {false, true}) {
        auto const wrong = in_child_as_nobody([&]() -> std::string {
            posix_options options;
            options.old_calls_only = old;
            auto tree = posix_directory::open(scratch.path(), options);
            if (!tree)
                return to_string(tree.error());
            std::string const name = old ? "old" : "new";
            if (!tree->create_directory_at(tree->root(), name, 0700))
                return "create";
            auto const dir = tree->open_directory_at(tree->root(), name).value();
            if (!tree->able().has(capability::user_xattrs))
                return {};
            if (!tree->set_xattr_at(dir, "", "user.k", "v", xattr_flags::none))
                return "set";
            if (!tree->set_mode_at(dir, "", 0400))
                return "set_mode";
            auto const value = tree->get_xattr_at(dir, "", "user.k");
            if (!value)
                return "get: " + to_string(value.error());
            if (*value != "v")
                return "another value";
            if (auto const keys = tree->list_xattrs_at(dir, ""); !keys || keys->size() != 1)
                return "list";
            if (auto const inside = tree->get_xattr_at(dir, "x", "user.k"); inside || inside.error() != errc::eacces)
                return "what is inside was reached";
            tree->release(dir);
            return {};
        });
        CHECK(wrong == "");
    }
}
