#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <string_view>

int main() {
    auto const parsed = lamina::path::parse("etc/../../shadow");
    if (parsed || parsed.error() != lamina::errc::einval)
        return 1;
#ifdef PACKAGE_VERSION
    if (std::string_view(LAMINA_VERSION_STRING) != PACKAGE_VERSION)
        return 2;
#endif
    fmt::print("{}\n", parsed.error());
}
