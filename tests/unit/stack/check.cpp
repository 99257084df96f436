// check(): each thing that can be wrong with an upper is found under its path, told from what is merely odd, repaired where
// that is certain, and found no more after that.
#include "catch.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/stack/check.hpp>

namespace {

using lamina::flaw;
using lamina::memory_tree;
using kind = flaw::kind;

struct scene {
    memory_tree lower, upper;

    scene() {
        lower.create_directories("d/e").value();
        lower.write("d/f", "text").value();
        lower.write("g", "g").value();
        lower.create_hard_link("d/f", "linked").value();
        lower.create_hard_link("d/f", "linked too").value();
    }
    [[nodiscard]] auto open(lamina::policy rules = {}) {
        return lamina::overlay{lamina::upper(upper), lamina::lower(lower), rules};
    }
    [[nodiscard]] std::vector<flaw> look(lamina::repairs how = lamina::repairs::none) {
        return lamina::check(lamina::upper(upper), lamina::lower(lower), {}, how).value();
    }
    [[nodiscard]] std::string index_entry() {
        auto const work = upper.work_root();
        auto const index = upper.open_directory_at(work, std::string_view("index")).value();
        std::string found;
        auto const take = [&](lamina::directory_entry const& entry) {
            found = entry.name;
            return true;
        };
        upper.list_at(index, lamina::entry_sink(take)).value();
        upper.release(index);
        return found;
    }
    template <class F>
    void in_index(F&& f) {
        auto const index = upper.open_directory_at(upper.work_root(), std::string_view("index")).value();
        f(index);
        upper.release(index);
    }
    void set(lamina::path_view path, std::string_view mark, std::string_view value) {
        upper.set_xattr(path, std::string("trusted.overlay.").append(mark), value).value();
    }
};

std::vector<flaw> without_notes(std::vector<flaw> found) {
    std::erase_if(found, [](flaw const& f) { return f.is_note(); });
    return found;
}
bool tells(std::vector<flaw> const& found, kind what, std::string_view path) {
    return std::any_of(found.begin(), found.end(), [&](flaw const& f) { return f.what == what && f.path == path; });
}

TEST_CASE("[check.1] an upper that was worked with has no flaw, and looking leaves it as it was") {
    scene s;
    {
        auto tree = s.open(lamina::policy{.metacopy = lamina::metacopies::on});
        tree.permissions("d/f", 0600).value();
        tree.remove("linked").value();
        tree.rename("d", "moved").value();
        tree.create_directory("d").value();
        tree.write("d/new", "n").value();
        tree.remove("g").value();
    }
    CHECK(s.look() == std::vector<flaw>());
    CHECK(s.look(lamina::repairs::proven) == std::vector<flaw>());
    auto tree = s.open();
    CHECK(tree.read("moved/f").value() == "text");
    CHECK(tree.status("linked too").value().nlink == 2);
}

TEST_CASE("[check.2] leftovers in the work directory are told, and removed") {
    scene s;
    { auto tree = s.open(); }
    auto const work = s.upper.open_directory_at(s.upper.work_root(), std::string_view("work")).value();
    s.upper.create_at(work, std::string_view("#l1"), 0600).value();
    s.upper.create_directory_at(work, std::string_view("#l2"), 0700).value();
    s.upper.release(work);
    auto found = s.look();
    CHECK(tells(found, kind::stale_work, "work/#l1"));
    CHECK(tells(found, kind::stale_work, "work/#l2"));
    found = s.look(lamina::repairs::proven);
    CHECK(found.size() == 2);
    CHECK(found.front().repaired);
    CHECK(s.look().empty());
}

TEST_CASE("[check.3] a redirect that means nothing, and one that leads nowhere") {
    scene s;
    s.upper.create_directory("lost").value();
    s.upper.create_directory("bad").value();
    s.set("lost", "redirect", "/nowhere/at/all");
    s.set("bad", "redirect", "a//b/");
    auto const found = s.look(lamina::repairs::proven);
    CHECK(tells(found, kind::dangling_redirect, "lost"));
    CHECK(tells(found, kind::bad_redirect, "bad"));
    CHECK(without_notes(s.look()).size() == 2);
}

TEST_CASE("[check.4] a half copy without data, and a mark that is none") {
    scene s;
    s.upper.write("alone", "").value();
    s.set("alone", "metacopy", "");
    s.upper.write("g", "").value();
    s.set("g", "metacopy", "xyz");
    auto const found = s.look();
    CHECK(tells(found, kind::missing_data, "alone"));
    CHECK(tells(found, kind::bad_metacopy, "g"));
    CHECK(without_notes(found).size() == 2);
}

TEST_CASE("[check.5] index entries that nothing shows are removed, wrong counts are counted anew") {
    scene s;
    {
        auto tree = s.open();
        tree.append("linked", "+").value();
    }
    REQUIRE(s.look().empty());
    auto const entry = s.index_entry();
    s.in_index([&](lamina::node index) {
        s.upper.set_xattr_at(index, lamina::name_ref(entry), "trusted.overlay.nlink", "U+7", lamina::xattr_flags::none).value();
        s.upper.create_at(index, std::string_view("#temporary"), 0600).value();
    });
    auto found = s.look(lamina::repairs::proven);
    CHECK(std::count_if(found.begin(), found.end(), [](flaw const& f) { return f.what == kind::wrong_link_count; }) == 1);
    CHECK(tells(found, kind::stale_index, "index/#temporary"));
    CHECK(std::all_of(found.begin(), found.end(), [](flaw const& f) { return f.repaired; }));
    CHECK(s.look().empty());
    CHECK(s.open().status("linked").value().nlink == 3);

    // All its names hidden behind the index's back: whiteouts, as somebody may put them there by hand.
    for (char const* const name : {"linked", "linked too"}) {
        (void)s.upper.remove(lamina::path::parse(name).value());
        s.upper.create_node_at(s.upper.root(), lamina::name_ref(std::string_view(name)), lamina::file_type::character, 0, {0, 0}).value();
    }
    s.upper.create_directory("d").value();
    s.set("d", "opaque", "y");
    found = s.look(lamina::repairs::proven);
    CHECK(tells(found, kind::orphaned_index, "index/" + entry));
    CHECK(without_notes(s.look()).empty());
    CHECK(s.index_entry().empty());
}

TEST_CASE("[check.6] a directory with an origin in it that does not say so is marked") {
    scene s;
    {
        auto tree = s.open();
        tree.append("d/f", "+").value();
        tree.append("g", "+").value();
    }
    s.upper.remove_xattr("d", "trusted.overlay.impure").value();
    auto const found = s.look(lamina::repairs::proven);
    REQUIRE(found.size() == 1);
    CHECK(found.front() == flaw{kind::not_impure, "d", lamina::errc::ok, true});
    CHECK(s.look().empty());
}

TEST_CASE("[check.7] marks without a lower and origins of other layers are notes") {
    scene s;
    s.upper.create_node_at(s.upper.root(), std::string_view("nothing"), lamina::file_type::character, 0, {0, 0}).value();
    s.upper.create_directory("d").value();
    s.upper.create_directory("d/own").value();
    s.set("d", "opaque", "y");
    s.set("d/own", "opaque", "y");
    s.set("d", "impure", "y");
    s.upper.write("d/own/f", "").value();
    s.set("d/own", "impure", "y");
    s.set("d/own/f", "origin", std::string("\0\xfb\x1d\0\x01", 5) + std::string(24, 'x'));
    auto const found = s.look(lamina::repairs::proven);
    CHECK(tells(found, kind::needless_whiteout, "nothing"));
    CHECK(tells(found, kind::needless_opaque, "d/own"));
    CHECK(tells(found, kind::unknown_origin, "d/own/f"));
    CHECK(without_notes(found).empty());
}

TEST_CASE("[check.8] an index of other layers is told, and refused where it is asked for") {
    scene s;
    {
        auto tree = s.open();
        tree.append("linked", "+").value();
    }
    memory_tree other;
    other.write("x", "x").value();
    auto const found = lamina::check(lamina::upper(s.upper), lamina::lower(other)).value();
    CHECK(tells(found, kind::foreign_index, "index"));
    lamina::policy wanted;
    wanted.index = lamina::indexing::on;
    lamina::overlay strict{lamina::upper(s.upper), lamina::lower(other), wanted};
    REQUIRE(!strict.ready());
    CHECK(strict.ready().error() == lamina::errc::estale);
    lamina::overlay lenient{lamina::upper(s.upper), lamina::lower(other)};
    REQUIRE(lenient.ready());
    CHECK(lenient.rules().index == lamina::indexing::off);
}

}  // namespace
