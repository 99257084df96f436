#include <lamina/backend/any.hpp>
#include <lamina/posix/directory.hpp>

#include "conformance/content.hpp"
#include "conformance/temporary_directory.hpp"

namespace {

class fixture {
public:
    explicit fixture(conformance::content const& given)
        : tree_(lamina::posix_directory::open(directory_.path()).value()) {
        conformance::materialise(tree_, given);
    }
    [[nodiscard]] lamina::any_backend& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() {
        conformance::temporary_directory const directory;
        auto tree = lamina::posix_directory::open(directory.path()).value();
        tree.probe(tree.root()).value();
        return tree.able();
    }

private:
    conformance::temporary_directory directory_;  // outlives tree_
    lamina::any_backend tree_;
};

}  // namespace

#include "conformance/writable.ipp"
