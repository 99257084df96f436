// The cases over archives: deletions in the lowers are OCI's, in the upper the kernel's.
#include <lamina/archive/tar.hpp>

#include "conformance/case_stacks.hpp"
#include "conformance/tar_of.hpp"

namespace {

class tar_lowers {
public:
    static constexpr std::size_t most = 1000;
    static constexpr auto format = lamina::whiteout_format::aufs;
    void add(conformance::content const& given) {
        trees_.push_back(lamina::tar_layer::open(lamina::memory_source(conformance::tar_of(given))).value());
    }
    [[nodiscard]] auto list() { return lamina::lower(trees_); }
    [[nodiscard]] std::vector<model::image> images() { return conformance::memory_lowers::photographs(trees_); }

private:
    std::vector<lamina::tar_layer> trees_;
};

using fixture = conformance::case_stack<conformance::memory_upper, tar_lowers, 3>;

}  // namespace

#include "conformance/cases.ipp"
