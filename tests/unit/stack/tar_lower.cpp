// An archive as a lower: its deletions are OCI's unless the caller says otherwise.
#include "catch.hpp"

#include <lamina/archive/tar.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../archive/tar_maker.hpp"

#include <vector>

static_assert(lamina::tar_layer::usual_marks == lamina::whiteout_format::aufs);
static_assert(lamina::tar_layer::usual_marks == lamina::whiteout_format::aufs);

namespace {

lamina::tar_layer base() {
    return tar_test::open(tar_test::maker().directory("etc/").file("etc/motd", "old").file("etc/issue", "12")).value();
}
lamina::tar_layer top() {
    return tar_test::open(tar_test::maker().directory("etc/").file("etc/.wh.motd")).value();
}

template <class View>
void expect_motd_is_deleted(View& view) {
    CHECK_FALSE(view.exists("etc/motd").value());
    CHECK_FALSE(view.exists("etc/.wh.motd").value());
    CHECK(view.read("etc/issue").value() == "12");
    CHECK(view.list("etc").value().size() == 1);
}

}  // namespace

TEST_CASE("[lower.tar] a .wh. name in an archive deletes below, without being asked to") {
    lamina::overlay view{lamina::lower(top(), base())};
    expect_motd_is_deleted(view);
}

TEST_CASE("[lower.tar] the same in a list of layers that is known at run time") {
    std::vector<lamina::any_backend> layers;
    layers.emplace_back(top());
    layers.emplace_back(base());
    lamina::overlay view{lamina::lower(layers)};
    expect_motd_is_deleted(view);
}

TEST_CASE("[lower.tar] an archive that is declared to have no marks shows its names as they are") {
    auto const none = lamina::whiteout_format::none;
    lamina::overlay view{lamina::lower(lamina::marked(top(), none), lamina::marked(base(), none))};
    CHECK(view.exists("etc/.wh.motd").value());
    CHECK(view.read("etc/motd").value() == "old");
}
