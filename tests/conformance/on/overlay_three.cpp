// Lowers of three types: a tree in memory, a real directory, an archive.
#include <lamina/archive/tar.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/layers.hpp"
#include "conformance/tar_of.hpp"
#include "conformance/temporary_directory.hpp"

namespace {

class fixture : public conformance::overlay_promises<false> {
public:
    explicit fixture(conformance::content const& given)
        : archive_(lamina::tar_layer::open(lamina::memory_source(conformance::tar_of(conformance::part(given, 2, 3))))
                       .value()) {
        conformance::materialise(memory_, conformance::part(given, 0, 3));
        conformance::materialise(directory_, conformance::part(given, 1, 3));
    }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() {
        conformance::temporary_directory const directory;
        auto tree = lamina::posix_directory::open(directory.path()).value();
        tree.probe(tree.root()).value();
        return tree.able();
    }

private:
    conformance::temporary_directory place_;
    lamina::memory_tree memory_;
    lamina::posix_directory directory_ = lamina::posix_directory::open(place_.path()).value();
    lamina::tar_layer archive_;
    lamina::memory_tree upper_;
    decltype(lamina::overlay(lamina::upper(upper_), lamina::lower(memory_, directory_, archive_))) tree_{
        lamina::upper(upper_), lamina::lower(memory_, directory_, archive_)};
};

}  // namespace

#include "conformance/writable.ipp"
