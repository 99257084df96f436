// What a program has changed, read back from the upper: as text, and as data.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <fmt/core.h>

namespace {

lamina::result<lamina::memory_tree, lamina::path_error> an_image() {
    lamina::memory_tree image;
    LAMINA_CHECK(image.create_directories("etc"));
    LAMINA_CHECK(image.create_directories("usr/share/doc/less"));
    LAMINA_CHECK(image.create_directories("usr/share/doc/grep"));
    LAMINA_CHECK(image.create_directories("var/cache/apt"));
    LAMINA_CHECK(image.write("etc/hostname", "debian\n"));
    LAMINA_CHECK(image.write("etc/motd", "Welcome\n"));
    LAMINA_CHECK(image.write("usr/share/doc/less/README", "less\n"));
    LAMINA_CHECK(image.write("usr/share/doc/grep/README", "grep\n"));
    LAMINA_CHECK(image.write("var/cache/apt/pkgcache.bin", "big\n"));
    return image;
}

// quote: edit
template <class Tree>
lamina::result<void, lamina::path_error> edit(Tree& root) {
    LAMINA_CHECK(root.append("etc/hostname", "# edited\n"));       // modified: copied up, then changed
    LAMINA_CHECK(root.create_symlink("hostname", "etc/name"));     // added
    LAMINA_CHECK(root.rename("usr/share/doc", "usr/doc"));         // moved: one mark, nothing is copied
    LAMINA_CHECK(root.remove("usr/doc/grep/README"));              // and changed at its new place
    LAMINA_CHECK(root.remove_all("var/cache"));                    // deleted: one whiteout for the whole tree
    return {};
}
// end quote

lamina::result<void, lamina::path_error> run() {
    LAMINA_TRY(auto image, an_image());
    lamina::memory_tree scratch;
    lamina::overlay root{lamina::upper(scratch), lamina::lower(image)};
    LAMINA_CHECK(edit(root));

    // quote: report
    LAMINA_TRY(auto const changes, root.changes());
    for (auto const& change : changes)
        fmt::print("{}\n", change);
    // end quote

    // quote: as data
    using kind = lamina::change::kind;
    std::size_t moved = 0;
    std::size_t deleted = 0;
    for (auto const& change : changes) {
        if (change.what == kind::deleted)
            ++deleted;
        if (!change.from.empty())  // a directory whose other contents lie elsewhere in the lowers
            ++moved;
    }
    fmt::print("{} deleted, {} moved\n", deleted, moved);
    // end quote

    LAMINA_TRY(auto const moved_file, root.read("usr/doc/less/README"));
    fmt::print("usr/doc/less/README: {}", moved_file);
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
//   C etc/hostname
//   A etc/name
//   A usr/doc (from usr/share/doc)
//   D usr/doc/grep/README
//   D usr/share/doc
//   D var/cache
//   3 deleted, 1 moved
//   usr/doc/less/README: less
