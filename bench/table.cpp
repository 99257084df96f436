#include "table.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace bench {

namespace {

// Linear between the two neighbours. Requires: sorted, not empty.
double quantile(std::vector<double> const& sorted, double q) {
    double const at = q * static_cast<double>(sorted.size() - 1);
    auto const below = static_cast<std::size_t>(at);
    auto const above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

sample summary(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)};
}

std::string quoted(std::string_view raw) {
    std::string out = "\"";
    for (char const c : raw) {
        if (c == '"' || c == '\\')
            out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + '"';
}

}  // namespace

bool counts_bytes(std::string_view workload) { return workload.find("/memory_") != workload.npos; }

std::string value_text(std::string_view workload, double value) {
    if (counts_bytes(workload))
        return fmt::format("{:.0f} B", value);
    if (value < 1e4)
        return fmt::format("{:.4g} ns", value);
    if (value < 1e7)
        return fmt::format("{:.4g} us", value / 1e3);
    return fmt::format("{:.4g} ms", value / 1e6);
}

std::string ratio_text(double ratio) {
    if (ratio < 0.01)
        return fmt::format("{:.1e}", ratio);
    return ratio < 10 ? fmt::format("{:.3f}", ratio) : fmt::format("{:.0f}", ratio);
}

table::rounds const* table::find(std::string const& place, std::string const& workload,
                                 std::string const& driver) const {
    auto const measured = values_.find(std::tuple(place, workload, driver));
    return measured == values_.end() ? nullptr : &measured->second;
}

std::optional<sample> table::value(std::string const& place, std::string const& workload,
                                   std::string const& driver) const {
    auto const* const values = find(place, workload, driver);
    return values == nullptr ? std::nullopt : std::optional(summary(*values));
}

std::optional<sample> table::ratio(std::string const& place, std::string const& workload, std::string const& of,
                                   std::string const& to) const {
    auto const* const above = find(place, workload, of);
    auto const* const below = find(place, workload, to);
    if (above == nullptr || below == nullptr || above->size() != below->size())
        return std::nullopt;
    std::vector<double> each(above->size());
    for (std::size_t i = 0; i < each.size(); ++i)
        each[i] = (*above)[i] / (*below)[i];
    return summary(std::move(each));
}

std::vector<finding> table::findings() const {
    std::vector<finding> all;
    for (auto const& place : places_)
        for (auto const& workload : workloads_)
            for (auto const& driver : drivers_)
                if (auto const* const values = find(place, workload, driver))
                    all.push_back({place, workload, driver, values->size(), summary(*values),
                                   ratio(place, workload, driver, "native"), ratio(place, workload, driver, "kernel")});
    return all;
}

void table::print(std::ostream& out) const {
    auto const ratio = [](std::optional<sample> const& r) {
        return r ? fmt::format("{:>9} | {:5.1f}%", ratio_text(r->median), r->spread() * 100)
                 : fmt::format("{:>9} | {:>6}", "-", "-");
    };
    std::string place;
    std::string last;
    for (auto const& one : findings()) {
        if (one.place != place) {
            place = one.place;
            last.clear();
            out << fmt::format("\non {}\n\n| {:<46} | {:<14} | {:>10} | {:>6} | {:>9} | {:>6} | {:>9} | {:>6} |\n",
                               place, "workload", "driver", "median", "spread", "to native", "spread", "to kernel",
                               "spread");
            out << fmt::format("|-{:-<46}-|-{:-<14}-|-{:->10}:|-{:->6}:|-{:->9}:|-{:->6}:|-{:->9}:|-{:->6}:|\n", "", "",
                               "", "", "", "", "", "");
        }
        out << fmt::format("| {:<46} | {:<14} | {:>10} | {:5.1f}% | {} | {} |\n",
                           one.workload == last ? "" : one.workload, one.driver,
                           value_text(one.workload, one.value.median), one.value.spread() * 100, ratio(one.to_native),
                           ratio(one.to_kernel));
        last = one.workload;
    }
}

void table::write_json(std::ostream& out, std::vector<std::pair<std::string, std::string>> const& context) const {
    auto const write = [&](char const* key, sample const& s) {
        out << fmt::format(", \"{}\": {{\"median\": {:.6g}, \"low\": {:.6g}, \"high\": {:.6g}}}", key, s.median, s.low,
                           s.high);
    };
    out << "{\n  \"context\": {";
    char const* separator = "\n";
    for (auto const& [key, value] : context) {
        out << separator << "    " << quoted(key) << ": " << quoted(value);
        separator = ",\n";
    }
    out << "\n  },\n  \"results\": [";
    separator = "\n";
    for (auto const& one : findings()) {
        out << separator << "    {\"file_system\": " << quoted(one.place) << ", \"workload\": " << quoted(one.workload)
            << ", \"driver\": " << quoted(one.driver) << ", \"rounds\": " << one.rounds;
        write(counts_bytes(one.workload) ? "bytes" : "nanoseconds", one.value);
        if (one.to_native)
            write("to_native", *one.to_native);
        if (one.to_kernel)
            write("to_kernel", *one.to_kernel);
        out << '}';
        separator = ",\n";
    }
    out << "\n  ]\n}\n";
}

}  // namespace bench
