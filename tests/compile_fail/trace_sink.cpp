// expect: lamina::trace: the sink cannot be called with a lamina::trace_event const&
#include <lamina/backend/adapt/trace.hpp>
#include <lamina/backend/archetype.hpp>

void caller() {
    auto tree = lamina::archetype::a_readable_backend();
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    lamina::trace traced{tree, [](lamina::trace_event const&) {}};
#else
    lamina::trace traced{tree, [](int) {}};
#endif
}
