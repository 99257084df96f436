// lamina_bench [--out=<directory>] [--benchmark_filter=<regular expression>] [...]
//
// Runs every workload on every driver, five times each in an order shuffled over all of them, so that what else the machine
// does falls on all alike; then prints the table of ratios. With --out it also writes results.json and results.svg there.
#include <algorithm>
#include <fstream>
#include <iostream>
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

}  // namespace

int main(int argc, char** argv) try {
    // First, so that it is removed last, when nothing is mounted in it any more.
    auto const& scratch = bench::scratch_directory::instance();

    std::string out;
    std::vector<char*> arguments{argv[0]};
    std::string repetitions = "--benchmark_repetitions=5";
    std::string interleaving = "--benchmark_enable_random_interleaving=true";
    arguments.push_back(repetitions.data());
    arguments.push_back(interleaving.data());
    for (int i = 1; i < argc; ++i) {
        if (std::string_view const one = argv[i]; one.starts_with("--out="))
            out = one.substr(std::string_view("--out=").size());
        else
            arguments.push_back(argv[i]);
    }
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data()))
        return 2;

    std::vector<std::string> drivers;
    auto registered = bench::registrations();
    // The order in which object files were linked is nobody's choice.
    std::vector<std::string_view> const order = {"native", "kernel"};
    auto const rank = [&](bench::registration const& r) {
        auto const place = std::find(order.begin(), order.end(), r.driver) - order.begin();
        return std::pair(place, std::string_view(r.driver));
    };
    std::sort(registered.begin(), registered.end(), [&](auto const& a, auto const& b) { return rank(a) < rank(b); });
    for (auto const& each : registered) {
        drivers.push_back(each.driver);
        if (auto const why = each.unavailable(); !why.empty())
            std::cout << each.driver << ": skipped: " << why << '\n';
        else
            each.add_all();
    }

    bench::table table(bench::workloads(), drivers);
    collector reporter(table);
    if (benchmark::RunSpecifiedBenchmarks(&reporter) == 0 || table.empty()) {
        std::cerr << "no benchmark was run\n";
        return 1;
    }
    auto const where = machine();
    std::cout << where << "; trees in " << scratch.path().parent_path().string() << "\n\n";
    table.print(std::cout);
    if (!out.empty()) {
        std::ofstream json(out + "/results.json");
        table.write_json(json, {{"machine", where}, {"directory", scratch.path().parent_path().string()}});
        std::ofstream svg(out + "/results.svg");
        table.write_svg(svg);
        if (!json.flush() || !svg.flush()) {
            std::cerr << "cannot write to " << out << '\n';
            return 1;
        }
    }
    for (auto const& [name, why] : bench::failures())
        std::cerr << name << ": failed: " << why << '\n';
    return bench::failures().empty() ? 0 : 1;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
