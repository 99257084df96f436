// The room fuse/ over the libfuse that CMake has found: its headers compile in two translation units that link, the
// library that is linked is the one that they are compiled for, and a session begins and ends. Nothing is mounted.
#include "libfuse_room.hpp"

#include <cstdio>
#include <cstring>

unsigned version_in_other_unit();
fuse_session* session_of_other_unit(fuse_args& arguments);

namespace {

int failures = 0;

void check(bool holds, char const* what) {
    if (!holds) {
        std::printf("failed: %s\n", what);
        ++failures;
    }
}

}  // namespace

int main() {
    std::printf("libfuse %s, headers %d, found %s\n", fuse_pkgversion(), FUSE_VERSION, LAMINA_LIBFUSE_VERSION);
    check(std::strcmp(fuse_pkgversion(), LAMINA_LIBFUSE_VERSION) == 0, "the library is the one that was found");
    check(fuse_version() == FUSE_VERSION, "the library is the one of the headers");
    check(version_in_other_unit() == FUSE_VERSION, "both units have the same headers");

    char program[] = "libfuse";
    char* words[] = {program, nullptr};
    fuse_args arguments = FUSE_ARGS_INIT(1, words);
    auto* const session = session_of_other_unit(arguments);
    check(session != nullptr, "a session begins");
    if (session != nullptr)
        fuse_session_destroy(session);
    fuse_opt_free_args(&arguments);
    return failures == 0 ? 0 : 1;
}
