// quote: quickstart
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <fmt/core.h>

int main() {
    auto image = lamina::posix_directory::open("/srv/debian-12").value();
    lamina::memory_tree scratch;                                    // every change lands here

    lamina::overlay root{lamina::upper(scratch), lamina::lower(image)};
    root.write("etc/hostname", "sandbox\n").value();                // copies up
    root.remove("etc/motd").value();                                // leaves a whiteout

    for (auto const& change : root.changes().value())
        fmt::print("{}\n", change);                                 // C etc/hostname, D etc/motd
}
// end quote

// Output:
//   C etc/hostname
//   D etc/motd
