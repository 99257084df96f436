// lamina::overlay over tars that are not extracted, with a plain directory as the upper.
#include "../all.ipp"
#include "overlay.hpp"

#include <cstdlib>

namespace {

using directory = lamina::posix_directory;
using overlay_type = decltype(lamina::overlay(
    lamina::upper(std::declval<directory>(), std::declval<directory>()),
    lamina::lower(std::declval<std::vector<lamina::tar_layer>>()), std::declval<lamina::policy>()));

class on_tars : public bench::overlay_calls<overlay_type> {
public:
    static constexpr char const* name = "lamina_tar";
    static std::string unavailable() {
        return std::system("tar --version >/dev/null 2>&1") == 0 ? "" : "there is no tar";
    }

    explicit on_tars(bench::tree const& of) : tree_(of), directory_(of.base() / name) {
        bench::fs::create_directories(directory_);
        for (unsigned i = 0; i < of.form().layers; ++i) {
            auto const command = "tar -C '" + of.lower(i).native() + "' -cf '" + archive(i) + "' a";
            if (std::system(command.c_str()) != 0)
                throw std::runtime_error("tar fails");
        }
        reset();
    }
    // With the indexes made anew: a fresh start is one without them.
    void reset() {
        close();
        for (auto const* const part : {"upper", "work"}) {
            bench::fs::remove_all(directory_ / part);
            bench::fs::create_directories(directory_ / part);
        }
        auto archives = open_directory(directory_);
        std::vector<lamina::tar_layer> lowers;
        for (unsigned i = 0; i < tree_.form().layers; ++i) {
            auto const path = make_path(bench::fs::path(archive(i)).filename().native());
            auto file = bench::valid(archives.open(path, lamina::open_flags::read), "open a tar");
            lowers.push_back(bench::valid(lamina::tar_layer::open(std::move(file)), "read a tar"));
        }
        lamina::policy rules = lamina::policy::kernel();
        rules.metacopy = lamina::metacopies::on;
        rules.durable = lamina::durability::none;
        rules.cache_bytes = bench::cache_bytes;
        open(lamina::upper(open_directory(directory_ / "upper"), open_directory(directory_ / "work")),
             lamina::lower(std::move(lowers)), rules);
    }

private:
    [[nodiscard]] std::string archive(unsigned layer) const {
        return (directory_ / (std::to_string(layer) + ".tar")).native();
    }
    static directory open_directory(bench::fs::path const& at) {
        return bench::valid(directory::open(at.native()), "open a layer");
    }
    bench::tree const& tree_;
    bench::fs::path directory_;
};

[[maybe_unused]] bool const registered =
    bench::add_driver<on_tars>(bench::reach::first_file_system, bench::table_only<on_tars>());

}  // namespace
