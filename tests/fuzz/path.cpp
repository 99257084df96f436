// libFuzzer over path::parse and path_view: fuzz_path [corpus].
#include "fuzz/path.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (char const* const wrong = fuzz::check_path({data, size})) {
        std::fprintf(stderr, "path: %s\n", wrong);
        std::abort();
    }
    return 0;
}
