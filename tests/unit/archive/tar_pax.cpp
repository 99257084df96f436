#include "catch.hpp"
#include "tar_maker.hpp"

#include <cstdint>
#include <limits>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;
using lamina::detail::decode_base64;
using lamina::detail::decode_percent;
using lamina::detail::parse_decimal;
using lamina::detail::parse_pax_time;

TEST_CASE("[tar.time.1] a time has a fraction, and counts forward also before 1970") {
    CHECK(parse_pax_time("0") == timestamp{0, 0});
    CHECK(parse_pax_time("1350244992.023960108") == timestamp{1350244992, 23960108});
    CHECK(parse_pax_time("1.5") == timestamp{1, 500'000'000});
    CHECK(parse_pax_time("-1") == timestamp{-1, 0});
    CHECK(parse_pax_time("-1.5") == timestamp{-2, 500'000'000});
    CHECK(parse_pax_time("-0.000000001") == timestamp{-1, 999'999'999});
    CHECK(parse_pax_time(".25") == timestamp{0, 250'000'000});
    CHECK(parse_pax_time("-.25") == timestamp{-1, 750'000'000});
    CHECK(parse_pax_time("7.") == timestamp{7, 0});
    CHECK(parse_pax_time("99999999999.000000001") == timestamp{99999999999, 1});
}

TEST_CASE("[tar.time.2] digits below a nanosecond are rounded down, towards the past") {
    CHECK(parse_pax_time("1.0000000019") == timestamp{1, 1});
    CHECK(parse_pax_time("-1.0000000000") == timestamp{-1, 0});
    CHECK(parse_pax_time("-1.0000000001") == timestamp{-2, 999'999'999});
    CHECK(parse_pax_time("-1.9999999991") == timestamp{-2, 0});
    CHECK(parse_pax_time("-0.9999999999999999999999") == timestamp{-1, 0});
}

TEST_CASE("[tar.time.3] what is not a time is none, and no number of digits overflows") {
    for (auto const* text :
         {"", "-", ".", "-.", "1.2.3", "1e9", " 1", "1 ", "+1", "--1", "1.-5", "9223372036854775808"})
        CHECK_FALSE(parse_pax_time(text));
    CHECK(parse_pax_time("9223372036854775807.999999999") ==
          timestamp{std::numeric_limits<std::int64_t>::max(), 999'999'999});
    CHECK(parse_pax_time("-9223372036854775807.5") == timestamp{std::numeric_limits<std::int64_t>::min(), 500'000'000});
    CHECK_FALSE(parse_decimal("9223372036854775808"));
    CHECK(parse_decimal("-9223372036854775807") == -std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("[tar.base64.1] base64 with and without padding") {
    CHECK(decode_base64("") == ""s);
    CHECK(decode_base64("Zg==") == "f"s);
    CHECK(decode_base64("Zg") == "f"s);
    CHECK(decode_base64("Zm8=") == "fo"s);
    CHECK(decode_base64("Zm9v") == "foo"s);
    CHECK(decode_base64("AAEC/v/+") == "\0\x01\x02\xfe\xff\xfe"s);
    CHECK_FALSE(decode_base64("Z"));
    CHECK_FALSE(decode_base64("Zm9v!"));
    CHECK_FALSE(decode_base64("Zm 9v"));
    CHECK_FALSE(decode_base64("Z=g="));
}

TEST_CASE("[tar.percent.1] percent signs, all of them or the two that GNU tar writes") {
    CHECK(decode_percent("a%3Db%25c%41", true) == "a=b%c%41");
    CHECK(decode_percent("a%3db%41", false) == "a=bA");
    CHECK(decode_percent("100%", false) == "100%");
    CHECK(decode_percent("%4", false) == "%4");
    CHECK(decode_percent("%zz%%41", false) == "%zz%A");
}

TEST_CASE("[tar.pax.1] the name, target, size, owner and times of a pax header stand before the block's") {
    std::string const name = "d/" + std::string(255, 'n');
    std::string const target(3000, 't');
    auto layer = tree(maker()
                          .pax({{"path", name},
                                {"size", "3"},
                                {"uid", "4000000000"},
                                {"gid", "3000000"},
                                {"mtime", "-1.25"},
                                {"atime", "5000000000.000000007"},
                                {"ctime", "12"}})
                          .add({.name = "short", .data = "abc", .size = 0})
                          .pax({{"linkpath", target}, {"path", "l"}})
                          .symlink("other", "elsewhere")
                          .file("after", "x"));
    auto const f = layer.status(at(name)).value();
    CHECK(f.size == 3);
    CHECK(f.uid == 4000000000);
    CHECK(f.gid == 3000000);
    CHECK(f.mtime == timestamp{-2, 750'000'000});
    CHECK(f.atime == timestamp{5000000000, 7});
    CHECK(f.ctime == timestamp{12, 0});
    CHECK(layer.read(at(name)).value() == "abc");
    CHECK(layer.read_symlink("l").value() == target);
    CHECK(layer.read("after").value() == "x");
    CHECK(layer.status("after").value().uid == 1000);
    CHECK_FALSE(layer.exists("short").value());
}

TEST_CASE("[tar.pax.2] a global header holds until another one; an own record, or an empty one, stands before it") {
    auto layer =
        tree(maker()
                 .pax({{"uid", "7"}, {"mtime", "100"}, {"SCHILY.xattr.user.all", "g"}, {"comment", "c0ffee"}}, 'g')
                 .file("a")
                 .pax({{"uid", "8"}, {"mtime", ""}, {"SCHILY.xattr.user.all", "own"}})
                 .file("b")
                 .pax({{"uid", "9"}}, 'g')
                 .file("c")
                 .pax({{"uid", ""}}, 'g')
                 .file("d"));
    CHECK(layer.status("a").value().uid == 7);
    CHECK(layer.status("a").value().mtime == timestamp{100, 0});
    CHECK(layer.get_xattr("a", "user.all").value() == "g");
    CHECK(layer.status("b").value().uid == 8);
    CHECK(layer.status("b").value().mtime == timestamp{1'600'000'000, 0});
    CHECK(layer.get_xattr("b", "user.all").value() == "own");
    CHECK(layer.xattrs("b").value().size() == 1);
    CHECK(layer.status("c").value().uid == 9);
    CHECK(layer.status("c").value().mtime == timestamp{100, 0});
    CHECK(layer.status("d").value().uid == 1000);
}

TEST_CASE("[tar.pax.3] a global header that names members, or gives all one size, is refused") {
    for (auto const* key : {"path", "linkpath", "size", "GNU.sparse.map", "GNU.sparse.name"})
        CHECK(open(maker().pax({{key, "1"}}, 'g').file("a")).error() == tar_reason::bad_extended_header);
}

TEST_CASE("[tar.pax.4] extended attributes, as star, GNU tar and libarchive write them") {
    auto layer = tree(maker()
                          .pax({{"SCHILY.xattr.user.plain", "v"},
                                {"SCHILY.xattr.user.bytes", std::string_view("\0\n=\xff", 4)},
                                {"SCHILY.xattr.user.a%3Db%25", "GNU"},
                                {"SCHILY.xattr.user.empty", ""},
                                {"LIBARCHIVE.xattr.user.two%20words", "AAEC"},
                                {"SCHILY.xattr.security.capability", "cap"},
                                {"SCHILY.xattr.trusted.overlay.opaque", "y"}})
                          .file("f")
                          .pax({{"SCHILY.xattr.trusted.t", "1"}})
                          .symlink("l", "f")
                          .pax({{"SCHILY.xattr.user.d", "1"}})
                          .directory("d"));
    CHECK(layer.get_xattr("f", "user.plain").value() == "v");
    CHECK(layer.get_xattr("f", "user.bytes").value() == "\0\n=\xff"s);
    CHECK(layer.get_xattr("f", "user.a=b%").value() == "GNU");
    CHECK(layer.get_xattr("f", "user.empty").value().empty());
    CHECK(layer.get_xattr("f", "user.two words").value() == "\0\x01\x02"s);
    CHECK(layer.get_xattr("f", "security.capability").value() == "cap");
    CHECK(layer.get_xattr("f", "trusted.overlay.opaque").value() == "y");
    CHECK(layer.get_xattr("f", "user.none").error() == errc::enodata);
    CHECK(layer.xattrs("f").value().size() == 7);
    CHECK(layer.xattrs("l", links::no_follow).value() == std::vector<std::string>{"trusted.t"});
    CHECK(layer.get_xattr("d", "user.d").value() == "1");
    CHECK_FALSE(layer.get_xattr_at(layer.root(), "f", "user.none").value());
    CHECK(layer.get_xattr_at(layer.root(), "missing", "user.none").error() == errc::enoent);
}

TEST_CASE("[tar.pax.5] the same attribute in both spellings is one; one that no file here can have is left out") {
    auto layer = tree(maker()
                          .pax({{"SCHILY.xattr.user.x", "raw"},
                                {"LIBARCHIVE.xattr.user.x", "cmF3"},
                                {"LIBARCHIVE.xattr.com.apple.quarantine", "AAEC"},
                                {"SCHILY.xattr.user.", "no name"}})
                          .file("f"));
    CHECK(layer.xattrs("f").value() == std::vector<std::string>{"user.x"});
    CHECK(layer.get_xattr("f", "user.x").value() == "raw");
}

TEST_CASE("[tar.pax.6] an attribute that cannot be read, or is over 64 KiB, is refused") {
    CHECK(open(maker().pax({{"LIBARCHIVE.xattr.user.x", "!!!"}}).file("f")).error() == tar_reason::bad_xattr);
    CHECK(open(maker().pax({{"SCHILY.xattr.", "v"}}).file("f")).error() == tar_reason::bad_xattr);
    CHECK(open(maker().pax({{"SCHILY.xattr.user.x", std::string(65537, 'v')}}).file("f")).error() ==
          tar_reason::bad_xattr);
    auto layer = tree(maker().pax({{"SCHILY.xattr.user.x", std::string(65536, 'v')}}).file("f"));
    CHECK(layer.get_xattr("f", "user.x").value().size() == 65536);
}

TEST_CASE("[tar.pax.7] records that are not records are refused, at the extended header's offset") {
    auto const refused = [](std::string_view text) {
        auto const layer = open(maker().file("first").add({.name = "x", .type = 'x', .data = text}).file("f"));
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == tar_reason::bad_extended_header);
        CHECK(layer.error().offset == block);
    };
    for (auto const* text :
         {"nonsense", "11 path=foo", "5 a=b\n", "6 a=b", "0 a=b\n", "-6 a=b\n", "99 a=b\n", "5 =b\n", "6 abc\n",
          "4 a\n", "2 \n", "3 \n", "6 a=b\n\n", "99999999999999999999999 a=b\n", " 6 a=b\n", "+6 a=b\n"}) {
        INFO(text);
        refused(text);
    }
    refused(std::string_view("6 \0=b\n", 6));
    refused(std::string_view("8 a=b\n\0\0", 8));
    CHECK(open(maker().add({.name = "x", .type = 'x', .data = "6 a=b\n7 b=cd\n"}).file("f")).has_value());
    CHECK(open(maker().add({.name = "x", .type = 'x', .data = ""}).file("f")).has_value());
}

TEST_CASE("[tar.pax.8] numbers in records are judged like numbers in blocks") {
    for (auto const& [key, value] : {std::pair{"size", "-1"}, std::pair{"size", "1x"}, std::pair{"uid", "-1"},
                                     std::pair{"uid", "4294967295"}, std::pair{"gid", "99999999999"},
                                     std::pair{"mtime", "soon"}, std::pair{"size", "9223372036854775808"}}) {
        INFO(key << "=" << value);
        CHECK(open(maker().pax({{key, value}}).file("f")).error() == tar_reason::bad_number);
    }
    // Where the record says it, what stands in the block does not matter.
    auto h = header({.name = "f"});
    set_field(h, 108, "garbage");
    set_field(h, 124, "more garbage");
    seal(h);
    CHECK(open(maker().raw(h)).error() == tar_reason::bad_number);
    CHECK(tree(maker().pax({{"size", "2"}, {"uid", "5"}}).raw(h).raw(padded("hi"))).read("f").value() == "hi");
}

TEST_CASE("[tar.pax.9] two headers that would name one member are refused: readers disagree which one counts") {
    CHECK(open(maker().pax({{"path", "a"}}).pax({{"path", "b"}}).file("f")).error() == tar_reason::doubled_header);
    auto const long_name = [](std::string_view name, char type) {
        return member{.name = "././@LongLink", .type = type, .data = name};
    };
    CHECK(open(maker().add(long_name("a", 'L')).add(long_name("b", 'L')).file("f")).error() ==
          tar_reason::doubled_header);
    CHECK(open(maker().add(long_name("a", 'K')).add(long_name("b", 'K')).symlink("f", "t")).error() ==
          tar_reason::doubled_header);
    CHECK(open(maker().add(long_name("a", 'L')).pax({{"path", "b"}}).file("f")).error() == tar_reason::doubled_header);
    CHECK(open(maker().pax({{"linkpath", "b"}}).add(long_name("a", 'K')).symlink("f", "t")).error() ==
          tar_reason::doubled_header);
    CHECK(open(maker().add(long_name("a", 'L')).pax({{"mtime", "1"}}).file("f")).has_value());
}

TEST_CASE("[tar.pax.10] an extended header with no member after it is damage") {
    auto const made = maker().file("f").pax({{"path", "x"}});
    auto const layer = open(made);
    REQUIRE_FALSE(layer);
    CHECK(layer.error() == tar_reason::dangling_header);
    CHECK(layer.error().offset == made.at());
    CHECK(open(maker().add({.name = "L", .type = 'L', .data = "x"}).bytes()).error() == tar_reason::dangling_header);
    CHECK(open(maker().pax({{"comment", "the end"}}, 'g')).has_value());
}

TEST_CASE("[tar.pax.11] GNU long names and long targets, and Solaris' extended headers") {
    std::string const name = std::string(150, 'a') + "/" + std::string(200, 'b');
    std::string const target(5000, 't');
    auto layer = tree(maker()
                          .add({.name = "././@LongLink", .type = 'L', .data = name + '\0'})
                          .add({.name = "././@LongLink", .type = 'K', .data = target + '\0'})
                          .symlink("short", "shorter")
                          .file("next")
                          .add({.name = "X", .type = 'X', .data = "14 path=other\n"})
                          .file("solaris"));
    CHECK(layer.read_symlink(at(name)).value() == target);
    CHECK(layer.exists("next").value());
    CHECK(layer.exists("other").value());
    CHECK_FALSE(layer.exists("short").value());
}

TEST_CASE("[tar.pax.12] many headers of one member's worth, and an unknown keyword, are no error") {
    auto layer =
        tree(maker()
                 .pax({{"hdrcharset", "BINARY"}, {"path", "\xff\xfe"}, {"VENDOR.anything", "x"}, {"path", "last"}})
                 .file("f"));
    CHECK(layer.exists("last").value());
}
