// Renaming a lower directory: for a layered driver, a redirect.
#pragma once

#include "write.ipp"

namespace bench {

template <class Driver>
void rename_directory(std::string const& workload, shape s) {
    add<Driver>(workload, s.directories, 1, [s](benchmark::State& state) {
        auto& driver = driver_on<Driver>(s);
        std::vector<std::string> names;
        for (unsigned i = 0; i < s.directories; ++i)
            names.push_back(tree_of(s).directory(i));
        auto const from = paths_of<Driver>(names);
        for (auto& name : names)
            name += ".renamed";
        auto const to = paths_of<Driver>(names);
        auto const first = Driver::make_path(tree_of(s).top() + "/first");
        time_batches(
            state, from.size(),
            [&] {
                start_warm(driver, from);
                driver.create(first, "");
            },
            [&] {
                for (std::size_t i = 0; i < from.size(); ++i)
                    driver.rename(from[i], to[i]);
            });
        require(!driver.stat(from.back()) && driver.list(to.back()) == s.files / s.directories,
                "a rename lost entries");
    });
}

template <class Driver>
void add_renaming() {
    for (unsigned const each : {10u, 1000u})
        rename_directory<Driver>("rename/lower_directory/entries:" + std::to_string(each),
                                 {.layers = 2, .files = 100 * each, .directories = 100, .changes = true});
}

}  // namespace bench
