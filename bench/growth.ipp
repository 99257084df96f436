// How time and memory grow: with the layers, with the entries of one directory and of a whole tree, with the depth of a
// path, with threads and with what another thread changes. Measured, and then drawn (plots.hpp);
// growth/<work>/<parameter>:<n>.
//
// Everything about one n comes together and is thrown away before the next one, which may be a million files.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <malloc.h>

#include "read.ipp"

namespace bench {

// The largest number of entries that is tried: LAMINA_BENCH_ENTRIES, else what fits: with its trees a million takes
// about 6 GiB where they lie in memory.
inline unsigned most_entries() {
    if (char const* const chosen = std::getenv("LAMINA_BENCH_ENTRIES"))
        return static_cast<unsigned>(std::stoul(chosen));
    std::ifstream memory("/proc/meminfo");
    for (std::string line; std::getline(memory, line);)
        if (line.starts_with("MemAvailable:"))
            return std::stoul(line.substr(line.find(':') + 1)) > 8UL << 20 ? 1'000'000 : 100'000;
    return 100'000;
}

// The paths of all files, kept with the driver, each asked for at least once since it was opened.
template <class Driver>
opened_driver<Driver>& warm(shape s) {
    auto& one = opened<Driver>(s);
    if (one.paths.empty())
        one.paths = paths_of<Driver>(tree_of(s).files());
    if (!one.warm)
        for (auto const& path : one.paths)
            require(one.driver.stat(path), "a file is missing");
    one.warm = true;
    return one;
}

// 100,000 hot ones, in random order over all files: a part of them where there are more.
template <class Driver>
void stat_hot_of_many(std::string const& workload, shape s) {
    std::size_t const batch = std::min(s.files, 20'000U);
    add<Driver>(workload, batch, 100'000 / batch, [=](benchmark::State& state) {
        auto& [driver, is_warm, paths] = warm<Driver>(s);
        auto const order = shuffled(paths.size());
        std::size_t from = 0;
        time_batches(
            state, batch, [] {},
            [&] {
                for (auto i = from; i < from + batch; ++i)
                    benchmark::DoNotOptimize(driver.stat(paths[order[i]]));
                from = from + 2 * batch > order.size() ? 0 : from + batch;
            });
    });
}

// After a fresh start, up to 20,000 of them.
template <class Driver>
void stat_cold_of_many(std::string const& workload, shape s) {
    std::size_t const batch = std::min(s.files, 20'000U);
    add<Driver>(workload, batch, 1, [=](benchmark::State& state) {
        auto& one = opened<Driver>(s);
        one.warm = false;
        if (one.paths.empty())
            one.paths = paths_of<Driver>(tree_of(s).files());
        auto const order = shuffled(one.paths.size());
        time_batches(
            state, batch, [&] { one.driver.reset(); },
            [&] {
                for (std::size_t i = 0; i < batch; ++i)
                    require(one.driver.stat(one.paths[order[i]]), "a file is missing");
            });
    });
}

// Of all names of the first directory, per name.
template <class Driver>
void list_of_many(std::string const& workload, shape s, bool cold) {
    std::size_t const names = s.files / s.directories;
    add<Driver>(workload, names, std::clamp<std::size_t>(20'000 / names, 1, 20), [=](benchmark::State& state) {
        auto& one = opened<Driver>(s);
        auto const directory = Driver::make_path(tree_of(s).directory(0));
        require(one.driver.list(directory) == names, "a listing is not complete");
        one.warm = one.warm && !cold;
        time_batches(
            state, names,
            [&] {
                if (cold)
                    one.driver.reset();
            },
            [&] { require(one.driver.list(directory) == names, "a listing is not complete"); });
    });
}

// In a directory that has that many entries already. What was created is removed again, off the clock.
template <class Driver>
void create_among_many(std::string const& workload, shape s) {
    constexpr std::size_t batch = 500;
    add<Driver>(workload, batch, 3, [=](benchmark::State& state) {
        auto& driver = warm<Driver>(s).driver;
        auto const directory = tree_of(s).directory(0);
        std::vector<typename Driver::path_type> paths;
        for (std::size_t i = 0; i < batch; ++i)
            paths.push_back(Driver::make_path(directory + "/new" + std::to_string(i)));
        std::string const content(100, 'y');
        auto const clear = [&] {
            for (auto const& path : paths)
                if (driver.stat(path))
                    driver.remove(path);
        };
        auto const first = Driver::make_path(directory + "/first");
        driver.create(first, content);  // the directory is copied up here
        time_batches(
            state, batch, clear,
            [&] {
                for (auto const& path : paths)
                    driver.create(path, content);
            });
        clear();
        driver.remove(first);
    });
}

inline std::size_t heap() {
    auto const use = ::mallinfo2();
    return use.uordblks + use.hblkhd;
}

// What a name costs that has been asked for, there or not, with all that the overlay and its layers keep for it: the
// growth of the process's heap, divided. Descriptors and the kernel's caches are not in it.
template <class Driver>
void memory(std::string const& workload, shape s, bool present) {
    add<Driver>(workload, 1, 1, [=](benchmark::State& state) {
        auto& one = opened<Driver>(s);
        auto names = tree_of(s).files();
        if (!present)
            for (auto& name : names)
                name += ".missing";
        auto const paths = paths_of<Driver>(names);
        auto const order = shuffled(paths.size());
        one.warm = false;
        one.driver.reset();
        auto const before = heap();
        for (auto const i : order)
            require(one.driver.stat(paths[i]) == present, "a file is missing, or is there that should not be");
        auto const grown = static_cast<double>(heap()) - static_cast<double>(before);
        time_batches(state, 1, [] {}, [] {});
        state.counters["bytes"] = grown / static_cast<double>(paths.size());
    });
}

inline std::vector<unsigned> entry_counts() {
    std::vector<unsigned> all;
    for (unsigned n = 1000; n <= most_entries(); n *= 10)
        all.push_back(n);
    return all;
}
inline shape one_directory_of(unsigned entries) { return {.files = entries, .depth = 3, .changes = true}; }
inline shape tree_of_thousands(unsigned entries) { return {.files = entries, .directories = entries / 1000}; }

template <class Driver>
void add_growing() {
    for (unsigned const n : {1u, 2u, 5u, 10u, 20u, 50u, 100u, 200u, 500u}) {
        auto const end = "/layers:" + std::to_string(n);
        shape const spread{.layers = n, .files = 2000, .directories = 10};
        stat_hot_of_many<Driver>("growth/stat_hot" + end, spread);
        list_of_many<Driver>("growth/list_hot" + end, spread, false);
        stat_cold_of_many<Driver>("growth/stat_cold" + end, spread);
        list_of_many<Driver>("growth/list_cold" + end, spread, true);
        open_read_close<Driver>("growth/open_read_close" + end,
                                {.layers = n, .files = 200, .place = placement::lowest, .bytes = 4096});
    }
    for (unsigned const n : entry_counts()) {
        auto const end = "/entries:" + std::to_string(n);
        stat_hot_of_many<Driver>("growth/stat_hot" + end, one_directory_of(n));
        list_of_many<Driver>("growth/list_hot" + end, one_directory_of(n), false);
        create_among_many<Driver>("growth/create" + end, one_directory_of(n));
        stat_cold_of_many<Driver>("growth/stat_cold" + end, one_directory_of(n));
        list_of_many<Driver>("growth/list_cold" + end, one_directory_of(n), true);
    }
    for (unsigned const n : entry_counts()) {
        auto const end = "/tree:" + std::to_string(n);
        stat_hot_of_many<Driver>("growth/stat_hot" + end, tree_of_thousands(n));
        stat_cold_of_many<Driver>("growth/stat_cold" + end, tree_of_thousands(n));
    }
    for (unsigned const n : {1u, 2u, 5u, 10u, 20u, 50u, 100u})
        stat_hot_of_many<Driver>("growth/stat_hot/depth:" + std::to_string(n), {.depth = n});
    for (unsigned n = 1; n <= std::max(2u, std::min(4u, std::thread::hardware_concurrency())); n *= 2)
        stat_hot_threads<Driver>("growth/stat_hot/threads:" + std::to_string(n), {}, n);
    for (unsigned const n : {1000u, 10'000u, 100'000u})
        stat_hot_beside_writer<Driver>("growth/stat_beside_writer/changes:" + std::to_string(n), {.changes = true}, n);
}

// For drivers that have a cache of their own.
template <class Driver>
void add_remembering() {
    for (unsigned const n : entry_counts())
        memory<Driver>("growth/memory_present/entries:" + std::to_string(n), one_directory_of(n), true);
    for (unsigned const n : entry_counts()) {
        memory<Driver>("growth/memory_present/tree:" + std::to_string(n), tree_of_thousands(n), true);
        memory<Driver>("growth/memory_absent/tree:" + std::to_string(n), tree_of_thousands(n), false);
    }
}

}  // namespace bench
