// lamina::overlay over plain directories: what the kernel's overlay is given too.
#include "../all.ipp"
#include "overlay.hpp"

namespace {

using directory = lamina::posix_directory;
using overlay_type = decltype(lamina::overlay(
    lamina::upper(std::declval<directory>(), std::declval<directory>()),
    lamina::lower(std::declval<std::vector<directory>>()), std::declval<lamina::policy>()));

template <lamina::durability Durable>
class on_directories : public bench::overlay_calls<overlay_type> {
public:
    static constexpr char const* name = "lamina";
    static std::string unavailable() { return {}; }

    explicit on_directories(bench::tree const& of)
        : tree_(of), directory_(of.base() / ("lamina-" + std::to_string(static_cast<int>(Durable)))) {
        reset();
    }
    void reset() {
        close();
        bench::fs::remove_all(directory_);
        bench::fs::create_directories(directory_ / "upper");
        bench::fs::create_directories(directory_ / "work");
        lamina::policy rules = lamina::policy::kernel();
        rules.metacopy = lamina::metacopies::on;
        rules.durable = Durable;
        rules.cache_bytes = bench::cache_bytes;
        std::vector<directory> lowers;
        for (unsigned i = 0; i < tree_.form().layers; ++i)
            lowers.push_back(open_directory(tree_.lower(i)));
        open(lamina::upper(open_directory(directory_ / "upper"), open_directory(directory_ / "work")),
             lamina::lower(std::move(lowers)), rules);
    }

private:
    static directory open_directory(bench::fs::path const& at) {
        return bench::valid(directory::open(at.native()), "open a layer");
    }
    bench::tree const& tree_;
    bench::fs::path directory_;
};

using unflushed = on_directories<lamina::durability::none>;
using ordered = on_directories<lamina::durability::ordered>;
[[maybe_unused]] bool const registered =
    bench::add_driver<unflushed, ordered>(bench::reach::each_file_system, [] {
        auto parts = bench::everything<unflushed, ordered>();
        parts.push_back(&bench::add_remembering<unflushed>);
        return parts;
    }());

}  // namespace
