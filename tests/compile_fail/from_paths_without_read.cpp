// expect: lamina::from_paths: this type lacks one of the functions status, list and read
#include <lamina/backend/from_paths.hpp>

struct functions {
    lamina::result<std::optional<lamina::attributes>> status(lamina::path_view) {
        return std::optional<lamina::attributes>();
    }
    lamina::result<void> list(lamina::path_view, lamina::entry_sink) { return {}; }
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    lamina::result<std::size_t> read(lamina::path_view, std::uint64_t, std::span<std::byte>) { return std::size_t{0}; }
#endif
};

void caller() { lamina::from_paths tree{functions()}; }
