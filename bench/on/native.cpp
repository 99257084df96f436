// The floor: the same tree in one plain directory, without layers.
#include "../all.ipp"
#include "syscalls.hpp"

namespace {

class native : public bench::system_calls {
public:
    static constexpr char const* name = "native";
    static std::string unavailable() { return {}; }

    explicit native(bench::tree const& of) : tree_(of), directory_(of.base() / "native") { reset(); }
    // There is nothing to forget: the system's own caches are what this driver is about.
    void reset() {
        if (!std::exchange(changed_, false))
            return;
        close_root();
        std::filesystem::remove_all(directory_);
        tree_.write_merged(directory_);
        open_root(directory_);
    }

private:
    bench::tree const& tree_;
    std::filesystem::path directory_;
};

[[maybe_unused]] bool const registered =
    bench::add_driver<native>(bench::reach::each_file_system, bench::everything<native>());

}  // namespace
