// The kernel as the judge: what its fs-verity measures, and which half copies its overlayfs reads. Everything is mounted
// in a mount namespace of the test's own; the image is mounted by way of a loop device that goes with its mount.
#include "catch.hpp"

#include "oracle/kernel_mount.hpp"

#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>
#include <lamina/verity/computed_digests.hpp>
#include <lamina/whiteout/metacopy_value.hpp>

namespace {

using namespace lamina;

constexpr char metacopy_key[] = "trusted.overlay.metacopy";

// Why nothing can be mounted here; empty if it can.
std::string const& obstacle() {
    static std::string const why = ::geteuid() != 0 ? "only root mounts" : oracle::private_mounts();
    return why;
}

// The directories of one overlay, in an ext4 file system of its own (with fs-verity), or in a tmpfs.
class ground {
public:
    explicit ground(bool with_verity) {
        char name[] = "/tmp/lamina-verity-XXXXXX";
        if (::mkdtemp(name) == nullptr)
            std::abort();
        path_ = name;
        std::string const at = path_ + "/mounted";
        std::string const image = path_ + "/image";
        run("mkdir '" + at + "'");
        if (!with_verity)
            mounted_ = ::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=16m") == 0;
        else
            mounted_ = run("truncate -s 64M '" + image + "'") &&
                       run("mkfs.ext4 -q -F -b 4096 -O verity '" + image + "'") &&
                       run("mount -o loop '" + image + "' '" + at + "'");
        if (mounted_)
            run("mkdir '" + at + "/lower' '" + at + "/upper' '" + at + "/work' '" + at + "/merged'");
    }
    ground(ground const&) = delete;
    ground& operator=(ground const&) = delete;
    ~ground() {
        if (mounted_)
            run("umount '" + path_ + "/mounted'");
        run("rm -r --one-file-system '" + path_ + "'");
    }

    [[nodiscard]] bool mounted() const { return mounted_; }
    [[nodiscard]] std::string operator/(char const* name) const { return path_ + "/mounted/" + name; }
    [[nodiscard]] std::unique_ptr<oracle::kernel_mount> mount(std::string const& options) const {
        return std::make_unique<oracle::kernel_mount>(std::vector{*this / "lower"}, *this / "upper", *this / "work",
                                                      *this / "merged", options);
    }

private:
    static bool run(std::string const& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }
    std::string path_;
    bool mounted_ = false;
};

void put(std::string const& path, std::string const& bytes) {
    std::ofstream file(path, std::ios::binary);
    file << bytes;
    REQUIRE(file.good());
}

// The content of a file, or the errno of opening or reading it.
std::string content_or_errno(std::string const& path) {
    owned_fd const fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        return std::to_string(errno);
    std::string bytes(1 << 20, '\0');
    auto const got = ::read(fd.get(), bytes.data(), bytes.size());
    return got < 0 ? std::to_string(errno) : bytes.substr(0, static_cast<std::size_t>(got));
}

bool enable_verity(std::string const& path) {
    fsverity_enable_arg wanted{};
    wanted.version = 1;
    wanted.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
    wanted.block_size = 4096;
    owned_fd const fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd && ::ioctl(fd.get(), FS_IOC_ENABLE_VERITY, &wanted) == 0;
}

policy recording() {
    auto rules = policy::kernel();
    rules.metacopy = metacopies::on;
    rules.durable = durability::ordered;
    return rules;
}

}  // namespace

TEST_CASE("[verity.4] what the kernel measures is what is computed, and its overlayfs takes half copies of it") {
    if (!obstacle().empty()) {
        WARN("skipped: " << obstacle());
        return;
    }
    ground const place(true);
    if (!place.mounted()) {
        WARN("skipped: no ext4 with fs-verity can be made or mounted here");
        return;
    }
    for (int const size : {0, 1, 4096, 4097, 600'000}) {
        auto const path = place / ("lower/" + std::to_string(size)).c_str();
        put(path, std::string(static_cast<std::size_t>(size), 'v'));
        if (!enable_verity(path)) {
            WARN("skipped: fs-verity cannot be enabled here: " << std::strerror(errno));
            return;
        }
        auto tree = posix_directory::open(place / "lower").value();
        auto const name = path::parse(std::to_string(size)).value();
        auto const kept = tree.open(name, open_flags::read).value().verity_digest().value();
        REQUIRE(kept.has_value());
        auto file = tree.open(name, open_flags::read).value();
        CHECK(*kept == verity::file_digest(file).value());
    }
    {
        auto lower_tree = posix_directory::open(place / "lower").value();
        auto upper_tree = posix_directory::open(place / "upper").value();
        auto work_tree = posix_directory::open(place / "work").value();
        overlay tree{upper(upper_tree, work_tree), lower(lower_tree), recording()};
        REQUIRE(tree.ready().has_value());
        tree.permissions("4097", 0600).value();
        tree.permissions("1", 0600).value();
        CHECK(upper_tree.get_xattr("4097", metacopy_key).value().size() == 36);
    }
    try {
        auto const mounted = place.mount("redirect_dir=on,metacopy=on,index=off,verity=on");
        CHECK(content_or_errno(place / "merged/4097") == std::string(4097, 'v'));
    } catch (std::runtime_error const& why) {
        WARN("skipped: " << why.what());
        return;
    }
    // The other file's digest: both refuse it.
    char mark[64];
    auto const length = ::getxattr((place / "upper/1").c_str(), metacopy_key, mark, sizeof mark);
    REQUIRE(length == 36);
    REQUIRE(::setxattr((place / "upper/4097").c_str(), metacopy_key, mark, 36, 0) == 0);
    {
        auto const mounted = place.mount("redirect_dir=on,metacopy=on,index=off,verity=on");
        CHECK(content_or_errno(place / "merged/4097") == std::to_string(EIO));
        CHECK(content_or_errno(place / "merged/1") == "v");
    }
    auto lower_tree = posix_directory::open(place / "lower").value();
    auto upper_tree = posix_directory::open(place / "upper").value();
    auto work_tree = posix_directory::open(place / "work").value();
    overlay tree{upper(upper_tree, work_tree), lower(lower_tree), recording()};
    CHECK(tree.open("4097", open_flags::read).error() == errc::eio);
    CHECK(tree.read("1").value() == "v");
}

TEST_CASE("[verity.5] the kernel reads a half copy with a computed digest, and judges other marks as we do") {
    if (!obstacle().empty()) {
        WARN("skipped: " << obstacle());
        return;
    }
    ground const place(false);
    if (!place.mounted()) {
        WARN("skipped: no tmpfs can be mounted here");
        return;
    }
    for (char const* const name : {"lower/good", "lower/short", "lower/bare"})
        put(place / name, std::string(10'000, 'd'));
    auto const judge = [&](char const* name) -> std::string {
        auto lower_tree = posix_directory::open(place / "lower").value();
        auto upper_tree = posix_directory::open(place / "upper").value();
        auto work_tree = posix_directory::open(place / "work").value();
        overlay tree{upper(upper_tree, work_tree), lower(computed_digests{lower_tree}), recording()};
        auto const bytes = tree.read(path::parse(name).value());
        return bytes ? *bytes : std::to_string(static_cast<int>(bytes.error().code));
    };
    {
        auto lower_tree = posix_directory::open(place / "lower").value();
        auto upper_tree = posix_directory::open(place / "upper").value();
        auto work_tree = posix_directory::open(place / "work").value();
        overlay tree{upper(upper_tree, work_tree), lower(computed_digests{lower_tree}), recording()};
        REQUIRE(tree.ready().has_value());
        for (char const* const name : {"good", "short", "bare"})
            tree.permissions(path::parse(name).value(), 0600).value();
        CHECK(upper_tree.get_xattr("good", metacopy_key).value().size() == 36);
    }
    REQUIRE(::setxattr((place / "upper/short").c_str(), metacopy_key, "\0\4\0", 3, 0) == 0);
    REQUIRE(::setxattr((place / "upper/bare").c_str(), metacopy_key, "\0\4\0\0", 4, 0) == 0);
    std::string const all(10'000, 'd');
    try {
        auto const mounted = place.mount("redirect_dir=on,metacopy=on,index=off");
        CHECK(content_or_errno(place / "merged/good") == all);
        CHECK(content_or_errno(place / "merged/bare") == all);
        CHECK(content_or_errno(place / "merged/short") == std::to_string(EIO));
    } catch (std::runtime_error const& why) {
        WARN("skipped: " << why.what());
        return;
    }
    CHECK(judge("good") == all);
    CHECK(judge("bare") == all);
    CHECK(judge("short") == std::to_string(EIO));
    put(place / "lower/good", std::string(10'000, 'e'));
    CHECK(judge("good") == std::to_string(EIO));
}
