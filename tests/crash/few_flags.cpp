// The same on an upper whose file system has neither exchange nor whiteouts by rename, nor files without names: what is one step
// elsewhere takes two, and an intent tells the next opening about the second.
#include "views.hpp"

#include <string>

#include "catch.hpp"
#include "model/limited.hpp"

namespace {

using namespace scenes;

constexpr lamina::capabilities missing =
    lamina::capability::exchange | lamina::capability::rename_whiteout | lamina::capability::unnamed_files;

using poor_tree = model::limited<memory_tree&>;
using faulty_tree = fault<poor_tree&>;
using poor_overlay = decltype(stack(std::declval<poor_tree&>(), std::declval<memory_tree&>(), policy()));
using faulty_overlay = decltype(stack(std::declval<faulty_tree&>(), std::declval<memory_tree&>(), policy()));

std::string view_of_poor(memory_tree& scratch, memory_tree& below, policy const& rules) {
    std::string seen;
    {
        poor_tree poor{scratch, missing};
        auto root = stack(poor, below, rules);
        root.ready().value();
        seen = picture(root);
    }
    CHECK(left_in_work(scratch) == 0);
    auto const own = scratch.lookup(scratch.work_root(), std::string_view("lamina")).value();
    if (own) {
        auto const lamina_directory = scratch.open_directory_at(scratch.work_root(), std::string_view("lamina")).value();
        auto const intents = scratch.open_directory_at(lamina_directory, std::string_view("intent"));
        if (intents) {
            std::size_t left = 0;
            scratch.list_at(*intents, [&](directory_entry const&) {
                ++left;
                return true;
            }).value();
            CHECK(left == 0);
            scratch.release(*intents);
        }
        scratch.release(lamina_directory);
    }
    return seen;
}

}  // namespace

TEST_CASE("[crash.2] without rename flags too an operation that is stopped at any step shows as not begun or as done") {
    std::size_t tried = 0;
    policy plain, strict, aufs;
    plain.durable = durability::ordered;
    strict.durable = durability::strict;
    aufs.format = whiteout_format::aufs;
    aufs.durable = durability::ordered;
    for (auto const& config : {configuration{"ordered", plain}, {"strict", strict}, {"aufs", aufs}})
        for (auto const& scene : all<faulty_overlay>()) {
            std::string expected;
            {
                memory_tree below = lower_tree(), scratch;
                poor_tree poor{scratch, missing};
                auto root = stack(poor, below, config.rules);
                root.ready().value();
                prepare(root);
                for (auto const& same : all<poor_overlay>())
                    if (std::string(same.name) == scene.name)
                        (void)same.act(root);
                expected = picture(root);
            }
            for (std::uint64_t passed = 0; passed < 200; ++passed) {
                INFO(config.name << ": " << scene.name << ", stopped after step " << passed);
                memory_tree below = lower_tree(), scratch;
                std::string before;
                bool finished = false;
                {
                    poor_tree poor{scratch, missing};
                    faulty_tree faulty{poor};
                    auto root = stack(faulty, below, config.rules);
                    root.ready().value();
                    prepare(root);
                    before = picture(root);
                    faulty.stop_after(passed);
                    finished = scene.act(root).has_value();
                }
                auto const seen = view_of_poor(scratch, below, config.rules);
                ++tried;
                CHECK((seen == before || seen == expected));
                if (finished) {
                    CHECK(seen == expected);
                    break;
                }
            }
        }
    WARN(tried << " stops tried");
}
