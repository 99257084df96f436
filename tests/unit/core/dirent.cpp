#include <lamina/core/dirent.hpp>

#include <concepts>
#include <iterator>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace lamina;

static_assert(std::input_iterator<listing::iterator>);

TEST_CASE("[listing.1] a snapshot gives back what was added, in that order") {
    listing entries;
    CHECK(entries.empty());
    CHECK(entries.begin() == entries.end());
    for (int i = 0; i != 1000; ++i) {
        auto const name = "entry-" + std::to_string(i);  // gone before it is read back
        entries.add({name, i % 2 == 0 ? file_type::regular : file_type::symlink, static_cast<std::uint64_t>(i) + 7});
    }
    REQUIRE(entries.size() == 1000);
    int i = 0;
    for (auto const entry : entries) {
        CHECK(entry.name == "entry-" + std::to_string(i));
        CHECK(entry.type == (i % 2 == 0 ? file_type::regular : file_type::symlink));
        CHECK(entry.inode == static_cast<std::uint64_t>(i) + 7);
        ++i;
    }
    CHECK(i == 1000);
    CHECK(entries[999].name == "entry-999");
}

TEST_CASE("[listing.2] names are bytes, and the longest has its place") {
    listing entries;
    std::string const odd("\n\xff\\ '", 5);
    std::string const longest(255, 'n');
    entries.add({odd, file_type::fifo, 1});
    entries.add({longest, file_type::unknown, 0});
    CHECK(entries[0].name == odd);
    CHECK(entries[1].name == longest);
}

TEST_CASE("[listing.3] a copy does not lean on the original") {
    listing copy;
    {
        listing original;
        original.add({"a name that is too long for a small string to hold in place", file_type::regular, 1});
        copy = original;
    }
    CHECK(copy[0].name == "a name that is too long for a small string to hold in place");
}

TEST_CASE("[entry_sink.1] calls what it refers to, and passes its answer on") {
    std::vector<std::string> seen;
    auto const take_two = [&](directory_entry const& entry) {
        seen.emplace_back(entry.name);
        return seen.size() < 2;
    };
    entry_sink const sink(take_two);
    CHECK(sink({"a", file_type::regular, 1}));
    CHECK_FALSE(sink({"b", file_type::regular, 2}));
    CHECK(seen == std::vector<std::string>{"a", "b"});
}

TEST_CASE("[entry_sink.2] refers: a callable with a state keeps it") {
    struct counter {
        int count = 0;
        bool operator()(directory_entry const&) {
            ++count;
            return true;
        }
    } counted;
    entry_sink const sink(counted);
    entry_sink const same = sink;
    CHECK(sink({"a", file_type::regular, 1}));
    CHECK(same({"b", file_type::regular, 2}));
    CHECK(counted.count == 2);
}
