#include "catch.hpp"
#include "tar_maker.hpp"

#include <limits>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;
using lamina::detail::parse_tar_number;

TEST_CASE("[tar.number.1] octal numbers, however old writers padded them") {
    CHECK(parse_tar_number("0000644\0"s) == 0644);
    CHECK(parse_tar_number("   644 \0"s) == 0644);
    CHECK(parse_tar_number("644"s) == 0644);
    CHECK(parse_tar_number("00000000644"s) == 0644);
    CHECK(parse_tar_number("777777777777"s) == 0777777777777);  // no terminator: the field is full
    CHECK(parse_tar_number("\0\0\0\0\0\0\0\0"s) == 0);
    CHECK(parse_tar_number("        "s) == 0);
    CHECK(parse_tar_number(""s) == 0);
    CHECK(parse_tar_number("12\0garbage"s) == 012);
    CHECK(parse_tar_number("777777777777777777777"s) == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("[tar.number.2] what is not a number is none") {
    for (auto const& text : {"0000648\0"s, "-1"s, "0x10"s, "abc"s, "12x"s, "  -7 "s})
        CHECK_FALSE(parse_tar_number(text));
    CHECK_FALSE(parse_tar_number("1000000000000000000000"s));  // 2^63
}

TEST_CASE("[tar.number.3] base 256 holds what octal cannot, negative numbers too") {
    CHECK(parse_tar_number("\x80\0\0\0\0\0\0\x01\0\0\0\0"s) == std::int64_t{1} << 32);
    CHECK(parse_tar_number("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s) == -1);
    CHECK(parse_tar_number("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0c"s.substr(0, 12)) == -512);
    CHECK(parse_tar_number("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s) == std::numeric_limits<std::int64_t>::max());
    CHECK(parse_tar_number("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0"s) == std::numeric_limits<std::int64_t>::min());
    CHECK(parse_tar_number("\x81\0\0\0\0\0\0\0"s) == std::int64_t{1} << 56);
}

TEST_CASE("[tar.number.4] base 256 that 63 bits do not hold is none") {
    CHECK_FALSE(parse_tar_number("\x80\0\0\0\x80\0\0\0\0\0\0\0"s));
    CHECK_FALSE(parse_tar_number("\x80\0\0\x01\0\0\0\0\0\0\0\0"s));
    CHECK_FALSE(parse_tar_number("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s));
    CHECK_FALSE(parse_tar_number("\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff"s));
    CHECK_FALSE(parse_tar_number("\xc0\0\0\0\0\0\0\0\0\0\0\0"s));
}

TEST_CASE("[tar.header.1] a wrong checksum is an error that names the header's offset") {
    auto bytes = maker().file("a", "one").file("b").ended();
    bytes[2 * block + 5] = 'x';  // the second header
    auto const layer = open(bytes);
    REQUIRE_FALSE(layer);
    CHECK(layer.error() == tar_reason::bad_checksum);
    CHECK(layer.error().offset == 2 * block);
    CHECK(layer.error() == errc::ebadmsg);
}

TEST_CASE("[tar.header.2] a checksum over signed characters is accepted, as old writers made it") {
    auto bytes = maker().file("caf\xe9\xff").ended();
    int sum = 0;
    for (std::size_t i = 0; i < block; ++i)
        sum += i >= 148 && i < 156 ? ' ' : static_cast<signed char>(bytes[i]);
    set_field(bytes, 148, octal(static_cast<std::uint64_t>(sum), 7) + ' ');
    auto layer = open(bytes).value();
    CHECK(layer.exists(at("caf\xe9\xff")).value());

    set_field(bytes, 148, octal(static_cast<std::uint64_t>(sum + 1), 7) + ' ');
    CHECK(open(bytes).error() == tar_reason::bad_checksum);
}

TEST_CASE("[tar.header.3] the prefix belongs to the name in ustar, and is something else in GNU's format") {
    CHECK(tree(maker().add({.name = "b/c", .prefix = "p/a"})).exists("p/a/b/c").value());
    auto old = tree(maker().add({.name = "b", .prefix = "p/a", .magic = std::string_view("ustar  \0", 8)}));
    CHECK(old.exists("b").value());
    CHECK_FALSE(old.exists("p").value());
}

TEST_CASE("[tar.header.4] a name, a prefix and a link that fill their fields have no NUL") {
    std::string const name(100, 'n');
    std::string const prefix(155, 'p');
    std::string const link(100, 'l');
    auto layer = tree(maker().add({.name = name, .type = '2', .link = link, .prefix = prefix}));
    CHECK(layer.read_symlink(at(prefix + '/' + name)).value() == link);
}

TEST_CASE("[tar.header.5] a v7 archive: no magic, type NUL, directories by their slash") {
    auto layer = tree(maker()
                          .add({.name = "d/", .type = '\0', .mode = 0700, .magic = {}})
                          .add({.name = "d/f", .type = '\0', .data = "old", .magic = {}})
                          .add({.name = "d/l", .type = '2', .link = "f", .magic = {}}));
    CHECK(layer.status("d").value().type == file_type::directory);
    CHECK(layer.status("d").value().mode == 0700);
    CHECK(layer.read("d/l").value() == "old");
}

TEST_CASE("[tar.header.6] a directory by its slash that has data is refused: where is the next header?") {
    auto const layer = open(maker().file("d/", "data"));
    REQUIRE_FALSE(layer);
    CHECK(layer.error() == tar_reason::directory_with_data);
    CHECK(layer.error().member == "d/");
}

TEST_CASE("[tar.header.7] links, devices, fifos and directories have no data, whatever their size says") {
    maker made;
    made.file("a", "x");
    for (char const type : {'1', '2', '3', '4', '5', '6'})
        made.add({.name = std::string("n") + type, .type = type, .link = "a", .size = 777, .major = 8, .minor = 1});
    auto layer = tree(made.file("last", "end"));
    CHECK(layer.read("last").value() == "end");
    CHECK(layer.symlink_status("n3").value().size == 0);
    CHECK(layer.symlink_status("n5").value().size == 0);
    CHECK(layer.read("n1").value() == "x");
}

TEST_CASE("[tar.header.8] an unknown type is a regular file, as POSIX says, and so is a contiguous one") {
    auto layer =
        tree(maker().add({.name = "z", .type = 'Z', .data = "zz"}).add({.name = "7", .type = '7', .data = "77"}));
    CHECK(layer.read("z").value() == "zz");
    CHECK(layer.read("7").value() == "77");
}

TEST_CASE("[tar.header.9] volume labels are skipped, parts of other volumes refused, GNU's dump directories read") {
    auto layer =
        tree(maker().add({.name = "label", .type = 'V'}).add({.name = "d", .type = 'D', .data = "Yfile\0"}).file("f"));
    CHECK_FALSE(layer.exists("label").value());
    CHECK(layer.status("d").value().is_directory());
    CHECK(layer.exists("f").value());
    CHECK(open(maker().add({.name = "f", .type = 'M'})).error() == tar_reason::unsupported_member);
    CHECK(open(maker().add({.name = "f", .type = 'N'})).error() == errc::eopnotsupp);
}

TEST_CASE("[tar.header.10] owners, modes, times and devices come as they are") {
    auto layer = tree(maker()
                          .add({.name = "f", .mode = 0106755, .uid = 01234567, .gid = 0, .mtime = 077777777777})
                          .add({.name = "c", .type = '3', .major = 0777, .minor = 0123456})
                          .add({.name = "b", .type = '4', .major = 8, .minor = 0})
                          .add({.name = "w", .type = '3'})
                          .add({.name = "p", .type = '6'}));
    auto const f = layer.status("f").value();
    CHECK(f.mode == 06755);  // the type in the upper bits is not part of it
    CHECK(f.uid == 01234567);
    CHECK(f.gid == 0);
    CHECK(f.mtime == timestamp{077777777777, 0});
    CHECK(f.atime == f.mtime);
    CHECK(f.ctime == f.mtime);
    CHECK(layer.status("c").value().type == file_type::character);
    CHECK(layer.status("c").value().rdev == device_number{0777, 0123456});
    CHECK(layer.status("b").value().rdev == device_number{8, 0});
    CHECK(layer.status("w").value().rdev == device_number{0, 0});
    CHECK(layer.status("p").value().type == file_type::fifo);
}

TEST_CASE("[tar.header.11] a time before 1970 and an owner beyond octal, in base 256") {
    auto h = header({.name = "f"});
    set_field(h, 136, std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12));
    set_field(h, 108, std::string_view("\x80\0\0\0\xff\xff\xff\xfe", 8));
    seal(h);
    auto layer = tree(maker().raw(h));
    CHECK(layer.status("f").value().mtime == timestamp{-2, 0});
    CHECK(layer.status("f").value().uid == 0xfffffffe);
}

TEST_CASE("[tar.header.12] an owner that no process can have is refused, so that nobody passes it to chown") {
    for (std::size_t const field : {108u, 116u})
        for (auto const& id :
             {"\x80\0\0\0\xff\xff\xff\xff"s, "\x80\0\0\x01\0\0\0\0"s, "\xff\xff\xff\xff\xff\xff\xff\xff"s}) {
            auto h = header({.name = "f"});
            set_field(h, field, id);
            seal(h);
            auto const layer = open(maker().raw(h));
            REQUIRE_FALSE(layer);
            CHECK(layer.error() == tar_reason::bad_number);
            CHECK(layer.error().member == "f");
        }
}

TEST_CASE("[tar.header.13] a negative size, and one that is no number, are refused") {
    for (auto const& size : {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s, "not a number"s}) {
        auto h = header({.name = "f"});
        set_field(h, 124, size);
        seal(h);
        CHECK(open(maker().raw(h)).error() == tar_reason::bad_number);
    }
}

TEST_CASE("[tar.end.1] two zero blocks end the archive, and what comes after them does not matter") {
    auto layer = open(maker().file("a").ended() + "garbage that is no block").value();
    CHECK(layer.exists("a").value());
    CHECK(open(maker().file("a").ended() + header({.name = "b"})).value().exists("b").value() == false);
}

TEST_CASE("[tar.end.2] an archive may end where a header would begin, with one zero block or none") {
    CHECK(open(maker().file("a", "x").bytes()).value().exists("a").value());
    CHECK(open(maker().file("a", "x").bytes() + std::string(block, '\0')).value().exists("a").value());
    CHECK(open(std::string(2 * block, '\0')).value().list("/").value().empty());
    CHECK(open(std::string()).value().list("/").value().empty());
}

TEST_CASE("[tar.end.3] one zero block with members after it is damage, not the end") {
    auto const made = maker().file("a").raw(std::string(block, '\0')).file("b");
    auto const layer = open(made);
    REQUIRE_FALSE(layer);
    CHECK(layer.error() == tar_reason::lone_zero_block);
    CHECK(layer.error().offset == block);
}
