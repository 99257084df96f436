// expect: lamina: what is wrapped here is no backend
#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/archetype.hpp>

// The primitives of a backend are not const, not even those that only read: read_only, not const, makes a tree read-only.
void caller() {
    auto tree = lamina::archetype::a_writable_backend();
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    lamina::read_only view{tree};
#else
    auto const& fixed = tree;
    lamina::read_only view{fixed};
#endif
}
