#include "catch.hpp"
#include "tar_maker.hpp"

#include <cstdint>
#include <span>
#include <vector>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;

namespace {

// A sparse member in GNU's own format: the first four ranges in the header, 21 in each extension block.
std::string gnu_sparse(std::string_view name, std::vector<std::pair<std::uint64_t, std::uint64_t>> const& ranges,
                       std::uint64_t real_size, std::string_view data) {
    auto h = header({.name = name, .type = 'S', .data = data, .magic = std::string_view("ustar  \0", 8)});
    std::size_t i = 0;
    for (; i < 4 && i < ranges.size(); ++i) {
        set_field(h, 386 + 24 * i, octal(ranges[i].first, 12));
        set_field(h, 398 + 24 * i, octal(ranges[i].second, 12));
    }
    h[482] = i < ranges.size() ? '\1' : '\0';
    set_field(h, 483, octal(real_size, 12));
    seal(h);
    while (i < ranges.size()) {
        std::string extension(block, '\0');
        for (std::size_t slot = 0; slot < 21 && i < ranges.size(); ++slot, ++i) {
            set_field(extension, 24 * slot, octal(ranges[i].first, 12));
            set_field(extension, 12 + 24 * slot, octal(ranges[i].second, 12));
        }
        extension[504] = i < ranges.size() ? '\1' : '\0';
        h += extension;
    }
    return h + padded(data);
}

std::string pieces(std::size_t count, std::size_t size) {
    std::string data;
    for (std::size_t i = 0; i < count; ++i)
        data.append(size, static_cast<char>('A' + i % 26));
    return data;
}

// Reads a file in pieces of a size that fits no block, and once through its map of data and holes; both must agree.
std::string read_through(tar_layer& layer, path_view path) {
    auto file = layer.open(path, open_flags::read).value();
    auto const size = file.status().value().size;
    std::string straight(static_cast<std::size_t>(size), '?');
    for (std::size_t offset = 0; offset < straight.size(); offset += 77) {
        auto const wanted = std::min<std::size_t>(77, straight.size() - offset);
        REQUIRE(file.read_at(std::as_writable_bytes(std::span(straight).subspan(offset, wanted)), offset).value() ==
                wanted);
    }
    std::string mapped(straight.size(), '\0');
    std::uint64_t data_bytes = 0;
    for (auto at = file.next_data(0).value(); at < size;) {
        auto const end = file.next_hole(at).value();
        REQUIRE(end > at);
        auto const piece = std::span(mapped).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(end - at));
        REQUIRE(file.read_at(std::as_writable_bytes(piece), at).value() == piece.size());
        data_bytes += piece.size();
        at = file.next_data(end).value();
    }
    CHECK(mapped == straight);
    CHECK(file.status().value().blocks == (data_bytes + 511) / 512);
    return straight;
}

}  // namespace

TEST_CASE("[tar.sparse.1] GNU's own format, the map in the header") {
    auto layer =
        tree(maker().raw(gnu_sparse("s", {{512, 512}, {2048, 512}, {5000, 0}}, 5000, pieces(2, 512))).file("next"));
    CHECK(read_through(layer, "s") == std::string(512, '\0') + std::string(512, 'A') + std::string(1024, '\0') +
                                          std::string(512, 'B') + std::string(5000 - 2560, '\0'));
    CHECK(layer.exists("next").value());
}

TEST_CASE("[tar.sparse.2] GNU's own format with extension blocks, one full and one not") {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    std::string expected;
    for (std::size_t i = 0; i < 40; ++i) {
        ranges.emplace_back(i * 1024 + 512, 512);
        expected += std::string(512, '\0') + std::string(512, static_cast<char>('A' + i % 26));
    }
    auto layer = tree(maker().raw(gnu_sparse("s", ranges, 40 * 1024, pieces(40, 512))).file("next", "n"));
    CHECK(read_through(layer, "s") == expected);
    CHECK(layer.read("next").value() == "n");

    ranges.resize(25);  // four and exactly one block
    layer = tree(maker().raw(gnu_sparse("s", ranges, 40 * 1024, pieces(25, 512))).file("next", "n"));
    CHECK(read_through(layer, "s").substr(0, 25 * 1024) == expected.substr(0, 25 * 1024));
    CHECK(layer.read("next").value() == "n");
}

TEST_CASE("[tar.sparse.3] pax 0.0, 0.1 and 1.0 mean the same") {
    auto const expected = std::string(100, '\0') + "hello" + std::string(895, '\0') + "world" + std::string(7, '\0');
    auto v00 = tree(maker()
                        .pax({{"GNU.sparse.size", "1012"},
                              {"GNU.sparse.numblocks", "2"},
                              {"GNU.sparse.offset", "100"},
                              {"GNU.sparse.numbytes", "5"},
                              {"GNU.sparse.offset", "1000"},
                              {"GNU.sparse.numbytes", "5"}})
                        .file("s", "helloworld"));
    CHECK(read_through(v00, "s") == expected);
    auto v01 = tree(maker()
                        .pax({{"GNU.sparse.size", "1012"},
                              {"GNU.sparse.numblocks", "2"},
                              {"GNU.sparse.name", "s"},
                              {"GNU.sparse.map", "100,5,1000,5"}})
                        .file("./GNUSparseFile.7/s", "helloworld"));
    CHECK(read_through(v01, "s") == expected);
    CHECK_FALSE(v01.exists("GNUSparseFile.7").value());
    auto v10 = tree(maker()
                        .pax({{"GNU.sparse.major", "1"},
                              {"GNU.sparse.minor", "0"},
                              {"GNU.sparse.name", "s"},
                              {"GNU.sparse.realsize", "1012"},
                              {"path", "GNUSparseFile.7/s"}})
                        .file("x", padded("2\n100\n5\n1000\n5\n") + "helloworld")
                        .file("next"));
    CHECK(read_through(v10, "s") == expected);
    CHECK(v10.exists("next").value());
}

TEST_CASE("[tar.sparse.4] a map of 1.0 that ends with its block, and one of many blocks") {
    std::string map = "500\n";
    std::string data;
    for (int i = 0; i < 500; ++i) {
        map += std::to_string(i * 8192) + "\n1\n";
        data += static_cast<char>('a' + i % 26);
    }
    pax_list const records = {{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "4096000"}};
    auto layer = tree(maker().pax(records).file("s", padded(map) + data));
    auto const bytes = read_through(layer, "s");
    CHECK(bytes[499 * 8192] == data[499]);

    std::string exact = "1\n" + std::string(506, '0') + "9\n1\n";
    REQUIRE(exact.size() == 512);
    layer = tree(maker().pax(records).file("s", exact + "z"));
    CHECK(read_through(layer, "s")[9] == 'z');
}

TEST_CASE("[tar.sparse.5] a file that is all hole costs nothing and reads as zeros") {
    auto layer = tree(maker()
                          .raw(gnu_sparse("gnu", {{1000, 0}}, 1000, ""))
                          .pax({{"GNU.sparse.size", "1000"}, {"GNU.sparse.numblocks", "0"}})
                          .file("pax")
                          .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "1000"}})
                          .file("one", padded("0\n"))
                          .raw(gnu_sparse("empty", {{0, 0}}, 0, "")));
    for (auto const* name : {"gnu", "pax", "one"}) {
        INFO(name);
        CHECK(read_through(layer, at(name)) == std::string(1000, '\0'));
        auto file = layer.open(at(name), open_flags::read).value();
        CHECK(file.next_data(0).value() == 1000);
        CHECK(file.next_hole(0).value() == 0);
        CHECK(file.next_hole(2000).value() == 1000);
        CHECK(file.status().value().blocks == 0);
    }
    CHECK(layer.read("empty").value().empty());
}

TEST_CASE("[tar.sparse.6] a map without holes is an ordinary file; ranges that touch are one") {
    auto layer = tree(maker().raw(gnu_sparse("s", {{0, 512}, {512, 512}}, 1024, pieces(2, 512))));
    CHECK(read_through(layer, "s") == pieces(2, 512));
    auto file = layer.open("s", open_flags::read).value();
    CHECK(file.next_hole(0).value() == 1024);
    CHECK(file.next_data(700).value() == 700);

    layer = tree(maker().raw(gnu_sparse("s", {{0, 512}, {512, 512}}, 2048, pieces(2, 512))));
    file = layer.open("s", open_flags::read).value();
    CHECK(file.next_hole(0).value() == 1024);
    CHECK(file.next_data(1024).value() == 2048);
}

TEST_CASE("[tar.sparse.7] maps that lie are refused") {
    using ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
    auto const data = pieces(2, 512);
    struct {
        char const* what;
        ranges map;
        std::uint64_t size;
    } const lies[] = {
        {"out of order", {{1024, 512}, {0, 512}}, 4096},
        {"overlapping", {{0, 512}, {100, 512}}, 4096},
        {"past the end", {{0, 512}, {1024, 512}}, 1500},
        {"an offset past the end", {{0, 1024}, {5000, 0}}, 4096},
        {"more data than there is", {{0, 512}, {1024, 1024}}, 4096},
        {"less data than there is", {{0, 512}}, 4096},
        {"an end that overflows", {{0, 512}, {0777777777777, 0777777777777}}, 0777777777777},
    };
    for (auto const& lie : lies) {
        INFO(lie.what);
        auto const layer = open(maker().file("first").raw(gnu_sparse("s", lie.map, lie.size, data)));
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == tar_reason::bad_sparse_map);
        CHECK(layer.error().offset == block);
        CHECK(layer.error().member == "s");
    }
    for (auto const* map : {"0,5,", "0", "0,5,9", "0,,5", ",", "a,5", "0,-5", "0,5;9,0", "0,18446744073709551621"}) {
        INFO(map);
        auto const layer = open(maker().pax({{"GNU.sparse.size", "100"}, {"GNU.sparse.map", map}}).file("s", "hello"));
        if (map == "0,5,"s)
            CHECK(layer.has_value());
        else
            CHECK(layer.error() == tar_reason::bad_sparse_map);
    }
    for (auto const& text : {"1\n0\n5"s, "1\n0\n"s, "x\n"s, "\n1\n0\n5\n"s, "2\n0\n5\n"s, "-1\n"s}) {
        INFO(text);
        CHECK(open(maker()
                       .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "10"}})
                       .file("s", padded(text) + "hello"))
                  .error() == tar_reason::bad_sparse_map);
    }
}

TEST_CASE("[tar.sparse.8] announcements that do not fit together are refused") {
    auto const refused = [](pax_list records, member const& m) {
        return open(maker().pax(records).add(m)).error() == tar_reason::bad_sparse_map;
    };
    member const f{.name = "s", .data = "hello"};
    CHECK(refused({{"GNU.sparse.map", "0,5"}, {"GNU.sparse.numblocks", "1"}}, f));  // no size
    CHECK(refused({{"GNU.sparse.size", "9"}, {"GNU.sparse.map", "0,5"}, {"GNU.sparse.numblocks", "2"}}, f));
    CHECK(refused({{"GNU.sparse.size", "9"}, {"GNU.sparse.offset", "0"}}, f));
    CHECK(refused({{"GNU.sparse.size", "9"}, {"GNU.sparse.numbytes", "0"}}, f));
    CHECK(refused({{"GNU.sparse.size", "9"}, {"GNU.sparse.offset", "0"}, {"GNU.sparse.offset", "0"}}, f));
    CHECK(refused({{"GNU.sparse.size", "9"}, {"GNU.sparse.major", "2"}}, f));
    CHECK(refused({{"GNU.sparse.size", "nine"}}, f));
    CHECK(refused({{"GNU.sparse.size", "9"}, {"GNU.sparse.map", "0,5"}}, {.name = "d", .type = '5'}));
    CHECK(
        refused({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "5"}}, f));  // no block
    CHECK(open(maker().pax({{"GNU.sparse.size", "9"}}).raw(gnu_sparse("s", {{0, 5}}, 9, "hello"))).error() ==
          tar_reason::bad_sparse_map);
}

TEST_CASE("[tar.sparse.9] extension blocks that never end, end with the archive") {
    auto bytes = gnu_sparse("s", {{0, 1}, {2, 1}, {4, 1}, {6, 1}, {8, 1}}, 100, "abcde");
    bytes[block + 504] = '\1';  // the data is taken for a further extension
    auto const layer = open(bytes);
    REQUIRE_FALSE(layer);
    CHECK((layer.error() == tar_reason::bad_sparse_map || layer.error() == tar_reason::truncated));
    bytes.resize(2 * block);
    CHECK(open(bytes).error() == tar_reason::truncated);
}

TEST_CASE("[tar.sparse.10] a sparse file larger than 4 GiB is read where it has data") {
    constexpr std::uint64_t far = std::uint64_t{5} << 32;
    auto layer = tree(maker().raw(gnu_sparse("s", {{512, 512}, {far, 512}}, far + 4096, pieces(2, 512))));
    auto file = layer.open("s", open_flags::read).value();
    CHECK(file.status().value().size == far + 4096);
    CHECK(file.status().value().blocks == 2);
    CHECK(file.next_data(1024).value() == far);
    CHECK(file.next_hole(far + 1).value() == far + 512);
    std::string piece(1024, '?');
    CHECK(file.read_at(std::as_writable_bytes(std::span(piece)), far - 256).value() == 1024);
    CHECK(piece == std::string(256, '\0') + std::string(512, 'B') + std::string(256, '\0'));
    CHECK(file.read_at(std::as_writable_bytes(std::span(piece)), far + 4000).value() == 96);
    CHECK(file.read_at(std::as_writable_bytes(std::span(piece)), ~std::uint64_t{0}).value() == 0);
}
