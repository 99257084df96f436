// The bytes of files in a memory tree: sparse, large, copied, cloned.
#include "catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include "memory_fixture.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

constexpr std::uint64_t chunk = 4096;
constexpr std::uint64_t largest = ~std::uint64_t{0} >> 1;

[[nodiscard]] std::uint64_t blocks(memory_file& file) { return file.status().value().blocks; }
[[nodiscard]] std::uint64_t size(memory_file& file) { return file.status().value().size; }

void put(memory_file& file, std::uint64_t offset, std::string_view text) {
    REQUIRE(file.write_at(bytes(text), offset).value() == text.size());
}

}  // namespace

TEST_CASE("[memory.data.1] a small file takes little, and grows by doubling to a whole chunk") {
    memory_tree tree;
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    auto const empty = used(tree);
    std::uint64_t length = 0;
    for (auto const& [to, capacity] :
         {std::pair{1, 64}, {64, 64}, {65, 128}, {1000, 1024}, {2049, 4096}, {4096, 4096}}) {
        std::string const text(static_cast<std::size_t>(to) - length, 'x');
        CHECK(file.append(bytes(text)).value() == text.size());
        length = static_cast<std::uint64_t>(to);
        CHECK(used(tree) - empty == static_cast<std::uint64_t>(capacity));
        CHECK(blocks(file) == (static_cast<std::uint64_t>(capacity) + 511) / 512);
        CHECK(read_all(file) == std::string(length, 'x'));
    }
    put(file, 4096, "y");
    CHECK(used(tree) - empty == 2 * chunk);
    CHECK(file.next_hole(0).value() == 4097);
    CHECK(outcome(file.resize(0)) == errc::ok);
    CHECK(used(tree) == empty);
}

TEST_CASE("[memory.data.2] what was never written is a hole: free, zeros, and told chunk by chunk") {
    memory_tree tree;
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    put(file, 10 * chunk + 5, "a");
    CHECK(size(file) == 10 * chunk + 6);
    CHECK(blocks(file) == 8);
    CHECK(file.next_data(0).value() == 10 * chunk);
    CHECK(file.next_data(10 * chunk + 3).value() == 10 * chunk + 3);
    CHECK(file.next_hole(0).value() == 0);
    CHECK(file.next_hole(10 * chunk).value() == 10 * chunk + 6);  // the end
    CHECK(file.next_data(10 * chunk + 6).value() == 10 * chunk + 6);
    CHECK(file.next_data(20 * chunk).value() == 10 * chunk + 6);
    CHECK(file.next_hole(~std::uint64_t{0}).value() == 10 * chunk + 6);
    CHECK(read_all(file) == std::string(10 * chunk + 5, '\0') + "a");

    CHECK(outcome(file.resize(100 * chunk)) == errc::ok);
    CHECK(file.next_hole(10 * chunk).value() == 11 * chunk);
    CHECK(file.next_data(11 * chunk).value() == 100 * chunk);
    put(file, 70 * chunk, std::string(2 * chunk, 'b'));  // another branch
    CHECK(file.next_data(11 * chunk + 1).value() == 70 * chunk);
    CHECK(file.next_hole(70 * chunk + 1).value() == 72 * chunk);
    CHECK(blocks(file) == 3 * 8);

    CHECK(outcome(file.resize(71 * chunk + 1)) == errc::ok);
    CHECK(blocks(file) == 3 * 8);
    CHECK(outcome(file.resize(71 * chunk)) == errc::ok);
    CHECK(blocks(file) == 2 * 8);
    CHECK(outcome(file.resize(10 * chunk + 1)) == errc::ok);
    CHECK(blocks(file) == 8);
    CHECK(outcome(file.resize(10 * chunk)) == errc::ok);
    CHECK(blocks(file) == 0);
    CHECK(size(file) == 10 * chunk);
}

TEST_CASE("[memory.data.3] what was cut off does not come back") {
    memory_tree tree;
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    for (std::uint64_t const at : {std::uint64_t{0}, 3 * chunk, 66 * chunk}) {
        put(file, at, std::string(100, 'x'));
        CHECK(outcome(file.resize(at + 10)) == errc::ok);
        CHECK(outcome(file.resize(at + 200)) == errc::ok);
        CHECK(read_all(file, at) == std::string(10, 'x') + std::string(190, '\0'));
    }
    CHECK(outcome(tree.resize_at(tree.root(), "f", 5)) == errc::ok);
    CHECK(outcome(tree.resize_at(tree.root(), "f", 200)) == errc::ok);
    CHECK(read_all(file) == std::string(5, 'x') + std::string(195, '\0'));
}

TEST_CASE("[memory.data.4] files end at 2^63 - 1 bytes") {
    memory_tree tree;
    auto file = tree.create_at(tree.root(), "f", 0644).value();
    CHECK(outcome(file.resize(largest)) == errc::ok);
    CHECK(size(file) == largest);
    CHECK(blocks(file) == 0);
    CHECK(file.next_data(0).value() == largest);
    CHECK(outcome(file.resize(largest + 1)) == errc::efbig);
    CHECK(outcome(tree.resize_at(tree.root(), "f", largest + 1)) == errc::efbig);
    CHECK(outcome(file.write_at(bytes("x"), largest)) == errc::efbig);
    CHECK(outcome(file.write_at(bytes("x"), ~std::uint64_t{0})) == errc::efbig);
    CHECK(outcome(file.append(bytes("x"))) == errc::efbig);
    CHECK(file.write_at(bytes("abc"), largest - 2).value() == 2);  // as much as there is room for
    CHECK(file.write_at({}, largest + 5).value() == 0);
    CHECK(blocks(file) == 8);
    CHECK(read_all(file, largest - 3, 10) == std::string("\0ab", 3));
    CHECK(file.next_data(1).value() == largest / chunk * chunk);
    CHECK(file.next_hole(largest - 1).value() == largest);
    put(file, 1, "begin");
    put(file, largest / 3, "middle");
    CHECK(read_all(file, largest / 3, 6) == "middle");
    CHECK(read_all(file, 0, 7) == std::string("\0begin\0", 7));
    CHECK(outcome(file.resize(largest / 3 + 3)) == errc::ok);
    CHECK(read_all(file, largest / 3, 9) == "mid");
    CHECK(outcome(file.resize(0)) == errc::ok);
    CHECK(used(tree) == memory_price::inode + memory_price::name + 1);

    // Copies and clones of it end soon: holes are passed over, not counted through.
    auto other = tree.create_at(tree.root(), "g", 0644).value();
    CHECK(outcome(file.resize(largest)) == errc::ok);
    put(file, largest / 2, "x");
    CHECK(other.copy_range_from(file, 0, 0, largest).value() == largest);
    CHECK(size(other) == largest);
    CHECK(blocks(other) == 8);
    CHECK(read_all(other, largest / 2, 1) == "x");
    CHECK(other.copy_range_from(file, 0, 1, largest).value() == largest - 1);
    CHECK(read_all(other, largest / 2, 2) == std::string("\0x", 2));
    CHECK(outcome(other.copy_range_from(file, 0, largest, 1)) == errc::efbig);
    auto small = tree.create_at(tree.root(), "s", 0644).value();
    put(small, 0, std::string(chunk, 's'));
    CHECK(outcome(other.clone_from(small)) == errc::ok);  // over the beginning of a sparse giant
    CHECK(size(other) == largest);
    CHECK(read_all(other, chunk - 1, 2) == std::string("s\0", 2));
    CHECK(read_all(other, largest / 2, 2) == std::string("\0x", 2));
}

TEST_CASE("[memory.data.5] a clone shares all, counts in full, and neither file sees the other's writes") {
    memory_tree tree;
    memory_tree elsewhere;
    auto from = tree.create_at(tree.root(), "from", 0644).value();
    std::string const text(200 * chunk + 7, 'a');
    put(from, 0, text);
    for (auto* target : {&tree, &elsewhere}) {
        auto to = target->create_at(target->root(), "to", 0644).value();
        put(to, 0, "what was there");
        auto const before = used(*target);
        CHECK(outcome(to.clone_from(from)) == errc::ok);
        CHECK(used(*target) - before == 201 * chunk - 64);
        CHECK(read_all(to) == text);
        CHECK(blocks(to) == blocks(from));
        put(to, 100 * chunk, "b");
        put(from, 150 * chunk, "c");
        CHECK(used(*target) - before == 201 * chunk - 64);
        CHECK(read_all(from, 100 * chunk, 2) == "aa");
        CHECK(read_all(to, 100 * chunk, 2) == "ba");
        CHECK(read_all(to, 150 * chunk, 2) == "aa");
        CHECK(outcome(to.resize(50)) == errc::ok);
        CHECK(read_all(from, 0, 100) == std::string(100, 'a'));
        put(from, 150 * chunk, "a");
        target->remove("to").value();
    }
    CHECK(read_all(from) == text);
    tree.remove("from").value();
    { auto const last = std::move(from); }
    CHECK(used(tree) == 0);
    CHECK(used(elsewhere) == 0);
}

TEST_CASE("[memory.data.6] clone and copy have the errors of FICLONE and copy_file_range") {
    memory_tree tree;
    auto const root = tree.root();
    auto a = tree.create_at(root, "a", 0644).value();
    auto b = tree.create_at(root, "b", 0644).value();
    put(a, 0, "0123456789");
    auto a_read = tree.open_at(root, "a", open_flags::read).value();
    auto a_write = tree.open_at(root, "a", open_flags::write).value();
    auto b_append = tree.open_at(root, "b", open_flags::read_write | open_flags::append).value();
    for (auto* to : {&a_read, &b_append}) {
        CHECK(outcome(to->clone_from(a)) == errc::ebadf);
        CHECK(outcome(to->copy_range_from(a, 0, 0, 1)) == errc::ebadf);
    }
    CHECK(outcome(b.clone_from(a_write)) == errc::ebadf);
    CHECK(outcome(b.copy_range_from(a_write, 0, 0, 1)) == errc::ebadf);
    CHECK(outcome(a.clone_from(a)) == errc::einval);
    CHECK(outcome(a.clone_from(a_read)) == errc::einval);
    CHECK(outcome(a.copy_range_from(a_read, 0, 4, 5)) == errc::einval);  // they overlap
    CHECK(outcome(a.copy_range_from(a_read, 4, 0, 5)) == errc::einval);
    CHECK(a.copy_range_from(a_read, 0, 5, 5).value() == 5);
    CHECK(read_all(a) == "0123401234");
    CHECK(a.copy_range_from(a_read, 8, 0, 100).value() == 2);  // up to the end
    CHECK(read_all(a) == "3423401234");
    CHECK(b.copy_range_from(a, 10, 0, 5).value() == 0);
    CHECK(b.copy_range_from(a, 0, 0, 0).value() == 0);
    CHECK(size(b) == 0);
    CHECK(b.copy_range_from(a_read, 2, 3, 4).value() == 4);
    CHECK(read_all(b) == std::string("\0\0\0002340", 7));

    // Over a longer file, what follows stays; it must begin with a chunk.
    auto longer = tree.create_at(root, "long", 0644).value();
    put(longer, 0, std::string(2 * chunk, 'l') + "tail");
    CHECK(outcome(longer.clone_from(a)) == errc::einval);
    CHECK(read_all(longer) == std::string(2 * chunk, 'l') + "tail");
    CHECK(outcome(a.resize(chunk)) == errc::ok);
    CHECK(outcome(longer.clone_from(a)) == errc::ok);
    CHECK(read_all(longer) == "3423401234" + std::string(chunk - 10, '\0') + std::string(chunk, 'l') + "tail");
    CHECK(outcome(a.resize(0)) == errc::ok);
    CHECK(outcome(longer.clone_from(a)) == errc::ok);  // nothing to replace
    CHECK(size(longer) == 2 * chunk + 4);
}

TEST_CASE("[memory.data.7] copies keep holes, make holes, and share whole chunks") {
    memory_tree tree;
    auto from = tree.create_at(tree.root(), "from", 0644).value();
    auto to = tree.create_at(tree.root(), "to", 0644).value();
    put(from, 2 * chunk, std::string(chunk, 'd'));
    CHECK(outcome(from.resize(5 * chunk)) == errc::ok);
    put(to, 0, std::string(6 * chunk, 'x'));
    CHECK(to.copy_range_from(from, 0, 0, 5 * chunk).value() == 5 * chunk);
    CHECK(read_all(to) == std::string(2 * chunk, '\0') + std::string(chunk, 'd') + std::string(2 * chunk, '\0') +
                              std::string(chunk, 'x'));
    CHECK(blocks(to) == 2 * 8);
    CHECK(to.next_data(0).value() == 2 * chunk);
    CHECK(to.next_data(3 * chunk).value() == 5 * chunk);
    // Parts of chunks cannot be holes.
    CHECK(to.copy_range_from(from, 10, 2 * chunk + 10, 20).value() == 20);
    CHECK(read_all(to, 2 * chunk + 9, 22) == std::string("d").append(20, '\0').append("d"));
    CHECK(blocks(to) == 2 * 8);
    CHECK(read_all(from, 2 * chunk, chunk) == std::string(chunk, 'd'));
}

namespace {

// A file as a reader would describe it: its bytes, and which chunks were ever written.
struct model {
    std::string text;
    std::vector<bool> present;

    void write(std::uint64_t at, std::string_view bytes) {
        if (bytes.empty())
            return;
        resize(std::max<std::uint64_t>(text.size(), at + bytes.size()));
        std::copy(bytes.begin(), bytes.end(), text.begin() + static_cast<std::ptrdiff_t>(at));
        for (auto i = at / chunk; i <= (at + bytes.size() - 1) / chunk; ++i)
            present[i] = true;
    }
    void resize(std::uint64_t size) {
        text.resize(size, '\0');
        present.resize((size + chunk - 1) / chunk, false);
    }
};

struct pair_of_files {
    memory_file file;
    model expected;
};

}  // namespace

TEST_CASE("[memory.data.8] random writes, cuts, copies and clones equal a plain array, and every byte is counted") {
    auto const seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    auto const below = [&](std::uint64_t n) { return random() % n; };
    memory_tree trees[2];
    {
        std::vector<pair_of_files> files;
        for (int i = 0; i < 4; ++i) {
            auto& tree = trees[i % 2];
            files.push_back(
                {tree.create_at(tree.root(), std::string("f").append(std::to_string(i)), 0644).value(), {}});
        }
        constexpr std::uint64_t reach = 90 * chunk;  // more than one branch of 64
        for (int step = 0; step < 1500; ++step) {
            auto& one = files[below(files.size())];
            auto& two = files[below(files.size())];
            auto const any_offset = [&] { return below(2) != 0 ? below(reach) : below(reach / chunk) * chunk; };
            switch (below(8)) {
            case 0:
            case 1: {
                std::string const text(below(4) == 0 ? below(5 * chunk) : below(200),
                                       static_cast<char>('a' + below(26)));
                auto const at = any_offset();
                REQUIRE(one.file.write_at(bytes(text), at).value() == text.size());
                one.expected.write(at, text);
                break;
            }
            case 2: {
                std::string const text(below(300), 'P');
                if (one.expected.text.size() > 2 * reach)
                    break;
                REQUIRE(one.file.append(bytes(text)).value() == text.size());
                one.expected.write(one.expected.text.size(), text);
                break;
            }
            case 3: {
                auto const to =
                    below(3) == 0 ? any_offset() : std::min<std::uint64_t>(any_offset(), one.expected.text.size());
                REQUIRE(outcome(one.file.resize(to)) == errc::ok);
                one.expected.resize(to);
                break;
            }
            case 4: {
                auto const done = one.file.clone_from(two.file);
                if (&one == &two) {
                    REQUIRE(outcome(done) == errc::einval);
                } else if (one.expected.text.size() <= two.expected.text.size()) {
                    REQUIRE(outcome(done) == errc::ok);
                    one.expected = two.expected;
                } else if (two.expected.text.size() % chunk != 0) {
                    REQUIRE(outcome(done) == errc::einval);
                } else {
                    REQUIRE(outcome(done) == errc::ok);
                    std::copy(two.expected.text.begin(), two.expected.text.end(), one.expected.text.begin());
                    std::copy(two.expected.present.begin(), two.expected.present.end(), one.expected.present.begin());
                }
                break;
            }
            case 5:
            case 6: {
                auto const from_at = any_offset();
                auto const to_at = below(2) != 0 ? any_offset() : below(reach / chunk) * chunk + from_at % chunk;
                auto const asked = below(2) != 0 ? below(9 * chunk) : below(9) * chunk;
                auto const there = two.expected.text.size();
                auto const count = from_at >= there ? 0 : std::min<std::uint64_t>(asked, there - from_at);
                auto const done = one.file.copy_range_from(two.file, from_at, to_at, asked);
                if (&one == &two && count != 0 && from_at < to_at + count && to_at < from_at + count) {
                    REQUIRE(outcome(done) == errc::einval);
                    break;
                }
                REQUIRE(done.value() == count);
                if (count == 0)
                    break;
                auto const piece = two.expected.text.substr(from_at, count);
                one.expected.resize(std::max<std::uint64_t>(one.expected.text.size(), to_at + count));
                std::copy(piece.begin(), piece.end(), one.expected.text.begin() + static_cast<std::ptrdiff_t>(to_at));
                // Which chunks a copy leaves as holes is not said exactly: ask.
                for (auto i = to_at / chunk; i <= (to_at + count - 1) / chunk; ++i)
                    one.expected.present[i] = one.file.next_data(i * chunk).value() == i * chunk;
                break;
            }
            default: {
                auto const at = any_offset();
                auto const length = below(6 * chunk);
                auto const& text = one.expected.text;
                auto const want = at >= text.size() ? std::string() : text.substr(at, length);
                if (read_all(one.file, at, length) != want)
                    FAIL("step " << step << ": read at " << at);
            }
            }
            if (step % 50 == 0 || step == 1499)
                for (auto& each : files) {
                    if (read_all(each.file) != each.expected.text)
                        FAIL("step " << step << ": contents differ");
                    auto const length = each.expected.text.size();
                    for (std::uint64_t i = 0; i < each.expected.present.size(); ++i) {
                        bool const data = each.file.next_data(i * chunk).value() == i * chunk;
                        bool const hole = each.file.next_hole(i * chunk).value() == i * chunk;
                        if (data != each.expected.present[i] || hole == data)
                            FAIL("step " << step << ": chunk " << i << " of " << length << " bytes");
                    }
                }
        }
        for (auto& tree : trees) {
            std::uint64_t counted = 0;
            std::uint64_t chunks = 0;
            for (std::size_t i = 0; i < files.size(); ++i)
                if (&tree == &trees[i % 2]) {
                    counted += memory_price::inode + memory_price::name + 2;
                    chunks += blocks(files[i].file) * 512;
                }
            CHECK(used(tree) <= counted + chunks);
            CHECK(used(tree) + 2 * 512 > counted + chunks);  // blocks are rounded up where a first chunk is small
        }
    }
    for (auto& tree : trees) {
        for (auto const& name : names_in(tree, tree.root()))
            tree.remove_at(tree.root(), name).value();
        CHECK(used(tree) == 0);
    }
}
