// What a directory says that it can do is what it then does.
#include "scratch.hpp"

using namespace lamina;

namespace {

capability const all[] = {capability::write,          capability::hard_links,      capability::user_xattrs,
                          capability::trusted_xattrs, capability::special_files,   capability::whiteout_device,
                          capability::no_replace,     capability::exchange,        capability::unnamed_files,
                          capability::change_owner,   capability::rename_whiteout, capability::persistent_inodes};

std::string differences(capabilities assumed, capabilities tried) {
    std::string text;
    for (auto const one : all)
        if (assumed.has(one) != tried.has(one))
            text += std::to_string(static_cast<unsigned>(one)) + (assumed.has(one) ? " assumed; " : " not assumed; ");
    return text;
}

}  // namespace

TEST_CASE("[posix.40] a trial confirms what was assumed and leaves nothing behind") {
    auto const place = GENERATE(as<std::string>{}, "", "/dev/shm");
    if (!place.empty() && ::access(place.c_str(), W_OK) != 0) {
        WARN("skipped: no " + place);
        return;
    }
    scratch_directory scratch(place);
    auto tree = scratch.open();
    auto const assumed = tree.able();
    REQUIRE(tree.create_directory_at(tree.root(), "work", 0700));
    node_guard work(tree, tree.open_directory_at(tree.root(), "work").value());
    REQUIRE(tree.probe(*work));
    CHECK(differences(assumed, tree.able()) == "");
    CHECK(names_in(tree, *work).empty());
    CHECK(names_in(tree, tree.root()) == std::vector<std::string>{"work"});
}

TEST_CASE("[posix.41] without privilege, what only root can do is not claimed") {
    scratch_directory scratch;
    CHECK(in_child_as_nobody([&]() -> std::string {
              auto tree = posix_directory::open(scratch.path()).value();
              auto const assumed = tree.able();
              for (auto const one :
                   {capability::trusted_xattrs, capability::special_files, capability::change_owner})
                  if (assumed.has(one))
                      return "claims " + std::to_string(static_cast<unsigned>(one));
              if (auto const tried = tree.probe(tree.root()); !tried)
                  return to_string(tried.error());
              return differences(assumed, tree.able());
          }) == "");
    CHECK(in_child_as_nobody([&]() -> std::string {
              auto tree = posix_directory::open("/").value();
              auto const tried = tree.probe(tree.root());
              return tried ? "made a file in /" : tried.error() == errc::eacces ? "" : to_string(tried.error());
          }) == "");
}

TEST_CASE("[posix.42] opening a directory changes nothing in it") {
    scratch_directory scratch;
    struct stat before, after;
    REQUIRE(::stat(scratch.path().c_str(), &before) == 0);
    (void)scratch.open();
    REQUIRE(::stat(scratch.path().c_str(), &after) == 0);
    auto const same = [](timespec const& a, timespec const& b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    CHECK(same(before.st_ctim, after.st_ctim));
    CHECK(same(before.st_mtim, after.st_mtim));
    CHECK(same(before.st_atim, after.st_atim));
}

TEST_CASE("[posix.43] a read-only mount") {
    if (::geteuid() != 0) {
        WARN("skipped: needs to mount");
        return;
    }
    scratch_directory scratch;
    if (::mount("tmpfs", scratch.path().c_str(), "tmpfs", MS_RDONLY, nullptr) != 0) {
        WARN("skipped: this process may not mount");
        return;
    }
    {
        auto tree = scratch.open();
        CHECK_FALSE(tree.able().has(capability::write));
        CHECK_FALSE(tree.able().has(capability::unnamed_files));
        CHECK(tree.able().has(capability::trusted_xattrs));  // to read
        CHECK(tree.create_at(tree.root(), "x", 0600).error() == errc::erofs);
        CHECK(tree.probe(tree.root()).error() == errc::erofs);
    }
    CHECK(::umount(scratch.path().c_str()) == 0);
}
