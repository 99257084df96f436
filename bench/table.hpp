// What the benchmarks found, as ratios: for each workload the median of every driver over all rounds, its spread, and
// how it compares with native and with the kernel. A figure without its ratio says little: machines differ, and are
// shared. So a ratio is formed within each round, between runs that were neighbours in time, and the median of these is
// what counts.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace bench {

struct sample {
    double median = 0;
    double low = 0;  // quartiles: half of the rounds lie between them
    double high = 0;

    // Half the distance of the quartiles, as a part of the median.
    [[nodiscard]] double spread() const { return median > 0 ? (high - low) / 2 / median : 0; }
};

// What is measured is a time per operation in nanoseconds, or, where the work's name begins with memory_, bytes.
[[nodiscard]] bool counts_bytes(std::string_view workload);
[[nodiscard]] std::string value_text(std::string_view workload, double value);
[[nodiscard]] std::string ratio_text(double ratio);

// One line of the table. A ratio is empty where there is nothing to compare with.
struct finding {
    std::string place;  // the file system
    std::string workload;
    std::string driver;
    std::size_t rounds = 0;
    sample value;
    std::optional<sample> to_native;
    std::optional<sample> to_kernel;
};

class table {
public:
    // Rows and their lines come in these orders.
    table(std::vector<std::string> places, std::vector<std::string> workloads, std::vector<std::string> drivers)
        : places_(std::move(places)), workloads_(std::move(workloads)), drivers_(std::move(drivers)) {}

    // Of one round, and in the order of the rounds.
    void add(std::string const& place, std::string const& workload, std::string const& driver, double value) {
        values_[{place, workload, driver}].push_back(value);
    }
    [[nodiscard]] bool empty() const { return values_.empty(); }

    [[nodiscard]] std::vector<std::string> const& places() const { return places_; }
    [[nodiscard]] std::vector<std::string> const& workloads() const { return workloads_; }
    [[nodiscard]] std::vector<std::string> const& drivers() const { return drivers_; }
    // Place by place, workload by workload.
    [[nodiscard]] std::vector<finding> findings() const;
    // Empty where this was not measured.
    [[nodiscard]] std::optional<sample> value(std::string const& place, std::string const& workload,
                                              std::string const& driver) const;
    // Formed within the rounds; empty where one of the two was not measured, or not as often.
    [[nodiscard]] std::optional<sample> ratio(std::string const& place, std::string const& workload,
                                              std::string const& of, std::string const& to) const;

    // A table in Markdown, aligned so that it reads as plain text too.
    void print(std::ostream& out) const;
    // `context` is a list of names and values that say where this was measured.
    void write_json(std::ostream& out, std::vector<std::pair<std::string, std::string>> const& context) const;

private:
    using rounds = std::vector<double>;
    [[nodiscard]] rounds const* find(std::string const& place, std::string const& workload,
                                     std::string const& driver) const;

    std::vector<std::string> places_;
    std::vector<std::string> workloads_;
    std::vector<std::string> drivers_;
    std::map<std::tuple<std::string, std::string, std::string>, rounds> values_;
};

}  // namespace bench
