// The library without exceptions and without RTTI: it compiles, and a failure arrives as a value. Without Catch, which is not
// made to be compiled so.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <cstdio>

#if LAMINA_EXCEPTIONS
#error "this test is to be compiled with -fno-exceptions"
#endif

namespace {

int failures = 0;

void check(bool holds, char const* what) {
    if (!holds) {
        std::printf("failed: %s\n", what);
        ++failures;
    }
}

lamina::result<std::size_t> length_of_child(std::string_view directory, std::string_view name) {
    LAMINA_TRY(auto const parent, lamina::path::parse(std::string(directory)));
    LAMINA_TRY(auto const child, parent.child(name));
    return child.bytes().size();
}

void results() {
    auto const good = length_of_child("etc", "passwd");
    check(good.has_value() && *good == 10, "LAMINA_TRY passes a value on");
    auto const bad = length_of_child("../etc", "passwd");
    check(!bad.has_value() && bad.error() == lamina::errc::einval, "LAMINA_TRY passes an error on");
    check(fmt::format("{}", bad.error()) == "parse: EINVAL, invalid argument", "an error prints");
}

}  // namespace

int main() {
    results();
    return failures == 0 ? 0 : 1;
}
