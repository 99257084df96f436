// A layer of an image as it comes from a registry, used as a lower without extracting it.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "temporary_directory.hpp"

namespace {

// One member of a ustar archive: a header block of 512 bytes, and the data padded to whole blocks.
void add_member(std::string& archive, std::string_view name, char type, std::string_view data) {
    std::string header(512, '\0');
    auto const put = [&header](std::size_t at, std::string_view text) { header.replace(at, text.size(), text); };
    put(0, name);
    put(100, type == '5' ? "0000755" : "0000644");
    put(108, "0000000");                        // owner
    put(116, "0000000");                        // group
    put(124, fmt::format("{:011o}", data.size()));
    put(136, "00000000000");                    // modification time
    put(148, "        ");                       // the checksum counts itself as spaces
    put(156, std::string(1, type));
    put(257, std::string_view("ustar\00000", 8));
    unsigned sum = 0;
    for (char const c : header)
        sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + '\0');
    archive += header;
    archive += data;
    archive.resize((archive.size() + 511) / 512 * 512, '\0');
}

std::string base_layer() {
    std::string archive;
    add_member(archive, "etc/", '5', "");
    add_member(archive, "etc/hostname", '0', "debian\n");
    add_member(archive, "etc/motd", '0', "Welcome\n");
    return archive + std::string(1024, '\0');
}

std::string second_layer() {
    std::string archive;
    add_member(archive, "etc/.wh.motd", '0', "");  // deletes etc/motd, as OCI's layers say it
    add_member(archive, "etc/issue", '0', "release 12\n");
    return archive + std::string(1024, '\0');
}

}  // namespace

int main() {
    temporary_directory const here;
    here.write("blobs/base.tar", base_layer());
    here.write("blobs/second.tar", second_layer());

    // quote: open
    auto blobs = lamina::posix_directory::open(here.make("blobs")).value();
    auto base = lamina::tar_layer::open(blobs.open("base.tar", lamina::open_flags::read).value()).value();
    auto second = lamina::tar_layer::open(blobs.open("second.tar", lamina::open_flags::read).value()).value();
    // end quote

    // quote: join
    constexpr auto oci = lamina::whiteout_format::aufs;  // `.wh.NAME` deletes NAME in the layers below
    lamina::memory_tree scratch;
    lamina::overlay root{lamina::upper(scratch),
                         lamina::lower(lamina::marked(second, oci), lamina::marked(base, oci))};  // topmost first
    root.append("etc/hostname", "# edited\n").value();

    for (auto const& entry : root.list("etc").value())
        fmt::print("etc/{}\n", entry.name);
    fmt::print("{}", root.read("etc/hostname").value());
    // end quote

    // quote: damaged
    std::string half = base_layer();
    half.resize(700);
    auto const damaged = lamina::tar_layer::open(lamina::memory_source(half));
    fmt::print("{}\n", damaged.error());
    // end quote
}

// Output:
//   etc/hostname
//   etc/issue
//   debian
//   # edited
//   tar: at byte 512: the archive ends before it does (EBADMSG)
