// Data judged by the digest that a half copy records: at each open, and before it is copied; and what is recorded.
#include "catch.hpp"

#include "unit/stack/measured.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/check.hpp>
#include <lamina/stack/overlay.hpp>
#include <lamina/whiteout/metacopy_value.hpp>

namespace {

using namespace lamina;

constexpr char metacopy_key[] = "trusted.overlay.metacopy";

digest digest_of(memory_tree& tree, char const* path) {
    auto file = tree.open(path::parse(path).value(), open_flags::read).value();
    return measured::checksum(file).value().value();
}

// An image of half copies over a store of data, as composefs makes them.
struct scene {
    memory_tree image, blobs, upper;
    measured::record seen;

    scene() {
        blobs.write("good", std::string(1000, 'g')).value();
        blobs.write("other", std::string(1000, 'o')).value();
        blobs.write("cut", std::string(999, 'g')).value();
        half_copy("good", "/good", mark::write_metacopy({digest_of(blobs, "good")}));
        half_copy("swapped", "/other", mark::write_metacopy({digest_of(blobs, "good")}));
        half_copy("truncated", "/cut", mark::write_metacopy({digest_of(blobs, "good")}));
        half_copy("silent", "/good", "");
        image.write("whole", "an ordinary file").value();
    }
    void half_copy(std::string_view name, std::string_view leads_to, std::string_view mark) {
        auto const path = lamina::path::parse(std::string(name)).value();
        image.write(path, "").value();
        image.resize(path, 1000).value();
        image.set_xattr(path, metacopy_key, mark).value();
        image.set_xattr(path, "trusted.overlay.redirect", leads_to).value();
    }
    [[nodiscard]] static policy rules(verification verify) {
        auto p = policy::memory();
        p.metacopy = metacopies::on;
        p.verify = verify;
        return p;
    }
    // The data layer measures.
    [[nodiscard]] auto open(verification verify = verification::automatic) {
        return overlay{lamina::upper(upper), lower(image, data_only(measured::layer(blobs, seen))), rules(verify)};
    }
    // Nothing measures.
    [[nodiscard]] auto open_unmeasured(verification verify) {
        return overlay{lamina::upper(upper), lower(image, data_only(blobs)), rules(verify)};
    }
    [[nodiscard]] bool upper_is_empty() { return upper.list("/").value().size() == 0; }
    [[nodiscard]] std::optional<std::string> mark_of(char const* path) {
        auto const found = upper.get_xattr(path::parse(path).value(), metacopy_key);
        return found ? std::optional(*found) : std::nullopt;
    }
};

// What went wrong, and in which layer. Of a scene, the image is layer 1 and the data layer 2.
struct failure {
    errc code;
    layer_number layer;
    friend bool operator==(error const& a, failure const& b) { return a.code == b.code && a.layer == b.layer; }
};
constexpr failure eio_of_data{errc::eio, 2};

}  // namespace

TEST_CASE("[verify.2] data that is what the half copy records is read; other data is eio in its layer") {
    scene s;
    auto tree = s.open();
    CHECK(tree.read("good").value() == std::string(1000, 'g'));
    CHECK(tree.open("swapped", open_flags::read).error() == eio_of_data);
    CHECK(tree.open("truncated", open_flags::read).error() == eio_of_data);
    CHECK(tree.status("swapped").value().size == 1000);
    CHECK(tree.read("silent").value() == std::string(1000, 'g'));
    CHECK(tree.read("whole").value() == "an ordinary file");
}

TEST_CASE("[verify.2] each open is judged anew, once; what records nothing is not measured") {
    scene s;
    auto tree = s.open();
    auto file = tree.open("good", open_flags::read).value();
    CHECK(s.seen.measurings == 1);
    std::array<std::byte, 10> some;
    CHECK(file.read_at(some, 0).value() == 10);
    CHECK(s.seen.measurings == 1);
    CHECK(tree.read("silent").has_value());
    CHECK(s.seen.measurings == 1);
    s.blobs.write("good", std::string(1000, 'b')).value();
    CHECK(tree.open("good", open_flags::read).error() == eio_of_data);
    CHECK(s.seen.measurings == 2);
}

TEST_CASE("[verify.2] an error of measuring is the open's, in its layer") {
    scene s;
    auto tree = s.open();
    s.seen.broken = errc::ebadmsg;
    CHECK(tree.open("good", open_flags::read).error() == failure{errc::ebadmsg, 2});
    CHECK(tree.append("good", "x").error() == failure{errc::ebadmsg, 2});
    CHECK(s.upper_is_empty());
    s.seen.broken = errc::ok;
    CHECK(tree.read("good").has_value());
}

TEST_CASE("[verify.3] off: nothing is measured") {
    scene s;
    auto tree = s.open(verification::off);
    CHECK(tree.read("swapped").value() == std::string(1000, 'o'));
    tree.append("swapped", "!").value();
    tree.permissions("good", 0600).value();
    CHECK(s.mark_of("good") == "");
    CHECK(s.seen.measurings == 0);
}

TEST_CASE("[verify.3] automatic: what cannot be measured is not judged") {
    scene s;
    auto tree = s.open_unmeasured(verification::automatic);
    CHECK(tree.read("swapped").value() == std::string(1000, 'o'));
}

TEST_CASE("[verify.3] require: what cannot be measured is eio in its layer, and so is a half copy that records nothing") {
    scene s;
    {
        auto tree = s.open_unmeasured(verification::require);
        CHECK(tree.open("good", open_flags::read).error() == eio_of_data);
        CHECK(tree.append("good", "x").error() == eio_of_data);
        CHECK(tree.read("whole").value() == "an ordinary file");
    }
    auto tree = s.open(verification::require);
    CHECK(tree.read("good").has_value());
    CHECK(tree.open("silent", open_flags::read).error() == failure{errc::eio, 1});
    CHECK(tree.append("silent", "x").error() == failure{errc::eio, 1});
    CHECK(tree.permissions("silent", 0600).error() == failure{errc::eio, 1});
    CHECK(s.upper_is_empty());
}

TEST_CASE("[verify.4] a copy-up refuses other data and leaves the view as it was") {
    scene s;
    auto tree = s.open();
    auto const before = tree.status("swapped").value();
    CHECK(tree.append("swapped", "x").error() == eio_of_data);
    CHECK(tree.open("truncated", open_flags::read_write).error() == eio_of_data);
    CHECK(tree.resize("swapped", 10).error() == eio_of_data);
    CHECK(s.upper_is_empty());
    CHECK(tree.status("swapped").value().mtime == before.mtime);
    CHECK(tree.changes().value().empty());
    tree.append("good", "x").value();
    CHECK(tree.read("good").value() == std::string(1000, 'g') + "x");
    // Data that is not wanted is not judged.
    tree.write("swapped", "new").value();
    CHECK(tree.read("swapped").value() == "new");
}

TEST_CASE("[verify.4] a fill refuses other data and leaves the half copy as it was") {
    scene s;
    auto tree = s.open();
    tree.permissions("swapped", 0600).value();
    auto const mark = s.mark_of("swapped");
    CHECK(mark == s.image.get_xattr("swapped", metacopy_key).value());
    auto const before = tree.status("swapped").value();
    CHECK(tree.append("swapped", "x").error() == eio_of_data);
    CHECK(tree.open("swapped", open_flags::read).error() == eio_of_data);
    auto const after = tree.status("swapped").value();
    CHECK(after.size == 1000);
    CHECK(after.mode == 0600);
    CHECK(after.mtime == before.mtime);
    CHECK(s.mark_of("swapped") == mark);
    CHECK(tree.resize("swapped", 10).error() == eio_of_data);
    CHECK(s.mark_of("swapped") == mark);
    // Data of which nothing is left is not judged.
    tree.resize("swapped", 0).value();
    CHECK(tree.read("swapped").value().empty());
    CHECK_FALSE(s.mark_of("swapped").has_value());

    tree.permissions("good", 0600).value();
    tree.append("good", "x").value();
    CHECK(tree.read("good").value() == std::string(1000, 'g') + "x");
    CHECK_FALSE(s.mark_of("good").has_value());
}

TEST_CASE("[verify.5] a half copy that is made records what its layer measures, or takes over what is recorded") {
    scene s;
    measured::record image_seen;
    overlay tree{upper(s.upper), lower(measured::layer(s.image, image_seen), data_only(measured::layer(s.blobs, s.seen))),
                 scene::rules(verification::automatic)};
    tree.permissions("whole", 0600).value();
    CHECK(s.mark_of("whole") == mark::write_metacopy({digest_of(s.image, "whole")}));
    CHECK(s.upper.status("whole").value().size == 16);
    CHECK(image_seen.measurings == 1);
    // Without a look at the data.
    tree.permissions("good", 0600).value();
    CHECK(s.mark_of("good") == s.image.get_xattr("good", metacopy_key).value());
    CHECK(s.seen.measurings == 0);
    tree.permissions("silent", 0600).value();
    CHECK(s.mark_of("silent") == mark::write_metacopy({digest_of(s.blobs, "good")}));

    CHECK(tree.read("whole").value() == "an ordinary file");
    s.image.write("whole", "an ordinary lie!").value();
    CHECK(tree.open("whole", open_flags::read).error() == failure{errc::eio, 1});
    CHECK(tree.rename("whole", "moved").has_value());
    CHECK(tree.open("moved", open_flags::read).error() == failure{errc::eio, 1});
}

TEST_CASE("[verify.5] an empty file is measured like any other") {
    memory_tree image, top;
    image.write("empty", "").value();
    measured::record seen;
    overlay tree{upper(top), lower(measured::layer(image, seen)), scene::rules(verification::require)};
    tree.permissions("empty", 0600).value();
    CHECK(top.get_xattr("empty", metacopy_key).value() == mark::write_metacopy({digest_of(image, "empty")}));
    CHECK(tree.read("empty").value().empty());
}

TEST_CASE("[verify.5] require: of what cannot be measured a whole copy is made") {
    scene s;
    auto tree = s.open(verification::require);
    tree.permissions("whole", 0600).value();
    CHECK_FALSE(s.mark_of("whole").has_value());
    CHECK(s.upper.read("whole").value() == "an ordinary file");
    CHECK(tree.status("whole").value().mode == 0600);
    tree.permissions("good", 0600).value();
    CHECK(s.mark_of("good") == s.image.get_xattr("good", metacopy_key).value());
}

TEST_CASE("[verify.6] all half copies on the way to the data must be right about it") {
    scene s;
    memory_tree middle;
    auto const over = [&](char const* name, std::string const& mark) {
        auto const path = path::parse(name).value();
        middle.write(path, "").value();
        middle.resize(path, 1000).value();
        middle.set_xattr(path, metacopy_key, mark).value();
    };
    over("swapped", "");  // as one that did not verify leaves it
    over("good", mark::write_metacopy({digest_of(s.blobs, "other")}));
    overlay tree{upper(s.upper), lower(middle, s.image, data_only(measured::layer(s.blobs, s.seen))),
                 scene::rules(verification::automatic)};
    CHECK(tree.open("swapped", open_flags::read).error() == failure{errc::eio, 3});
    CHECK(tree.open("good", open_flags::read).error() == failure{errc::eio, 3});
}

TEST_CASE("[verify.7] a mark that means nothing is eio wherever the data is asked for") {
    using namespace std::string_literals;
    for (auto const& mark : {"\1"s, "\0\4\0"s, "\0\5\0\0"s, "\1\4\0\0"s, "\0\4\0\1"s, "y"s, std::string(300, '\0')}) {
        scene s;
        s.half_copy("bad", "/good", mark);
        for (auto const verify : {verification::automatic, verification::off, verification::require}) {
            auto tree = s.open(verify);
            CHECK(tree.open("bad", open_flags::read).error() == failure{errc::eio, 1});
            CHECK(tree.append("bad", "x").error() == failure{errc::eio, 1});
            CHECK(s.upper_is_empty());
            CHECK(tree.status("bad").value().size == 1000);
        }
        auto tree = s.open();
        CHECK(tree.remove("bad").has_value());
        CHECK(tree.status("bad").error() == errc::enoent);
    }
}

TEST_CASE("[verify.8] data behind an erased backend, and in a nested overlay, is judged alike") {
    scene s;
    {
        overlay tree{upper(s.upper), lower(s.image, data_only(any_backend(measured::layer(s.blobs, s.seen)))),
                     scene::rules(verification::automatic)};
        CHECK(tree.read("good").has_value());
        CHECK(tree.open("swapped", open_flags::read).error() == eio_of_data);
    }
    overlay inner{lower(measured::layer(s.blobs, s.seen))};
    overlay tree{upper(s.upper), lower(s.image, data_only(inner)), scene::rules(verification::automatic)};
    CHECK(tree.read("good").has_value());
    CHECK(tree.open("swapped", open_flags::read).error() == eio_of_data);
}

TEST_CASE("[verify.9] check tells of data that is not what an upper's half copy records") {
    scene s;
    {
        auto tree = s.open();
        tree.permissions("swapped", 0600).value();
        tree.permissions("good", 0600).value();
    }
    auto const flaws = [&](verification verify) {
        return check(upper(s.upper), lower(s.image, data_only(measured::layer(s.blobs, s.seen))), scene::rules(verify))
            .value();
    };
    auto const found = flaws(verification::automatic);
    REQUIRE(found.size() == 1);
    CHECK(found[0] == flaw{flaw::kind::wrong_data, "swapped", errc::eio, false});
    CHECK(name(found[0].what) == "wrong data");
    CHECK(flaws(verification::off).empty());
}

TEST_CASE("[verify.10] while data is measured the tree can be used: no lock is held") {
    scene s;
    auto tree = s.open();
    int made = 0;
    s.seen.meanwhile = [&] {
        // Would wait for ever for a lock that this thread holds.
        tree.create_directory(path::parse("d" + std::to_string(made++)).value()).value();
    };
    CHECK(tree.read("good").has_value());                       // opened for reading
    tree.permissions("good", 0600).value();                     // (takes over what is recorded)
    tree.append("good", "x").value();                           // filled in
    tree.permissions("silent", 0600).value();                   // recorded
    CHECK(tree.append("swapped", "x").error() == eio_of_data);  // copied up
    CHECK(made == 4);
    s.seen.meanwhile = nullptr;
}

TEST_CASE("[verify.10] a file that is written while it is opened is read as what it has become") {
    scene s;
    auto tree = s.open();
    s.seen.meanwhile = [&] {
        s.seen.meanwhile = nullptr;
        tree.append("good", "!").value();
    };
    // It is the lower's data that was measured, and the copy that is read.
    auto file = tree.open("good", open_flags::read).value();
    std::string bytes(2000, '?');
    CHECK(file.read_at(std::as_writable_bytes(std::span(bytes)), 0).value() == 1001);
    CHECK(bytes.substr(0, 1001) == std::string(1000, 'g') + "!");
}

TEST_CASE("[verify.11] judged data is not copied up block by block") {
    scene s;
    auto rules = scene::rules(verification::automatic);
    rules.blocks = block_copies::on;
    rules.blocks_from = 1;
    overlay tree{upper(s.upper), lower(s.image, data_only(measured::layer(s.blobs, s.seen))), rules};
    CHECK(tree.append("swapped", "x").error() == eio_of_data);
    tree.permissions("swapped", 0600).value();
    CHECK(tree.append("swapped", "x").error() == eio_of_data);
    tree.permissions("good", 0600).value();
    tree.append("good", "x").value();
    CHECK_FALSE(s.mark_of("good").has_value());
    CHECK(tree.read("good").value() == std::string(1000, 'g') + "x");
}
