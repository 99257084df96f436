#include "catch.hpp"

#include <array>
#include <string>
#include <vector>

#include <lamina/backend/adapt/trace.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

namespace {

struct seen_call {
    std::string what;
    std::string name;
    errc outcome;
    std::uint64_t bytes;
    friend bool operator==(seen_call const&, seen_call const&) = default;
};
std::ostream& operator<<(std::ostream& out, seen_call const& s) {
    return out << s.what << '(' << s.name << ") " << mnemonic(s.outcome) << ' ' << s.bytes;
}

}  // namespace

TEST_CASE("a trace shows each primitive, its name, what came of it and how much it moved") {
    small_tree tree;
    std::vector<seen_call> seen;
    trace traced{
        tree, [&](trace_event const& e) {
            seen.push_back({std::string(name(e.asked.what)), std::string(e.asked.name.text), e.outcome.code, e.bytes});
            CHECK(e.nanoseconds == 0);
        }};
    auto const root = traced.root();
    {
        auto file = traced.create_at(root, "a file with a long name", 0644).value();
        std::string const text = "hello";
        CHECK(file.write_at(std::as_bytes(std::span(text)), 0).value() == 5);
        std::array<std::byte, 100> into{};
        CHECK(file.read_at(into, 1).value() == 4);
        CHECK(file.next_data(3).value() == 3);
    }
    CHECK(traced.lookup(root, "nothing").value() == std::nullopt);
    CHECK(traced.remove_at(root, "nothing").error() == errc::enoent);
    CHECK(traced.open_directory_at(root, "a file with a long name").error() == errc::enotdir);
    std::string const file = "a file with a long name";
    CHECK(seen == std::vector<seen_call>{{"create_at", file, errc::ok, 0},
                                         {"write_at", file, errc::ok, 5},
                                         {"read_at", file, errc::ok, 4},
                                         {"next_data", file, errc::ok, 0},
                                         {"lookup", "nothing", errc::ok, 0},
                                         {"remove_at", "nothing", errc::enoent, 0},
                                         {"open_directory_at", file, errc::enotdir, 0}});
}

TEST_CASE("a trace shows both names of a rename and where they are") {
    small_tree tree;
    REQUIRE(tree.create_directory("d").has_value());
    REQUIRE(tree.write("f", "x").has_value());
    auto const d = tree.open_directory_at(tree.root(), "d").value();
    int renames = 0;
    trace traced{tree, [&](trace_event const& e) {
                     if (e.asked.what != primitive::rename_at)
                         return;
                     ++renames;
                     CHECK(e.asked.directory == tree.root());
                     CHECK(e.asked.to_directory == d);
                     CHECK(e.asked.name.text == "f");
                     CHECK(e.asked.to_name.text == "g");
                     CHECK(e.asked.renaming == rename_flags::no_replace);
                     CHECK(e.asked.op() == operation::rename);
                 }};
    REQUIRE(traced.rename("f", "d/g", rename_flags::no_replace).has_value());
    CHECK(renames == 1);
    tree.release(d);
}

TEST_CASE("with a clock a trace tells how long each primitive took") {
    small_tree tree;
    std::uint64_t now = 100;
    std::vector<std::uint64_t> durations;
    auto sink = [&](trace_event const& e) { durations.push_back(e.nanoseconds); };
    auto clock = [&] { return now += 7; };
    trace traced{tree, sink, clock};
    static_assert(std::is_same_v<decltype(traced), trace<small_tree&, decltype(sink)&, decltype(clock)&>>);
    CHECK_FALSE(traced.exists("f").value());
    CHECK(durations == std::vector<std::uint64_t>{7});
    CHECK(now == 114);
}
