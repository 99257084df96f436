// Modes, owners, times and extended attributes in a memory tree.
#include "catch.hpp"

#include <algorithm>
#include <map>

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

// What a call did to the times of the objects that are watched: "m" and "c" per object whose mtime or ctime moved; "a"
// never should be among them.
class watch {
public:
    watch(memory_tree& tree, std::vector<std::string> paths) : tree_(tree), paths_(std::move(paths)) {
        (void)changes();
    }

    // "d:mc f:c" since the last call; what is gone is left out.
    std::string changes() {
        std::string text;
        for (auto const& path : paths_) {
            auto const is = tree_.symlink_status(path_view::parse(path).value());
            if (!is)
                continue;
            auto const was = last_.find(path);
            std::string moved;
            if (was != last_.end() && was->second.id == is->id) {
                if (was->second.atime != is->atime)
                    moved += 'a';
                if (was->second.mtime != is->mtime)
                    moved += 'm';
                if (was->second.ctime != is->ctime)
                    moved += 'c';
            }
            if (!moved.empty())
                text += (text.empty() ? "" : " ") + path + ":" + moved;
            last_[path] = *is;
        }
        return text;
    }

private:
    memory_tree& tree_;
    std::vector<std::string> paths_;
    std::map<std::string, attributes> last_;
};

}  // namespace

TEST_CASE("[memory.times.1] what is made has three equal times, and moves those of its directory") {
    ticking_clock clock;
    memory_tree tree(clock.options());
    tree.create_directory("d").value();
    auto const d = tree.open_directory_at(tree.root(), "d").value();
    watch over(tree, {"/", "d"});
    CHECK(outcome(tree.create_at(d, "f", 0644)) == errc::ok);
    CHECK(over.changes() == "d:mc");
    CHECK(outcome(tree.create_directory_at(d, "e", 0755)) == errc::ok);
    CHECK(over.changes() == "d:mc");
    CHECK(outcome(tree.create_symlink_at(d, "l", "x")) == errc::ok);
    CHECK(over.changes() == "d:mc");
    CHECK(outcome(tree.create_node_at(d, "p", file_type::fifo, 0644, {})) == errc::ok);
    CHECK(over.changes() == "d:mc");
    auto unnamed = tree.create_unnamed(d, 0644).value();
    CHECK(over.changes().empty());
    CHECK(outcome(tree.publish_at(unnamed, d, "u")) == errc::ok);
    CHECK(over.changes() == "d:mc");
    for (char const* name : {"f", "e", "l", "p"}) {
        auto const is = status_of(tree, d, name);
        CHECK(is.atime == is.mtime);
        CHECK(is.mtime == is.ctime);
        CHECK(is.mtime.seconds > 1000);
    }
    // A failure moves nothing.
    CHECK(outcome(tree.create_at(d, "f", 0644)) == errc::eexist);
    CHECK(outcome(tree.remove_directory_at(d, "f")) == errc::enotdir);
    CHECK(over.changes().empty());
    tree.release(d);
}

TEST_CASE("[memory.times.2] links, removals and renames move the object's ctime and both directories' times") {
    ticking_clock clock;
    memory_tree tree(clock.options());
    tree.create_directories("d/sub").value();
    tree.create_directory("e").value();
    tree.write("d/f", "x").value();
    watch over(tree, {"/", "d", "e", "d/f", "e/f", "e/g", "d/sub", "e/sub"});
    tree.create_hard_link("d/f", "e/g").value();
    CHECK(over.changes() == "e:mc d/f:c");
    tree.remove("d/f").value();
    CHECK(over.changes() == "d:mc e/g:c");
    tree.rename("e/g", "d/f").value();
    CHECK(over.changes() == "d:mc e:mc d/f:c");
    CHECK(tree.status("d/f").value().ctime == tree.status("d").value().ctime);
    auto const moved = tree.status("d/sub").value();
    tree.rename("d/sub", "e/sub").value();
    CHECK(tree.status("e/sub").value().ctime > moved.ctime);
    CHECK(tree.status("e/sub").value().mtime == moved.mtime);  // its own names are what they were
    (void)over.changes();
    tree.rename("e/sub", "d/f", rename_flags::exchange).value();
    CHECK(over.changes() == "d:mc e:mc");
    tree.rename("d/f", "e/sub", rename_flags::exchange).value();
    auto replaced = tree.open("d/f", open_flags::read).value();
    auto const before = replaced.status().value();
    tree.write("d/other", "").value();
    tree.rename("d/other", "d/f").value();
    CHECK(replaced.status().value().ctime > before.ctime);
    CHECK(replaced.status().value().mtime == before.mtime);
    (void)over.changes();
    tree.remove("e/sub").value();
    CHECK(over.changes() == "e:mc");
}

TEST_CASE("[memory.times.3] data moves mtime and ctime, attributes ctime, reading nothing") {
    ticking_clock clock;
    memory_tree tree(clock.options());
    tree.write("f", "text").value();
    tree.create_symlink("f", "l").value();
    tree.create_directory("d").value();
    auto const root = tree.root();
    watch over(tree, {"/", "f", "l", "d"});
    auto file = tree.open("f", open_flags::read_write).value();
    CHECK(read_all(file) == "text");
    CHECK(tree.read_symlink("l").value() == "f");
    CHECK(names_in(tree, root).size() == 3);
    CHECK(over.changes().empty());

    CHECK(file.write_at(bytes("T"), 0).value() == 1);
    CHECK(over.changes() == "f:mc");
    CHECK(file.write_at({}, 0).value() == 0);
    CHECK(over.changes().empty());
    CHECK(file.append(bytes("T")).value() == 1);
    CHECK(over.changes() == "f:mc");
    CHECK(outcome(file.resize(5)) == errc::ok);  // as ftruncate: also when it is that size
    CHECK(over.changes() == "f:mc");
    CHECK(outcome(tree.resize_at(root, "f", 5)) == errc::ok);  // as truncate: not then
    CHECK(over.changes().empty());
    CHECK(outcome(tree.resize_at(root, "f", 6)) == errc::ok);
    CHECK(over.changes() == "f:mc");
    CHECK(outcome(tree.open_at(root, "f", open_flags::write | open_flags::truncate)) == errc::ok);
    CHECK(over.changes() == "f:mc");
    auto other = tree.create_unnamed(root, 0644).value();
    CHECK(other.append(bytes("abc")).value() == 3);
    CHECK(file.copy_range_from(other, 0, 0, 3).value() == 3);
    CHECK(over.changes() == "f:mc");
    CHECK(file.copy_range_from(other, 3, 0, 3).value() == 0);
    CHECK(over.changes().empty());
    CHECK(outcome(file.clone_from(other)) == errc::ok);
    CHECK(over.changes() == "f:mc");

    CHECK(outcome(tree.set_mode_at(root, "f", 0600)) == errc::ok);
    CHECK(over.changes() == "f:c");
    CHECK(outcome(file.set_mode(0600)) == errc::ok);
    CHECK(over.changes() == "f:c");
    CHECK(outcome(tree.set_owner_at(root, "l", 5, keep_group)) == errc::ok);
    CHECK(over.changes() == "l:c");
    CHECK(outcome(tree.set_owner_at(root, "f", keep_user, keep_group)) == errc::ok);
    CHECK(over.changes() == "f:c");
    CHECK(outcome(tree.set_xattr_at(root, "d", "user.k", "v", xattr_flags::none)) == errc::ok);
    CHECK(over.changes() == "d:c");
    CHECK(outcome(tree.set_xattr_at(root, "d", "user.k", "v", xattr_flags::create)) == errc::eexist);
    CHECK(over.changes().empty());
    CHECK(outcome(tree.remove_xattr_at(root, "d", "user.k")) == errc::ok);
    CHECK(over.changes() == "d:c");
    CHECK(outcome(tree.remove_xattr_at(root, "d", "user.k")) == errc::enodata);
    CHECK(over.changes().empty());
}

TEST_CASE("[memory.times.4] times are set, to the present or to anything, with nanoseconds") {
    ticking_clock clock;
    memory_tree tree(clock.options());
    auto const root = tree.root();
    tree.write("f", "").value();
    tree.create_symlink("f", "l").value();
    auto const set = [&](char const* name, time_change const& times) {
        return outcome(tree.set_times_at(root, name, times));
    };
    timestamp const ancient{-9'000'000'000, 999'999'999};
    timestamp const far{1'000'000'000'000, 1};
    CHECK(set("f", time_change::both(ancient, far)) == errc::ok);
    CHECK(status_of(tree, root, "f").atime == ancient);
    CHECK(status_of(tree, root, "f").mtime == far);
    auto const then = status_of(tree, root, "f").ctime;
    CHECK(set("f", {}) == errc::ok);  // neither: nothing happens
    CHECK(status_of(tree, root, "f").ctime == then);
    CHECK(set("f", time_change::modified({7, 8})) == errc::ok);
    CHECK(status_of(tree, root, "f").atime == ancient);
    CHECK(status_of(tree, root, "f").mtime == timestamp{7, 8});
    CHECK(status_of(tree, root, "f").ctime > then);
    CHECK(set("l", time_change::touch()) == errc::ok);
    CHECK(status_of(tree, root, "l").atime == status_of(tree, root, "l").ctime);
    CHECK(status_of(tree, root, "f").mtime == timestamp{7, 8});
    CHECK(set("f", time_change::both({0, 1'000'000'000}, {})) == errc::einval);
    CHECK(set("f", time_change::modified({0, 0xffffffff})) == errc::einval);
    CHECK(set("none", time_change::touch()) == errc::enoent);
    CHECK(set("none", {}) == errc::enoent);
    CHECK(status_of(tree, root, "f").mtime == timestamp{7, 8});

    memory_tree real;
    real.write("f", "").value();
    CHECK(real.status("f").value().mtime.seconds > 1'500'000'000);
}

TEST_CASE("[memory.modes.1] modes pass the umask where something is made, and nowhere else") {
    memory_options options;
    options.umask = 0137;
    options.root_mode = 01777;
    memory_tree tree(options);
    auto const root = tree.root();
    CHECK(status_of(tree, root, "").mode == 01777);
    auto file = tree.create_at(root, "f", 06777).value();
    CHECK(file.status().value().mode == 06640);
    CHECK(outcome(tree.create_directory_at(root, "d", 07777)) == errc::ok);
    CHECK(status_of(tree, root, "d").mode == 01640);  // mkdir takes no set-id bits
    CHECK(outcome(tree.create_node_at(root, "p", file_type::fifo, 07777, {})) == errc::ok);
    CHECK(status_of(tree, root, "p").mode == 07640);
    CHECK(tree.create_unnamed(root, 0777).value().status().value().mode == 0640);
    CHECK(outcome(tree.create_symlink_at(root, "l", "x")) == errc::ok);
    CHECK(status_of(tree, root, "l").mode == 0777);
    CHECK(outcome(tree.set_mode_at(root, "f", 0177777)) == errc::ok);
    CHECK(file.status().value().mode == 07777);
    CHECK(outcome(tree.set_mode_at(root, "l", 0600)) == errc::eopnotsupp);
    CHECK(outcome(tree.set_mode_at(root, "none", 0600)) == errc::enoent);
    CHECK(outcome(tree.set_mode_at(root, "", 0700)) == errc::ok);
    CHECK(status_of(tree, root, "").mode == 0700);
}

TEST_CASE("[memory.modes.2] a set-group-id directory gives its group, and directories in it the bit") {
    memory_options options;
    options.uid = 1;
    options.gid = 2;
    memory_tree tree(options);
    tree.create_directory("d").value();
    tree.owner("d", keep_user, 50).value();
    tree.permissions("d", 02755).value();
    auto const d = tree.open_directory_at(tree.root(), "d").value();
    CHECK(outcome(tree.create_at(d, "f", 0644)) == errc::ok);
    CHECK(outcome(tree.create_directory_at(d, "e", 0755)) == errc::ok);
    CHECK(outcome(tree.create_symlink_at(d, "l", "x")) == errc::ok);
    CHECK(outcome(tree.create_node_at(d, "p", file_type::fifo, 0644, {})) == errc::ok);
    for (char const* name : {"f", "e", "l", "p"}) {
        CHECK(status_of(tree, d, name).gid == 50);
        CHECK(status_of(tree, d, name).uid == 1);
    }
    CHECK(tree.create_unnamed(d, 0644).value().status().value().gid == 50);
    CHECK(status_of(tree, d, "f").mode == 0644);
    CHECK(status_of(tree, d, "e").mode == 02755);
    CHECK(outcome(tree.rename_at(d, "f", d, "g", rename_flags::whiteout)) == errc::ok);
    CHECK(status_of(tree, d, "f").gid == 50);
    tree.release(d);
}

TEST_CASE("[memory.modes.3] chown takes set-id bits and file capabilities, of anything but a directory") {
    memory_tree tree;
    auto const root = tree.root();
    tree.write("f", "").value();
    tree.create_directory("d").value();
    for (char const* name : {"f", "d"})
        CHECK(outcome(tree.set_xattr_at(root, name, "security.capability", "cap", xattr_flags::none)) == errc::ok);
    auto const chown = [&](char const* name, mode_bits mode, user_id uid, group_id gid) {
        tree.set_mode_at(root, name, mode).value();
        tree.set_owner_at(root, name, uid, gid).value();
        return status_of(tree, root, name).mode;
    };
    CHECK(chown("d", 06777, 1, 1) == 06777);
    CHECK(tree.get_xattr_at(root, "d", "security.capability").value() == "cap");
    CHECK(chown("f", 06777, 1, keep_group) == 0777);
    CHECK(tree.get_xattr_at(root, "f", "security.capability").value() == std::nullopt);
    CHECK(chown("f", 06767, keep_user, 1) == 02767);  // no group execution: mandatory locking, not set-group-id
    CHECK(chown("f", 06777, keep_user, keep_group) == 0777);
    CHECK(status_of(tree, root, "f").uid == 1);
    CHECK(status_of(tree, root, "f").gid == 1);
    auto file = tree.open("f", open_flags::read_write).value();
    file.set_mode(04755).value();
    file.set_owner(9, 9).value();
    CHECK(file.status().value().mode == 0755);
    CHECK(file.status().value().uid == 9);
    CHECK(outcome(tree.set_owner_at(root, "none", 1, 1)) == errc::enoent);
}

TEST_CASE("[memory.modes.4] changed data takes file capabilities and leaves set-id bits, as for root") {
    memory_tree tree;
    auto const root = tree.root();
    tree.write("f", "text").value();
    tree.permissions("f", 06755).value();
    auto file = tree.open("f", open_flags::read_write).value();
    auto source = tree.create_unnamed(root, 0644).value();
    CHECK(source.append(bytes("source")).value() == 6);
    auto const gone = [&] {
        bool const is = !tree.get_xattr_at(root, "f", "security.capability").value();
        CHECK(status_of(tree, root, "f").mode == 06755);
        CHECK(outcome(file.set_xattr("security.capability", "cap", xattr_flags::none)) == errc::ok);
        CHECK(tree.get_xattr_at(root, "f", "security.capability").value() == "cap");
        return is;
    };
    CHECK(gone());  // there was none yet
    CHECK(file.write_at({}, 0).value() == 0);
    CHECK_FALSE(gone());
    CHECK(file.write_at(bytes("x"), 0).value() == 1);
    CHECK(gone());
    CHECK(file.append(bytes("x")).value() == 1);
    CHECK(gone());
    CHECK(outcome(file.resize(3)) == errc::ok);
    CHECK(gone());
    CHECK(outcome(tree.resize_at(root, "f", 2)) == errc::ok);
    CHECK(gone());
    CHECK(file.copy_range_from(source, 0, 0, 3).value() == 3);
    CHECK(gone());
    CHECK(outcome(file.clone_from(source)) == errc::ok);
    CHECK(gone());
    CHECK(outcome(tree.open_at(root, "f", open_flags::read | open_flags::truncate)) == errc::ok);
    CHECK(gone());
}

TEST_CASE("[memory.xattr.1] attributes are set, replaced, listed and removed") {
    memory_tree tree;
    auto const root = tree.root();
    tree.write("f", "").value();
    auto const set = [&](std::string_view key, std::string_view value, xattr_flags flags = xattr_flags::none) {
        return outcome(tree.set_xattr_at(root, "f", key, value, flags));
    };
    CHECK(tree.list_xattrs_at(root, "f").value().empty());
    CHECK(tree.get_xattr_at(root, "f", "user.a").value() == std::nullopt);
    CHECK(set("user.a", "1", xattr_flags::replace) == errc::enodata);
    CHECK(set("user.a", "1", xattr_flags::create) == errc::ok);
    CHECK(set("user.a", "2", xattr_flags::create) == errc::eexist);
    CHECK(set("user.a", "22", xattr_flags::replace) == errc::ok);
    CHECK(set("user.a", "22", xattr_flags::replace | xattr_flags::create) == errc::eexist);
    CHECK(set("user.new", "", xattr_flags::replace | xattr_flags::create) == errc::enodata);
    CHECK(set("user.a", "22", static_cast<xattr_flags>(4)) == errc::einval);
    CHECK(set("trusted.overlay.opaque", "y") == errc::ok);
    CHECK(set("security.selinux", std::string_view("a\0b", 3)) == errc::ok);
    CHECK(set("user.empty", "") == errc::ok);
    CHECK(set("system.posix_acl_access", "bytes") == errc::ok);
    CHECK(tree.list_xattrs_at(root, "f").value() == std::vector<std::string>{"user.a", "trusted.overlay.opaque",
                                                                             "security.selinux", "user.empty",
                                                                             "system.posix_acl_access"});
    CHECK(tree.get_xattr_at(root, "f", "user.a").value() == "22");
    CHECK(tree.get_xattr_at(root, "f", "security.selinux").value() == std::string("a\0b", 3));
    CHECK(tree.get_xattr_at(root, "f", "user.empty").value() == "");
    CHECK(tree.get_xattr_at(root, "f", "user.").value() == std::nullopt);
    CHECK(outcome(tree.remove_xattr_at(root, "f", "trusted.overlay.opaque")) == errc::ok);
    CHECK(outcome(tree.remove_xattr_at(root, "f", "trusted.overlay.opaque")) == errc::enodata);
    CHECK(tree.list_xattrs_at(root, "f").value().size() == 4);
    tree.create_hard_link("f", "g").value();
    CHECK(tree.get_xattr("g", "user.a").value() == "22");
    tree.remove("f").value();
    tree.remove("g").value();
    CHECK(used(tree) == 0);
}

TEST_CASE("[memory.xattr.2] keys, values and types are judged as Linux does") {
    memory_tree tree;
    auto const root = tree.root();
    tree.write("f", "").value();
    tree.create_directory("d").value();
    tree.create_symlink("f", "l").value();
    tree.create_node("p", file_type::fifo, 0644).value();
    auto const set = [&](char const* name, std::string_view key, std::string_view value = "v") {
        auto const done = outcome(tree.set_xattr_at(root, name, key, value, xattr_flags::none));
        if (done != errc::ok && done != errc::e2big && done != errc::eacces)
            CHECK(outcome(tree.remove_xattr_at(root, name, key)) == done);
        return done;
    };
    CHECK(set("f", "") == errc::erange);
    CHECK(set("f", "user." + std::string(251, 'k')) == errc::erange);
    CHECK(set("f", "user." + std::string(250, 'k')) == errc::ok);
    CHECK(outcome(tree.get_xattr_at(root, "f", "")) == errc::erange);
    CHECK(outcome(tree.get_xattr_at(root, "f", std::string(256, 'k'))) == errc::erange);
    CHECK(set("f", std::string_view("user.a\0b", 8)) == errc::einval);
    for (char const* key : {"user.", "trusted.", "security."})
        CHECK(set("f", key) == errc::einval);
    for (char const* key :
         {"user", "none.x", "x", ".", "system.", "system.other", "system.posix_acl_accessx", "USER.a"}) {
        INFO(key);
        CHECK(set("f", key) == errc::eopnotsupp);
        CHECK(tree.get_xattr_at(root, "f", key).value() == std::nullopt);
    }
    CHECK(set("f", "user.big", std::string(65537, 'x')) == errc::e2big);
    CHECK(set("f", "user.big", std::string(65536, 'x')) == errc::ok);
    for (char const* name : {"l", "p"}) {
        CHECK(set(name, "user.a") == errc::eperm);
        CHECK(tree.get_xattr_at(root, name, "user.a").value() == std::nullopt);
        CHECK(set(name, "trusted.a") == errc::ok);
        CHECK(set(name, "security.a") == errc::ok);
    }
    CHECK(set("l", "system.posix_acl_access") == errc::eopnotsupp);
    CHECK(set("p", "system.posix_acl_access") == errc::ok);
    CHECK(set("d", "system.posix_acl_default") == errc::ok);
    CHECK(set("f", "system.posix_acl_default") == errc::eacces);
    CHECK(set("d", "user.a") == errc::ok);
    CHECK(set("none", "user.a") == errc::enoent);
    CHECK(set("", "user.root") == errc::ok);
    CHECK(tree.get_xattr_at(root, "", "user.root").value() == "v");

    // As many keys as listxattr(2) can return.
    std::size_t listed = 0;
    for (int i = 0;; ++i) {
        std::string const key = "user." + std::string(240, 'k') + std::to_string(10000 + i);
        auto const done = outcome(tree.set_xattr_at(root, "d", key, "", xattr_flags::none));
        if (done != errc::ok) {
            CHECK(done == errc::enospc);
            break;
        }
        REQUIRE(i < 1000);
    }
    for (auto const& key : tree.list_xattrs_at(root, "d").value())
        listed += key.size() + 1;
    CHECK(listed <= 65536);
    CHECK(listed > 65536 - 251);
}
