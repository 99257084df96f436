// lamina_mount_bench [--list] [--filter=<regular expression>] [--mounts=<regular expression>] [--repetitions=<n>]
//                    [--in=<directory>]... [--ours=<program>] [--out=<directory>]
//
// Mounts of overlays against each other: the kernel's, this library's (the program that --ours or LAMINA_FUSE names)
// and those of other people that are installed; and a plain directory. A round of a scene gives every one of them a
// turn, one right after the other and each time with another one first; a turn begins on a fresh mount with an empty
// upper. Ratios are formed within a round. One round more comes before: it is not timed, it warms what lies below and
// counts requests. Prints a table; with --out it also writes mount.json and mount.md there.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../table.hpp"
#include "../tree.hpp"
#include "mounts.hpp"
#include "report.hpp"
#include "scenes.hpp"

namespace {

namespace fs = std::filesystem;

struct request {
    std::string out, ours;
    std::regex filter{""}, mounts{""};
    int repetitions = 5;
    bool only_list = false;
    std::vector<std::string> directories;
};

request parsed(int argc, char** argv) {
    request wanted;
    if (char const* const ours = std::getenv("LAMINA_FUSE"))
        wanted.ours = ours;
    for (int i = 1; i < argc; ++i) {
        std::string_view const one = argv[i];
        auto const value = std::string(one.substr(std::min(one.find('='), one.size() - 1) + 1));
        if (one.starts_with("--out="))
            wanted.out = value;
        else if (one.starts_with("--ours="))
            wanted.ours = value;
        else if (one.starts_with("--in="))
            wanted.directories.push_back(value);
        else if (one.starts_with("--filter="))
            wanted.filter = std::regex(value);
        else if (one.starts_with("--mounts="))
            wanted.mounts = std::regex(value);
        else if (one.starts_with("--repetitions="))
            wanted.repetitions = std::max(1, std::stoi(value));
        else if (one == "--list")
            wanted.only_list = true;
        else
            throw std::runtime_error("usage: lamina_mount_bench [--list] [--filter=<regular expression>] "
                                     "[--mounts=<regular expression>] [--repetitions=<n>] [--in=<directory>]... "
                                     "[--ours=<program>] [--out=<directory>]");
    }
    if (wanted.directories.empty())
        wanted.directories.emplace_back(fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path().string());
    return wanted;
}

std::string machine() {
    utsname about{};
    ::uname(&about);
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name") && line.find(": ") != line.npos)
            return line.substr(line.find(": ") + 2) + ", " + about.sysname + ' ' + about.release;
    return std::string(about.sysname) + ' ' + about.release;
}

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

unsigned entries() {
    char const* const chosen = std::getenv("LAMINA_BENCH_ENTRIES");
    return chosen == nullptr ? 200'000 : static_cast<unsigned>(std::stoul(chosen));
}

// The layers of one tree, made when they are first asked for.
std::vector<fs::path> const& layers_of(bench::layered_tree const& tree, fs::path const& in) {
    static std::map<fs::path, std::vector<fs::path>> made;
    auto& layers = made[in / tree.name];
    if (layers.empty()) {
        for (unsigned i = 0; i < tree.layers; ++i) {
            layers.push_back(in / tree.name / ("l" + std::to_string(i)));
            fs::create_directories(layers.back());
        }
        tree.make(layers);
    }
    return layers;
}

// Plays a scene once, on a fresh mount.
void play(bench::scene const& what, bench::candidate const& who, fs::path const& in, bool count_requests,
                        std::optional<bench::turn>& into) {
    auto const here = in / "turn";
    fs::remove_all(here);
    bench::places where{layers_of(what.tree, in), here / "upper", here / "work", here / "merged"};
    for (auto const& each : {where.upper, where.work, where.merged})
        fs::create_directories(each);
    if (who.how == bench::candidate::kind::native)
        for (auto layer = where.lowers.rbegin(); layer != where.lowers.rend(); ++layer)
            bench::run_command({"cp", "-a", layer->string() + "/.", where.merged.string()}, "/");
    {
        bench::mounted const mount(who, where);
        into.emplace(mount, count_requests);
        // Whoever has not ended by then never will.
        bench::watchdog const guard(mount.daemon(), std::chrono::minutes(3));
        try {
            what.play(*into);
        } catch (std::exception const& failure) {
            for (auto const& work : what.works)
                if (!into->values().contains(work))
                    into->fail(work, failure.what());
        }
    }
    fs::remove_all(here);
}

void run(request const& wanted, std::string const& place, fs::path const& in,
         std::vector<bench::candidate> const& candidates, std::vector<bench::scene> const& scenes, bench::report& into) {
    bool const watched = ::isatty(STDERR_FILENO) == 1;
    for (auto const& scene : scenes) {
        std::set<std::string> works;
        for (auto const& work : scene.works)
            if (std::regex_search(work, wanted.filter))
                works.insert(work);
        if (works.empty())
            continue;
        std::vector<bench::candidate> taking_part;
        std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(taking_part), [&](auto const& each) {
            return (each.copies_up || !scene.changes_lowers) &&
                   (each.how == bench::candidate::kind::daemon || !scene.only_daemons) &&
                   (each.flushes || place != "tmpfs");  // where nothing is ever flushed, both are the same
        });
        int const rounds = scene.once ? 1 : wanted.repetitions;
        // Round 0 warms and counts.
        for (int round = scene.once ? 1 : 0; round <= rounds; ++round)
            for (std::size_t i = 0; i < taking_part.size(); ++i) {
                auto const& who = taking_part[(i + static_cast<std::size_t>(round)) % taking_part.size()];
                if (watched)
                    std::cerr << "\r\033[K" << place << ' ' << *works.begin() << ' ' << round << ' ' << who.name
                              << std::flush;
                std::optional<bench::turn> played;
                try {
                    play(scene, who, in, round == 0, played);
                } catch (std::exception const& failure) {
                    for (auto const& work : works)
                        into.fail(work, who.name, failure.what());
                    continue;
                }
                for (auto const& [work, why] : played->failures())
                    if (works.contains(work))
                        into.fail(work, who.name, why);
                for (auto const& [work, count] : played->requests())
                    into.requests(place, work, who.name, count);
                for (auto const& [work, value] : played->values())
                    if (works.contains(work) && round != 0)
                        into.add(place, work, who.name, value);
            }
    }
    if (watched)
        std::cerr << "\r\033[K";
}

}  // namespace

int main(int argc, char** argv) try {
    auto const wanted = parsed(argc, argv);
    auto const scenes = bench::scenes(entries());
    std::vector<std::string> works;
    for (auto const& scene : scenes)
        for (auto const& work : scene.works)
            if (std::regex_search(work, wanted.filter))
                works.push_back(work);
    if (wanted.only_list) {
        for (auto const& work : works)
            std::cout << work << '\n';
        return 0;
    }
    if (works.empty())
        throw std::runtime_error("no work has such a name");
    ::umask(022);
    if (auto const why = bench::private_mounts(); !why.empty())
        std::cout << why << '\n';

    std::vector<std::string> skipped, names, file_systems;
    auto const candidates = [&] {
        bench::scratch_directory const scratch(wanted.directories.front());
        return bench::candidates(wanted.ours, wanted.mounts, scratch.path() / "attempt", skipped);
    }();
    for (auto const& each : candidates)
        names.push_back(each.name);
    for (auto const& directory : wanted.directories)
        file_systems.push_back(file_system_of(directory));
    auto const where = machine();
    std::cout << where << "\nmounts:";
    for (auto const& name : names)
        std::cout << ' ' << name;
    std::cout << '\n';
    for (auto const& one : skipped)
        std::cout << "skipped: " << one << '\n';

    bench::report report(file_systems, works, names);
    for (std::size_t i = 0; i < wanted.directories.size(); ++i) {
        bench::scratch_directory const scratch(wanted.directories[i]);
        run(wanted, file_systems[i], scratch.path(), candidates, scenes, report);
        // Now, so that what was measured is not lost with what comes.
        if (!wanted.out.empty())
            report.write(wanted.out, where);
    }
    report.print(std::cout);
    return report.ours_failed() ? 1 : 0;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
