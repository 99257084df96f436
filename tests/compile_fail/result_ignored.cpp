// expect: (nodiscard|unused-result)
#include <lamina/core/result.hpp>

lamina::result<void> change();

void caller() {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    static_cast<void>(change());
#else
    change();
#endif
}
