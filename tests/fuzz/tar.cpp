// libFuzzer over tar_layer: fuzz_tar [-dict=...] [corpus]. The mutator keeps checksums and the lengths of pax records
// right most of the time, since an archive with a wrong one is refused before anything interesting happens.
#include "fuzz/tar.hpp"
#include "unit/archive/tar_maker.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <random>

namespace {

// Where the headers are, as far as the sizes in them can be believed.
std::vector<std::size_t> headers_of(std::string const& bytes) {
    constexpr auto block = tar_test::block;
    std::vector<std::size_t> found;
    for (std::size_t at = 0; at + block <= bytes.size();) {
        found.push_back(at);
        auto const size = lamina::detail::parse_tar_number(std::string_view(bytes).substr(at + 124, 12)).value_or(0);
        auto const kind = bytes[at + 156];
        bool const has_data = size > 0 && !(kind >= '1' && kind <= '6');
        at += block;
        if (has_data && static_cast<std::uint64_t>(size) <= bytes.size() - at)
            at += (static_cast<std::size_t>(size) + block - 1) / block * block;
    }
    return found;
}

// Gives each line of a pax header the length that it has, as long as all of them still fit its blocks.
void repair_records(std::string& bytes, std::size_t header) {
    auto const size = lamina::detail::parse_tar_number(std::string_view(bytes).substr(header + 124, 12)).value_or(0);
    auto const begin = header + tar_test::block;
    if (size <= 0 || begin >= bytes.size() || static_cast<std::uint64_t>(size) > bytes.size() - begin)
        return;
    std::string text;
    std::string_view left(bytes.data() + begin, static_cast<std::size_t>(size));
    while (!left.empty()) {
        auto line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(left.size(), line.size() + 1));
        line.remove_prefix(std::min(line.size(), line.find_first_not_of("0123456789 ")));
        if (auto const equals = line.find('='); equals != std::string_view::npos)
            text += tar_test::pax_record(line.substr(0, equals), line.substr(equals + 1));
    }
    auto const room = (static_cast<std::size_t>(size) + tar_test::block - 1) / tar_test::block * tar_test::block;
    if (text.empty() || text.size() > room)
        return;
    tar_test::set_field(bytes, header + 124, tar_test::octal(text.size(), 12));
    text.resize(std::min(room, bytes.size() - begin));
    bytes.replace(begin, text.size(), text);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    std::minstd_rand random(seed);
    auto const one_in = [&](unsigned n) { return random() % n == 0; };
    std::string bytes(reinterpret_cast<char const*>(data), size);
    auto const headers = headers_of(bytes);
    if (!headers.empty() && one_in(4)) {
        auto const header = headers[random() % headers.size()];
        constexpr std::string_view kinds("01234567xgLKSDVMNXZ\0", 20);
        bytes[header + 156] = kinds[random() % kinds.size()];
    } else if (!headers.empty() && one_in(3)) {
        // Few names, so that members meet: a file over a directory, a link to what is replaced, something below a link.
        constexpr std::string_view names[] = {"a",  "b",   "d",   "d/a", "d/b", "d/d/a", "l",    "l/x",   "d/",
                                              "./", "./d", "a/x", "..",  "/a",  "a//b",  ".wh.", ".wh.a", "d/../a"};
        auto const header = headers[random() % headers.size()];
        std::string name(names[random() % std::size(names)]);
        name.resize(100);
        tar_test::set_field(bytes, header + (one_in(3) ? 157 : 0), name);
    } else if (headers.size() > 1 && one_in(4)) {
        // One member's blocks after another's.
        auto const from = headers[random() % headers.size()];
        auto const to = headers[random() % headers.size()];
        bytes.insert(to, bytes.substr(from, tar_test::block * (1 + random() % 3)));
    } else {
        bytes.resize(max_size);
        bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, max_size));
    }
    if (!one_in(4))
        bytes.resize((bytes.size() + tar_test::block - 1) / tar_test::block * tar_test::block);
    if (!one_in(8))
        for (auto const header : headers_of(bytes)) {
            if (std::string_view("xgX").find(bytes[header + 156]) != std::string_view::npos && !one_in(8))
                repair_records(bytes, header);
            if (bytes.compare(header, tar_test::block, std::string(tar_test::block, '\0')) != 0)
                tar_test::seal(bytes, header);
        }
    bytes.resize(std::min(bytes.size(), max_size));
    std::memcpy(data, bytes.data(), bytes.size());
    return bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (char const* const wrong = fuzz::check_tar({data, size})) {
        std::fprintf(stderr, "tar: %s\n", wrong);
        std::abort();
    }
    return 0;
}
