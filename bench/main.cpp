// lamina_bench [--list] [--filter=<regular expression>] [--repetitions=<n>] [--out=<directory>]
//
// Runs every workload that the expression finds, five rounds of it unless told otherwise. In a round every driver has its
// turn, one right after the other, and ratios are formed within a round: what else the machine does then falls on all alike.
// Prints the table; with --out it also writes results.json and results.svg there.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/utsname.h>

#include <benchmark/benchmark.h>

#include "driver.hpp"
#include "table.hpp"

namespace {

class collector : public benchmark::BenchmarkReporter {
public:
    explicit collector(bench::table& into) : table_(into) {}

    bool ReportContext(Context const&) override { return true; }
    void ReportRuns(std::vector<Run> const& runs) override {
        for (auto const& run : runs) {
            if (run.run_type != Run::RT_Iteration)
                continue;
            // <path>/<work>/<parameter>:<n>/<driver>, and nothing of what the library appends.
            auto const& name = run.run_name.function_name;
            auto const slash = name.rfind('/');
            auto const workload = name.substr(0, slash);
            auto const driver = name.substr(slash + 1);
            if (!bench::failures().contains(name))
                table_.add(workload, driver, run.GetAdjustedRealTime());
        }
    }

private:
    bench::table& table_;
};

std::string machine() {
    utsname about{};
    ::uname(&about);
    std::string cpu = "unknown processor";
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name") && line.find(": ") != std::string::npos) {
            cpu = line.substr(line.find(": ") + 2);
            break;
        }
    return cpu + ", " + about.sysname + ' ' + about.release;
}

// Google Benchmark takes its filter as an argument, and takes arguments again at every call.
void run_one(std::string const& name, benchmark::BenchmarkReporter& reporter) {
    std::string program = "lamina_bench";
    std::string filter = "--benchmark_filter=^" + name + "(/|$)";
    char* arguments[] = {program.data(), filter.data(), nullptr};
    int count = 2;
    benchmark::Initialize(&count, arguments);
    benchmark::RunSpecifiedBenchmarks(&reporter);
}

}  // namespace

int main(int argc, char** argv) try {
    // First, so that it is removed last, when nothing is mounted in it any more.
    auto const& scratch = bench::scratch_directory::instance();

    std::string out;
    std::regex filter("");
    int repetitions = 5;
    bool only_list = false;
    for (int i = 1; i < argc; ++i) {
        std::string_view const one = argv[i];
        auto const value = std::string(one.substr(std::min(one.find('=') + 1, one.size())));
        if (one.starts_with("--out="))
            out = value;
        else if (one.starts_with("--filter="))
            filter = std::regex(value);
        else if (one.starts_with("--repetitions="))
            repetitions = std::stoi(value);
        else if (one == "--list")
            only_list = true;
        else
            throw std::runtime_error("usage: lamina_bench [--list] [--filter=<regular expression>] [--repetitions=<n>] "
                                     "[--out=<directory>]");
    }

    auto registered = bench::registrations();
    // The order in which object files were linked is nobody's choice.
    std::vector<std::string_view> const order = {"native", "kernel"};
    auto const rank = [&](bench::registration const& r) {
        auto const place = std::find(order.begin(), order.end(), r.driver) - order.begin();
        return std::pair(place, std::string_view(r.driver));
    };
    std::sort(registered.begin(), registered.end(), [&](auto const& a, auto const& b) { return rank(a) < rank(b); });
    std::vector<std::string> drivers;
    for (auto const& each : registered) {
        if (auto const why = each.unavailable(); !why.empty()) {
            std::cout << each.driver << ": skipped: " << why << '\n';
        } else {
            drivers.push_back(each.driver);
            each.add_all();
        }
    }

    bench::table table(bench::workloads(), drivers);
    collector reporter(table);
    for (auto const& workload : bench::workloads()) {
        if (!std::regex_search(workload, filter))
            continue;
        if (only_list) {
            std::cout << workload << '\n';
            continue;
        }
        for (int round = 0; round < repetitions; ++round)
            for (std::size_t i = 0; i < drivers.size(); ++i) {
                // Nobody is always the one who finds the caches as the last one left them.
                auto const& driver = drivers[(i + static_cast<std::size_t>(round)) % drivers.size()];
                run_one(workload + '/' + driver, reporter);
            }
    }
    if (only_list)
        return 0;
    if (table.empty())
        throw std::runtime_error("no benchmark was run");

    auto const where = machine();
    std::cout << where << "; trees in " << scratch.path().parent_path().string() << "\n\n";
    table.print(std::cout);
    if (!out.empty()) {
        std::ofstream json(out + "/results.json");
        table.write_json(json, {{"machine", where}, {"directory", scratch.path().parent_path().string()}});
        std::ofstream svg(out + "/results.svg");
        table.write_svg(svg);
        if (!json.flush() || !svg.flush())
            throw std::runtime_error("cannot write to " + out);
    }
    for (auto const& [name, why] : bench::failures())
        std::cerr << name << ": failed: " << why << '\n';
    return bench::failures().empty() ? 0 : 1;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
