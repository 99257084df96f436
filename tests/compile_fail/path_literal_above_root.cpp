// expect: path_literal_holds_a_NUL_or_leads_above_the_root
#include <lamina/core/path.hpp>

std::size_t length(lamina::path_view path) { return path.bytes().size(); }

std::size_t caller() {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    return length("etc/../etc/passwd");
#else
    return length("etc/../../shadow");
#endif
}
