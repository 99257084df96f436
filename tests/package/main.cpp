#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <string_view>

int main() {
    lamina::memory_tree image;
    lamina::memory_tree scratch;
    image.write("motd", "Welcome\n").value();
    lamina::overlay root{lamina::upper(scratch), lamina::lower(image)};
    root.remove("motd").value();
    auto const gone = root.status("motd");
    if (gone || gone.error() != lamina::errc::enoent || !image.status("motd"))
        return 1;
#ifdef PACKAGE_VERSION
    if (std::string_view(LAMINA_VERSION_STRING) != PACKAGE_VERSION)
        return 2;
#endif
    fmt::print("{}\n", gone.error());
}
