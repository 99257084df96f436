// An overlay without privilege, over directories: the upper that comes of it is one that the kernel mounts with `-o
// userxattr` in a user namespace.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <fmt/core.h>

#include "temporary_directory.hpp"

namespace {

// quote: move
// As mv(1) does it: a rename, and where that cannot be, a copy.
template <class Tree>
lamina::result<void, lamina::path_error> move(Tree& root, lamina::path_view from, lamina::path_view to) {
    auto const renamed = root.rename(from, to);
    if (renamed)
        return {};
    if (renamed.error() != lamina::errc::exdev)
        return lamina::unexpected(renamed.error());
    LAMINA_CHECK(root.copy(from, to));
    LAMINA_CHECK(root.remove_all(from));
    return {};
}
// end quote

lamina::result<void, lamina::path_error> run() {
    temporary_directory const here;
    here.write("image/etc/hostname", "debian\n");
    here.write("image/etc/motd", "Welcome\n");
    here.write("image/usr/doc/less/README", "less\n");

    // quote: join
    LAMINA_TRY(auto image, lamina::posix_directory::open(here.make("image")));
    LAMINA_TRY(auto upper, lamina::posix_directory::open(here.make("upper")));
    LAMINA_TRY(auto work, lamina::posix_directory::open(here.make("work")));  // on the same file system as the upper

    lamina::overlay root{lamina::upper(upper, work), lamina::lower(image), lamina::policy::rootless()};
    LAMINA_CHECK(root.ready());  // what only the machine can know is known from here on
    // end quote

    LAMINA_CHECK(root.append("etc/hostname", "# edited\n"));
    LAMINA_CHECK(root.remove("etc/motd"));

    auto const refused = root.rename("usr/doc", "usr/manual");
    fmt::print("rename usr/doc: {}\n", refused ? std::string("done") : lamina::to_string(refused.error()));
    LAMINA_CHECK(move(root, "usr/doc", "usr/manual"));
    LAMINA_TRY(auto const readme, root.read("usr/manual/less/README"));
    fmt::print("usr/manual/less/README: {}", readme);

    LAMINA_TRY(auto const changes, root.changes());
    for (auto const& change : changes)
        fmt::print("{}\n", change);
    return {};
}

}  // namespace

int main() {
    if (auto done = run(); !done) {
        fmt::print(stderr, "{}\n", done.error());
        return 1;
    }
}

// Output:
//   rename usr/doc: rename: EXDEV, crosses file systems or layers
//   usr/manual/less/README: less
//   C etc/hostname
//   D etc/motd
//   D usr/doc
//   A usr/manual
//   A usr/manual/less
//   A usr/manual/less/README
