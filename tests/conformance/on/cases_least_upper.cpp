// The cases on an upper that can do next to nothing: no exchange, no links, no devices, no unnamed files.
#include "conformance/case_stacks.hpp"
#include "model/limited.hpp"

namespace {

class least_upper {
    using limited = model::limited<lamina::memory_tree&>;
    static constexpr lamina::capabilities missing() {
        using lamina::capability;
        return capability::exchange | capability::rename_whiteout | capability::unnamed_files | capability::hard_links |
               capability::whiteout_device | capability::no_replace | capability::clone;
    }

public:
    [[nodiscard]] auto layer() { return lamina::upper(limited_); }
    [[nodiscard]] limited& raw() { return limited_; }
    [[nodiscard]] static lamina::capabilities able() { return lamina::memory_tree().able().without(missing()); }

private:
    lamina::memory_tree tree_;
    limited limited_{tree_, missing()};
};

using fixture = conformance::case_stack<least_upper, conformance::memory_lowers, 3>;

}  // namespace

#include "conformance/cases.ipp"
