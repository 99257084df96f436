// Every adaptor, any_backend and the path-level members compile over a backend that has what the concept names and
// nothing else, and pass its answer on: eopnotsupp.
#include "catch.hpp"

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/latency.hpp>
#include <lamina/backend/adapt/map_ids.hpp>
#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/adapt/trace.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/archetype.hpp>

using namespace lamina;

namespace {

// Instantiates every primitive of `tree`, and of the files it could open.
template <class T>
void use_everything(T& tree, errc for_reading, errc for_writing) {
    static_assert(readable_backend<T>);
    auto const at = tree.root();
    tree.retain(at);
    tree.release(at);
    (void)tree.able();
    CHECK(tree.lookup(at, "x").error() == for_reading);
    CHECK(tree.open_directory_at(at, "x").error() == for_reading);
    CHECK(tree.list_at(at, [](directory_entry const&) { return true; }).error() == for_reading);
    auto opened = tree.open_at(at, "x", open_flags::read);
    CHECK(opened.error() == for_reading);
    CHECK(tree.read_symlink_at(at, "x").error() == for_reading);
    CHECK(tree.get_xattr_at(at, "x", "user.x").error() == for_reading);
    CHECK(tree.list_xattrs_at(at, "x").error() == for_reading);
    CHECK(tree.read("a/b").error() == for_reading);
    CHECK(tree.status("a").error() == for_reading);
    CHECK(tree.exists("a").error() == for_reading);
    if (opened) {  // never: it is there to be compiled
        (void)opened->read_at({}, 0);
        (void)opened->next_data(0);
        (void)opened->next_hole(0);
        (void)opened->status();
    }
    if constexpr (writable_backend<T>) {
        if (opened) {
            (void)opened->write_at({}, 0);
            (void)opened->append({});
            (void)opened->resize(0);
            (void)opened->sync(sync_kind::data);
            (void)opened->set_mode(0);
            (void)opened->set_owner(0, 0);
            (void)opened->set_times(time_change::touch());
            (void)opened->set_xattr("user.x", "y", xattr_flags::none);
        }
        CHECK(tree.create_at(at, "x", 0644).error() == for_writing);
        CHECK(tree.create_directory_at(at, "x", 0755).error() == for_writing);
        CHECK(tree.create_symlink_at(at, "x", "y").error() == for_writing);
        CHECK(tree.create_node_at(at, "x", file_type::fifo, 0644, {}).error() == for_writing);
        CHECK(tree.link_at(at, "x", at, "y").error() == for_writing);
        CHECK(tree.rename_at(at, "x", at, "y", rename_flags::none).error() == for_writing);
        CHECK(tree.remove_at(at, "x").error() == for_writing);
        CHECK(tree.remove_directory_at(at, "x").error() == for_writing);
        CHECK(tree.set_mode_at(at, "x", 0644).error() == for_writing);
        CHECK(tree.set_owner_at(at, "x", 1, 1).error() == for_writing);
        CHECK(tree.set_times_at(at, "x", time_change::touch()).error() == for_writing);
        CHECK(tree.set_xattr_at(at, "x", "user.x", "y", xattr_flags::none).error() == for_writing);
        CHECK(tree.remove_xattr_at(at, "x", "user.x").error() == for_writing);
        CHECK(tree.resize_at(at, "x", 1).error() == for_writing);
        (void)tree.sync_directory(at);
        (void)tree.space();
        CHECK_FALSE(tree.write("a", "b").has_value());
        CHECK_FALSE(tree.remove("a").has_value());
    }
}

// What the concept does not promise is not asked for, and not invented.
template <class T, class Under>
constexpr bool is_as_able_as =
    writable_backend<T> == writable_backend<Under> && !makes_unnamed_files<T> && !has_work_area<T> && !descends<T>;

template <class B>
void adapt_everything(B& poorest) {
    auto const ok = errc::eopnotsupp;
    auto const sink = [](trace_event const&) {};
    auto const clock = [] { return std::uint64_t{0}; };
    auto const wait = [](std::uint64_t) {};

    read_only reading{poorest};
    static_assert(is_as_able_as<decltype(reading), B>);
    use_everything(reading, ok, errc::erofs);
    map_ids mapped{poorest, id_map(), id_map()};
    static_assert(is_as_able_as<decltype(mapped), B>);
    // An owner that is not in the map is refused before the backend is asked.
    if constexpr (writable_backend<B>)
        CHECK(mapped.set_owner_at(mapped.root(), "x", 1, 1).error() == errc::einval);
    trace traced{poorest, sink};
    static_assert(is_as_able_as<decltype(traced), B>);
    use_everything(traced, ok, ok);
    trace timed{poorest, sink, clock};
    use_everything(timed, ok, ok);
    count counted{poorest};
    static_assert(is_as_able_as<decltype(counted), B>);
    use_everything(counted, ok, ok);
    fault faulty{poorest};
    static_assert(is_as_able_as<decltype(faulty), B>);
    use_everything(faulty, ok, ok);
    latency slow{poorest, wait};
    static_assert(is_as_able_as<decltype(slow), B>);
    use_everything(slow, ok, ok);
    checked judged{poorest, credentials::root()};
    static_assert(is_as_able_as<decltype(judged), B>);
    use_everything(judged, ok, ok);
    auto part = subtree_of(poorest, "");
    REQUIRE(part.has_value());
    static_assert(is_as_able_as<subtree<B&>, B>);
    use_everything(*part, ok, ok);
    CHECK(subtree_of(poorest, "a/b").error() == ok);

    any_backend any{poorest};
    use_everything(any, ok, writable_backend<B> ? ok : errc::erofs);
    any_backend wrapped{count{poorest}};
    use_everything(wrapped, ok, writable_backend<B> ? ok : errc::erofs);
    read_only outer{any};
    use_everything(outer, ok, errc::erofs);
}

}  // namespace

TEST_CASE("every adaptor compiles over the poorest readable backend and passes its answers on") {
    auto poorest = archetype::a_readable_backend();
    adapt_everything(poorest);
}

TEST_CASE("every adaptor compiles over the poorest writable backend and passes its answers on") {
    auto poorest = archetype::a_writable_backend();
    adapt_everything(poorest);
}

TEST_CASE("an adaptor takes over a backend that is an rvalue") {
    count counted{archetype::a_writable_backend()};
    static_assert(std::is_same_v<decltype(counted), count<archetype::writable_backend>>);
    CHECK(counted.lookup(counted.root(), "x").error() == errc::eopnotsupp);
    CHECK(counted.counts()[primitive::lookup] == call_count{1, 1, 0});
}
