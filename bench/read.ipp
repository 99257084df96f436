// Reading: nothing is changed, so the state that a repetition leaves is the state that the next one finds.
#pragma once

#include <array>
#include <barrier>
#include <chrono>
#include <cmath>
#include <exception>
#include <numeric>
#include <stop_token>
#include <thread>

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

// As stat_hot, from several threads at once: the time per operation of all of them together.
template <class Driver>
void stat_hot_threads(std::string const& workload, shape s, unsigned threads) {
    constexpr std::size_t rounds = 200;
    add<Driver>(workload, s.files * rounds * threads, 1, [=](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const order = shuffled(paths.size());
        for (auto const& path : paths)
            require(driver.stat(path), "a file is missing");
        std::barrier start(static_cast<std::ptrdiff_t>(threads) + 1);
        std::vector<std::jthread> readers;
        time_batches(
            state, order.size() * rounds * threads,
            [&] {
                for (unsigned t = 0; t < threads; ++t)
                    readers.emplace_back([&] {
                        start.arrive_and_wait();
                        for (std::size_t round = 0; round < rounds; ++round)
                            for (auto const i : order)
                                benchmark::DoNotOptimize(driver.stat(paths[i]));
                    });
            },
            [&] {
                start.arrive_and_wait();
                readers.clear();  // joins them
            });
    });
}

// As stat_hot, while another thread creates and removes a file in the same directory, that many changes per second if
// the driver is fast enough; if it is not, a note says what it did.
template <class Driver>
void stat_hot_beside_writer(std::string const& workload, shape s, unsigned changes_per_second) {
    add<Driver>(workload, s.files, 400, [=](benchmark::State& state) {
        using clock = std::chrono::steady_clock;
        auto& driver = driver_on<Driver>(s);
        driver.reset();
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const order = shuffled(paths.size());
        for (auto const& path : paths)
            require(driver.stat(path), "a file is missing");
        auto const changing = Driver::make_path(tree_of(s).directory(0) + "/changing");
        auto const pause = std::chrono::nanoseconds(2'000'000'000 / changes_per_second);  // two changes in each
        std::exception_ptr failure;
        std::size_t changes = 0;
        auto const begun = clock::now();
        std::jthread writer([&](std::stop_token const& stop) {
            try {
                auto next = clock::now();
                while (!stop.stop_requested()) {
                    driver.create(changing, "");
                    driver.remove(changing);
                    changes += 2;
                    next += pause;
                    while (clock::now() < next && !stop.stop_requested()) {
                    }
                }
            } catch (...) {
                failure = std::current_exception();
            }
        });
        time_batches(
            state, order.size(), [] {},
            [&] {
                for (auto const i : order)
                    benchmark::DoNotOptimize(driver.stat(paths[i]));
            });
        writer.request_stop();
        writer.join();
        if (failure)
            std::rethrow_exception(failure);
        auto const seconds = std::chrono::duration<double>(clock::now() - begun).count();
        auto const reached = static_cast<double>(changes) / seconds;
        if (reached < 0.8 * changes_per_second)
            notes()[workload + '/' + Driver::name] =
                std::to_string(std::lround(reached)) + " changes per second were made";
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
        auto const directory = Driver::make_path(tree_of(s).directory(0));
        require(driver.list(directory) == s.files / s.directories, "a listing is not complete");
        time_batches(
            state, 1,
            [&] {
                if (cold)
                    driver.reset();
            },
            [&] { require(driver.list(directory) == s.files / s.directories, "a listing is not complete"); });
    });
}

// Per walk, not per object.
template <class Driver>
void walk(std::string const& workload, shape s, bool cold) {
    add<Driver>(workload, 1, cold ? 1 : 2, [=](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const top = Driver::make_path(tree_of(s).top());
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

// What a program that only looks things up needs; all that a driver without walks, handles and writing can be asked
// for.
template <class Driver>
void add_looking() {
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
    shape const wide{.files = 10000};
    list<Driver>("read/list_hot/entries:10000", wide, false);
    list<Driver>("read/list_cold/entries:10000", wide, true);
}

template <class Driver>
void add_reading() {
    for (unsigned const depth : {20u, 100u})
        stat_hot<Driver>("read/stat_hot/depth:" + std::to_string(depth), {.depth = depth});
    for (unsigned const threads : {1u, 2u})
        stat_hot_threads<Driver>("read/stat_hot_together/threads:" + std::to_string(threads), {}, threads);
    stat_hot_beside_writer<Driver>("read/stat_hot_beside_writer/changes:100000", {.changes = true}, 100000);
    shape const large{.files = 1, .place = placement::lowest, .bytes = std::size_t{64} << 20};
    read_large<Driver>("read/sequential/bytes:131072", large, 131072, true);
    read_large<Driver>("read/random/bytes:4096", large, 4096, false);
    for (unsigned const layers : {10u, 128u}) {
        shape const deep{.layers = layers, .files = 20000, .directories = 200};
        walk<Driver>("read/walk_hot/layers:" + std::to_string(layers), deep, false);
        walk<Driver>("read/walk_cold/layers:" + std::to_string(layers), deep, true);
    }
}

}  // namespace bench
