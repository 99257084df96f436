// The trees that every driver is measured on: the same files, five names deep, in the same number of layers, on the
// same file system. Built once per shape and kept until the program ends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace bench {

namespace fs = std::filesystem;

// A directory of our own on the file system that is measured; removed, with everything in it, when its owner goes.
class scratch_directory {
public:
    explicit scratch_directory(fs::path const& parent)
        : path_(fs::absolute(parent) / ("lamina-bench." + std::to_string(::getpid()))) {
        fs::create_directories(path_);
    }
    scratch_directory(scratch_directory const&) = delete;
    scratch_directory& operator=(scratch_directory const&) = delete;
    ~scratch_directory() {
        std::error_code not_worth_reporting;
        fs::remove_all(path_, not_worth_reporting);
    }
    [[nodiscard]] fs::path const& path() const { return path_; }

private:
    fs::path path_;
};

// Where the trees lie now. Changed only while no tree and no driver is left of the one before (forget_everything).
inline std::unique_ptr<scratch_directory>& scratch() {
    static std::unique_ptr<scratch_directory> current;
    return current;
}

// Where the files of a tree lie. In all cases every directory exists in every layer, so that all of them have to be
// asked.
enum class placement {
    spread,  // file i in layer i modulo the number of layers
    lowest,  // all in the lowest layer
};

struct shape {
    unsigned layers = 10;
    unsigned files = 500;
    unsigned directories = 1;  // that the files are spread over
    placement place = placement::spread;
    std::size_t bytes = 0;  // of each file
    unsigned depth = 5;     // names in the path of a file, at least 1; with one or two there is one directory
    bool changes = false;   // what changes a tree shares it with nobody who only reads

    friend auto operator<=>(shape const&, shape const&) = default;
    [[nodiscard]] std::string name() const {
        return std::to_string(layers) + '-' + std::to_string(files) + '-' + std::to_string(directories) + '-' +
               (place == placement::lowest ? "lowest-" : "spread-") + std::to_string(bytes) + '-' +
               std::to_string(depth) + (changes ? "-changes" : "");
    }
};

class tree {
public:
    explicit tree(shape s) : shape_(s), base_(scratch()->path() / s.name()) {
        for (unsigned i = 0; i < shape_.files; ++i)
            files_.push_back((shape_.depth < 2 ? "f" : directory_of(i) + "/f") + std::to_string(i));
        for (unsigned layer = 0; layer < shape_.layers; ++layer)
            write_to(lower(layer), [&](unsigned file) { return layer_of(file) == layer; });
    }
    tree(tree const&) = delete;
    tree& operator=(tree const&) = delete;
    ~tree() {
        std::error_code not_worth_reporting;
        fs::remove_all(base_, not_worth_reporting);
    }

    [[nodiscard]] shape const& form() const { return shape_; }
    [[nodiscard]] fs::path const& base() const { return base_; }
    [[nodiscard]] unsigned layer_of(unsigned file) const {
        return shape_.place == placement::lowest ? shape_.layers - 1 : file / shape_.directories % shape_.layers;
    }
    // A layer of the tree, 0 the topmost. Not to be changed by anybody.
    [[nodiscard]] fs::path lower(unsigned layer) const { return base_ / ("l" + std::to_string(layer)); }
    // The whole tree in one directory.
    void write_merged(fs::path const& to) const {
        write_to(to, [](unsigned) { return true; });
    }

    [[nodiscard]] std::vector<std::string> const& files() const { return files_; }
    // The directory that holds all others.
    [[nodiscard]] std::string top() const {
        std::string path = "a";
        for (unsigned level = 3; level < shape_.depth; ++level)
            path += "/b";
        return path;
    }
    [[nodiscard]] std::string directory(unsigned i) const {
        if (shape_.depth < 2)
            return "";
        return (shape_.depth < 3 ? "d" : top() + "/d") + std::to_string(i);
    }

private:
    [[nodiscard]] std::string directory_of(unsigned file) const { return directory(file % shape_.directories); }
    template <class Wanted>
    void write_to(fs::path const& root, Wanted wanted) const {
        for (unsigned i = 0; i < shape_.directories; ++i)
            fs::create_directories(root / directory(i));
        std::string const content(shape_.bytes, 'x');
        std::string const prefix = root.native() + '/';
        for (unsigned i = 0; i < shape_.files; ++i)
            if (wanted(i))
                write_file(prefix + files_[i], content);
    }
    // Not a stream: a million of these are made, and a stream takes longer than the file.
    static void write_file(std::string const& path, std::string const& content) {
        int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        bool const written =
            fd >= 0 && ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
        if (fd < 0 || ::close(fd) != 0 || !written)
            throw std::runtime_error("cannot write " + path);
    }

    shape shape_;
    fs::path base_;
    std::vector<std::string> files_;
};

inline std::map<shape, std::unique_ptr<tree>>& trees() {
    static std::map<shape, std::unique_ptr<tree>> built;
    return built;
}
inline tree const& tree_of(shape s) {
    auto& one = trees()[s];
    if (!one)
        one = std::make_unique<tree>(s);
    return *one;
}

// The same order in every run and for every driver.
inline std::vector<std::size_t> shuffled(std::size_t count) {
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i)
        order[i] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(20240229));
    return order;
}

}  // namespace bench
