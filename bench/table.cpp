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

std::string ratio_text(double ratio) { return ratio < 10 ? text("%.3f", ratio) : text("%.0f", ratio); }

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

sample const* table::find(std::string const& workload, std::string const& driver) const {
    auto const key = std::pair(workload, driver);
    auto const measured = times_.find(key);
    if (measured == times_.end())
        return nullptr;
    auto& one = summaries_[key];
    if (one.repetitions != measured->second.size()) {
        auto sorted = measured->second;
        std::sort(sorted.begin(), sorted.end());
        one = {quantile(sorted, 0.5), quantile(sorted, 0.25), quantile(sorted, 0.75), sorted.size()};
    }
    return &one;
}

template <class Visit>
void table::each(Visit&& visit) const {
    for (auto const& workload : workloads_)
        for (auto const& driver : drivers_)
            if (auto const* const one = find(workload, driver))
                visit(workload, driver, *one, find(workload, "native"), find(workload, "kernel"));
}

void table::print(std::ostream& out) const {
    out << text("| %-40s | %-14s | %10s | %6s | %9s | %9s |\n", "workload", "driver", "median", "spread", "to native",
                "to kernel");
    out << "|------------------------------------------|----------------|-----------:|-------:|----------:|----------:|\n";
    std::string last;
    each([&](auto const& workload, auto const& driver, sample const& one, sample const* native, sample const* kernel) {
        auto const ratio = [&](sample const* to) {
            return to == nullptr ? std::string("-") : ratio_text(one.median / to->median);
        };
        out << text("| %-40s | %-14s | %10s | %5.1f%% | %9s | %9s |\n", workload == last ? "" : workload.c_str(),
                    driver.c_str(), time_text(one.median).c_str(), one.spread() * 100, ratio(native).c_str(),
                    ratio(kernel).c_str());
        last = workload;
    });
}

void table::write_json(std::ostream& out, std::vector<std::pair<std::string, std::string>> const& context) const {
    out << "{\n  \"context\": {";
    char const* separator = "\n";
    for (auto const& [key, value] : context) {
        out << separator << "    " << quoted(key) << ": " << quoted(value);
        separator = ",\n";
    }
    out << "\n  },\n  \"results\": [";
    separator = "\n";
    each([&](auto const& workload, auto const& driver, sample const& one, sample const* native, sample const* kernel) {
        out << separator << "    {\"workload\": " << quoted(workload) << ", \"driver\": " << quoted(driver)
            << text(", \"median_ns\": %.6g, \"low_ns\": %.6g, \"high_ns\": %.6g, \"repetitions\": %zu", one.median, one.low,
                    one.high, one.repetitions);
        if (native != nullptr)
            out << text(", \"to_native\": %.5g", one.median / native->median);
        if (kernel != nullptr)
            out << text(", \"to_kernel\": %.5g", one.median / kernel->median);
        out << '}';
        separator = ",\n";
    });
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
    each([&](auto const& workload, auto const& driver, sample const& one, sample const* native, sample const* kernel) {
        auto const* const base = kernel != nullptr ? kernel : native;
        if (base == nullptr)
            return;
        if (workload != last) {
            y += line / 2;
            bars += text("<text x=\"4\" y=\"%.0f\">%s</text>\n", y + 11, workload.c_str());
            last = workload;
        }
        auto const which = std::find(drivers_.begin(), drivers_.end(), driver) - drivers_.begin();
        double const ratio = one.median / base->median;
        double const one_x = x_of(1);
        double const x = x_of(ratio);
        bars += text("<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"12\" fill=\"%s\"/>\n", std::min(x, one_x), y,
                     std::max(std::abs(x - one_x), 1.0), colours[static_cast<std::size_t>(which) % std::size(colours)].data());
        bars += text("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n", left - 6, y + 11, driver.c_str());
        bars += text("<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", left + width + 6, y + 11, ratio_text(ratio).c_str());
        y += line;
    });
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
