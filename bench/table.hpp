// What the benchmarks found, as ratios: for each workload the median time per operation of every driver over all rounds, its
// spread, and how it compares with native and with the kernel. A figure without its ratio says little: machines differ, and
// are shared. So a ratio is formed within each round, between runs that were neighbours in time, and the median of these is
// what counts.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct sample {
    double median = 0;
    double low = 0;  // quartiles: half of the rounds lie between them
    double high = 0;

    // Half the distance of the quartiles, as a part of the median.
    [[nodiscard]] double spread() const { return (high - low) / 2 / median; }
};

// One line of the table. A ratio is empty where there is nothing to compare with.
struct finding {
    std::string workload;
    std::string driver;
    std::size_t rounds = 0;
    sample nanoseconds;
    std::optional<sample> to_native;
    std::optional<sample> to_kernel;
};

class table {
public:
    // Rows and their lines come in these orders.
    table(std::vector<std::string> workloads, std::vector<std::string> drivers)
        : workloads_(std::move(workloads)), drivers_(std::move(drivers)) {}

    // Of one round, and in the order of the rounds.
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
    using rounds = std::vector<double>;
    [[nodiscard]] rounds const* find(std::string const& workload, std::string const& driver) const;
    [[nodiscard]] std::vector<finding> findings() const;

    std::vector<std::string> workloads_;
    std::vector<std::string> drivers_;
    std::map<std::pair<std::string, std::string>, rounds> times_;
};

}  // namespace bench
