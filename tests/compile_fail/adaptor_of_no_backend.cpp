// expect: lamina: what is wrapped here is no backend: it does not model lamina::readable_backend
#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/archetype.hpp>

struct no_backend {};

void caller() {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    auto tree = lamina::archetype::a_readable_backend();
#else
    no_backend tree;
#endif
    lamina::count counted{tree};
}
