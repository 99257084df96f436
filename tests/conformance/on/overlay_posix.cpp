// Real directories: the upper with its work directory, and two lowers.
#include <filesystem>
#include <vector>

#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"
#include "conformance/temporary_directory.hpp"

namespace {

class fixture : public conformance::overlay_promises<true> {
public:
    explicit fixture(conformance::content const& given) { conformance::spread(given, lowers_); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() {
        conformance::temporary_directory const directory;
        auto tree = lamina::posix_directory::open(directory.path()).value();
        tree.probe(tree.root()).value();
        return tree.able();
    }

private:
    lamina::posix_directory directory(char const* name) {
        auto const path = place_.path() + "/" + name;
        std::filesystem::create_directory(path);
        return lamina::posix_directory::open(path).value();
    }
    std::vector<lamina::posix_directory> lowers() {
        std::vector<lamina::posix_directory> made;
        made.push_back(directory("top"));
        made.push_back(directory("bottom"));
        return made;
    }

    conformance::temporary_directory place_;
    std::vector<lamina::posix_directory> lowers_ = lowers();
    lamina::posix_directory upper_ = directory("upper");
    lamina::posix_directory work_ = directory("work");
    decltype(lamina::overlay(lamina::upper(upper_, work_), lamina::lower(lowers_))) tree_{lamina::upper(upper_, work_),
                                                                                          lamina::lower(lowers_)};
};

}  // namespace

#include "conformance/writable.ipp"
