// What all adaptors have in common: every primitive arrives below with its arguments, and what the wrapped backend
// can do beyond the concepts is still there.
#include "catch.hpp"

#include <array>
#include <string>
#include <vector>

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/adapt/trace.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/archetype.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_file;
using lamina::testing::small_tree;

namespace {

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

struct marked_tree : small_tree {
    static constexpr int usual_marks = 3;
};
struct asked_tree : small_tree {
    [[nodiscard]] whiteout_format marks_format() const { return static_cast<whiteout_format>(2); }
};

}  // namespace

TEST_CASE("every changing primitive arrives below with its arguments") {
    small_tree tree;
    count top{tree};
    auto const root = top.root();
    auto const must = [](auto outcome) { REQUIRE(outcome.has_value()); };

    {
        auto file = top.create_at(root, "f", 0640);
        REQUIRE(file.has_value());
        CHECK(file->write_at(bytes_of("hello"), 2).value() == 5);
        CHECK(file->append(bytes_of("!")).value() == 1);
        must(file->resize(7));
        must(file->set_mode(0600));
        must(file->set_owner(5, 6));
        must(file->set_times(time_change::modified({7, 8})));
        must(file->set_xattr("user.k", "v", xattr_flags::none));
        must(file->sync(sync_kind::data));
        std::array<std::byte, 3> into{};
        CHECK(file->read_at(into, 2).value() == 3);
        CHECK(into[0] == std::byte{'h'});
        CHECK(file->next_data(1).value() == 1);
        CHECK(file->next_hole(1).value() == 7);
    }
    auto const made = tree.status("f").value();
    CHECK(made.mode == 0600);
    CHECK(made.uid == 5);
    CHECK(made.gid == 6);
    CHECK(made.mtime == timestamp{7, 8});
    CHECK(tree.read("f").value() == std::string("\0\0hello", 7));
    CHECK(top.get_xattr_at(root, "f", "user.k").value() == "v");
    CHECK(top.list_xattrs_at(root, "f").value() == std::vector<std::string>{"user.k"});

    must(top.create_directory_at(root, "d", 0711));
    CHECK(tree.status("d").value().mode == 0711);
    must(top.create_symlink_at(root, "l", "d/x"));
    CHECK(top.read_symlink_at(root, "l").value() == "d/x");
    must(top.create_node_at(root, "n", file_type::block, 0604, {3, 4}));
    auto const device = tree.status("n").value();
    CHECK(device.type == file_type::block);
    CHECK(device.mode == 0604);
    CHECK(device.rdev == device_number{3, 4});
    must(top.remove_at(root, "n"));
    CHECK_FALSE(tree.exists("n").value());

    auto const d = top.open_directory_at(root, "d").value();
    must(top.link_at(root, "f", d, "g"));
    CHECK(tree.status("d/g").value().id == made.id);
    must(top.rename_at(root, "l", d, "m", rename_flags::none));
    CHECK(tree.read_symlink("d/m").value() == "d/x");
    CHECK(top.rename_at(root, "f", d, "g", rename_flags::no_replace).error() == errc::eexist);
    must(top.remove_at(d, "m"));
    must(top.remove_at(d, "g"));
    must(top.remove_directory_at(root, "d"));
    top.release(d);

    must(top.set_mode_at(root, "f", 0444));
    must(top.set_owner_at(root, "f", 8, keep_group));
    must(top.set_times_at(root, "f", time_change::modified({9, 0})));
    must(top.set_xattr_at(root, "f", "user.k", "w", xattr_flags::none));
    must(top.resize_at(root, "f", 1));
    auto const changed = tree.status("f").value();
    CHECK(changed.mode == 0444);
    CHECK(changed.uid == 8);
    CHECK(changed.gid == 6);
    CHECK(changed.mtime == timestamp{9, 0});
    CHECK(changed.size == 1);
    CHECK(tree.get_xattr("f", "user.k").value() == "w");
    must(top.remove_xattr_at(root, "f", "user.k"));
    CHECK(top.remove_xattr_at(root, "f", "user.k").error() == errc::enodata);
    must(top.sync_directory(root));
    CHECK(top.space().value().capacity == 1000);
    CHECK(tree.retained() == 0);

    // Each of them was seen on the way.
    auto const counts = top.counts();
    for (std::size_t i = 0; i < primitive_count; ++i) {
        auto const p = static_cast<primitive>(i);
        bool const unused = p == primitive::lookup || p == primitive::descend || p == primitive::list_at ||
                            p == primitive::open_at || p == primitive::create_unnamed || p == primitive::publish_at ||
                            p == primitive::remove_tree_at || p == primitive::sync_all || p == primitive::file_status ||
                            p == primitive::copy_range_from || p == primitive::clone_from ||
                            p == primitive::handle_at || p == primitive::verity_digest ||
                            p == primitive::file_get_xattr || p == primitive::file_list_xattrs ||
                            p == primitive::file_remove_xattr || p == primitive::allocate ||
                            p == primitive::file_flags || p == primitive::file_set_flags;
        INFO(name(p));
        CHECK((counts[p].calls == 0) == unused);
    }
}

TEST_CASE("what a backend can do beyond the concepts, its adaptor can do too") {
    small_tree tree;
    count top{tree};
    static_assert(makes_unnamed_files<decltype(top)> && has_work_area<decltype(top)> && descends<decltype(top)> &&
                  paths::removes_trees<decltype(top)>);
    CHECK(top.work_root() == tree.work_root());

    auto file = top.create_unnamed(top.root(), 0600);
    REQUIRE(file.has_value());
    CHECK(file->write_at(bytes_of("data"), 0).value() == 4);
    REQUIRE(top.publish_at(*file, top.root(), "f").has_value());
    CHECK(tree.read("f").value() == "data");

    REQUIRE(tree.create_directories("a/b/c").has_value());
    REQUIRE(tree.write("a/b/c/x", "deep").has_value());
    CHECK(top.read("a/b/c/x").value() == "deep");
    CHECK(top.counts()[primitive::descend].calls == 1);
    CHECK(top.counts()[primitive::open_directory_at].calls == 0);
    REQUIRE(top.remove_tree_at(top.root(), "a").has_value());
    CHECK_FALSE(tree.exists("a").value());
    CHECK(tree.retained() == 0);
}

TEST_CASE("what an overlay asks of its upper's storage reaches it through adaptors and an any_backend") {
    small_tree tree;
    count top{tree};
    static_assert(claims_directories<decltype(top)> && syncs_all<decltype(top)> && claims_directories<any_backend>);
    static_assert(detail::can_be_probed<decltype(top)> && !detail::can_be_probed<read_only<small_tree&>>);
    CHECK(top.claim(top.root()).value() == 1);
    CHECK(any_backend(top).claim(top.root()).error() == errc::ebusy);
    REQUIRE(top.sync_all().has_value());
    REQUIRE(any_backend(top).sync_all().has_value());
    CHECK(tree.syncs == 2);
    CHECK(top.counts()[operation::sync].calls == 2);
    REQUIRE(any_backend(top).probe(top.root()).has_value());
    CHECK(tree.probes == 1);
    any_backend poor{archetype::a_writable_backend()};
    CHECK(poor.claim(poor.root()).has_value());
    CHECK(poor.sync_all().has_value());
    CHECK(poor.probe(poor.root()).has_value());
}

TEST_CASE("what an adaptor must see, it does not let a short cut hide") {
    static_assert(!descends<checked<small_tree&>> && !descends<fault<small_tree&>>);
    static_assert(!paths::removes_trees<checked<small_tree&>>);
    static_assert(!has_work_area<subtree<small_tree&>> && !has_work_area<read_only<small_tree&>>);
    static_assert(descends<subtree<small_tree&>> && descends<read_only<small_tree&>>);
    SUCCEED();
}

TEST_CASE("copies reach the files at the bottom, and every adaptor on the way sees them") {
    small_tree tree;
    REQUIRE(tree.write("from", "0123456789").has_value());
    using event = std::pair<primitive, std::uint64_t>;
    std::vector<event> seen;
    trace traced{tree, [&](trace_event const& e) { seen.emplace_back(e.asked.what, e.bytes); }};
    count counted{traced};
    fault other{tree};

    SECTION("between two files of one adaptor") {
        auto from = counted.open_at(tree.root(), "from", open_flags::read).value();
        auto to = counted.create_at(tree.root(), "to", 0644).value();
        seen.clear();
        static_assert(copies_from<decltype(to), decltype(from)>);
        CHECK(to.copy_range_from(from, 2, 1, 4).value() == 4);
        CHECK(seen == std::vector<event>{{primitive::copy_range_from, 4}, {primitive::read_at, 4}});
        CHECK(counted.counts()[operation::read].bytes == 4);
        CHECK(counted.counts()[operation::write].bytes == 4);
        CHECK(tree.read("to").value() == std::string("\0002345", 5));
    }
    SECTION("between files of different adaptors") {
        auto from = other.open_at(tree.root(), "from", open_flags::read).value();
        auto to = counted.create_at(tree.root(), "to", 0644).value();
        CHECK(to.copy_range_from(from, 0, 0, 10).value() == 10);
        other.inject({.op = operation::read, .code = errc::exdev});
        CHECK(to.copy_range_from(from, 0, 0, 10).error() == errc::exdev);
    }
    SECTION("from a file that no adaptor wraps") {
        auto from = tree.open_at(tree.root(), "from", open_flags::read).value();
        auto to = counted.create_at(tree.root(), "to", 0644).value();
        REQUIRE(to.clone_from(from).has_value());
        CHECK(tree.read("to").value() == "0123456789");
        CHECK(counted.counts()[primitive::clone_from].calls == 1);
    }
}

TEST_CASE("an adaptor may be moved while its files are open") {
    small_tree tree;
    REQUIRE(tree.write("f", "abc").has_value());
    count before{tree};
    auto file = before.open_at(tree.root(), "f", open_flags::read).value();
    count after{std::move(before)};
    std::array<std::byte, 8> into{};
    CHECK(file.read_at(into, 0).value() == 3);
    CHECK(after.counts()[primitive::read_at] == call_count{1, 0, 3});
    CHECK(after.counts()[primitive::open_at].calls == 1);
}

TEST_CASE("two adaptors over one backend share its nodes") {
    small_tree tree;
    REQUIRE(tree.create_directory("upper").has_value());
    REQUIRE(tree.create_directory("work").has_value());
    REQUIRE(tree.write("work/f", "built").has_value());
    count upper{subtree_of(tree, "upper").value()};
    trace work{subtree_of(tree, "work").value(), [](trace_event const&) {}};
    REQUIRE(upper.rename_at(work.root(), "f", upper.root(), "f", rename_flags::none).has_value());
    CHECK(tree.read("upper/f").value() == "built");
}

TEST_CASE("the form of a layer's marks is not lost on the way") {
    static_assert(count<marked_tree>::usual_marks == 3 && checked<count<marked_tree&>>::usual_marks == 3);
    count one{asked_tree()};
    read_only two{one};
    CHECK(two.marks_format() == static_cast<whiteout_format>(2));
    CHECK(any_backend(two).marks_format() == static_cast<whiteout_format>(2));
    CHECK(count{any_backend(small_tree())}.marks_format() == whiteout_format{});
}
