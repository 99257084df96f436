// What the benchmarks found, as ratios: for each workload the median time per operation of every driver over the repetitions,
// its spread, and how it compares with native and with the kernel in the same run. A figure without its ratio says little:
// machines differ, and are shared.
#pragma once

#include <cstddef>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct sample {
    double median = 0;
    double low = 0;  // quartiles: half of the repetitions lie between them
    double high = 0;
    std::size_t repetitions = 0;

    // Half the distance of the quartiles, as a part of the median.
    [[nodiscard]] double spread() const { return (high - low) / 2 / median; }
};

class table {
public:
    // Rows and their lines come in these orders.
    table(std::vector<std::string> workloads, std::vector<std::string> drivers)
        : workloads_(std::move(workloads)), drivers_(std::move(drivers)) {}

    void add(std::string const& workload, std::string const& driver, double nanoseconds) {
        times_[{workload, driver}].push_back(nanoseconds);
    }
    [[nodiscard]] bool empty() const { return times_.empty(); }

    // A table in Markdown, aligned so that it reads as plain text too.
    void print(std::ostream& out) const;
    // `context` is a list of names and values that say where this was measured.
    void write_json(std::ostream& out, std::vector<std::pair<std::string, std::string>> const& context) const;
    // Bars, on a logarithmic scale, of the time in relation to the kernel (to native where there is no kernel).
    void write_svg(std::ostream& out) const;

private:
    [[nodiscard]] sample const* find(std::string const& workload, std::string const& driver) const;
    // Over all cells, for the functions above.
    template <class Visit>
    void each(Visit&& visit) const;

    std::vector<std::string> workloads_;
    std::vector<std::string> drivers_;
    std::map<std::pair<std::string, std::string>, std::vector<double>> times_;
    mutable std::map<std::pair<std::string, std::string>, sample> summaries_;
};

}  // namespace bench
