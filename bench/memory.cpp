// What a cached name costs in memory, all that the overlay and its backends keep for it included: the growth of the heap over
// 100,000 of them, divided. Descriptors and the kernel's caches are not counted.
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <malloc.h>

#include "on/overlay.hpp"
#include "tree.hpp"

namespace {

std::size_t heap() {
    auto const use = ::mallinfo2();
    return use.uordblks + use.hblkhd;
}

template <class Overlay>
void measure(char const* layers, Overlay& root, bench::tree const& tree) {
    bench::valid(root.ready(), "join the layers");
    auto const names = [&](char const* suffix) {
        std::vector<lamina::path> all;
        for (auto const i : bench::shuffled(tree.files().size()))
            all.push_back(lamina::path::parse(tree.files()[i] + suffix).value());
        return all;
    };
    auto const missing = names(".missing");
    auto const present = names("");
    auto const count = present.size();

    auto before = heap();
    for (auto const& path : missing)
        if (root.status(path))
            throw std::runtime_error("a file is there that should not be");
    auto const absent = (heap() - before) / count;
    before = heap();
    for (auto const& path : present)
        bench::valid(root.status(path), "stat");
    auto const cached = (heap() - before) / count;
    std::cout << "| " << layers << " | " << absent << " | " << cached << " | " << absent + cached << " |\n";
}

lamina::posix_directory open_directory(bench::fs::path const& at) {
    return bench::valid(lamina::posix_directory::open(at.native()), "open a layer");
}

}  // namespace

int main() try {
    bench::scratch_directory::instance();
    auto const& tree = bench::tree_of({.files = 100000, .directories = 1000});

    std::cout << "| layers | bytes per absent name asked for | then, per present one | both |\n|---|---:|---:|---:|\n";
    {
        std::vector<lamina::posix_directory> lowers;
        for (unsigned i = 0; i < tree.form().layers; ++i)
            lowers.push_back(open_directory(tree.lower(i)));
        bench::fs::create_directories(tree.base() / "upper");
        bench::fs::create_directories(tree.base() / "work");
        lamina::overlay root{lamina::upper(open_directory(tree.base() / "upper"), open_directory(tree.base() / "work")),
                             lamina::lower(std::move(lowers))};
        measure("directories", root, tree);
    }
    {
        std::vector<lamina::memory_tree> lowers(tree.form().layers);
        for (auto& layer : lowers)
            for (unsigned i = 0; i < tree.form().directories; ++i)
                bench::valid(layer.create_directories(lamina::path::parse(tree.directory(i)).value()), "make a directory");
        for (unsigned i = 0; i < tree.form().files; ++i)
            bench::valid(lowers[tree.layer_of(i)].write(lamina::path::parse(tree.files()[i]).value(), ""), "make a file");
        lamina::overlay root{lamina::upper(lamina::memory_tree()), lamina::lower(lowers)};
        measure("memory", root, tree);
    }
} catch (std::exception const& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
