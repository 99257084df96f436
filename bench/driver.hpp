// What a workload asks of that which it is run on, and how a workload is timed.
//
// A driver is opened over a tree (tree.hpp) and offers whole operations by path; a failure is an exception, which ends
// the benchmark with its text:
//     static constexpr char const* name;
//     static std::string unavailable();          why it cannot run here; empty if it can
//     explicit driver(tree const&);
//     path_type                                  a path in the form that its user would keep
//     static path_type make_path(std::string const&);
//     void reset();                              the tree as it was built, freshly opened: nothing cached or changed
//     bool stat(path_type const&);               whether it is there
//     std::size_t read(path_type const&, std::span<std::byte>);   open, one read, close
//     reader_type open_reader(path_type const&), .read_at(std::span<std::byte>, std::uint64_t offset)
//     void create(path_type const&, std::string_view);            a new file with these bytes
//     void append(path_type const&, std::string_view);
//     void remove(path_type const&);
//     void remove_all(path_type const&);
//     void overwrite(path_type const&, std::string_view);         the first bytes of a file
//     void set_mode(path_type const&, unsigned);
//     void rename(path_type const&, path_type const&);
//     std::size_t list(path_type const&);        how many names; each has been seen with its type
//     std::size_t walk(path_type const&);        how many objects below; each has been seen with its attributes
// One that can only read leaves out the rest and asks for add_looking (read.ipp) alone.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "tree.hpp"

namespace bench {

// A driver on a tree of one shape, kept, so that interleaved repetitions find it as they left it.
template <class Driver>
struct opened_driver {
    explicit opened_driver(shape s) : driver(tree_of(s)) {}
    Driver driver;
    bool warm = false;                              // all of its files have been asked for since it was opened
    std::vector<typename Driver::path_type> paths;  // of its files, once somebody wanted them kept
};
template <class Driver>
std::map<shape, std::unique_ptr<opened_driver<Driver>>>& opened_drivers() {
    static std::map<shape, std::unique_ptr<opened_driver<Driver>>> all;
    return all;
}
template <class Driver>
opened_driver<Driver>& opened(shape s) {
    auto& one = opened_drivers<Driver>()[s];
    if (!one)
        one = std::make_unique<opened_driver<Driver>>(s);
    // A driver of which a process can have only one: this one is to be it.
    if constexpr (requires { one->driver.select(); })
        one->driver.select();
    return *one;
}
template <class Driver>
Driver& driver_on(shape s) {
    return opened<Driver>(s).driver;
}

template <class Driver>
std::vector<typename Driver::path_type> paths_of(std::vector<std::string> const& names) {
    std::vector<typename Driver::path_type> paths;
    paths.reserve(names.size());
    for (auto const& name : names)
        paths.push_back(Driver::make_path(name));
    return paths;
}

inline void require(bool holds, char const* what) {
    if (!holds)
        throw std::runtime_error(what);
}

// What failed, by the benchmark's name: its times count for nothing.
inline std::map<std::string, std::string>& failures() {
    static std::map<std::string, std::string> all;
    return all;
}
// What a reader of a figure must know, by the benchmark's name.
inline std::map<std::string, std::string>& notes() {
    static std::map<std::string, std::string> all;
    return all;
}

// The library aborts where repetitions differ in their number of iterations, so one that fails runs the others out.
inline void run_out(benchmark::State& state, std::size_t batch) {
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(batch)))
        state.SetIterationTime(1e-9);
}
inline bool timing_has_begun = false;

// Times `work`, which does `batch` operations, and nothing else: `prepare` runs before each batch, off the clock. The
// result is the time per operation.
template <class Prepare, class Work>
void time_batches(benchmark::State& state, std::size_t batch, Prepare&& prepare, Work&& work) {
    timing_has_begun = true;
    std::exception_ptr failure;
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(batch))) {
        if (failure) {
            state.SetIterationTime(1e-9);
            continue;
        }
        try {
            prepare();
            auto const from = std::chrono::steady_clock::now();
            work();
            auto const to = std::chrono::steady_clock::now();
            state.SetIterationTime(std::chrono::duration<double>(to - from).count());
        } catch (...) {
            failure = std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
}

// The workloads that were registered, in the order of the table.
inline std::vector<std::string>& workloads() {
    static std::vector<std::string> all;
    return all;
}

// Not every driver does every work: the benchmarks that there are, by their names.
inline std::set<std::string>& benchmarks() {
    static std::set<std::string> all;
    return all;
}

// Registered as <path>/<work>/<parameter>:<n>/<driver>. `batches` is how many are timed in one repetition; 0 lets the
// library choose, for work that leaves nothing behind.
template <class Driver, class Body>
void add(std::string const& workload, std::size_t batch, std::size_t batches, Body body) {
    if (std::find(workloads().begin(), workloads().end(), workload) == workloads().end())
        workloads().push_back(workload);
    auto const name = workload + '/' + Driver::name;
    benchmarks().insert(name);
    auto* const added = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        timing_has_begun = false;
        try {
            if (!failures().contains(name))
                body(state);
        } catch (std::exception const& failure) {
            failures().emplace(name, failure.what());
        }
        if (!timing_has_begun)
            run_out(state, batch);
    });
    added->UseManualTime()->Unit(benchmark::kNanosecond);
    if (batches != 0)
        added->Iterations(static_cast<benchmark::IterationCount>(batch * batches));
    else
        added->MinTime(0.05);
}

// Each driver's file adds one; main() then registers what can run here.
struct registration {
    char const* driver;
    std::string (*unavailable)();
    std::vector<void (*)()> parts;  // each registers workloads
    void (*forget)();               // closes what was opened
    bool everywhere;                // on each file system, or on the first one alone
};
inline std::vector<registration>& registrations() {
    static std::vector<registration> all;
    return all;
}
inline void forget_everything() {
    for (auto const& each : registrations())
        each.forget();
    trees().clear();
}

enum class reach { first_file_system, each_file_system };

// `Variants` are forms of the driver under the same name, for some of the workloads.
template <class Driver, class... Variants>
bool add_driver(reach where, std::vector<void (*)()> parts) {
    registrations().push_back({Driver::name, &Driver::unavailable, std::move(parts),
                               [] {
                                   opened_drivers<Driver>().clear();
                                   (opened_drivers<Variants>().clear(), ...);
                               },
                               where == reach::each_file_system});
    return true;
}

}  // namespace bench
