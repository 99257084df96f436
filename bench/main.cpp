// lamina_bench [--list] [--filter=<regular expression>] [--repetitions=<n>] [--in=<directory>]... [--out=<directory>]
//
// Runs every workload that the expression finds, five rounds of it unless told otherwise. In a round every driver has
// its turn, one right after the other, and ratios are formed within a round: what else the machine does then falls on
// all alike. The trees lie in the first --in (or LAMINA_BENCH_DIR, or /dev/shm); in each further one, on another file
// system, the table is measured again, with the drivers for which that makes a difference; growth is not. Prints the
// table; with --out it also writes results.json, the parts of docs/performance.md, and the drawings there.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "driver.hpp"
#include "plots.hpp"
#include "table.hpp"

namespace {

class collector : public benchmark::BenchmarkReporter {
public:
    collector(bench::table& into, std::string place) : table_(into), place_(std::move(place)) {}

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
            auto const bytes = run.counters.find("bytes");
            if (!bench::failures().contains(name))
                table_.add(place_, workload, driver,
                           bytes == run.counters.end() ? run.GetAdjustedRealTime() : double(bytes->second));
        }
    }

private:
    bench::table& table_;
    std::string place_;
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

// What a reader calls the file system of a directory.
std::string file_system_of(std::string const& directory) {
    struct statfs about{};
    if (::statfs(directory.c_str(), &about) != 0)
        throw std::runtime_error("no directory: " + directory);
    switch (static_cast<unsigned long>(about.f_type)) {
    case 0x01021994: return "tmpfs";
    case 0xef53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683e: return "btrfs";
    default: return "magic " + std::to_string(about.f_type);
    }
}

std::string default_place() {
    if (char const* const chosen = std::getenv("LAMINA_BENCH_DIR"))
        return chosen;
    return std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path().string();
}

std::string end_of(std::string const& workload) { return workload.substr(workload.rfind('/')); }
bool is_growth(std::string const& workload) { return workload.starts_with("growth/"); }

// Growth, which comes last, is put in order of its parameters, so that all work on the trees of one is done before the
// next.
std::vector<std::string> in_order(std::vector<std::string> const& registered) {
    std::vector<std::string> all;
    std::vector<std::string> ends;
    for (auto const& workload : registered)
        if (!is_growth(workload))
            all.push_back(workload);
        else if (std::find(ends.begin(), ends.end(), end_of(workload)) == ends.end())
            ends.push_back(end_of(workload));
    for (auto const& end : ends)
        for (auto const& workload : registered)
            if (is_growth(workload) && end_of(workload) == end)
                all.push_back(workload);
    return all;
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

struct request {
    std::string out;
    std::regex filter{""};
    int repetitions = 5;
    bool only_list = false;
    std::vector<std::string> directories;
};

request parsed(int argc, char** argv) {
    request wanted;
    for (int i = 1; i < argc; ++i) {
        std::string_view const one = argv[i];
        auto const value = std::string(one.substr(std::min(one.find('='), one.size() - 1) + 1));
        if (one.starts_with("--out="))
            wanted.out = value;
        else if (one.starts_with("--in="))
            wanted.directories.push_back(value);
        else if (one.starts_with("--filter="))
            wanted.filter = std::regex(value);
        else if (one.starts_with("--repetitions="))
            wanted.repetitions = std::max(1, std::stoi(value));
        else if (one == "--list")
            wanted.only_list = true;
        else
            throw std::runtime_error("usage: lamina_bench [--list] [--filter=<regular expression>] [--repetitions=<n>] "
                                     "[--in=<directory>]... [--out=<directory>]");
    }
    if (wanted.directories.empty())
        wanted.directories.push_back(default_place());
    return wanted;
}

// The names of those that can run here, native and the kernel first: the order in which object files were linked is
// nobody's choice. Registers their workloads.
std::vector<bench::registration> available() {
    auto all = bench::registrations();
    std::vector<std::string_view> const order = {"native", "kernel", "lamina"};
    auto const rank = [&](bench::registration const& r) {
        auto const place = std::find(order.begin(), order.end(), r.driver) - order.begin();
        return std::pair(place, std::string_view(r.driver));
    };
    std::sort(all.begin(), all.end(), [&](auto const& a, auto const& b) { return rank(a) < rank(b); });
    std::erase_if(all, [](bench::registration const& each) {
        auto const why = each.unavailable();
        if (!why.empty())
            std::cout << each.driver << ": skipped: " << why << '\n';
        return !why.empty();
    });
    for (auto const& each : all)
        for (auto const part : each.parts)
            part();
    return all;
}

void run(request const& wanted, std::size_t which, std::string const& place,
         std::vector<bench::registration> const& drivers, bench::table& into) {
    collector reporter(into, place);
    std::vector<bench::registration> taking_part;
    std::copy_if(drivers.begin(), drivers.end(), std::back_inserter(taking_part),
                 [&](auto const& each) { return which == 0 || each.everywhere; });
    bool const watched = ::isatty(STDERR_FILENO) == 1;
    std::string trees;
    for (auto const& workload : into.workloads()) {
        if (!std::regex_search(workload, wanted.filter) || (which != 0 && is_growth(workload)))
            continue;
        if (watched)
            std::cerr << "\r\033[K" << place << ' ' << workload << std::flush;
        if (is_growth(workload) && end_of(workload) != std::exchange(trees, end_of(workload)))
            bench::forget_everything();
        // What something takes in memory does not depend on the moment.
        int const rounds = bench::counts_bytes(workload) ? 1 : wanted.repetitions;
        for (int round = 0; round < rounds; ++round)
            for (std::size_t i = 0; i < taking_part.size(); ++i) {
                // Nobody is always the one who finds the caches as the last one left them.
                auto const& driver = taking_part[(i + static_cast<std::size_t>(round)) % taking_part.size()];
                auto const name = workload + '/' + driver.driver;
                if (bench::benchmarks().contains(name))
                    run_one(name, reporter);
            }
    }
    if (watched)
        std::cerr << "\r\033[K";
    bench::forget_everything();
}

void write_results(std::string const& out, bench::table const& table, std::string const& where) {
    std::filesystem::create_directories(out + "/plots");
    std::ofstream json(out + "/results.json");
    table.write_json(json, {{"machine", where}});
    std::ofstream ratios(out + "/plots/ratios.svg");
    bench::draw_ratios(ratios, table);
    if (!json.flush() || !ratios.flush())
        throw std::runtime_error("cannot write to " + out);
    bench::draw_growth(out + "/plots", table);
    bench::write_parts(out, table);
}

}  // namespace

int main(int argc, char** argv) try {
    auto const wanted = parsed(argc, argv);
    // First, so that it is removed last, when nothing is mounted in it any more.
    bench::scratch() = std::make_unique<bench::scratch_directory>(wanted.directories.front());

    auto const drivers = available();
    std::vector<std::string> names;
    for (auto const& each : drivers)
        names.emplace_back(each.driver);
    auto const workloads = in_order(bench::workloads());
    if (wanted.only_list) {
        for (auto const& workload : workloads)
            if (std::regex_search(workload, wanted.filter))
                std::cout << workload << '\n';
        return 0;
    }

    std::vector<std::string> places;
    for (auto const& directory : wanted.directories) {
        auto place = file_system_of(directory);
        // Two of one kind are told apart by where they are.
        if (std::find(places.begin(), places.end(), place) != places.end())
            place += ' ' + directory;
        places.push_back(std::move(place));
    }
    auto const where = machine();
    std::cout << where << '\n' << "drivers:";
    for (auto const& name : names)
        std::cout << ' ' << name;
    std::cout << '\n';
#ifdef LAMINA_BENCH_NOT_BUILT
    std::cout << "not built, since not found: " LAMINA_BENCH_NOT_BUILT "\n";
#endif

    bench::table table(places, workloads, names);
    for (std::size_t i = 0; i < places.size(); ++i) {
        bench::forget_everything();
        bench::scratch().reset();
        bench::scratch() = std::make_unique<bench::scratch_directory>(wanted.directories[i]);
        run(wanted, i, places[i], drivers, table);
        if (table.empty())
            throw std::runtime_error("no benchmark was run");
        // Now, so that what was measured is not lost with what comes.
        if (!wanted.out.empty())
            write_results(wanted.out, table, where);
    }
    table.print(std::cout);
    if (!bench::notes().empty())
        std::cout << '\n';
    for (auto const& [name, what] : bench::notes())
        std::cout << name << ": " << what << '\n';
    for (auto const& [name, why] : bench::failures())
        std::cerr << name << ": failed: " << why << '\n';
    return bench::failures().empty() ? 0 : 1;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
