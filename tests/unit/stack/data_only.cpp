// Lowers that hold data alone: nothing of them is seen, and half copies lead into them.
#include "catch.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

namespace {

using lamina::memory_tree;

struct scene {
    memory_tree image, blobs, more, upper;

    scene() {
        blobs.create_directories("ab").value();
        blobs.write("ab/cdef", "the data").value();
        blobs.write("visible?", "no").value();
        more.create_directories("12").value();
        more.write("12/34", "more data").value();
        half_copy("f", "/ab/cdef", 8);
        half_copy("g", "/12/34", 9);
    }
    void half_copy(std::string_view name, std::string_view leads_to, std::uint64_t size) {
        auto const path = lamina::path::parse(std::string(name)).value();
        image.write(path, "").value();
        image.resize(path, size).value();
        image.set_xattr(path, "trusted.overlay.metacopy", "").value();
        image.set_xattr(path, "trusted.overlay.redirect", leads_to).value();
    }
    [[nodiscard]] auto open() {
        return lamina::overlay{lamina::upper(upper), lamina::lower(image, lamina::data_only(blobs), lamina::data_only(more))};
    }
};

TEST_CASE("[data.1] data comes from where a half copy leads, in the first data layer that has it") {
    scene s;
    s.more.create_directories("ab").value();
    s.more.write("ab/cdef", "not this").value();
    auto tree = s.open();
    CHECK(tree.read("f").value() == "the data");
    CHECK(tree.read("g").value() == "more data");
    CHECK(tree.status("f").value().size == 8);
}

TEST_CASE("[data.2] nothing of a data layer is seen in the tree, also not by a directory's redirect") {
    scene s;
    s.image.create_directory("d").value();
    s.image.set_xattr("d", "trusted.overlay.redirect", "/ab").value();
    auto tree = s.open();
    CHECK(tree.status("ab").error() == lamina::errc::enoent);
    CHECK(tree.status("visible?").error() == lamina::errc::enoent);
    CHECK(tree.list("/").value().size() == 3);
    CHECK(tree.list("d").value().size() == 0);
}

TEST_CASE("[data.3] a half copy that leads nowhere is an error of its layer, not somebody else's bytes") {
    scene s;
    s.half_copy("lost", "/not/there", 4);
    s.half_copy("directory", "/ab", 4);
    auto tree = s.open();
    CHECK(tree.read("lost").error() == lamina::errc::eio);
    CHECK(tree.read("directory").error() == lamina::errc::eio);
    CHECK(tree.status("lost").value().size == 4);
}

TEST_CASE("[data.4] what is written takes the data along, and the data layer stays as it is") {
    scene s;
    {
        auto tree = s.open();
        tree.append("f", ", and more").value();
        tree.rename("g", "moved").value();
    }
    auto tree = s.open();
    CHECK(tree.read("f").value() == "the data, and more");
    CHECK(tree.read("moved").value() == "more data");
    CHECK(s.blobs.read("ab/cdef").value() == "the data");
}

TEST_CASE("[data.5] marks in a data layer mean nothing") {
    scene s;
    s.blobs.set_xattr("ab", "trusted.overlay.opaque", "y").value();
    s.blobs.set_xattr("ab/cdef", "trusted.overlay.metacopy", "").value();
    auto tree = s.open();
    CHECK(tree.read("f").value() == "the data");
    CHECK(tree.read("g").value() == "more data");
}

}  // namespace
