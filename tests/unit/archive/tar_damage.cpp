#include "catch.hpp"
#include "tar_maker.hpp"

#include <atomic>
#include <memory>
#include <string>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;

namespace {

// Every kind of header there is, in one archive.
maker everything() {
    return maker()
        .directory("d")
        .file("d/small", "small")
        .file("d/large", std::string(5000, 'x'))
        .link("d/hard", "d/small")
        .symlink("s", "d/small")
        .pax({{"path", std::string(200, 'p') + "/x"}, {"mtime", "1.5"}, {"SCHILY.xattr.user.x", "y"}})
        .file("f", "pax")
        .pax({{"uid", "7"}}, 'g')
        .add({.name = "L", .type = 'L', .data = "long/name"})
        .file("f", "gnu")
        .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "90000"}})
        .file("sparse", padded("2\n0\n3\n80000\n3\n") + "abcdef")
        .add({.name = "c", .type = '3', .major = 1, .minor = 3});
}

// Reads all that a tree has, and says whether it agrees with itself. Not by assertions: it runs tens of thousands of
// times.
[[nodiscard]] bool reads(tar_layer& layer) {
    bool agrees = true;
    auto const walked = layer.walk("/", [&](walk_entry const& entry) {
        auto const path = at(entry.path);
        agrees = agrees && layer.symlink_status(path).value().id == entry.object.id;
        if (entry.object.is_symlink())
            agrees = agrees && layer.read_symlink(path).value().size() == entry.object.size;
        if (entry.object.is_regular() && entry.object.size < 1'000'000)
            agrees = agrees && layer.read(path).value().size() == entry.object.size;
        auto const keys = layer.xattrs(path, links::no_follow).value();
        for (auto const& key : keys)
            agrees = agrees && layer.get_xattr(path, key, links::no_follow).has_value();
    });
    return agrees && walked.has_value();
}

// A source that ends, or fails, when told to.
struct mishap {
    std::atomic<std::uint64_t> size{0};
    std::atomic<bool> fails{false};
};
class unlucky_source {
public:
    unlucky_source(std::string bytes, std::shared_ptr<mishap> what) : bytes_(std::move(bytes)), what_(std::move(what)) {
        what_->size = bytes_.size();
    }
    result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        if (what_->fails)
            return fail(errc::enxio, operation::read);
        if (offset >= what_->size)
            return std::size_t{0};
        // One byte more or less: a source need not give all that it has.
        auto const left = std::min<std::uint64_t>(what_->size - offset, 1000);
        auto const count = std::min<std::size_t>(out.size(), static_cast<std::size_t>(left));
        bytes_.copy(reinterpret_cast<char*>(out.data()), count, static_cast<std::size_t>(offset));
        return count;
    }
    result<std::uint64_t> size() { return std::uint64_t{bytes_.size()}; }

private:
    std::string bytes_;
    std::shared_ptr<mishap> what_;
};

}  // namespace

TEST_CASE(
    "[tar.damage.1] an archive cut off at any byte is a shorter one, or an error that names an offset within it") {
    auto const whole = everything();
    auto const bytes = whole.ended();
    REQUIRE(open(bytes).has_value());
    std::size_t good = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        auto layer = open(bytes.substr(0, size));
        if (layer) {
            // Only where a header would begin, and not between an extended header and its member.
            REQUIRE(size % block == 0);
            ++good;
            REQUIRE(reads(*layer));
        } else {
            INFO(size << ": " << to_string(layer.error()));
            REQUIRE(layer.error().offset <= size);
            REQUIRE((layer.error() == tar_reason::truncated || layer.error() == tar_reason::dangling_header));
            REQUIRE(layer.error() == errc::ebadmsg);
        }
    }
    CHECK(good == 12);  // nothing; after each of nine members and the global header; after one zero block
}

TEST_CASE("[tar.damage.2] any byte changed in any header is an error, or leaves a tree that can be read") {
    auto const bytes = everything().ended();
    std::size_t refused = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ (1 << i % 8));
        auto layer = open(damaged);
        refused += !layer;
        if (!(layer ? reads(*layer) : layer.error().offset < bytes.size()))
            FAIL("byte " << i);
    }
    CHECK(refused > 10 * block);
}

TEST_CASE("[tar.damage.3] the same with the checksum made right again: a header that lies") {
    auto const bytes = everything().ended();
    std::size_t trees = 0;
    for (std::size_t header_at = 0; header_at + block <= bytes.size(); header_at += block) {
        if (std::string_view(bytes).substr(header_at + 257, 5) != "ustar")
            continue;
        // To the end of ustar's prefix; GNU's map of a sparse file has tests of its own.
        for (std::size_t i = 0; i < 345; ++i)
            for (char const with : {'\0', '\xff', '7', '/'}) {
                auto damaged = bytes;
                damaged[header_at + i] = with;
                seal(damaged, header_at);
                auto layer = open(damaged);
                trees += layer.has_value();
                if (!(layer ? reads(*layer) : layer.error().offset <= bytes.size()))
                    FAIL("byte " << i << " of the header at " << header_at);
            }
    }
    CHECK(trees > 5000);  // most lies about owners, times and modes are as good as the truth
}

TEST_CASE("[tar.damage.4] a header that claims more than the archive holds is refused when it is opened") {
    for (auto const size : {std::uint64_t{513}, std::uint64_t{1} << 32, std::uint64_t{077777777777}}) {
        auto const layer = open(maker().file("first").add({.name = "big", .data = "x", .size = size}).bytes());
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == tar_reason::truncated);
        CHECK(layer.error().offset == block);
        CHECK(layer.error().member == "big");
    }
    // The end of the padding is needed too, and no sum may overflow on the way to that answer.
    auto h = header({.name = "huge"});
    for (auto const& size :
         {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xfe\x01"s}) {
        set_field(h, 124, size);
        seal(h);
        CHECK(open(h + padded("x")).error() == tar_reason::truncated);
        CHECK(open(maker().pax({{"size", "9223372036854775807"}}).file("f").bytes()).error() == tar_reason::truncated);
    }
    for (char const type : {'x', 'g', 'L', 'K', 'V', 'D', 'S'}) {
        h = header({.name = "h", .type = type});
        set_field(h, 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s);
        seal(h);
        INFO(type);
        CHECK(open(h).error() == tar_reason::truncated);
    }
}

TEST_CASE("[tar.damage.5] a source that ends early after it was opened makes reads eio, never short, never wrong") {
    auto const what = std::make_shared<mishap>();
    auto const made = maker().file("a", std::string(3000, 'a')).file("b", std::string(3000, 'b'));
    auto layer = tar_layer::open(unlucky_source(made.ended(), what)).value();
    CHECK(layer.read("a").value() == std::string(3000, 'a'));
    CHECK(layer.read("b").value() == std::string(3000, 'b'));
    what->size = 2 * block + 3072 + 100;
    auto b = layer.open("b", open_flags::read).value();
    std::string out(100, '?');
    CHECK(b.read_at(std::as_writable_bytes(std::span(out)), 0).value() == 100);
    CHECK(out == std::string(100, 'b'));
    CHECK(b.read_at(std::as_writable_bytes(std::span(out)), 1).error() == errc::eio);
    CHECK(b.read_at(std::as_writable_bytes(std::span(out)), 2000).error() == errc::eio);
    CHECK(b.status().value().size == 3000);
    CHECK(layer.read("b").error() == errc::eio);
    CHECK(layer.read("a").value() == std::string(3000, 'a'));
    what->size = made.ended().size();
    CHECK(layer.read("b").value() == std::string(3000, 'b'));
}

TEST_CASE("[tar.damage.6] a source that fails is an error with the source's own code") {
    auto const what = std::make_shared<mishap>();
    what->fails = true;
    auto const failed = tar_layer::open(unlucky_source(maker().file("a").ended(), what));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == tar_reason::source_failed);
    CHECK(failed.error() == errc::enxio);
    CHECK(failed.error().offset == 0);

    what->fails = false;
    auto layer = tar_layer::open(unlucky_source(maker().file("a", "x").ended(), what)).value();
    what->fails = true;
    CHECK(layer.read("a").error() == errc::enxio);
    CHECK(layer.status("a").has_value());  // the index needs no source
}

TEST_CASE("[tar.damage.7] a source that shrinks while it is indexed, or overstates what it read, is an error") {
    auto const what = std::make_shared<mishap>();
    unlucky_source source(everything().ended(), what);
    what->size = 3 * block + 7;
    auto const layer = tar_layer::open(std::move(source));
    REQUIRE_FALSE(layer);
    CHECK(layer.error() == tar_reason::truncated);
    CHECK(layer.error().offset == 3 * block + 7);

    struct liar {
        result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t) { return out.size() + 1; }
        result<std::uint64_t> size() { return std::uint64_t{10240}; }
    };
    CHECK(tar_layer::open(liar{}).error() == errc::eio);
}

TEST_CASE("[tar.limits.1] what an archive may cost is bounded, and the error names the member") {
    auto const refused = [](maker const& made, tar_limits const& limits, tar_reason reason) {
        auto const layer = open(made, limits);
        REQUIRE_FALSE(layer);
        CHECK(layer.error() == reason);
        CHECK(layer.error() == errc::e2big);
        return layer.error().member;
    };
    tar_limits limits;
    limits.objects = 3;
    CHECK(open(maker().file("a").file("b").file("c").file("a"), limits).has_value());
    CHECK(refused(maker().file("a").file("b").file("c").file("d"), limits, tar_reason::over_objects) == "d");
    CHECK(refused(maker().file("a/b/c/d"), limits, tar_reason::over_objects) == "a/b/c/d");

    limits = {};
    limits.name_bytes = 10;
    CHECK(open(maker().file("12345").symlink("67", "890"), limits).has_value());
    CHECK(refused(maker().file("12345").symlink("67", "8901"), limits, tar_reason::over_name_bytes) == "67");
    CHECK(refused(maker().file("12345").file("678901"), limits, tar_reason::over_name_bytes) == "678901");

    limits = {};
    limits.index_bytes = 2000;
    CHECK(open(maker().file("a").file("b"), limits).has_value());
    maker many;
    for (int i = 0; i < 100; ++i)
        many.file(std::to_string(i));
    refused(many, limits, tar_reason::over_index_bytes);

    limits = {};
    limits.extended_header_bytes = 600;
    CHECK(open(maker().pax({{"comment", std::string(580, 'c')}}).file("a"), limits).has_value());
    refused(maker().pax({{"comment", std::string(600, 'c')}}).file("a"), limits,
            tar_reason::over_extended_header_bytes);
    refused(maker().add({.name = "L", .type = 'L', .data = std::string(601, 'n')}).file("a"), limits,
            tar_reason::over_extended_header_bytes);

    limits = {};
    limits.member_xattr_bytes = 1000;
    CHECK(open(maker().pax({{"SCHILY.xattr.user.x", std::string(900, 'v')}}).file("a"), limits).has_value());
    refused(maker().pax({{"SCHILY.xattr.user.x", std::string(1000, 'v')}}).file("a"), limits,
            tar_reason::over_xattr_bytes);

    limits = {};
    limits.xattr_bytes = 100;
    pax_list const half = {{"SCHILY.xattr.user.x", "0123456789012345678901234567890123456789"}};
    CHECK(open(maker().pax(half).file("a").pax(half).file("b"), limits).has_value());
    CHECK(refused(maker().pax(half).file("a").pax(half).file("b").pax(half).file("c"), limits,
                  tar_reason::over_xattr_bytes) == "c");
    CHECK(refused(maker().pax(half, 'g').file("a").file("b").file("c"), limits, tar_reason::over_xattr_bytes) == "c");

    limits = {};
    limits.sparse_extents = 3;
    pax_list const two = {{"GNU.sparse.size", "100"}, {"GNU.sparse.map", "0,1,10,1"}};
    CHECK(open(maker().pax(two).file("a", "xy"), limits).has_value());
    CHECK(refused(maker().pax(two).file("a", "xy").pax(two).file("b", "xy"), limits, tar_reason::over_sparse_extents) ==
          "b");
    refused(maker()
                .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "9"}})
                .file("a", padded("4\n0\n1\n")),
            limits, tar_reason::over_sparse_extents);

    limits = {};
    limits.apparent_bytes = 1000;
    pax_list const hole = {{"GNU.sparse.size", "600"}, {"GNU.sparse.numblocks", "0"}};
    CHECK(open(maker().pax(hole).file("a").file("b", std::string(400, 'x')), limits).has_value());
    CHECK(refused(maker().pax(hole).file("a").pax(hole).file("b"), limits, tar_reason::over_apparent_bytes) == "b");
    CHECK(refused(maker().pax({{"GNU.sparse.size", "9223372036854775807"}, {"GNU.sparse.numblocks", "0"}}).file("bomb"),
                  {}, tar_reason::over_apparent_bytes) == "bomb");
}

TEST_CASE("[tar.limits.2] attributes by the thousand in one header do not take a search by the million") {
    // 16,000 keys of 12 bytes fit a header of 1 MiB; each counts for more than its bytes.
    std::string text;
    for (int i = 0; i < 16000; ++i)
        text += pax_record("SCHILY.xattr.user.k" + std::to_string(i), "");
    CHECK(open(maker().add({.name = "x", .type = 'x', .data = text}).file("f")).error() ==
          tar_reason::over_xattr_bytes);
}
