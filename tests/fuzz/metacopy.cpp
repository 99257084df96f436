// libFuzzer over the reader of the mark `metacopy`: fuzz_metacopy [corpus].
#include "fuzz/metacopy.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (char const* const wrong = fuzz::check_metacopy({data, size})) {
        std::fprintf(stderr, "metacopy: %s\n", wrong);
        std::abort();
    }
    return 0;
}
