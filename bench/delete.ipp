// Deleting, on the terms of write.ipp.
#pragma once

#include "write.ipp"

namespace bench {

// A lower file: for a layered driver, a whiteout.
template <class Driver>
void unlink_lower(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 4, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const first = Driver::make_path(tree_of(s).directory(0) + "/first");
        time_batches(
            state, paths.size(),
            [&] {
                start_warm(driver, paths);
                driver.create(first, "");
            },
            [&] {
                for (auto const& path : paths)
                    driver.remove(path);
            });
        require(!driver.stat(paths.back()), "what was removed is still there");
    });
}

// A file that only the upper has.
template <class Driver>
void unlink_upper(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 4, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const present = paths_of<Driver>(tree_of(s).files());
        auto names = tree_of(s).files();
        for (auto& name : names)
            name += ".new";
        auto const paths = paths_of<Driver>(names);
        time_batches(
            state, paths.size(),
            [&] {
                start_warm(driver, present);
                for (auto const& path : paths)
                    driver.create(path, "new");
            },
            [&] {
                for (auto const& path : paths)
                    driver.remove(path);
            });
        require(!driver.stat(paths.back()), "what was removed is still there");
    });
}

// A whole lower tree. Per tree, not per object.
template <class Driver>
void remove_all(std::string const& workload, shape s) {
    add<Driver>(workload, 1, 1, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const top = Driver::make_path(tree_of(s).top());
        time_batches(state, 1, [&] { driver.reset(); }, [&] { driver.remove_all(top); });
        require(!driver.stat(top), "what was removed is still there");
    });
}

template <class Driver>
void add_deleting() {
    unlink_lower<Driver>("delete/unlink_lower/layers:10", {.place = placement::lowest, .changes = true});
    unlink_upper<Driver>("delete/unlink_upper/layers:10", {.place = placement::lowest, .changes = true});
    for (unsigned const files : {1000u, 10000u, 100000u})
        remove_all<Driver>("delete/remove_all/entries:" + std::to_string(files),
                           {.layers = 2, .files = files, .directories = 100, .changes = true});
}

}  // namespace bench
