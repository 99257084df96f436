// Power losses in the life of a stack: after many operations of which nothing was flushed by the caller, through open
// files, and with durability::none.
#include "lossy.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "catch.hpp"

namespace {

using namespace scenes;

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string seen(disk_image const& left, memory_tree& below, policy const& rules) {
    memory_tree survivor;
    write_disk(left, survivor).value();
    return view(survivor, below, rules);
}

policy with(durability durable) {
    policy rules;
    rules.durable = durable;
    return rules;
}

// A change through an open file. What it leaves in one file is not all that is looked at: the copy-up before it is.
struct handle_scene {
    char const* name;
    std::function<void(tested_overlay&)> act;
};
std::vector<handle_scene> through_handles() {
    auto const opened = [](tested_overlay& t, path_view at) { return t.open(at, open_flags::read_write).value(); };
    return {
        {"write", [=](tested_overlay& t) { opened(t, "dir/file").write_at(bytes_of("AB"), 3).value(); }},
        {"write past the end", [=](tested_overlay& t) { opened(t, "new").write_at(bytes_of("AB"), 9000).value(); }},
        {"append", [=](tested_overlay& t) { opened(t, "changed").append(bytes_of("AB")).value(); }},
        {"resize", [=](tested_overlay& t) { opened(t, "dir/file").resize(2).value(); }},
        {"empty", [](tested_overlay& t) { emptied(t, "new").value(); }},
        {"mode", [=](tested_overlay& t) { opened(t, "new").set_mode(0600).value(); }},
        {"mode of a lower file",
         [](tested_overlay& t) { t.open("dir/file", open_flags::read).value().set_mode(0600).value(); }},
        {"owner", [=](tested_overlay& t) { opened(t, "other").set_owner(3, 4).value(); }},
        {"attribute",
         [=](tested_overlay& t) { opened(t, "shell").set_xattr("user.a", "b", xattr_flags::none).value(); }},
        {"copy a range",
         [=](tested_overlay& t) {
             auto to = opened(t, "new");
             auto from = opened(t, "changed");
             to.copy_range_from(from, 0, 1, 5).value();
         }},
        {"create and write",
         [](tested_overlay& t) {
             auto made = t.open("dir/made", open_flags::read_write | open_flags::create).value();
             made.write_at(bytes_of("content"), 0).value();
         }},
        {"create over a whiteout and write",
         [](tested_overlay& t) {
             auto made = t.open("gone", open_flags::read_write | open_flags::create).value();
             made.write_at(bytes_of("content"), 0).value();
         }},
    };
}

}  // namespace

TEST_CASE("[power.5] strict: what was done through an open file is not lost") {
    std::size_t tried = 0;
    for (auto const& config : configurations(durability::strict))
        for (auto const& scene : through_handles()) {
            INFO(config.name << ": " << scene.name);
            memory_tree below = lower_tree();
            memory_tree tree;
            disk_type disk{tree};
            tree_type upper_tree(disk, config.missing);
            std::string after;
            std::size_t returned = 0;
            {
                auto root = stack(upper_tree, below, config.rules);
                prepare(root);
                disk.begin_anew();
                scene.act(root);
                returned = disk.history().now();
                after = picture(root);
            }
            for (auto const order : {disk_order::journal, disk_order::weak, disk_order::torn})
                tried += disk.history().for_each_loss(
                    order, returned, returned, limits(), [&](disk_image const& left, std::size_t) {
                        INFO("order " << static_cast<int>(order));
                        CHECK(seen(left, below, config.rules) == after);
                    });
        }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.6] ordered, on a journal: after many operations a power loss shows the view after one of them") {
    std::size_t tried = 0;
    for (auto const& config : configurations(durability::ordered)) {
        if (config.rules.format == whiteout_format::aufs || config.missing.has(capability::whiteout_device))
            continue;  // some of these take them several steps
        memory_tree below = lower_tree();
        memory_tree tree;
        disk_type disk{tree};
        tree_type upper_tree(disk, config.missing);
        std::vector<std::string> views;
        {
            auto root = stack(upper_tree, below, config.rules);
            root.ready().value();
            views.push_back(picture(root));
            auto const done = [&](result<void> const& outcome) {
                REQUIRE(outcome.has_value());
                views.push_back(picture(root));
            };
            done(root.write("dir/file", "first"));
            done(root.write("fresh", std::string(9000, 'f')));
            done(root.rename("dir/sub", "moved"));
            done(root.remove("gone"));
            done(root.write("gone", "back"));
            done(root.permissions("other", 0600));
            done(root.write("moved/deep/bottom", "second"));
            done(plain(root.remove_all("gone_dir")));
            done(root.create_directory("gone_dir"));
            done(root.rename("moved/deep", "dir/deep"));
            done(root.create_hard_link("fresh", "gone_dir/link"));
            done(root.rename("other", "changed"));
            done(plain(root.remove_all("dir")));
            done(root.rename("moved", "dir"));
        }
        tried += disk.for_each_loss(
            disk_order::journal,
            [&](disk_image const& left, std::size_t point) {
                INFO(config.name << ", lost at point " << point);
                auto const found = seen(left, below, config.rules);
                CHECK(std::find(views.begin(), views.end(), found) != views.end());
            },
            limits());
    }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.7] strict: after each of many operations, that one and all before are there") {
    std::size_t tried = 0;
    memory_tree below = lower_tree();
    memory_tree tree;
    disk_type disk{tree};
    auto const rules = with(durability::strict);
    auto root = stack(disk, below, rules);
    root.ready().value();
    for (auto const& scene : all<decltype(root)>()) {
        INFO(scene.name);
        (void)scene.act(root);  // some are in the way of others, and fail
        std::string const now = picture(root);
        auto const point = disk.history().now();
        for (auto const order : {disk_order::journal, disk_order::weak, disk_order::torn})
            tried += disk.history().for_each_loss(
                order, point, point, limits(),
                [&](disk_image const& left, std::size_t) { CHECK(seen(left, below, rules) == now); });
    }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.8] none: what was not closed in order is refused, whatever is left of it") {
    memory_tree below = lower_tree();
    auto const untouched = picture(below);
    memory_tree tree;
    disk_type disk{tree};
    std::string after;
    std::size_t opened = 0, closing = 0;
    {
        auto root = stack(disk, below, with(durability::none));
        root.ready().value();
        opened = disk.history().now();
        prepare(root);
        for (auto const& scene : all<decltype(root)>())
            (void)scene.act(root);
        after = picture(root);
        closing = disk.history().now();
    }
    // The view of what is left; empty if it is refused.
    auto const shown = [&](disk_image const& left) {
        memory_tree survivor;
        write_disk(left, survivor).value();
        auto root = stack(survivor, below, with(durability::ordered));
        auto const ready = root.ready();
        if (ready)
            return picture(root);
        CHECK(ready.error() == errc::einval);
        auto const work = survivor.open_directory_at(survivor.work_root(), "work").value();
        CHECK(survivor.lookup(work, "incompat").value().has_value());
        survivor.release(work);
        return std::string();
    };
    std::size_t tried = 0;
    for (auto const order : {disk_order::journal, disk_order::weak, disk_order::torn}) {
        INFO("order " << static_cast<int>(order));
        auto const& history = disk.history();
        tried += history.for_each_loss(order, 0, opened, limits(), [&](disk_image const& left, std::size_t) {
            auto const found = shown(left);
            CHECK((found.empty() || found == untouched));
        });
        tried += history.for_each_loss(order, opened, closing, limits(),
                                       [&](disk_image const& left, std::size_t) { CHECK(shown(left).empty()); });
        tried += history.for_each_loss(order, closing, history.now(), limits(),
                                       [&](disk_image const& left, std::size_t) {
                                           auto const found = shown(left);
                                           CHECK((found.empty() || found == after));
                                       });
    }
    CHECK(view(tree, below, with(durability::ordered)) == after);
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[power.9] none: who takes the risk gets in") {
    memory_tree below = lower_tree();
    memory_tree tree;
    disk_type disk{tree};
    auto root = stack(disk, below, with(durability::none));
    root.write("new", "x").value();
    memory_tree survivor;
    write_disk(disk.history().latest(), survivor).value();
    policy rules = with(durability::ordered);
    {
        auto refused = stack(survivor, below, rules);
        CHECK(refused.ready().error() == errc::einval);
    }
    rules.accept_unclean = true;
    CHECK(view(survivor, below, rules).find("new regular") != std::string::npos);
}
