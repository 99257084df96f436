#include <lamina/fuse/mount.hpp>
#include <lamina/lamina.hpp>

#include <string_view>

// Nothing is mounted: that takes a place and permission. It is all compiled and linked.
int main() {
    lamina::memory_tree image;
    image.write("motd", "Welcome\n").value();
    lamina::fuse_mount mount(image, {});
    if (mount.mount("/nowhere/at/all"))
        return 1;
    return fuse_pkgversion() == std::string_view(EXPECTED_LIBFUSE) && fuse_version() == FUSE_VERSION ? 0 : 2;
}
