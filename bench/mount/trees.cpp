#include "trees.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mounts.hpp"

namespace bench {

namespace fs = std::filesystem;

namespace {

// Below this many objects and bytes: what is copied again for every turn must stay cheap.
constexpr std::size_t system_objects = 8'000;
constexpr std::uintmax_t system_bytes = std::uintmax_t{120} << 20;

// Paths, without the leading slash, of the directories, files and links that make up a piece of a root file system;
// parents first.
std::vector<std::string> piece_of_the_system() {
    std::vector<std::string> chosen = {"usr"};
    std::uintmax_t bytes = 0;
    for (auto const* const top : {"/etc", "/usr/include", "/usr/lib/python3", "/usr/share", "/usr/bin"}) {
        std::error_code unreadable;
        auto const options = fs::directory_options::skip_permission_denied;
        if (!fs::is_directory(top, unreadable))
            continue;
        // A part from each, so that there are scripts, headers, programs and links.
        auto const limit = std::min(system_objects, chosen.size() + system_objects / 3);
        if (std::string(top) == "/usr/lib/python3")
            chosen.emplace_back("usr/lib");
        chosen.emplace_back(top + 1);
        for (fs::recursive_directory_iterator at(top, options, unreadable), end; at != end && chosen.size() < limit;
             at.increment(unreadable)) {
            auto const status = at->symlink_status(unreadable);
            bool const file = fs::is_regular_file(status);
            auto const size = file ? at->file_size(unreadable) : 0;
            if ((!file && !fs::is_directory(status) && !fs::is_symlink(status)) || bytes + size > system_bytes)
                continue;
            bytes += size;
            chosen.push_back(at->path().string().substr(1));
        }
    }
    return chosen;
}

unsigned layer_of(unsigned file, std::size_t layers) { return file % static_cast<unsigned>(layers); }

void make_small(std::vector<fs::path> const& layers) {
    std::string const bytes(4096, 'x');
    for (unsigned d = 0; d < small_directories; ++d) {
        auto const directory = "d" + std::to_string(d);
        for (auto const& layer : layers)
            fs::create_directories(layer / directory);
        for (unsigned f = 0; f < small_files; ++f)
            write_file(layers[layer_of(f, layers.size())] / directory / ("f" + std::to_string(f)), bytes);
    }
}

void make_wide(std::vector<fs::path> const& layers) {
    for (auto const& layer : layers)
        fs::create_directories(layer / "wide");
    for (unsigned f = 0; f < wide_files; ++f)
        write_file(layers[layer_of(f, layers.size())] / "wide" / ("name" + std::to_string(f)), "");
}

void make_large(std::vector<fs::path> const& layers) {
    // Not all alike: a file system may notice.
    std::string block(1 << 20, '\0');
    for (std::size_t i = 0; i < block.size(); ++i)
        block[i] = static_cast<char>(i * 7 >> 3);
    std::ofstream out(layers.front() / "large", std::ios::binary);
    for (std::size_t written = 0; written < large_bytes; written += block.size())
        out << block;
    if (!out.flush())
        throw std::runtime_error("cannot write the large file");
}

void make_system(std::vector<fs::path> const& layers) {
    auto const& top = layers.front();
    std::ofstream list(top / "list");
    for (auto const& path : piece_of_the_system())
        list << path << '\n';
    list.close();
    run_command({"tar", "-c", "-f", "system.tar", "-C", "/", "--no-recursion", "--ignore-failed-read", "-T",
                 (top / "list").string()},
                top);
    fs::remove(top / "list");
    fs::create_directory(top / "system");
    run_command({"tar", "-x", "-f", "system.tar", "-C", "system"}, top);
}

void make_repository(std::vector<fs::path> const& layers) {
    auto const at = layers.front() / "repository";
    std::string text;
    for (unsigned line = 0; line < 60; ++line)
        text += "a line of some length, as they are found in sources\n";
    for (unsigned d = 0; d < 100; ++d) {
        auto const directory = at / ("part" + std::to_string(d / 10)) / ("room" + std::to_string(d % 10));
        fs::create_directories(directory);
        for (unsigned f = 0; f < 30; ++f)
            write_file(directory / ("file" + std::to_string(f) + ".cpp"), text + std::to_string(d * 100 + f) + '\n');
    }
    run_command({"git", "init", "-q", "."}, at);
    run_command({"git", "add", "-A"}, at);
    run_command({"git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", "all"}, at);
    // So that the times in its index are older than the index, and it need not doubt them.
    ::sleep(1);
    run_command({"git", "update-index", "--refresh"}, at);
}

void make_project(std::vector<fs::path> const& layers) {
    auto const at = layers.front() / "project";
    fs::create_directories(at / "include");
    for (unsigned h = 0; h < 300; ++h) {
        auto const n = std::to_string(h);
        write_file(at / "include" / ("part" + n + ".hpp"),
                   "#pragma once\n" + (h == 0 ? std::string() : "#include \"part" + std::to_string(h / 2) + ".hpp\"\n") +
                       "inline int part" + n + "(int x) { return x + " + n + "; }\n");
    }
    for (unsigned s = 0; s < 3; ++s) {
        std::string text;
        for (unsigned h = 0; h < 300; ++h)
            text += "#include \"part" + std::to_string(h) + ".hpp\"\n";
        auto const n = std::to_string(s);
        text += s == 0 ? "int unit1(int);\nint unit2(int);\nint main() { return unit1(part3(0)) + unit2(-6); }\n"
                       : "int unit" + n + "(int x) { return part" + n + "(x); }\n";
        write_file(at / ("unit" + n + ".cpp"), text);
    }
    write_file(at / "build", "set -e\nfor n in 0 1 2; do ${CXX:-c++} -Iinclude -c unit$n.cpp -o unit$n.o; done\n"
                             "${CXX:-c++} unit0.o unit1.o unit2.o -o program\n");
}

}  // namespace

void write_file(fs::path const& at, std::string const& bytes) {
    int const fd = ::open(at.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool const written = fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    if (fd < 0 || ::close(fd) != 0 || !written)
        throw std::runtime_error("cannot write " + at.string());
}

layered_tree small_tree() { return {"small", small_layers, make_small}; }
layered_tree wide_tree() { return {"wide", small_layers, make_wide}; }
layered_tree large_tree() { return {"large", 1, make_large}; }
layered_tree system_tree() { return {"system", 1, make_system}; }
layered_tree repository_tree() { return {"repository", 1, make_repository}; }
layered_tree project_tree() { return {"project", 1, make_project}; }

std::string many_path(unsigned file) { return "many" + std::to_string(file / 1000) + "/f" + std::to_string(file); }
layered_tree many_tree(unsigned files) {
    return {"many" + std::to_string(files), 1, [files](std::vector<fs::path> const& layers) {
                for (unsigned f = 0; f < files; ++f) {
                    if (f % 1000 == 0)
                        fs::create_directory(layers.front() / ("many" + std::to_string(f / 1000)));
                    write_file(layers.front() / many_path(f), "");
                }
            }};
}

}  // namespace bench
