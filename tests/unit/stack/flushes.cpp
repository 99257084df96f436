// How many flushes an operation waits for. The table is that of docs/crashes.md: a number here and there change
// together.
#include "catch.hpp"

#include <functional>
#include <string>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/lossy_disk.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "model/limited.hpp"

using namespace lamina;

namespace {

using disk_type = lossy_disk<memory_tree&>;  // it can flush everything, as a real one
using limited_type = model::limited<disk_type&>;
using counted_type = count<limited_type&>;

auto stack(counted_type& upper_tree, memory_tree& lower_tree, policy const& rules) {
    return overlay{upper(upper_tree), lower(lower_tree), rules};
}
using tested = decltype(stack(std::declval<counted_type&>(), std::declval<memory_tree&>(), policy()));

memory_tree lower_tree() {
    memory_tree t;
    t.create_directories("d/inner").value();
    t.create_directories("new/parent").value();
    t.create_directories("emptied").value();
    t.write("d/inner/bottom", "x").value();
    t.write("d/f", "data").value();
    t.write("d/g", "data").value();
    t.write("d/gone", "data").value();
    t.write("d/nothing", "").value();
    t.write("d/linked", "data").value();
    t.create_hard_link("d/linked", "d/linked_too").value();
    t.write("d/shell", "data").value();
    t.write("emptied/x", "data").value();
    t.write("new/parent/f", "data").value();
    t.create_directory("d/gone_dir").value();
    t.create_symlink("f", "d/link").value();
    t.create_symlink("f", "d/owned_link").value();
    t.owner("d/owned_link", 3, 4, links::no_follow).value();
    return t;
}
// Directories that the operations need are in the upper, a whiteout is at hand, and a file is a shell where that may
// be.
void prepare(tested& root) {
    root.permissions("d", 0755).value();
    root.remove("emptied/x").value();
    root.remove("d/gone").value();
    root.remove("d/gone_dir").value();
    root.create_directory("pure").value();
    root.write("pure/f", "data").value();
    root.permissions("d/shell", 0600).value();
}

struct operation_flushes {
    char const* name;
    std::function<void(tested&)> act;
    std::uint64_t ordered, strict;
    metacopies metacopy = metacopies::automatic;
    capabilities missing = capability::clone;
};

auto opened(tested& t, path_view at) { return t.open(at, open_flags::read_write).value(); }

std::vector<operation_flushes> operations() {
    return {
        {"read a file", [](tested& t) { t.read("d/f").value(); }, 0, 0},
        {"copy up a file", [](tested& t) { opened(t, "d/f"); }, 1, 2},
        {"copy up a file by a clone", [](tested& t) { opened(t, "d/f"); }, 0, 2, metacopies::automatic, {}},
        {"copy up an empty file", [](tested& t) { opened(t, "d/nothing"); }, 0, 2},
        {"copy up a file in two new directories", [](tested& t) { opened(t, "new/parent/f"); }, 1, 8},
        {"copy up one of several names", [](tested& t) { opened(t, "d/linked"); }, 1, 5},
        {"copy up two of several names",
         [](tested& t) {
             opened(t, "d/linked");
             opened(t, "d/linked_too");
         },
         1, 8},
        {"change the mode of a lower file", [](tested& t) { t.permissions("d/f", 0600).value(); }, 1, 3},
        {"change the mode of a lower file, metadata only", [](tested& t) { t.permissions("d/f", 0600).value(); }, 0, 3,
         metacopies::on},
        {"fill a shell", [](tested& t) { opened(t, "d/shell"); }, 1, 2, metacopies::on},
        {"copy up a directory", [](tested& t) { t.create_hard_link("d/f", "new/f").value(); }, 1, 6},
        {"copy up a symbolic link", [](tested& t) { t.create_hard_link("d/link", "d/second").value(); }, 0, 3},
        {"write a new file", [](tested& t) { t.write("d/new", "data").value(); }, 1, 2},
        {"write a new empty file", [](tested& t) { t.write("d/new", "").value(); }, 0, 2},
        {"write over a file of the upper", [](tested& t) { t.write("pure/f", "other").value(); }, 1, 2},
        {"write over a lower file", [](tested& t) { t.write("d/f", "other").value(); }, 1, 2},
        {"write over a whiteout", [](tested& t) { t.write("d/gone", "other").value(); }, 1, 2},
        {"create a file",
         [](tested& t) { t.open("d/new", open_flags::read_write | open_flags::create).value(); }, 0, 2},
        {"create a file over a whiteout",
         [](tested& t) { t.open("d/gone", open_flags::read_write | open_flags::create).value(); }, 0, 2},
        {"create a directory", [](tested& t) { t.create_directory("d/new").value(); }, 0, 2},
        {"create a directory over a whiteout", [](tested& t) { t.create_directory("d/gone_dir").value(); }, 0, 2},
        {"create a symbolic link", [](tested& t) { t.create_symlink("to", "d/new").value(); }, 0, 1},
        {"create a symbolic link over a whiteout", [](tested& t) { t.create_symlink("to", "d/gone").value(); }, 0, 1},
        {"create a fifo", [](tested& t) { t.create_node("d/new", file_type::fifo, 0600).value(); }, 0, 1},
        {"link a file of the upper", [](tested& t) { t.create_hard_link("pure/f", "d/new").value(); }, 0, 1},
        {"remove a file of the upper", [](tested& t) { t.remove("pure/f").value(); }, 0, 1},
        {"remove a lower file", [](tested& t) { t.remove("d/f").value(); }, 0, 1},
        {"remove a lower file that is in the upper", [](tested& t) { t.remove("d/shell").value(); }, 0, 1},
        {"remove a merged directory", [](tested& t) { t.remove("emptied").value(); }, 0, 1},
        {"remove a whole merged tree", [](tested& t) { t.remove_all("d").value(); }, 0, 1},
        {"remove a whole tree of the upper", [](tested& t) { t.remove_all("pure").value(); }, 0, 1},
        {"rename in one directory", [](tested& t) { t.rename("pure/f", "pure/g").value(); }, 0, 1},
        {"rename to another directory", [](tested& t) { t.rename("pure/f", "d/new").value(); }, 0, 2},
        {"rename a lower file", [](tested& t) { t.rename("d/f", "d/new").value(); }, 1, 3},
        {"rename a merged directory", [](tested& t) { t.rename("emptied", "moved").value(); }, 0, 2},
        {"rename a directory to where lowers have names", [](tested& t) { t.rename("pure", "d/pure").value(); }, 0, 3},
        {"rename onto an emptied directory", [](tested& t) { t.rename("pure", "emptied").value(); }, 0, 3},
        {"exchange", [](tested& t) { t.rename("pure/f", "d/shell", rename_flags::exchange).value(); }, 0, 3},
        {"change the mode of a file of the upper", [](tested& t) { t.permissions("pure/f", 0600).value(); }, 0, 1},
        {"change the mode of a directory", [](tested& t) { t.permissions("pure", 0700).value(); }, 0, 1},
        {"set an attribute", [](tested& t) { t.set_xattr("pure/f", "user.a", "b").value(); }, 0, 1},
        {"resize", [](tested& t) { t.resize("pure/f", 2).value(); }, 0, 1},
        {"write through a handle", [](tested& t) { t.append("pure/f", "more").value(); }, 0, 1},
        {"change the owner of a symbolic link",
         [](tested& t) { t.owner("d/owned_link", 1, 1, links::no_follow).value(); }, 0, 3},
    };
}

std::uint64_t flushes(operation_flushes const& what, durability durable) {
    memory_tree below = lower_tree();
    memory_tree tree;
    disk_type disk{tree};
    limited_type able(disk, what.missing);
    counted_type counted{able};
    policy rules;
    rules.durable = durable;
    rules.metacopy = what.metacopy;
    auto root = stack(counted, below, rules);
    root.ready().value();
    prepare(root);
    auto const before = counted.counts();
    what.act(root);
    return (counted.counts() - before)[operation::sync].calls;
}

}  // namespace

TEST_CASE("[flush.1] an operation waits for as many flushes as its policy says") {
    for (auto const& what : operations()) {
        INFO(what.name);
        CHECK(flushes(what, durability::none) == 0);
        CHECK(flushes(what, durability::ordered) == what.ordered);
        CHECK(flushes(what, durability::strict) == what.strict);
    }
}

TEST_CASE("[flush.2] none flushes once when it is opened and once when it is closed") {
    memory_tree below = lower_tree();
    memory_tree tree;
    disk_type disk{tree};
    limited_type able(disk, {});
    counted_type counted{able};
    policy rules;
    rules.durable = durability::none;
    {
        auto root = stack(counted, below, rules);
        root.ready().value();
        CHECK(counted.counts()[operation::sync].calls == 1);
        prepare(root);
        CHECK(counted.counts()[operation::sync].calls == 1);
    }
    CHECK(counted.counts()[operation::sync].calls == 2);
}
