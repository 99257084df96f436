// With odr_b.cpp: two translation units that include everything link, and agree on every inline object.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <cstdio>

void const* address_in_b();

int main() {
    void const* const address_in_a = &lamina::detail::hash_anchor;
    if (address_in_a != address_in_b()) {
        std::puts("two translation units have two hash_anchors");
        return 1;
    }
    return 0;
}
