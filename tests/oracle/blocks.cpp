// An upper with files that are copied up block by block, and the running kernel: it refuses the upper, and where it is
// made to mount it all the same it refuses the file; once the upper is made whole, it mounts it and reads the same
// bytes.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "catch.hpp"
#include "model/scratch.hpp"
#include "oracle/kernel_mount.hpp"
#include "unit/stack/blocks_of.hpp"

namespace {

using namespace lamina;

// Why it cannot be done here; empty if it can.
std::string const& obstacle() {
    static std::string const why = ::geteuid() != 0 ? "only root mounts" : oracle::private_mounts();
    return why;
}

std::string kernel_reads(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct layers_on_disk {
    model::scratch place;
    layers_on_disk() {
        auto outside = place.open();
        for (auto const name : {"upper", "work", "lower", "merged"})
            outside.create_directory(path::parse(name).value()).value();
    }
    [[nodiscard]] oracle::kernel_mount mount(std::string const& options) const {
        return {{place / "lower"}, place / "upper", place / "work", place / "merged", options};
    }
};

}  // namespace

TEST_CASE("[oracle.blocks] the kernel refuses an upper with block-wise files, and mounts it once they are whole") {
    if (!obstacle().empty()) {
        WARN("skipped: " << obstacle());
        return;
    }
    layers_on_disk l;
    auto below = posix_directory::open(l.place / "lower").value();
    auto content = blocks_of::pattern(40 * blocks_of::block + 77, 1);
    below.write("big", content).value();
    below.create_directory("dir").value();
    auto rules = policy::kernel();
    rules.blocks = block_copies::on;
    rules.blocks_from = rules.block_size = blocks_of::block;
    auto const options = std::string("redirect_dir=on,metacopy=on");
    auto const open = [&] {
        return overlay{upper(posix_directory::open(l.place / "upper").value(),
                             posix_directory::open(l.place / "work").value()),
                       lower(below), rules};
    };
    {
        auto root = open();
        root.ready().value();
        root.rename("big", "dir/moved").value();
        auto file = root.open("dir/moved", open_flags::read_write).value();
        REQUIRE(blocks_of::paths_write(file, "changed", 11 * blocks_of::block + 5));
        content.replace(11 * blocks_of::block + 5, 7, "changed");
        file.resize(30 * blocks_of::block + 1).value();
        REQUIRE(file.append(std::as_bytes(std::span("end", 3))).value() == 3);
        content.resize(30 * blocks_of::block + 1);
        content += "end";
        CHECK(root.needs_materialize());
    }
    CHECK_THROWS_AS(l.mount(options), std::runtime_error);

    // With its warning taken away, by somebody who knows better.
    std::string const in_work = std::string("work") + "/work" + "/incompat";
    auto const warning = l.place / (in_work + "/lamina-blocks");
    auto const namespace_mark = warning + "/trusted.overlay.";
    REQUIRE(::rmdir(namespace_mark.c_str()) == 0);
    REQUIRE(::rmdir(warning.c_str()) == 0);
    {
        auto const mounted = l.mount(options);
        auto const file = l.place / "merged/dir/moved";
        struct stat object;
        CHECK((::stat(file.c_str(), &object) != 0 && errno == EIO));
        CHECK(kernel_reads(file).empty());
    }
    REQUIRE(::mkdir((l.place / in_work).c_str(), 0700) == 0);
    REQUIRE(::mkdir(warning.c_str(), 0700) == 0);
    REQUIRE(::mkdir(namespace_mark.c_str(), 0700) == 0);
    {
        auto root = open();
        root.ready().value();
        CHECK((root.read("dir/moved").value() == content));
        root.materialize().value();
        CHECK((root.read("dir/moved").value() == content));
    }
    for (auto const with : {"redirect_dir=on,metacopy=off", "redirect_dir=on,metacopy=on"}) {
        auto const mounted = l.mount(with);
        CHECK((kernel_reads(l.place / "merged/dir/moved") == content));
        struct stat object;
        CHECK(::stat((l.place / "merged/big").c_str(), &object) != 0);
    }
    auto root = open();
    root.ready().value();
    CHECK((root.read("dir/moved").value() == content));
}
