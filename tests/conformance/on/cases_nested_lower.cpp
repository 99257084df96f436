// The cases where all lowers are one: an overlay that nothing can be changed through.
#include "conformance/case_stacks.hpp"

namespace {

class one_overlay {
    using view_type = decltype(lamina::overlay{lamina::lower(std::declval<std::vector<lamina::any_backend>&>())});

public:
    static constexpr std::size_t most = 1000;
    static constexpr auto format = lamina::whiteout_format::kernel;
    void add(conformance::content const& given) {
        trees_.push_back(std::make_unique<lamina::memory_tree>());
        conformance::materialise(*trees_.back(), given);
        list_.emplace_back(*trees_.back());
    }
    [[nodiscard]] auto list() {
        view_.emplace(lamina::lower(list_));
        return lamina::lower(*view_);
    }
    [[nodiscard]] std::vector<model::image> images() {
        std::vector<model::image> images;
        for (auto& tree : trees_)
            images.push_back(model::photograph(*tree, model::detail::everything));
        return images;
    }

private:
    std::vector<std::unique_ptr<lamina::memory_tree>> trees_;
    std::vector<lamina::any_backend> list_;
    std::optional<view_type> view_;
};

using fixture = conformance::case_stack<conformance::memory_upper, one_overlay, 3>;

}  // namespace

#include "conformance/cases.ipp"
