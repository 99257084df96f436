// What the mounts are made of: trees of one or several layers, made once and never changed afterwards.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace bench {

// Ten directories d0 to d9 that lie in every one of ten layers; a hundred files of 4 KiB in each, f0 and on, spread
// over the layers.
inline constexpr unsigned small_directories = 10;
inline constexpr unsigned small_files = 100;
inline constexpr unsigned small_layers = 10;
// One directory, "wide", of as many names in ten layers.
inline constexpr unsigned wide_files = 10'000;
inline constexpr std::size_t large_bytes = std::size_t{256} << 20;

struct layered_tree {
    std::string name;
    unsigned layers;
    std::function<void(std::vector<std::filesystem::path> const& layers)> make;
};

[[nodiscard]] layered_tree small_tree();
[[nodiscard]] layered_tree wide_tree();
// One file, "large".
[[nodiscard]] layered_tree large_tree();
// "system": what this machine has in some of its directories, at most so many objects; and "system.tar", the same.
[[nodiscard]] layered_tree system_tree();
// "repository": sources under git, everything committed.
[[nodiscard]] layered_tree repository_tree();
// "project": three sources, each of which includes many headers, and a script that builds a program.
[[nodiscard]] layered_tree project_tree();
// As many empty files, a thousand in a directory; the paths are many_path(0) and on.
[[nodiscard]] layered_tree many_tree(unsigned files);
[[nodiscard]] std::string many_path(unsigned file);

void write_file(std::filesystem::path const& at, std::string const& bytes);

}  // namespace bench
