// Every input of the corpus, run through what the fuzzers check. LAMINA_FUZZ_CORPUS is the directory of the corpora.
#include "catch.hpp"
#include "fuzz/metacopy.hpp"
#include "fuzz/path.hpp"
#include "fuzz/tar.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

void replay(char const* corpus, char const* (*check)(std::span<std::uint8_t const>)) {
    std::size_t count = 0;
    for (auto const& file : std::filesystem::directory_iterator(std::string(LAMINA_FUZZ_CORPUS "/") + corpus)) {
        INFO(file.path().string());
        std::ifstream in(file.path(), std::ios::binary);
        REQUIRE(in.good());
        std::vector<char> const bytes(std::istreambuf_iterator<char>(in), {});
        char const* const wrong = check({reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()});
        CHECK(std::string(wrong == nullptr ? "" : wrong).empty());
        ++count;
    }
    CHECK(count >= 20);
}

}  // namespace

TEST_CASE("[fuzz.tar] the corpus of archives") { replay("tar", fuzz::check_tar); }
TEST_CASE("[fuzz.path] the corpus of paths") { replay("path", fuzz::check_path); }
TEST_CASE("[fuzz.metacopy] the corpus of marks") { replay("metacopy", fuzz::check_metacopy); }
