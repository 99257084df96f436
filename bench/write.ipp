// Writing: each batch starts from the tree as it was built, freshly opened, with every file's attributes asked for
// once, so that nobody pays for lookups on the clock.
#pragma once

#include "driver.hpp"

namespace bench {

template <class Driver>
void start_warm(Driver& driver, std::vector<typename Driver::path_type> const& paths) {
    driver.reset();
    for (auto const& path : paths)
        require(driver.stat(path), "a file is missing");
}

// The parent directory is in the upper already: what is timed is the file, not one copy-up of its directories.
template <class Driver>
void create(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 4, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const present = paths_of<Driver>(tree_of(s).files());
        auto names = tree_of(s).files();
        for (auto& name : names)
            name += ".new";
        auto const paths = paths_of<Driver>(names);
        auto const first = Driver::make_path(tree_of(s).directory(0) + "/first");
        std::string const content(100, 'y');
        time_batches(
            state, paths.size(),
            [&] {
                start_warm(driver, present);
                driver.create(first, content);
            },
            [&] {
                for (auto const& path : paths)
                    driver.create(path, content);
            });
        require(driver.stat(paths.back()), "what was created is not there");
    });
}

// Over the whiteout of a lower file (for a plain directory: where a file was).
template <class Driver>
void create_over_whiteout(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 4, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        std::string const content(100, 'y');
        time_batches(
            state, paths.size(),
            [&] {
                start_warm(driver, paths);
                for (auto const& path : paths)
                    driver.remove(path);
            },
            [&] {
                for (auto const& path : paths)
                    driver.create(path, content);
            });
        require(driver.stat(paths.back()), "what was created is not there");
    });
}

// 100 bytes to a lower file of s.bytes: open, append, close. For a layered driver that is a copy-up.
template <class Driver>
void append(std::string const& workload, shape s) {
    add<Driver>(workload, s.files, 4, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        auto const first = Driver::make_path(tree_of(s).directory(0) + "/first");
        std::string const content(100, 'y');
        time_batches(
            state, paths.size(),
            [&] {
                start_warm(driver, paths);
                driver.create(first, content);
            },
            [&] {
                for (auto const& path : paths)
                    driver.append(path, content);
            });
        std::vector<std::byte> buffer(s.bytes + 200);
        require(driver.read(paths.back(), buffer) == s.bytes + 100, "what was appended is not there");
    });
}

// 4 KiB at the start of one large lower file.
template <class Driver>
void overwrite_large(std::string const& workload, shape s) {
    add<Driver>(workload, 1, 1, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        std::string const content(4096, 'y');
        time_batches(
            state, 1, [&] { start_warm(driver, paths); }, [&] { driver.overwrite(paths.front(), content); });
        std::vector<std::byte> buffer(4096);
        require(driver.read(paths.front(), buffer) == buffer.size() && buffer.back() == std::byte{'y'},
                "what was written is not there");
    });
}

// Metadata of one large lower file.
template <class Driver>
void set_mode_of_large(std::string const& workload, shape s) {
    add<Driver>(workload, 1, 1, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        auto const paths = paths_of<Driver>(tree_of(s).files());
        time_batches(
            state, 1, [&] { start_warm(driver, paths); }, [&] { driver.set_mode(paths.front(), 0600); });
    });
}

template <class Driver>
void add_writing() {
    shape const s{.place = placement::lowest, .bytes = 4096, .changes = true};
    create<Driver>("write/create/bytes:100", s);
    create_over_whiteout<Driver>("write/create_over_whiteout/bytes:100", s);
    append<Driver>("write/append_to_lower/bytes:4096", s);
    for (std::size_t const megabytes : {1u, 64u}) {
        shape const large{.files = 1, .place = placement::lowest, .bytes = megabytes << 20, .changes = true};
        auto const size = std::to_string(large.bytes);
        overwrite_large<Driver>("write/overwrite_4096_of_lower/bytes:" + size, large);
        set_mode_of_large<Driver>("write/set_mode_of_lower/bytes:" + size, large);
    }
}

// Where data reaches the disk before its name is published; everything else is timed without that.
template <class Driver>
void add_ordered_writing() {
    shape const s{.files = 200, .place = placement::lowest, .bytes = 4096, .changes = true};
    create<Driver>("write/create_ordered/bytes:100", s);
    append<Driver>("write/append_to_lower_ordered/bytes:4096", s);
}

}  // namespace bench
