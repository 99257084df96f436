// expect: lamina::any_backend: this type is no backend: it does not model lamina::readable_backend
#include <vector>

#include <lamina/backend/any.hpp>
#include <lamina/backend/archetype.hpp>

struct no_backend {
    int root() const { return 0; }
};

void caller(std::vector<lamina::any_backend>& layers) {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    layers.emplace_back(lamina::archetype::a_readable_backend());
#else
    layers.emplace_back(no_backend());
#endif
}
