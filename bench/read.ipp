// Reading: nothing is changed, so the state that a repetition leaves is the state that the next one finds.
#pragma once

#include <array>
#include <numeric>

#include "driver.hpp"

namespace bench {

// All paths, over and over, in shuffled order.
template <class Driver>
void stat_hot(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 0, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const order = shuffled(paths.size());
        for (auto const& path : paths)
            require(driver.stat(path), "a file is missing");
        time_batches(
            state, order.size(), [] {},
            [&] {
                for (auto const i : order)
                    benchmark::DoNotOptimize(driver.stat(paths[i]));
            });
    });
}

template <class Driver>
void stat_missing(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 0, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto names = tree_of(s).files();
        for (auto& name : names)
            name += ".missing";
        auto const paths = paths_of<Driver>(names);
        auto const order = shuffled(paths.size());
        for (auto const& path : paths)
            require(!driver.stat(path), "a file is there that should not be");
        time_batches(
            state, order.size(), [] {},
            [&] {
                for (auto const i : order)
                    benchmark::DoNotOptimize(driver.stat(paths[i]));
            });
    });
}

// Each path once, in random order, after a fresh start of the driver.
template <class Driver>
void stat_cold(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 1, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const order = shuffled(paths.size());
        time_batches(
            state, order.size(), [&] { driver.reset(); },
            [&] {
                for (auto const i : order)
                    require(driver.stat(paths[i]), "a file is missing");
            });
    });
}

template <class Driver>
void open_read_close(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 0, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const order = shuffled(paths.size());
        std::vector<std::byte> buffer(s.bytes);
        time_batches(
            state, order.size(), [] {},
            [&] {
                for (auto const i : order)
                    require(driver.read(paths[i], buffer) == s.bytes, "a file is too short");
            });
    });
}

// One large file through one handle: in order, or at shuffled offsets.
template <class Driver>
void read_large(std::string const& workload, shape s, std::size_t piece, bool in_order) {
    add<Driver>(workload, s.bytes / piece, 0, [=](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto reader = driver.open_reader(Driver::make_path(tree_of(s).files().front()));
        auto order = shuffled(s.bytes / piece);
        if (in_order)
            std::iota(order.begin(), order.end(), std::size_t{0});
        std::vector<std::byte> buffer(piece);
        time_batches(
            state, order.size(), [] {},
            [&] {
                for (auto const i : order)
                    require(reader.read_at(buffer, std::uint64_t{i} * piece) == piece, "a read is too short");
            });
    });
}

// Per listing, not per name.
template <class Driver>
void list(std::string const& workload, shape s, bool cold) {
    add<Driver>(workload, 1, cold ? 5 : 0, [=](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const directory = Driver::make_path(tree::directory(0));
        require(driver.list(directory) == s.files, "a listing is not complete");
        time_batches(
            state, 1,
            [&] {
                if (cold)
                    driver.reset();
            },
            [&] { require(driver.list(directory) == s.files, "a listing is not complete"); });
    });
}

// Per walk, not per object.
template <class Driver>
void walk(std::string const& workload, shape s, bool cold) {
    add<Driver>(workload, 1, cold ? 1 : 2, [=](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const top = Driver::make_path(tree::top());
        auto const objects = s.files + s.directories;
        if (!cold)
            require(driver.walk(top) == objects, "a walk is not complete");
        time_batches(
            state, 1,
            [&] {
                if (cold)
                    driver.reset();
            },
            [&] { require(driver.walk(top) == objects, "a walk is not complete"); });
    });
}

template <class Driver>
void add_reading() {
    for (unsigned const layers : {1u, 10u, 128u, 500u})
        stat_hot<Driver>("read/stat_hot/layers:" + std::to_string(layers), {.layers = layers});
    shape const many{.files = 20000, .directories = 200};
    stat_hot<Driver>("read/stat_random/files:20000", many);
    stat_missing<Driver>("read/stat_missing/layers:10", {});
    stat_missing<Driver>("read/stat_missing_random/files:20000", many);
    for (unsigned const layers : {10u, 128u})
        stat_cold<Driver>("read/stat_cold/layers:" + std::to_string(layers),
                          {.layers = layers, .files = 10000, .directories = 100});
    open_read_close<Driver>("read/open_read_close/layers:10", {.place = placement::lowest, .bytes = 4096});
    shape const large{.files = 1, .place = placement::lowest, .bytes = std::size_t{64} << 20};
    read_large<Driver>("read/sequential/bytes:131072", large, 131072, true);
    read_large<Driver>("read/random/bytes:4096", large, 4096, false);
    shape const wide{.files = 10000};
    list<Driver>("read/list_hot/entries:10000", wide, false);
    list<Driver>("read/list_cold/entries:10000", wide, true);
    for (unsigned const layers : {10u, 128u}) {
        shape const deep{.layers = layers, .files = 20000, .directories = 200};
        walk<Driver>("read/walk_hot/layers:" + std::to_string(layers), deep, false);
        walk<Driver>("read/walk_cold/layers:" + std::to_string(layers), deep, true);
    }
}

}  // namespace bench
