#include <lamina/archive/tar.hpp>

#include "conformance/content.hpp"
#include "conformance/tar_of.hpp"

namespace {

class fixture {
public:
    explicit fixture(conformance::content const& given)
        : tree_(lamina::tar_layer::open(lamina::memory_source(conformance::tar_of(given))).value()) {}
    [[nodiscard]] lamina::tar_layer& tree() { return tree_; }
    // An archive can say everything; who reads it needs no privilege.
    [[nodiscard]] static lamina::capabilities holds() {
        using lamina::capability;
        return capability::hard_links | capability::user_xattrs | capability::trusted_xattrs |
               capability::special_files | capability::change_owner;
    }

private:
    lamina::tar_layer tree_;
};

}  // namespace

#include "conformance/readable.ipp"
