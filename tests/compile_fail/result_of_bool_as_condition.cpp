// expect: (could not convert|no viable conversion)
#include <lamina/core/result.hpp>

// `if (exists(...))` would ask whether the question could be answered, and read like the answer.
lamina::result<bool> exists();

int caller() {
#ifdef LAMINA_COMPILE_FAIL_CONTROL
    if (exists().value())
        return 1;
#else
    if (exists())
        return 1;
#endif
    return 0;
}
