// A mount of an overlay, seen as any directory of the machine is seen: what the suite asks of a backend passes through the
// kernel to the program that is mounted (mount/mounted.hpp), which LAMINA_FUSE names.
#include <cstdio>
#include <cstdlib>

#include <lamina/posix/directory.hpp>

#include "conformance/layers.hpp"
#include "mount/mounted.hpp"

namespace {

// Before any test: one line says that all are left out.
[[maybe_unused]] bool const possible = [] {
    if (mounting::obstacle().empty())
        return true;
    std::printf("skipped, as all tests of mounts: %s\n", mounting::obstacle().c_str());
    std::exit(EXIT_SUCCESS);
}();

class fixture {
public:
    explicit fixture(conformance::content const& given) : mounted_(2) {
        for (std::size_t i = 0; i != 2; ++i) {
            auto layer = lamina::posix_directory::open(mounted_.lower(i)).value();
            if (!mounted_.is_direct())
                conformance::materialise(layer, conformance::part(given, i, 2));
            else if (i == 0)
                conformance::materialise(layer, given);
        }
        mounted_.open();
        tree_.emplace(lamina::posix_directory::open(mounted_.root()).value());
        // Of FUSE in general nothing much is assumed.
        tree_->probe(tree_->root()).value();
    }
    [[nodiscard]] lamina::posix_directory& tree() { return *tree_; }
    [[nodiscard]] static lamina::capabilities holds() {
        mounting::overlay directory;
        directory.open();
        auto tree = lamina::posix_directory::open(directory.root()).value();
        tree.probe(tree.root()).value();
        return tree.able();
    }
    // There is no index unless somebody asks for it, and the kernel leaves a reader the file that it had.
    [[nodiscard]] static bool promises(conformance::promise p) {
        return p != conformance::promise::links_stay_links &&
               (p != conformance::promise::handles_follow || !mounting::is_kernel());
    }

private:
    mounting::overlay mounted_;  // outlives tree_
    std::optional<lamina::posix_directory> tree_;
};

}  // namespace

#include "conformance/writable.ipp"
