#include "plots.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "svg.hpp"

namespace bench {

namespace {

// The end of a workload's name: entries:1000.
struct parameter {
    std::string name;
    double n = 0;
};
parameter parameter_of(std::string_view workload) {
    auto const slash = workload.rfind('/');
    auto const colon = workload.rfind(':');
    return {std::string(workload.substr(slash + 1, colon - slash - 1)),
            std::stod(std::string(workload.substr(colon + 1)))};
}
bool is_growth(std::string_view workload) { return workload.starts_with("growth/"); }

std::string number_text(double n) {
    if (n >= 1e6)
        return fmt::format("{:g}M", n / 1e6);
    return n >= 1e3 ? fmt::format("{:g}k", n / 1e3) : fmt::format("{:g}", n);
}
std::string time_mark(double ns) {
    if (ns >= 1e9)
        return fmt::format("{:g} s", ns / 1e9);
    if (ns >= 1e6)
        return fmt::format("{:g} ms", ns / 1e6);
    return ns >= 1e3 ? fmt::format("{:g} us", ns / 1e3) : fmt::format("{:g} ns", ns);
}

// A logarithmic axis from pixel `first` to pixel `last`. Requires: 0 < low < high.
struct axis {
    double low, high, first, last;
    [[nodiscard]] double at(double value) const {
        return first + (last - first) * std::log(std::clamp(value, low, high) / low) / std::log(high / low);
    }
};

// 1, 2 and 5 times the powers of ten that the axis spans; the powers alone where that would be many.
std::vector<double> marks(axis const& over) {
    std::vector<double> all;
    bool const few = over.high / over.low > 200;
    for (double power = std::pow(10, std::floor(std::log10(over.low))); power <= over.high; power *= 10)
        for (double const step : {1.0, 2.0, 5.0})
            if ((step == 1.0 || !few) && power * step >= over.low * 0.999 && power * step <= over.high * 1.001)
                all.push_back(power * step);
    return all;
}

struct measured_point {
    double n = 0;
    sample value;
};
using curves = std::map<std::string, std::vector<measured_point>>;  // by driver

drawing plot(std::string const& work, std::string const& parameter, std::string const& place, curves const& of,
             std::vector<std::string> const& drivers) {
    double low = std::numeric_limits<double>::max(), high = 0, least = low, most = 0;
    std::map<double, bool> at;
    for (auto const& [driver, points] : of)
        for (auto const& one : points) {
            low = std::min(low, one.value.low);
            high = std::max(high, one.value.high);
            least = std::min(least, one.n);
            most = std::max(most, one.n);
            at[one.n] = true;
        }
    constexpr double width = 460, height = 300;
    axis const x{least, most, 64, width - 18};
    // Room above and below, and never less than half a decade: a flat curve is to look flat.
    double const middle = std::sqrt(std::max(low, 1e-3) * std::max(high, 1e-3));
    double const reach = std::max(std::sqrt(high / std::max(low, 1e-3)) * 1.3, 1.8);
    axis const y{middle / reach, middle * reach, height - 46, 46};

    bool const bytes = counts_bytes(work);
    drawing out(width, height, work + " by " + parameter);
    out.text({8, 16}, fmt::format("{} ({})", work.substr(work.find('/') + 1), place));
    double next = 64;
    for (auto const& driver : drivers)
        if (of.contains(driver)) {
            out.dot({next, 29}, colour_of(driver));
            out.text({next + 6, 33}, driver, anchor::start, true);
            next += 26 + 6.2 * static_cast<double>(driver.size());
        }
    for (double const mark : marks(y)) {
        out.line({x.first, y.at(mark)}, {x.last, y.at(mark)}, stroke::grid);
        out.text({x.first - 5, y.at(mark) + 4}, bytes ? number_text(mark) : time_mark(mark), anchor::end, true);
    }
    for (auto const& [n, present] : at) {
        out.line({x.at(n), y.first}, {x.at(n), y.first + 4}, stroke::axis);
        out.text({x.at(n), y.first + 16}, number_text(n), anchor::middle, true);
    }
    out.line({x.first, y.first}, {x.last, y.first}, stroke::axis);
    out.line({x.first, y.first}, {x.first, y.last}, stroke::axis);
    out.text({(x.first + x.last) / 2, height - 10}, parameter, anchor::middle);
    out.upright_text({13, (y.first + y.last) / 2}, bytes ? "bytes per entry" : "time per operation");
    for (auto const& driver : drivers)
        if (auto const found = of.find(driver); found != of.end()) {
            std::vector<point> line;
            for (auto const& one : found->second) {
                line.push_back({x.at(one.n), y.at(one.value.median)});
                out.line({line.back().x, y.at(one.value.low)}, {line.back().x, y.at(one.value.high)},
                         colour_of(driver));
                out.dot(line.back(), colour_of(driver));
            }
            out.curve(line, colour_of(driver));
        }
    return out;
}

template <class Write>
void write_file(std::filesystem::path const& path, Write write) {
    std::ofstream out(path);
    write(out);
    if (!out.flush())
        throw std::runtime_error("cannot write " + path.string());
}

// "-" where there is none.
std::string value_cell(table const& from, std::string const& place, std::string const& workload,
                       std::string const& driver) {
    auto const found = from.value(place, workload, driver);
    return found ? value_text(workload, found->median) : "-";
}
std::string ratio_cell(table const& from, std::string const& place, std::string const& workload, std::string const& of,
                       std::string const& to) {
    auto const found = from.ratio(place, workload, of, to);
    return found ? ratio_text(found->median) : "-";
}
std::string spread_cell(table const& from, std::string const& place, std::string const& workload,
                        std::string const& driver) {
    auto const found = from.value(place, workload, driver);
    return found ? fmt::format("{:.1f}%", found->spread() * 100) : "-";
}

// The three whose comparison is the point, on each file system.
void write_main_table(std::ostream& out, table const& from, bool growth) {
    std::vector<std::string> const places(from.places().begin(),
                                          growth ? from.places().begin() + 1 : from.places().end());
    out << "| workload |";
    for (auto const& place : places)
        out << " native, " << place << " | kernel | lamina | to native | to kernel | spread |";
    out << "\n|---|";
    for (std::size_t i = 0; i < places.size(); ++i)
        out << "---:|---:|---:|---:|---:|---:|";
    out << '\n';
    for (auto const& workload : from.workloads()) {
        if (is_growth(workload) != growth || !from.value(places.front(), workload, "lamina"))
            continue;
        out << fmt::format("| `{}` |", workload);
        for (auto const& place : places)
            out << fmt::format(" {} | {} | {} | {} | {} | {} |", value_cell(from, place, workload, "native"),
                               value_cell(from, place, workload, "kernel"), value_cell(from, place, workload, "lamina"),
                               ratio_cell(from, place, workload, "lamina", "native"),
                               ratio_cell(from, place, workload, "lamina", "kernel"),
                               spread_cell(from, place, workload, "lamina"));
        out << '\n';
    }
}

// Drivers beside each other on the first file system, each with its ratio to `base`; rows that none of them has are
// left out. Whether there was a row.
bool write_beside(std::ostream& out, table const& from, std::vector<std::string> const& drivers,
                  std::string const& base) {
    auto const& place = from.places().front();
    bool any = false;
    for (auto const& workload : from.workloads()) {
        bool const wanted =
            !is_growth(workload) && std::any_of(drivers.begin(), drivers.end(), [&](auto const& driver) {
                return driver != base && from.value(place, workload, driver).has_value();
            });
        if (!wanted)
            continue;
        if (!any) {
            out << "| workload |";
            for (auto const& driver : drivers)
                out << ' ' << driver << " |" << (driver == base ? "" : " to " + base + " |");
            out << "\n|---|";
            for (auto const& driver : drivers)
                out << (driver == base ? "---:|" : "---:|---:|");
            out << '\n';
            any = true;
        }
        out << fmt::format("| `{}` |", workload);
        for (auto const& driver : drivers) {
            out << ' ' << value_cell(from, place, workload, driver) << " |";
            if (driver != base)
                out << ' ' << ratio_cell(from, place, workload, driver, base) << " |";
        }
        out << '\n';
    }
    return any;
}

bool has(table const& from, bool growth) {
    return std::any_of(from.workloads().begin(), from.workloads().end(), [&](auto const& workload) {
        return is_growth(workload) == growth && from.value(from.places().front(), workload, "lamina");
    });
}

}  // namespace

void draw_ratios(std::ostream& out, table const& findings) {
    constexpr double line = 16;
    constexpr double left = 400;
    constexpr double width = 480;
    std::vector<finding> bars;
    for (auto const& one : findings.findings())
        if (one.place == findings.places().front() && !is_growth(one.workload) && (one.to_kernel || one.to_native))
            bars.push_back(one);
    double height = 2 * line;
    std::string last;
    for (auto const& one : bars) {
        height += line + (one.workload == last ? 0 : line / 2);
        last = one.workload;
    }

    axis const x{0.001, 100, left, left + width};
    drawing picture(left + width + 70, height + line, "time per operation in relation to the kernel");
    picture.text(
        {4, 14},
        "time per operation in relation to the kernel (to native where there is none), logarithmic: left of the "
        "line is faster");
    for (double mark = x.low; mark <= x.high * 1.01; mark *= 10) {
        picture.line({x.at(mark), 34}, {x.at(mark), height}, std::abs(mark - 1) < 1e-6 ? stroke::axis : stroke::grid);
        picture.text({x.at(mark), 30}, fmt::format("{:g}", mark), anchor::middle, true);
    }
    double y = 2 * line;
    last.clear();
    for (auto const& one : bars) {
        if (one.workload != last) {
            y += line / 2;
            picture.text({4, y + 11}, one.workload);
            last = one.workload;
        }
        double const ratio = (one.to_kernel ? one.to_kernel : one.to_native)->median;
        picture.rectangle({std::min(x.at(ratio), x.at(1)), y}, std::max(std::abs(x.at(ratio) - x.at(1)), 1.0), 12,
                          colour_of(one.driver));
        picture.text({left - 6, y + 11}, one.driver, anchor::end, true);
        picture.text({left + width + 6, y + 11}, ratio_text(ratio));
        y += line;
    }
    picture.write(out);
}

void draw_growth(std::filesystem::path const& directory, table const& findings) {
    std::map<std::pair<std::string, std::string>, curves> plots;  // by work and parameter
    auto const& place = findings.places().front();
    for (auto const& workload : findings.workloads()) {
        if (!is_growth(workload))
            continue;
        auto const at = parameter_of(workload);
        for (auto const& driver : findings.drivers())
            if (auto const value = findings.value(place, workload, driver))
                plots[{workload.substr(0, workload.rfind('/')), at.name}][driver].push_back({at.n, *value});
    }
    for (auto& [name, of] : plots) {
        std::size_t most = 0;
        for (auto& [driver, points] : of) {
            std::sort(points.begin(), points.end(), [](auto const& a, auto const& b) { return a.n < b.n; });
            most = std::max(most, points.size());
        }
        if (most < 2)
            continue;
        auto const& [work, parameter] = name;
        write_file(directory / fmt::format("{}-{}.svg", work.substr(work.find('/') + 1), parameter),
                   [&](std::ostream& out) { plot(work, parameter, place, of, findings.drivers()).write(out); });
    }
}

void write_parts(std::filesystem::path const& directory, table const& findings) {
    for (bool const growth : {false, true})
        if (has(findings, growth))
            write_file(directory / (growth ? "growth.md" : "table.md"),
                       [&](std::ostream& out) { write_main_table(out, findings, growth); });
    std::vector<std::string> peers = {"lamina"};
    for (auto const* const driver : {"llvm_overlay", "physfs"})
        if (std::find(findings.drivers().begin(), findings.drivers().end(), driver) != findings.drivers().end())
            peers.emplace_back(driver);
    // Another library that was not found leaves the page as it is.
    if (std::ostringstream text; write_beside(text, findings, peers, "lamina"))
        write_file(directory / "peers.md", [&](std::ostream& out) { out << text.str(); });
    if (std::ostringstream text; write_beside(text, findings, {"lamina_memory", "lamina_tar"}, "kernel"))
        write_file(directory / "others.md", [&](std::ostream& out) { out << text.str(); });
}

}  // namespace bench
