#include "catch.hpp"
#include "tar_maker.hpp"

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>

using namespace lamina;
using namespace tar_test;

namespace {

struct account {
    std::atomic<std::uint64_t> calls{0}, bytes{0};
};

// An archive of any size: header blocks at their offsets, and between them bytes that their offset determines.
class virtual_source {
public:
    virtual_source(std::map<std::uint64_t, std::string> blocks, std::uint64_t size, std::shared_ptr<account> spent)
        : blocks_(std::move(blocks)), size_(size), spent_(std::move(spent)) {}

    static std::byte data_at(std::uint64_t offset) { return static_cast<std::byte>(offset * 2654435761u >> 24); }

    result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) const {
        ++spent_->calls;
        auto const count =
            static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - std::min(offset, size_)));
        spent_->bytes += count;
        for (std::size_t i = 0; i < count; ++i)
            out[i] = data_at(offset + i);
        for (auto const& [at, bytes] : blocks_)
            for (std::size_t i = 0; i < bytes.size(); ++i)
                if (at + i >= offset && at + i < offset + count)
                    out[static_cast<std::size_t>(at + i - offset)] = static_cast<std::byte>(bytes[i]);
        return count;
    }
    result<std::uint64_t> size() const { return size_; }

private:
    std::map<std::uint64_t, std::string> blocks_;
    std::uint64_t size_;
    std::shared_ptr<account> spent_;
};

}  // namespace

TEST_CASE("[tar.window.1] members of all sizes are found and read back, wherever the window ends") {
    std::minstd_rand random(4711);
    for (int round = 0; round < 20; ++round) {
        maker made;
        std::vector<std::string> contents;
        for (int i = 0; i < 120; ++i) {
            auto const most = std::size_t{1} << random() % 18;
            contents.emplace_back(random() % most, static_cast<char>('a' + random() % 26));
            made.file(std::to_string(i), contents.back());
        }
        auto layer = tree(made);
        bool same = true;
        for (std::size_t i = 0; i < contents.size(); ++i)
            same = same && layer.read(at(std::to_string(i))).value() == contents[i];
        CHECK(same);
    }
}

TEST_CASE("[tar.window.2] a file over 4 GiB, and one that begins behind 4 GiB, are read where they lie") {
    constexpr std::uint64_t large = (std::uint64_t{5} << 30) + 3;
    constexpr std::uint64_t second = block + (large + block - 1) / block * block;
    auto const spent = std::make_shared<account>();
    virtual_source source(
        {{0, header({.name = "large", .size = large})}, {second, header({.name = "small", .size = 1000})}},
        second + block + 1024, spent);
    auto layer = tar_layer::open(std::move(source)).value();
    CHECK(layer.status("large").value().size == large);
    auto file = layer.open("large", open_flags::read).value();
    std::byte piece[100];
    for (std::uint64_t const offset : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 50, large - 100}) {
        REQUIRE(file.read_at(piece, offset).value() == 100);
        bool same = true;
        for (std::size_t i = 0; i < 100; ++i)
            same = same && piece[i] == virtual_source::data_at(block + offset + i);
        CHECK(same);
    }
    CHECK(file.read_at(piece, large - 1).value() == 1);
    auto small = layer.open("small", open_flags::read).value();
    REQUIRE(small.read_at(piece, 0).value() == 100);
    CHECK(piece[7] == virtual_source::data_at(second + block + 7));
}

TEST_CASE("[tar.window.3] indexing an archive of few large files reads little of it") {
    std::map<std::uint64_t, std::string> headers;
    std::uint64_t size = 0;
    for (int i = 0; i < 100; ++i) {
        headers[size] = header({.name = std::to_string(i), .size = 1 << 20});
        size += block + (1 << 20);
    }
    auto const spent = std::make_shared<account>();
    auto layer = tar_layer::open(virtual_source(headers, size, spent)).value();
    CHECK(layer.list("/").value().size() == 100);
    CHECK(spent->calls <= 101);
    CHECK(spent->bytes <= 101 * 2048 + 16384);
}

TEST_CASE("[tar.window.4] indexing an archive of many small files takes few reads") {
    maker made;
    for (int i = 0; i < 5000; ++i)
        made.file(std::to_string(i), "small");
    struct counted {
        std::shared_ptr<std::string> bytes;
        std::shared_ptr<account> spent;
        result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) const {
            ++spent->calls;
            return bytes->copy(reinterpret_cast<char*>(out.data()), out.size(), static_cast<std::size_t>(offset));
        }
        result<std::uint64_t> size() const { return std::uint64_t{bytes->size()}; }
    };
    auto const spent = std::make_shared<account>();
    auto layer = tar_layer::open(counted{std::make_shared<std::string>(made.ended()), spent}).value();
    CHECK(layer.list("/").value().size() == 5000);
    CHECK(spent->calls < made.ended().size() / 16384);
}
