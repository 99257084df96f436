// Power losses while hard links of a lower are copied up, linked, renamed and removed, with the index
// (stack/index.hpp): every name shows the same content and the count of all names, as before or as after.
#include "lossy.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "catch.hpp"

namespace {

using namespace scenes;

// What is left, as the disk that it was: its root keeps its handle, or the index would not be believed.
class same_disk : public forwarding<same_disk, held<memory_tree&>> {
    using base = forwarding<same_disk, held<memory_tree&>>;

public:
    same_disk(memory_tree& left, object_handle root) : base(held<memory_tree&>(left)), root_(std::move(root)) {}
    [[nodiscard]] result<object_handle> handle_at(node directory, name_ref name) {
        if (directory == this->root() && name.empty())
            return root_;
        return base::handle_at(directory, name);
    }

private:
    object_handle root_;
};

memory_tree linked_lower() {
    memory_tree t;
    t.create_directories("dir/sub").value();
    t.write("dir/a", "linked").value();
    t.create_hard_link("dir/a", "dir/b").value();
    t.create_hard_link("dir/a", "dir/sub/c").value();
    t.write("dir/two", "pair").value();
    t.create_hard_link("dir/two", "two_too").value();
    t.write("other", "other").value();
    return t;
}
template <class Tree>
void prepare_links(Tree& root) {
    root.append("dir/two", " up").value();  // one name is up, the other still below
    root.write("new", "new").value();
}

// As scenes::picture, with the number of names of each file.
template <class Tree>
std::string links_of(Tree& tree) {
    std::vector<std::string> lines;
    tree.walk("", [&](walk_entry const& found) {
            std::string line(found.path);
            if (found.object.is_regular())
                line.append(" ").append(std::to_string(found.object.nlink)).append(" ")
                    .append(std::to_string(found.object.mode)).append(" ")
                    .append(tree.read(path::parse(std::string(found.path)).value()).value());
            lines.push_back(std::move(line));
        })
        .value();
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (auto const& line : lines)
        all.append(line).append("\n");
    return all;
}

struct link_scene {
    char const* name;
    std::function<result<void>(tested_overlay&)> act;
};
std::vector<link_scene> link_scenes() {
    return {
        {"copy up the first name", [](tested_overlay& t) -> result<void> {
             LAMINA_CHECK(t.open("dir/a", open_flags::read_write));
             return {};
         }},
        {"copy up the second name", [](tested_overlay& t) -> result<void> {
             LAMINA_CHECK(t.open("two_too", open_flags::read_write));
             return {};
         }},
        {"change a mode", [](tested_overlay& t) { return t.permissions("dir/sub/c", 0600); }},
        {"cut", [](tested_overlay& t) { return t.resize("dir/b", 2); }},
        {"remove a name", [](tested_overlay& t) { return t.remove("dir/a"); }},
        {"remove a name that is up", [](tested_overlay& t) { return t.remove("dir/two"); }},
        {"remove a name whose other is up", [](tested_overlay& t) { return t.remove("two_too"); }},
        {"rename a name", [](tested_overlay& t) { return t.rename("dir/b", "moved"); }},
        {"rename onto a name", [](tested_overlay& t) { return t.rename("new", "dir/a"); }},
        {"rename a name that is up", [](tested_overlay& t) { return t.rename("dir/two", "other"); }},
        {"a new link", [](tested_overlay& t) { return t.create_hard_link("dir/sub/c", "dir/d"); }},
        {"a new link of what is up", [](tested_overlay& t) { return t.create_hard_link("dir/two", "three"); }},
        {"exchange", [](tested_overlay& t) { return t.rename("dir/a", "two_too", rename_flags::exchange); }},
    };
}

struct linked_run {
    memory_tree below = linked_lower();
    memory_tree tree;
    disk_type disk{tree};
    tree_type upper_tree{disk, capability::clone};
    policy rules;
    object_handle root_handle = tree.handle_at(tree.root(), name_ref{}).value();
    std::string before, after;
    std::size_t returned = 0;

    linked_run(durability durable, link_scene const& what) {
        rules.durable = durable;
        rules.index = indexing::on;
        auto root = stack(upper_tree, below, rules);
        root.ready().value();
        prepare_links(root);
        before = links_of(root);
        disk.begin_anew();
        what.act(root).value();
        returned = disk.history().now();
        after = links_of(root);
    }
    std::string seen(disk_image const& left) {
        memory_tree survivor;
        write_disk(left, survivor).value();
        same_disk upper_of_it(survivor, root_handle);
        auto root = stack(upper_of_it, below, rules);
        root.ready().value();
        return links_of(root);
    }
    std::size_t check(disk_order order, std::size_t first, bool old_will_do) {
        bool sound = true;
        return disk.history().for_each_loss(
            order, first, returned, limits(), [&](disk_image const& left, std::size_t point) {
                if (!sound)
                    return;
                INFO("order " << static_cast<int>(order) << ", lost at point " << point << " of " << returned);
                auto const found = seen(left);
                sound = found == after || (old_will_do && found == before);
                if (!sound)
                    CHECK(found + "--- before:\n" + before == after);
            });
    }
};

}  // namespace

TEST_CASE("[power.10] ordered, on a journal: hard links are as before or as after") {
    std::size_t tried = 0;
    for (auto const& scene : link_scenes()) {
        INFO(scene.name);
        tried += linked_run(durability::ordered, scene).check(disk_order::journal, 0, true);
    }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.11] strict, on any disk: hard links are as before or as after, and once it has returned, as after") {
    std::size_t tried = 0;
    for (auto const& scene : link_scenes()) {
        INFO(scene.name);
        linked_run run(durability::strict, scene);
        tried += run.check(disk_order::journal, 0, true);
        tried += run.check(disk_order::weak, 0, true);
        for (auto const order : {disk_order::journal, disk_order::weak, disk_order::torn})
            tried += run.check(order, run.returned, false);
    }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}
