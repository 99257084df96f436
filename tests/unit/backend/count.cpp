#include "catch.hpp"

#include <thread>
#include <vector>

#include <lamina/backend/adapt/count.hpp>

#include "small_tree.hpp"

using namespace lamina;
using lamina::testing::small_tree;

TEST_CASE("calls, failures and bytes are counted for each primitive and summed up by operation") {
    small_tree tree;
    count counted{tree};
    REQUIRE(counted.write("f", "hello").has_value());
    CHECK(counted.read("f").value() == "hello");
    CHECK(counted.read("g").error() == errc::enoent);
    CHECK(counted.remove("f").has_value());
    auto const all = counted.counts();
    CHECK(all[primitive::create_at] == call_count{1, 0, 0});
    CHECK(all[primitive::write_at] == call_count{1, 0, 5});
    CHECK(all[operation::write] == call_count{1, 0, 5});
    CHECK(all[operation::read].bytes == 5);
    CHECK(all[primitive::open_at].failures == 1);
    CHECK(all[primitive::remove_at] == call_count{1, 0, 0});
    // open_directory_at and descend belong to lookup.
    REQUIRE(counted.create_directories("a/b").has_value());
    auto const later = counted.counts() - all;
    CHECK(later[operation::lookup].calls == later[primitive::lookup].calls + later[primitive::open_directory_at].calls +
                                                later[primitive::descend].calls + later[primitive::file_status].calls);
    CHECK(later[operation::create_directory].calls == 2);
    CHECK(later[operation::write].calls == 0);
    counted.reset();
    CHECK(counted.counts().total() == call_count{});
}

TEST_CASE("absence is no failure") {
    small_tree tree;
    count counted{tree};
    CHECK_FALSE(counted.lookup(counted.root(), "nothing").value().has_value());
    CHECK(counted.counts()[primitive::lookup] == call_count{1, 0, 0});
}

TEST_CASE("nothing is lost between threads") {
    small_tree tree;
    count counted{tree};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i)
                (void)counted.lookup(counted.root(), "x");
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(counted.counts()[primitive::lookup].calls == 4000);
}
