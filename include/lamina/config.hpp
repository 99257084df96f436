// Compile-time switches and the only macros of the library.
#pragma once

#if defined(__cpp_exceptions)
#define LAMINA_EXCEPTIONS 1
#else
#define LAMINA_EXCEPTIONS 0
#endif

#define LAMINA_DETAIL_JOIN2(a, b) a##b
#define LAMINA_DETAIL_JOIN(a, b) LAMINA_DETAIL_JOIN2(a, b)

// LAMINA_TRY(declaration, expression): evaluates `expression`, a result; on failure returns its error from the
// enclosing function, else initialises `declaration` with the value.
//     LAMINA_TRY(auto file, tree.open_at(directory, "name", open_flags::read));
#define LAMINA_TRY(declaration, ...) LAMINA_DETAIL_TRY(LAMINA_DETAIL_JOIN(lamina_try_, __LINE__), declaration, __VA_ARGS__)
#define LAMINA_DETAIL_TRY(outcome, declaration, ...)                                                                   \
    auto outcome = (__VA_ARGS__);                                                                                      \
    if (!outcome.has_value()) [[unlikely]]                                                                             \
        return ::lamina::unexpected(static_cast<decltype(outcome)&&>(outcome).error());                                \
    declaration = *static_cast<decltype(outcome)&&>(outcome)

// LAMINA_CHECK(expression): the same where the value, if there is one, does not matter.
#define LAMINA_CHECK(...)                                                                                              \
    do {                                                                                                               \
        if (auto lamina_outcome = (__VA_ARGS__); !lamina_outcome.has_value()) [[unlikely]]                             \
            return ::lamina::unexpected(static_cast<decltype(lamina_outcome)&&>(lamina_outcome).error());              \
    } while (false)
