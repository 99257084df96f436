#include <lamina/fuse/libfuse.hpp>
#include <lamina/lamina.hpp>

#include <string_view>

int main() {
    lamina::memory_tree image;
    image.write("motd", "Welcome\n").value();
    return fuse_pkgversion() == std::string_view(EXPECTED_LIBFUSE) && fuse_version() == FUSE_VERSION ? 0 : 1;
}
