#include "catch.hpp"
#include "tar_maker.hpp"

#include <string>
#include <vector>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;

namespace {

void refused(std::string const& name, tar_reason reason, errc code) {
    INFO("name: " << name);
    auto const made = maker().file("first");
    // In the block, as a pax path, and as a GNU long name: the same rule for all.
    std::vector<std::string> archives;
    if (name.size() <= 100 && name.find('\0') == std::string::npos)
        archives.push_back(maker(made).file(name).ended());
    if (!name.empty())
        archives.push_back(maker(made).pax({{"path", name}}).file("f").ended());
    if (name.find('\0') == std::string::npos)
        archives.push_back(maker(made).add({.name = "L", .type = 'L', .data = name + '\0'}).file("f").ended());
    REQUIRE_FALSE(archives.empty());
    for (auto const& bytes : archives) {
        auto const layer = open(bytes);
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == reason);
        CHECK(layer.error() == code);
        CHECK(layer.error().member == name);
        CHECK(layer.error().offset == bytes.size() - 3 * block);  // the member's block, whatever stood before it
    }
}

}  // namespace

TEST_CASE("[tar.names.1] a name that leads upwards is refused, wherever it does") {
    for (auto const* name : {"..", "../x", "a/../b", "a/..", "./..", "a/b/../../../x", "a/../"})
        refused(name, tar_reason::dot_dot_component, errc::einval);
}

TEST_CASE("[tar.names.2] an absolute name is refused, not stripped") {
    for (auto const* name : {"/", "/etc/passwd", "//x", "/../x"})
        refused(name, tar_reason::absolute_name, errc::einval);
}

TEST_CASE("[tar.names.3] an empty name, and an empty component, are refused") {
    refused("", tar_reason::empty_name, errc::einval);
    for (auto const* name : {"a//b", "a//", ".//a", "a/b//c"})
        refused(name, tar_reason::empty_component, errc::einval);
}

TEST_CASE("[tar.names.4] a NUL inside a name is refused") {
    refused("a\0b"s, tar_reason::nul_in_name, errc::einval);
    refused("\0/b"s, tar_reason::nul_in_name, errc::einval);
    refused("a/b\0"s, tar_reason::nul_in_name, errc::einval);
    CHECK(open(maker().add({.name = "L", .type = 'L', .data = std::string_view("a\0b\0", 4)}).file("f")).error() ==
          tar_reason::nul_in_name);
}

TEST_CASE("[tar.names.5] the whiteout prefix with nothing to hide is refused") {
    for (auto const* name : {".wh.", ".wh..", ".wh...", "a/.wh.", ".wh../b", "a/.wh.../b"})
        refused(name, tar_reason::bare_whiteout_component, errc::einval);
}

TEST_CASE("[tar.names.6] other whiteout names come as they are: what they mean is the overlay's business") {
    auto layer = tree(maker().file(".wh.a").file("d/.wh..wh..opq").file("d/.wh..b").file(".wh....").file("x.wh."));
    CHECK(layer.list("/").value().size() == 4);
    CHECK(layer.exists(".wh.a").value());
    CHECK(layer.exists("d/.wh..wh..opq").value());
    CHECK(layer.exists("d/.wh..b").value());
}

TEST_CASE("[tar.names.7] a component has 255 bytes at most, a name as many as it likes") {
    refused(std::string(256, 'n'), tar_reason::long_component, errc::enametoolong);
    refused("a/" + std::string(256, 'n') + "/b", tar_reason::long_component, errc::enametoolong);
    std::string deep;
    for (int i = 0; i < 100; ++i)
        deep += std::string(255, static_cast<char>('a' + i % 26)) + '/';
    deep += "end";
    auto layer = tree(maker().pax({{"path", deep}}).file("f", "deep"));
    CHECK(layer.read(at(deep)).value() == "deep");
}

TEST_CASE("[tar.names.8] '.' as a component is skipped; './' carries the root's attributes") {
    auto layer = tree(maker()
                          .add({.name = "./", .type = '5', .mode = 0711, .uid = 5})
                          .file("./a", "1")
                          .directory("./d/./", 0700)
                          .file("d/./b", "2")
                          .add({.name = "d/.", .type = '5', .mode = 0701})
                          .file("e/././c", "3"));
    CHECK(layer.status("/").value().mode == 0711);
    CHECK(layer.status("/").value().uid == 5);
    CHECK(layer.read("a").value() == "1");
    CHECK(layer.read("d/b").value() == "2");
    CHECK(layer.status("d").value().mode == 0701);
    CHECK(layer.read("e/c").value() == "3");
    CHECK(layer.list("/").value().size() == 3);
    CHECK(tree(maker().add({.name = ".", .type = '5', .mode = 0500})).status("/").value().mode == 0500);
}

TEST_CASE("[tar.names.9] the root is a directory and nothing else") {
    for (char const type : {'2', '3', '6'})
        CHECK(open(maker().add({.name = "./", .type = type, .link = "x"})).error() == tar_reason::root_is_no_directory);
    CHECK(open(maker().file("a").add({.name = "./.", .type = '1', .link = "a"})).error() ==
          tar_reason::root_is_no_directory);
    CHECK(open(maker().file(".", "data")).error() == tar_reason::directory_with_data);
}

TEST_CASE("[tar.names.10] a slash at the end of anything but a file changes nothing") {
    auto layer = tree(maker().symlink("l/", "target").file("f").link("h/", "f").add({.name = "p/", .type = '6'}));
    CHECK(layer.read_symlink("l").value() == "target");
    CHECK(layer.status("h").value().nlink == 2);
    CHECK(layer.status("p").value().type == file_type::fifo);
}

TEST_CASE("[tar.names.11] every other byte can be in a name") {
    std::string all;
    for (int c = 1; c < 256; ++c)
        if (c != '/')
            all += static_cast<char>(c);
    auto layer = tree(maker().pax({{"path", all}}).file("f", "x"));
    CHECK(layer.read(at(all)).value() == "x");
}

TEST_CASE("[tar.names.12] an error says where and which member, with the name made harmless") {
    auto const layer = open(maker().file("first").file("a/../\x1b[2J'b\\"));
    REQUIRE_FALSE(layer);
    CHECK(to_string(layer.error()) ==
          "tar: at byte 512, member 'a/../\\033[2J\\047b\\134': the name has the component '..' (EINVAL)");
    auto const long_one = open(maker().pax({{"path", std::string(1000, 'n')}}).file("f"));
    CHECK(to_string(long_one.error()) == "tar: at byte 1536, member '" + std::string(256, 'n') +
                                             "...': the name has a component over 255 bytes (ENAMETOOLONG)");
    auto bytes = maker().file("first").bytes();
    bytes[0] = 'x';
    CHECK(to_string(open(bytes).error()) == "tar: at byte 0: the header's checksum is wrong (EBADMSG)");
    error const plain = layer.error();
    CHECK(plain == error(errc::einval, operation::open));
}
