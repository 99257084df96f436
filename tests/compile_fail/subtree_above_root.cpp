// expect: path_literal_holds_a_NUL_or_leads_above_the_root
#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/archetype.hpp>

void caller() {
    auto tree = lamina::archetype::a_readable_backend();
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    static_cast<void>(lamina::subtree_of(tree, "srv/../image"));
#else
    static_cast<void>(lamina::subtree_of(tree, "../image"));
#endif
}
