// expect: (no matching function|cannot convert|could not convert|no viable conversion|call to consteval function)
#include <string>

#include <lamina/backend/memory.hpp>

bool caller(lamina::memory_tree& tree, std::string const& from_outside) {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    auto const checked = lamina::path::parse(from_outside);
    return checked && tree.read(*checked).has_value();
#else
    return tree.read(from_outside).has_value();
#endif
}
