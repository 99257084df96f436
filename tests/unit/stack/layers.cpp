// What the words upper, lower and marked make of their arguments.
#include <string>
#include <utility>
#include <vector>

#include <lamina/archive/tar.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "catch.hpp"

namespace {

using namespace lamina;

// A layer in aufs form that deletes `gone`.
memory_tree deleting() {
    memory_tree tree;
    tree.write(".wh.gone", "").value();
    return tree;
}
memory_tree below() {
    memory_tree tree;
    tree.write("gone", "seen").value();
    return tree;
}

// A backend whose usual marks are those of OCI, like a tar's.
struct oci_tree : memory_tree {
    static constexpr auto usual_marks = whiteout_format::aufs;
    oci_tree() : memory_tree(deleting()) {}
};

}  // namespace

TEST_CASE("[layers.1] a layer has the marks that its backend usually has") {
    memory_tree const_kernel = deleting();
    memory_tree base = below();
    oci_tree oci;
    overlay as_oci{lower(oci, base)};
    CHECK(as_oci.exists("gone").value() == false);
    CHECK(as_oci.list("").value().empty());
    overlay as_kernel{lower(const_kernel, base)};
    CHECK(as_kernel.exists("gone").value() == true);
    CHECK(as_kernel.exists(".wh.gone").value() == true);
}

TEST_CASE("[layers.2] an erased layer keeps its marks, alone and in a list") {
    memory_tree base = below();
    any_backend alone{oci_tree()};
    overlay one{lower(alone, base)};
    CHECK(one.exists("gone").value() == false);

    std::vector<any_backend> list;
    list.emplace_back(oci_tree());
    list.emplace_back(below());
    overlay several{lower(list)};
    CHECK(several.exists("gone").value() == false);
    CHECK(several.layer_count() == 2);
}

TEST_CASE("[layers.3] marked() declares another format") {
    memory_tree top = deleting();
    memory_tree base = below();
    overlay root{lower(marked(top, whiteout_format::aufs), base)};
    CHECK(root.exists("gone").value() == false);
    overlay plain{lower(marked(oci_tree(), whiteout_format::none), base)};
    CHECK(plain.exists("gone").value() == true);
}

TEST_CASE("[layers.4] lists and single layers mix, top first, empty lists too") {
    memory_tree first, last;
    first.write("who", "first").value();
    last.write("who", "last").value();
    last.write("deep", "last").value();
    std::vector<memory_tree> none;
    std::vector<memory_tree> middle(3);
    middle[1].write("who", "middle").value();
    middle[1].write("middle", "1").value();
    overlay root{lower(none, first, middle, none, last)};
    CHECK(root.layer_count() == 5);
    CHECK(root.read("who").value() == "first");
    CHECK(root.read("middle").value() == "1");
    CHECK(root.read("deep").value() == "last");
    CHECK(root.open("who", open_flags::write).error() == errc::erofs);
}

TEST_CASE("[layers.5] an overlay of nothing says so") {
    std::vector<memory_tree> none;
    overlay root{lower(none)};
    REQUIRE(root.ready().error() == errc::einval);
    CHECK(root.list("").error() == errc::einval);
    CHECK(root.status("x").error() == errc::einval);
    CHECK(root.open("x", open_flags::read).error() == errc::einval);
}
