#include <lamina/lamina.hpp>

#include <lamina/fmt.hpp>

void const* address_in_b() { return &lamina::detail::hash_anchor; }
