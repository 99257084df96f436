#include "table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace bench {

namespace {

// Linear between the two neighbours. Requires: sorted, not empty.
double quantile(std::vector<double> const& sorted, double q) {
    double const at = q * static_cast<double>(sorted.size() - 1);
    auto const below = static_cast<std::size_t>(at);
    auto const above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

template <class... A>
std::string text(char const* format, A... arguments) {
    char buffer[160];
    std::snprintf(buffer, sizeof buffer, format, arguments...);
    return buffer;
}

std::string time_text(double ns) {
    if (ns < 1e4)
        return text("%.4g ns", ns);
    if (ns < 1e7)
        return text("%.4g us", ns / 1e3);
    return text("%.4g ms", ns / 1e6);
}

std::string ratio_text(double ratio) {
    if (ratio < 0.01)
        return text("%.1e", ratio);
    return ratio < 10 ? text("%.3f", ratio) : text("%.0f", ratio);
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

sample summary(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)};
}

std::optional<sample> ratios(std::vector<double> const& of, std::vector<double> const* to) {
    if (to == nullptr || to->size() != of.size())
        return std::nullopt;
    std::vector<double> each(of.size());
    for (std::size_t i = 0; i < of.size(); ++i)
        each[i] = of[i] / (*to)[i];
    return summary(std::move(each));
}

}  // namespace

table::rounds const* table::find(std::string const& workload, std::string const& driver) const {
    auto const measured = times_.find(std::pair(workload, driver));
    return measured == times_.end() ? nullptr : &measured->second;
}

std::vector<finding> table::findings() const {
    std::vector<finding> all;
    for (auto const& workload : workloads_)
        for (auto const& driver : drivers_)
            if (auto const* const times = find(workload, driver))
                all.push_back({workload, driver, times->size(), summary(*times), ratios(*times, find(workload, "native")),
                               ratios(*times, find(workload, "kernel"))});
    return all;
}

void table::print(std::ostream& out) const {
    out << text("| %-40s | %-14s | %10s | %6s | %9s | %6s | %9s | %6s |\n", "workload", "driver", "median", "spread",
                "to native", "spread", "to kernel", "spread");
    out << "|------------------------------------------|----------------|-----------:|-------:|----------:|-------:|"
           "----------:|-------:|\n";
    auto const ratio = [](std::optional<sample> const& r) {
        return r ? text("%9s | %5.1f%%", ratio_text(r->median).c_str(), r->spread() * 100) : text("%9s | %6s", "-", "-");
    };
    std::string last;
    for (auto const& one : findings()) {
        out << text("| %-40s | %-14s | %10s | %5.1f%% | %s | %s |\n", one.workload == last ? "" : one.workload.c_str(),
                    one.driver.c_str(), time_text(one.nanoseconds.median).c_str(), one.nanoseconds.spread() * 100,
                    ratio(one.to_native).c_str(), ratio(one.to_kernel).c_str());
        last = one.workload;
    }
}

void table::write_json(std::ostream& out, std::vector<std::pair<std::string, std::string>> const& context) const {
    auto const write = [&](char const* key, sample const& s) {
        out << text(", \"%s\": {\"median\": %.6g, \"low\": %.6g, \"high\": %.6g}", key, s.median, s.low, s.high);
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
        out << separator << "    {\"workload\": " << quoted(one.workload) << ", \"driver\": " << quoted(one.driver)
            << ", \"rounds\": " << one.rounds;
        write("nanoseconds", one.nanoseconds);
        if (one.to_native)
            write("to_native", *one.to_native);
        if (one.to_kernel)
            write("to_kernel", *one.to_kernel);
        out << '}';
        separator = ",\n";
    }
    out << "\n  ]\n}\n";
}

void table::write_svg(std::ostream& out) const {
    constexpr double line = 16;
    constexpr double left = 400;
    constexpr double width = 480;
    constexpr double low = 0.001;  // the ends of the scale
    constexpr double high = 100;
    constexpr std::string_view colours[] = {"#999999", "#d98c3f", "#3465a4", "#4e9a06", "#75507b", "#c4a000"};
    auto const x_of = [&](double ratio) {
        double const clamped = std::clamp(ratio, low, high);
        return left + width * std::log10(clamped / low) / std::log10(high / low);
    };

    double y = 2 * line;
    std::string bars;
    std::string last;
    for (auto const& one : findings()) {
        auto const& base = one.to_kernel ? one.to_kernel : one.to_native;
        if (!base)
            continue;
        if (one.workload != last) {
            y += line / 2;
            bars += text("<text x=\"4\" y=\"%.0f\">%s</text>\n", y + 11, one.workload.c_str());
            last = one.workload;
        }
        auto const which = std::find(drivers_.begin(), drivers_.end(), one.driver) - drivers_.begin();
        double const ratio = base->median;
        double const one_x = x_of(1);
        double const x = x_of(ratio);
        bars += text("<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"12\" fill=\"%s\"/>\n", std::min(x, one_x), y,
                     std::max(std::abs(x - one_x), 1.0), colours[static_cast<std::size_t>(which) % std::size(colours)].data());
        bars += text("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n", left - 6, y + 11, one.driver.c_str());
        bars += text("<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", left + width + 6, y + 11, ratio_text(ratio).c_str());
        y += line;
    }
    out << text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" "
                "font-size=\"11\">\n",
                left + width + 70, y + line);
    out << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
    out << text("<text x=\"4\" y=\"14\">time per operation in relation to the kernel (to native where there is none), "
                "logarithmic: left of the line is faster</text>\n");
    for (double mark = low; mark <= high * 1.01; mark *= 10) {
        out << text("<line x1=\"%.1f\" y1=\"22\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"%s\"/>\n", x_of(mark), x_of(mark), y,
                    std::abs(mark - 1) < 1e-6 ? "black" : "#dddddd");
        out << text("<text x=\"%.1f\" y=\"30\" text-anchor=\"middle\" fill=\"#666666\">%g</text>\n", x_of(mark), mark);
    }
    out << bars << "</svg>\n";
}

}  // namespace bench
