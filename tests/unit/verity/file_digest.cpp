// Digests against those that `fsverity digest` (fsverity-utils 1.5) printed for the same bytes.
#include "catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>
#include <lamina/verity/computed_digests.hpp>
#include <lamina/whiteout/metacopy_value.hpp>

namespace {

using namespace lamina;

std::string hexadecimal(digest const& d) {
    std::string text;
    for (std::byte const b : d.bytes()) {
        text.push_back("0123456789abcdef"[static_cast<unsigned>(b) >> 4]);
        text.push_back("0123456789abcdef"[static_cast<unsigned>(b) & 15]);
    }
    return text;
}

std::string content(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>(i * 7 + (i >> 8) * 13 + (i >> 16));
    return bytes;
}

template <class B>
std::string digest_of(B& tree, path_view path) {
    auto file = tree.open(path, open_flags::read).value();
    auto const found = file.verity_digest().value();
    REQUIRE(found.has_value());
    CHECK(found->algorithm() == digest_algorithm::sha256);
    return hexadecimal(*found);
}

}  // namespace

TEST_CASE("[verity.1] a computed digest is the one that fs-verity gives") {
    struct known {
        std::size_t size;
        char const* digest;
    };
    constexpr known all[] = {
        {0, "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"},
        {1, "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551"},
        {4095, "a1af7177d2a116e8f575b2b0a94dd400f308aa1e2c9412d1324d191f6c1b272a"},
        {4096, "dc1f8bf5ee9d486c0d4585878ee812d42a1ff6987b43bcf1b76198cb639fc60e"},
        {4097, "77966aa2f22bdae9c614f267b9675ca9880f44bd5c6e5a07cde4e1920716b679"},
        {128 * 4096, "3ec2d6aa0a53bb6b105e0b7689a7c285e2bf77956d3ce01db0fc6c48bddbd31c"},
        {128 * 4096 + 1, "84f2af2a692420471841b9cdbf4300ca07c05a71514cdc8c8c41ab94562c1996"},
        {(1 << 20) + 1, "2eada0ac4230e5285ff828b8852fac62f3bf7d511cf9c8a5c5aa990900037220"},
    };
    memory_tree tree;
    computed_digests measured{tree};
    for (auto const& [size, expected] : all) {
        INFO(size);
        tree.write("f", content(size)).value();
        CHECK(digest_of(measured, "f") == expected);
    }
}

TEST_CASE("[verity.1] three levels of hashes, over a file that is one hole") {
    memory_tree tree;
    tree.write("f", "").value();
    tree.resize("f", 128 * 128 * 4096 + 1).value();
    computed_digests measured{tree};
    CHECK(digest_of(measured, "f") == "be5993679f703697692cc6ce69e480edc9721baff591795438ae8097275c0687");
}

TEST_CASE("[verity.2] a digest that the file has is not computed again") {
    memory_tree tree;
    tree.write("f", content(5000)).value();
    computed_digests measured{tree};
    count counted{measured};
    computed_digests again{counted};
    CHECK(digest_of(again, "f") == digest_of(measured, "f"));
    CHECK(counted.counts()[primitive::verity_digest].calls == 1);
    CHECK(counted.counts()[primitive::read_at].calls == 0);
}

TEST_CASE("[verity.2] memory is bounded: a file is read in pieces, each once") {
    memory_tree tree;
    tree.write("f", content(1 << 20)).value();
    count counted{tree};
    computed_digests measured{counted};
    CHECK(digest_of(measured, "f").size() == 64);
    CHECK(counted.counts()[primitive::read_at].bytes == 1 << 20);
    CHECK(counted.counts()[primitive::read_at].calls == 17);
}

TEST_CASE("[verity.2] an error of reading is the error of measuring") {
    memory_tree tree;
    tree.write("f", content(5000)).value();
    fault broken{tree};
    computed_digests measured{broken};
    auto file = measured.open("f", open_flags::read).value();
    broken.inject({.op = operation::read, .code = errc::ebadmsg});
    CHECK(file.verity_digest().error() == errc::ebadmsg);
}

TEST_CASE("[verity.3] half copies over computed digests: recorded, verified, and refused when the data is another") {
    memory_tree image, blobs, top;
    blobs.write("blob", content(100000)).value();
    image.write("plain", content(9000)).value();
    image.write("f", "").value();
    image.resize("f", 100000).value();
    computed_digests measured{blobs};
    auto file = measured.open("blob", open_flags::read).value();
    auto const recorded = mark::write_metacopy({file.verity_digest().value()});
    image.set_xattr("f", "trusted.overlay.metacopy", recorded).value();
    image.set_xattr("f", "trusted.overlay.redirect", "/blob").value();

    auto rules = policy::memory();
    rules.metacopy = metacopies::on;
    rules.verify = verification::require;
    overlay tree{upper(top), lower(computed_digests{image}, data_only(any_backend(measured))), rules};
    CHECK(tree.read("f").value() == content(100000));
    tree.permissions("plain", 0600).value();
    CHECK(top.get_xattr("plain", "trusted.overlay.metacopy").value().size() == 36);
    CHECK(tree.read("plain").value() == content(9000));

    auto other = content(100000);
    other[99999] = static_cast<char>(other[99999] ^ 1);
    blobs.write("blob", other).value();
    auto const refused = tree.open("f", open_flags::read).error();
    CHECK(refused.code == errc::eio);
    CHECK(refused.layer == 2);
    CHECK(tree.append("f", "x").error() == errc::eio);
}
