// The command line of lamina-fuse. Built with examples/lamina-fuse/options.cpp.
#include "catch.hpp"

#include <initializer_list>
#include <string>
#include <vector>

#include "../../examples/lamina-fuse/options.hpp"

using namespace lamina_fuse;

namespace {

parsed parse_line(std::initializer_list<char const*> words) {
    std::vector<char const*> const arguments(words);
    return parse(arguments);
}
options read_line(std::initializer_list<char const*> words) {
    auto outcome = parse_line(words);
    INFO(outcome.error);
    REQUIRE(outcome.value.has_value());
    return *std::move(outcome.value);
}
std::string error_of(std::initializer_list<char const*> words) {
    auto const outcome = parse_line(words);
    CHECK_FALSE(outcome.value.has_value());
    CHECK(outcome.error.find('\n') == std::string::npos);
    return outcome.error;
}
// The options `list`, with what is needed besides.
options with(std::string const& list) { return read_line({"-o", "lowerdir=l,upperdir=u,workdir=w", "-o", list.c_str(), "m"}); }
std::string error_with(std::string const& list) { return error_of({"-o", "lowerdir=l", "-o", list.c_str(), "m"}); }

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("[options] what podman says: one -o, and the mount point") {
    auto const o = read_line({"-o", "lowerdir=/s/l/A:/s/l/B,upperdir=/s/1/diff,workdir=/s/1/work,volatile,,nodev", "/s/1/merged"});
    CHECK(o.lowers == strings{"/s/l/A", "/s/l/B"});
    CHECK(o.upper == "/s/1/diff");
    CHECK(o.work == "/s/1/work");
    CHECK(o.mountpoint == "/s/1/merged");
    CHECK_FALSE(o.sync);
    CHECK_FALSE(o.read_only);
    CHECK(o.generic == strings{"nodev"});
}

TEST_CASE("[options] what mount(8) says: a source first, options last or first or glued, letters of its own") {
    for (auto const& o : {read_line({"overlay", "/m", "-o", "lowerdir=l"}), read_line({"-olowerdir=l", "overlay", "/m"}),
                          read_line({"overlay", "-n", "/m", "-o", "lowerdir=l", "-v"})}) {
        CHECK(o.source == "overlay");
        CHECK(o.mountpoint == "/m");
        CHECK(o.lowers == strings{"l"});
    }
    CHECK(read_line({"-o", "lowerdir=l", "--", "-m"}).mountpoint == "-m");
}

TEST_CASE("[options] letters and long words") {
    CHECK(read_line({"-f", "-olowerdir=l", "m"}).foreground);
    CHECK(read_line({"--foreground", "-olowerdir=l", "m"}).foreground);
    for (auto const* word : {"-d", "--debug", "-odebug"}) {
        auto const o = read_line({word, "-olowerdir=l", "m"});
        CHECK(o.debug);
        CHECK(o.foreground);
    }
    CHECK(read_line({"-s", "-olowerdir=l", "m"}).workers == 1);
    CHECK(read_line({"-fd", "-olowerdir=l", "m"}).debug);
    CHECK(read_line({"--help"}).help);
    CHECK(read_line({"-h"}).help);
    CHECK(read_line({"--version"}).version);
    CHECK(read_line({"-V"}).version);
    CHECK(read_line({"--threaded", "--lowerdir=l", "m"}).lowers == strings{"l"});
    CHECK(error_of({"-x", "-olowerdir=l", "m"}).find("'-x'") != std::string::npos);
    CHECK(error_of({"--lowdir=l", "m"}).find("'lowdir'") != std::string::npos);
}

TEST_CASE("[options] colons, commas and backslashes in paths") {
    CHECK(with("x-a").lowers == strings{"l"});
    auto const lowers = [](char const* list) { return read_line({"-o", list, "m"}).lowers; };
    CHECK(lowers(R"(lowerdir=a\:b:c)") == strings{"a:b", "c"});
    CHECK(lowers(R"(lowerdir=a\,b:c,ro)") == strings{"a,b", "c"});
    CHECK(lowers(R"(lowerdir=a\\:b)") == strings{"a\\", "b"});
    CHECK(lowers(R"(lowerdir=a\054b\072c)") == strings{"a,b:c"});
    CHECK(lowers("lowerdir=../x: y :./z") == strings{"../x", " y ", "./z"});
    CHECK(lowers(R"(lowerdir=a\)") == strings{"a\\"});
    auto const o = read_line({"-o", R"(lowerdir=l,upperdir=u\:\,1,workdir=w\\)", "m"});
    CHECK(o.upper == "u:,1");
    CHECK(o.work == "w\\");
    CHECK(error_of({"-olowerdir=", "m"}) == "lowerdir is empty");
    CHECK_FALSE(error_of({"-olowerdir=a::b", "m"}).empty());  // data-only layers are not offered
    CHECK_FALSE(error_of({"-olowerdir=a:", "m"}).empty());
    CHECK_FALSE(error_of({"-olowerdir=l,upperdir=,workdir=w", "m"}).empty());
}

TEST_CASE("[options] hundreds of layers, and a layer that is named again") {
    std::string list = "lowerdir=/0";
    for (int i = 1; i < 500; ++i)
        list += ":/" + std::to_string(i);
    CHECK(read_line({"-o", list.c_str(), "m"}).lowers.size() == 500);
    CHECK(read_line({"-olowerdir=a:b:a:c:b", "m"}).lowers == strings{"a", "b", "c"});
}

TEST_CASE("[options] without an upper it is read-only; an upper needs a work directory") {
    CHECK(read_line({"-olowerdir=l", "m"}).read_only);
    CHECK(read_line({"-olowerdir=l,workdir=w", "m"}).read_only);
    CHECK_FALSE(read_line({"-olowerdir=l,workdir=w", "m"}).work.has_value());
    CHECK_FALSE(with("x-a").read_only);
    CHECK(with("ro").read_only);
    CHECK_FALSE(with("ro,rw").read_only);
    CHECK(read_line({"-olowerdir=l,rw", "m"}).read_only);
    CHECK(error_of({"-olowerdir=l,upperdir=u", "m"}) == "upperdir is given, and no workdir");
    CHECK(error_of({"-oupperdir=u,workdir=w", "m"}) == "no lowerdir is given");
    CHECK(error_of({"-olowerdir=l"}) == "no mount point is given");
    CHECK_FALSE(error_of({"-olowerdir=l", "a", "b", "c"}).empty());
    CHECK_FALSE(error_of({"-olowerdir=l", ""}).empty());
    CHECK_FALSE(error_of({"m", "-o"}).empty());
}

TEST_CASE("[options] mappings: host, container, size; a colon before them may be") {
    auto const o = with("uidmapping=0:1000:1:1:110000:65536,gidmapping=:0:10:100");
    REQUIRE(o.users.has_value());
    CHECK(o.users->to_inside(0) == 1000u);
    CHECK(o.users->to_inside(1) == 110000u);
    CHECK(o.users->to_outside(1000) == 0u);
    CHECK_FALSE(o.users->to_inside(65537).has_value());
    REQUIRE(o.groups.has_value());
    CHECK(o.groups->to_inside(99) == 109u);
    for (auto const* wrong : {"uidmapping=", "uidmapping=:", "uidmapping=0:1", "uidmapping=0:1:2:3", "uidmapping=0:0:0",
                              "uidmapping=a:0:1", "uidmapping=-1:0:1", "uidmapping=0:0:5000000000", "uidmapping=0:0:10:5:20:1",
                              "gidmapping=0:4294967295:1", "gidmapping=0x1:0:1", "gidmapping"})
        CHECK_FALSE(error_with(wrong).empty());
}

TEST_CASE("[options] owners squashed: a number goes before squash_to_root") {
    CHECK(with("squash_to_root").squash_user == 0u);
    CHECK(with("squash_to_root").squash_group == 0u);
    auto const o = with("squash_to_uid=1000,squash_to_root");
    CHECK(o.squash_user == 1000u);
    CHECK(o.squash_group == 0u);
    CHECK_FALSE(with("squash_to_gid=7").squash_user.has_value());
    CHECK_FALSE(error_with("squash_to_uid=-1").empty());
    CHECK_FALSE(error_with("squash_to_uid=4294967295").empty());
    CHECK_FALSE(error_with("squash_to_gid=root").empty());
    CHECK(error_with("squash_to_gid") == "option 'squash_to_gid' needs a value");
}

TEST_CASE("[options] switches, with and without a number") {
    CHECK(with("x-a").sync);
    CHECK_FALSE(with("fsync=0").sync);
    CHECK(with("fsync=1").sync);
    CHECK_FALSE(with("noxattrs").xattrs);
    CHECK_FALSE(with("noxattrs=1").xattrs);
    CHECK(with("noxattrs=0").xattrs);
    CHECK_FALSE(with("noacl").acls);
    CHECK(with("static_nlink").static_nlink);
    CHECK(with("writeback=0").writeback == false);
    CHECK(with("writeback=1").writeback == true);
    CHECK_FALSE(with("x-a").writeback.has_value());
    CHECK(with("threaded=0").workers == 1);
    CHECK(with("threaded=1").workers == 0);
    CHECK(with("workers=3").workers == 3);
    CHECK(with("passthrough").passthrough);
    CHECK_FALSE(with("io_uring=0").io_uring);
    CHECK(with("blocks").blocks == lamina::block_copies::on);
    CHECK(with("userxattr").user_xattrs);
    CHECK(with("timeout=1.5").timeout == 1.5);
    CHECK(with("timeout=0").timeout == 0.0);
    CHECK(with("fsname=a\\,b").name == "a,b");
    for (auto const* wrong : {"fsync=2", "fsync=", "writeback=maybe", "timeout=soon", "timeout=-1", "timeout=inf", "timeout=",
                              "workers=-1", "workers=5000", "threaded=x", "fast_ino=x", "fsync"})
        CHECK_FALSE(error_with(wrong).empty());
    with("fast_ino=1,threaded=1,max_threads=4,clone_fd");
}

TEST_CASE("[options] the kernel's words for the format; a redirect is written only where that is asked for") {
    CHECK(with("x-a").redirect == lamina::redirects::follow);
    CHECK(with("redirect_dir=on").redirect == lamina::redirects::on);
    CHECK(with("redirect_dir=off").redirect == lamina::redirects::follow);
    CHECK(with("redirect_dir=nofollow").redirect == lamina::redirects::refuse);
    CHECK(with("x-a").metacopy == lamina::metacopies::follow);
    CHECK(with("metacopy=on").metacopy == lamina::metacopies::on);
    CHECK(with("index=off").index == lamina::indexing::off);
    CHECK(with("index=on").index == lamina::indexing::on);
    CHECK(with("verity=require").verify == lamina::verification::require);
    CHECK(with("xattr_permissions=1").recorded == recorded_permissions::privileged);
    CHECK(with("xattr_permissions=2").recorded == recorded_permissions::user);
    CHECK(with("xattr_permissions=0").recorded == recorded_permissions::off);
    for (auto const* wrong : {"redirect_dir=maybe", "metacopy=2", "index=", "verity=x", "xattr_permissions=3", "xino=x",
                              "xattr_permissions=2,noxattrs", "plugins=/a.so"})
        CHECK_FALSE(error_with(wrong).empty());
    with("xino=on");
}

TEST_CASE("[options] generic ones are handed on; of two that contradict each other the last") {
    CHECK(with("nosuid,noexec,suid").generic == strings{"noexec", "suid"});
    CHECK(with("allow_other,default_permissions,nodev").generic == strings{"allow_other", "default_permissions", "nodev"});
    CHECK(with("noatime,noatime").generic == strings{"noatime"});
    CHECK(error_with("allow_other,allow_root").find("contradict") != std::string::npos);
}

TEST_CASE("[options] what mount(8) tolerates is tolerated, what nobody knows is not") {
    CHECK(with("x-systemd.automount,_netdev,comment=a b,x-gvfs-name=x,user,nofail,lazytime,relatime,nodiratime,defaults").generic.empty());
    CHECK(error_with("volatil") == "unknown option 'volatil'");
    CHECK(error_with("upper=x") == "unknown option 'upper'");
    CHECK(error_with("lowerdir") == "option 'lowerdir' needs a value");
    CHECK(error_with(std::string("bad\nword")) == "unknown option 'bad?word'");
    CHECK(error_with(std::string(5000, 'x')).size() < 300);
}

TEST_CASE("[options] labels keep the commas between their quotes") {
    auto const o = with(R"(context="system_u:object_r:container_file_t:s0:c1,c2",nodev)");
    CHECK(o.labels == strings{R"(context="system_u:object_r:container_file_t:s0:c1,c2")"});
    CHECK(o.generic == strings{"nodev"});
}

TEST_CASE("[options] twice the same is once; twice and different is an error") {
    CHECK(read_line({"-olowerdir=l", "-olowerdir=l", "m"}).lowers == strings{"l"});
    auto const twice = error_of({"-olowerdir=l", "-olowerdir=k", "m"});
    CHECK(twice == "option 'lowerdir' is given twice, as 'l' and as 'k'");
    CHECK_FALSE(error_with("squash_to_uid=1,squash_to_uid=2").empty());
    CHECK(with("volatile,volatile").sync == false);
}

TEST_CASE("[options] whatever the bytes, there is an answer") {
    std::string text = "lowerdir=a,upperdir=b,workdir=c,uidmapping=0:1:2,\\\"=:,-o";
    for (unsigned seed = 1; seed < 4000; ++seed) {
        unsigned state = seed * 2654435761u;
        std::string line = text;
        for (int i = 0; i < 6; ++i) {
            state = state * 1664525u + 1013904223u;
            line[state % line.size()] = text[(state >> 8) % text.size()];
        }
        auto const outcome = parse_line({"-o", line.c_str(), "m"});
        REQUIRE(outcome.value.has_value() == outcome.error.empty());
    }
}
