// Every operation, with a power loss at each of its points: for each part of what was not flushed that a file system
// may have lost, a new overlay over the rest shows the view from before or from after (lossy_disk.hpp; the rules of the
// losses are in disk_history.hpp).
//
//   ordered, a journal   before or after; a write in place leaves what the disk gives of it
//   ordered, weak        names and attributes may be missing; but what was copied or written as a whole file is old or
//                        new, whole. A clone and a file's size alone are metadata, which is not flushed.
//   strict, weak         before or after; once the operation has returned: after, also where renames are torn
//
// Whole lives of a stack, handles and durability::none: power_loss_lives.cpp.
#include "lossy.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "catch.hpp"

namespace {

using namespace scenes;

// One operation on a disk on which everything before it is sure.
struct performed {
    memory_tree below = lower_tree();
    std::string lower_before = picture(below);
    memory_tree tree;
    disk_type disk{tree};
    tree_type upper_tree;
    std::string before, after;
    std::size_t returned = 0;  // where in the disk's history

    performed(lossy_configuration const& config, scene<tested_overlay> const& what)
        : upper_tree(disk, config.missing) {
        auto root = stack(upper_tree, below, config.rules);
        root.ready().value();
        prepare(root);
        before = picture(root);
        disk.begin_anew();
        auto const outcome = what.act(root);
        returned = disk.history().now();
        // aufs has no redirects, and not every upper exchanges names, or has files without one.
        bool const refused = !outcome && (outcome.error() == errc::exdev ||
                                          (outcome.error() == errc::einval && config.missing.has(capability::exchange)) ||
                                          (outcome.error() == errc::eopnotsupp &&
                                           config.missing.has(capability::unnamed_files)));
        REQUIRE((outcome.has_value() || refused));
        CHECK(left_in_work(tree) <= 1);  // a whiteout to be linked from
        after = picture(root);
    }

    // What a new overlay shows over what is left.
    [[nodiscard]] std::string seen(disk_image const& left, policy const& rules) {
        memory_tree survivor;
        write_disk(left, survivor).value();
        return view(survivor, below, rules);
    }
    template <class Judge>
    std::size_t losses(disk_order order, std::size_t first, policy const& rules, Judge&& judge) {
        bool sound = true;  // of one mistake the first state says enough
        auto const tried = disk.history().for_each_loss(
            order, first, returned, limits(), [&](disk_image const& left, std::size_t point) {
                if (!sound)
                    return;
                INFO("lost at point " << point << " of " << returned);
                auto const found = seen(left, rules);
                sound = judge(found);
                if (!sound)
                    CHECK((found + "--- before:\n" + before + "--- after:\n" + after).empty());
            });
        CHECK(picture(below) == lower_before);
        return tried;
    }
};

// Written in place, also where the rest of the operation is a copy-up: the file that it is.
std::string written_in_place(std::string const& scene) {
    if (scene == "append to a lower file")
        return "dir/sub/deep/bottom ";
    return scene == "append to a shell" ? "shell " : "";
}
// A picture without the content and the size of one file.
std::string without(std::string picture, std::string const& file) {
    if (file.empty())
        return picture;
    auto const at = picture.find(file);
    if (at != std::string::npos)
        picture.erase(at, picture.find('\n', at) - at);
    return picture;
}

// What the files of a picture hold, by path.
std::map<std::string, std::string> contents(std::string const& picture) {
    std::map<std::string, std::string> files;
    for (std::size_t at = 0; at < picture.size(); at = picture.find('\n', at) + 1) {
        std::string const line = picture.substr(at, picture.find('\n', at) - at);
        auto const regular = line.find(" regular ");
        if (regular == std::string::npos)
            continue;
        // path, "regular", mode, owner, size, content, attributes
        auto const size = line.find(' ', line.find(':', regular)) + 1;
        auto const content = line.find(' ', size) + 1;
        files[line.substr(0, regular)] =
            line.substr(size, content - size + std::min<std::size_t>(64, std::stoul(line.substr(size))));
    }
    return files;
}
bool holds_whole_files(std::string const& found, std::string const& before, std::string const& after) {
    auto const old = contents(before), fresh = contents(after);
    for (auto const& [path, content] : contents(found)) {
        auto const was = old.find(path), is = fresh.find(path);
        bool const known = was != old.end() || is != fresh.end();
        if (known && !(was != old.end() && was->second == content) && !(is != fresh.end() && is->second == content))
            return false;
    }
    return true;
}

}  // namespace

TEST_CASE("[power.1] ordered, on a journal: a power loss shows each operation as not begun or as done") {
    std::size_t tried = 0;
    for (auto const& config : configurations(durability::ordered))
        for (auto const& scene : all<tested_overlay>()) {
            INFO("ordered, " << config.name << ": " << scene.name);
            performed run(config, scene);
            auto const file = written_in_place(scene.name);
            tried += run.losses(disk_order::journal, 0, config.rules, [&](std::string const& found) {
                return without(found, file) == without(run.before, file) ||
                       without(found, file) == without(run.after, file);
            });
        }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.2] ordered, on any disk: what a copy-up or a whole write made is old or new, whole") {
    std::size_t tried = 0;
    for (auto const& config : configurations(durability::ordered))
        for (auto const& scene : all<tested_overlay>()) {
            if (!config.flushes_content || !written_in_place(scene.name).empty())
                continue;
            INFO("ordered, " << config.name << ": " << scene.name);
            performed run(config, scene);
            tried += run.losses(disk_order::weak, 0, config.rules, [&](std::string const& found) {
                return holds_whole_files(found, run.before, run.after);
            });
        }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.3] strict, on any disk: a power loss shows each operation as not begun or as done") {
    std::size_t tried = 0;
    for (auto const& config : configurations(durability::strict))
        for (auto const& scene : all<tested_overlay>()) {
            INFO("strict, " << config.name << ": " << scene.name);
            performed run(config, scene);
            auto const file = written_in_place(scene.name);
            for (auto const order : {disk_order::journal, disk_order::weak})
                tried += run.losses(order, 0, config.rules, [&](std::string const& found) {
                    return without(found, file) == without(run.before, file) ||
                           without(found, file) == without(run.after, file);
                });
        }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.4] strict, on any disk: an operation that has returned is not lost") {
    std::size_t tried = 0;
    for (auto const& config : configurations(durability::strict))
        for (auto const& scene : all<tested_overlay>()) {
            INFO("strict, " << config.name << ": " << scene.name);
            performed run(config, scene);
            for (auto const order : {disk_order::journal, disk_order::weak, disk_order::torn}) {
                INFO("order " << static_cast<int>(order));
                tried += run.losses(order, run.returned, config.rules,
                                    [&](std::string const& found) { return found == run.after; });
            }
        }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}
