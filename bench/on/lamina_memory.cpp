// lamina::overlay over trees in memory.
#include "../all.ipp"
#include "overlay.hpp"

namespace {

using overlay_type = decltype(lamina::overlay(lamina::upper(std::declval<lamina::memory_tree>()),
                                              lamina::lower(std::declval<std::vector<lamina::memory_tree>&>()),
                                              std::declval<lamina::policy>()));

class in_memory : public bench::overlay_calls<overlay_type> {
public:
    static constexpr char const* name = "lamina_memory";
    static std::string unavailable() { return {}; }

    explicit in_memory(bench::tree const& of) : layers_(of.form().layers) {
        for (auto& layer : layers_)
            for (unsigned i = 0; i < of.form().directories; ++i)
                bench::valid(layer.create_directories(make_path(of.directory(i))), "make a directory");
        std::string const content(of.form().bytes, 'x');
        for (unsigned i = 0; i < of.form().files; ++i)
            bench::valid(layers_[of.layer_of(i)].write(make_path(of.files()[i]), content), "make a file");
        reset();
    }
    in_memory(in_memory const&) = delete;
    in_memory& operator=(in_memory const&) = delete;
    ~in_memory() { close(); }  // before the layers that it refers to

    void reset() {
        close();
        lamina::policy rules = lamina::policy::memory();
        rules.cache_bytes = bench::cache_bytes;
        open(lamina::upper(lamina::memory_tree()), lamina::lower(layers_), rules);
    }

private:
    std::vector<lamina::memory_tree> layers_;  // topmost first
};

[[maybe_unused]] bool const registered =
    bench::add_driver<in_memory>(bench::reach::first_file_system, bench::table_only<in_memory>());

}  // namespace
