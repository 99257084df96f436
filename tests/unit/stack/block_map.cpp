// The map of a file that is copied up block by block: what is written is read again; what is damaged is eio.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/core/crc32c.hpp>
#include <lamina/stack/block_map.hpp>

#include "catch.hpp"

namespace {

using namespace lamina;
using namespace lamina::detail;

constexpr boot_identity this_boot{{std::byte{1}}, true};
constexpr boot_identity next_boot{{std::byte{2}}, true};

block_header header_of(std::uint64_t size, unsigned shift) {
    block_header header;
    header.id = {std::byte{9}};
    header.shift = shift;
    header.lower = {size, {1000, 5}};
    header.limit = size;
    header.boot = this_boot.id;
    return header;
}

struct map_file {
    memory_tree tree;

    memory_file create() { return tree.create_at(tree.root(), "map", 0600).value(); }
    memory_file open() { return tree.open("map", open_flags::read_write).value(); }
    result<block_map<memory_file>> load(boot_identity const& boot = this_boot) {
        return block_map<memory_file>::load(open(), header_of(0, 12).id, boot);
    }
    std::string bytes() { return tree.read("map").value(); }
    void set(std::string const& bytes) { tree.write("map", bytes).value(); }
};

// A map with bits of three kinds: hard, soft, none.
map_file used_map() {
    map_file at;
    auto map = block_map<memory_file>::create(at.create(), header_of(10'000 * 4096, 12)).value();
    map.own(5, 7).value();
    map.write_hard(map.unflushed(), true).value();
    map.flush().value();
    map.own(3999, 4001).value();
    map.lower_limit(9'000 * 4096 + 1);
    map.write_header(true).value();
    return at;
}

}  // namespace

TEST_CASE("[crc32c.1] the checksum of the standard's examples") {
    std::vector<std::byte> const zeros(32, std::byte{0}), ones(32, std::byte{0xff});
    CHECK(crc32c(zeros) == 0x8a9136aa);
    CHECK(crc32c(ones) == 0x62a8ab43);
    CHECK(crc32c(std::as_bytes(std::span("123456789", 9))) == 0xe3069283);
}

TEST_CASE("[block_map.1] what was set is there when it is loaded again, in the same boot") {
    auto at = used_map();
    auto map = at.load().value();
    CHECK(map.limit() == 9'000 * 4096 + 1);
    for (std::uint64_t i = 0; i < 10'000; ++i)
        REQUIRE(map.owns(i) == ((i >= 5 && i <= 7) || (i >= 3999 && i <= 4001)));
    CHECK(map.run_end(0) == 5);
    CHECK(map.run_end(5) == 8);
    CHECK(map.run_end(8) == 3999);
    CHECK(map.run_end(3999) == 4002);
    CHECK(map.run_end(4002) == 10'000);
}

TEST_CASE("[block_map.2] what was not flushed does not count after another boot, and does not come back") {
    auto at = used_map();
    {
        auto map = at.load(next_boot).value();
        CHECK(map.owns(6));
        CHECK_FALSE(map.owns(4000));
        map.own(100, 100).value();
    }
    {
        auto map = at.load(next_boot).value();
        CHECK(map.owns(6));
        CHECK(map.owns(100));
        CHECK_FALSE(map.owns(4000));
    }
    auto map = at.load({{std::byte{3}}, true}).value();
    CHECK(map.owns(6));
    CHECK_FALSE(map.owns(100));
}

TEST_CASE("[block_map.3] one of two hard copies may be torn, and one of two headers") {
    auto const at = used_map().bytes();
    auto const layout = header_of(10'000 * 4096, 12);
    for (std::uint64_t const from : {layout.hard_at(0, 0), layout.hard_at(0, 1)}) {
        auto torn = at;
        torn[static_cast<std::size_t>(from) + 3] ^= 1;
        map_file damaged;
        damaged.set(torn);
        CHECK(damaged.load().has_value());
        CHECK(damaged.load(next_boot)->owns(6));
    }
    auto torn = at;
    torn[4096 + 100] ^= 1;  // the newer header
    map_file damaged;
    damaged.set(torn);
    CHECK(damaged.load()->limit() == 10'000 * 4096);
}

TEST_CASE("[block_map.4] the copy that is known to be on the disk is never overwritten") {
    map_file at;
    auto map = block_map<memory_file>::create(at.create(), header_of(100 * 4096, 12)).value();
    map.flush().value();
    auto const layout = map.header();
    auto const copy = [&](unsigned which) {
        return at.bytes().substr(static_cast<std::size_t>(layout.hard_at(which, 0)), block_sector::bytes);
    };
    auto const first = copy(0);
    for (std::uint64_t block = 0; block < 4; ++block) {
        map.own(block, block).value();
        map.write_hard(map.unflushed(), true).value();
        CHECK(copy(0) == first);
    }
    auto const second = copy(1);
    map.flush().value();
    map.own(9, 9).value();
    map.write_hard(map.unflushed(), true).value();
    CHECK(copy(0) != first);
    CHECK(copy(1) == second);
}

TEST_CASE("[block_map.5] a damaged map is eio or a true older state, never anything else") {
    auto const whole = used_map().bytes();
    std::mt19937 random(7);
    std::size_t refused = 0;
    auto const judge = [&](std::string const& bytes) {
        map_file damaged;
        damaged.set(bytes);
        for (auto const& boot : {this_boot, next_boot}) {
            auto const map = damaged.load(boot);
            if (!map) {
                CHECK(map.error() == errc::eio);
                ++refused;
                continue;
            }
            for (std::uint64_t i = 0; i < map->header().blocks(); ++i)
                if (map->owns(i))
                    REQUIRE(((i >= 5 && i <= 7) || (i >= 3999 && i <= 4001)));
        }
    };
    for (std::size_t size = 0; size < whole.size(); size += 97)
        judge(whole.substr(0, size));
    judge(whole + '\0');
    for (int i = 0; i < 3000; ++i) {
        auto bytes = whole;
        for (auto flips = 1 + random() % 4; flips != 0; --flips)
            bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
        judge(bytes);
    }
    CHECK(refused > 100);
}

TEST_CASE("[block_map.6] a header that claims too much is refused before anything is allocated") {
    auto whole = used_map().bytes();
    auto const claim = [&](unsigned shift, std::uint64_t size, std::uint64_t limit) {
        block_header header = header_of(size, shift);
        header.sequence = 99;
        header.limit = limit;
        std::vector<std::byte> bytes(block_header::bytes);
        header.encode(std::span(bytes).first<block_header::bytes>());
        auto changed = whole;
        for (int copy = 0; copy < 2; ++copy)
            std::memcpy(changed.data() + copy * 4096, bytes.data(), bytes.size());
        map_file damaged;
        damaged.set(changed);
        return damaged.load();
    };
    constexpr auto huge = ~std::uint64_t{0};
    CHECK(claim(12, huge, huge).error() == errc::eio);
    CHECK(claim(24, huge, huge).error() == errc::eio);
    // 2^24 blocks: as many as may be, but not in this file.
    CHECK(claim(12, std::uint64_t{1} << 36, 0).error() == errc::eio);
    CHECK(claim(0, 10'000 * 4096, 0).error() == errc::eio);
    CHECK(claim(255, 10'000 * 4096, 0).error() == errc::eio);
    CHECK(claim(12, 10'000 * 4096, huge).error() == errc::eio);
    CHECK(claim(12, 10'000 * 4096, 5).has_value());
    map_file other;
    other.set(whole);
    CHECK(block_map<memory_file>::load(other.open(), block_id{std::byte{8}}, this_boot).error() == errc::eio);
}
