// expect: writable_backend
#include <lamina/backend/archetype.hpp>
#include <lamina/backend/adapt/count.hpp>

// An adaptor of a backend that cannot write has no primitives for writing either.
void caller() {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    lamina::count counted{lamina::archetype::a_writable_backend()};
#else
    lamina::count counted{lamina::archetype::a_readable_backend()};
#endif
    static_cast<void>(counted.create_at(counted.root(), "name", 0644));
}
