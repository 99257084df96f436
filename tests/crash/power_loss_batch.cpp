// Files that are written in a batch, failed, killed and with power losses: one flush for all, and each is old or new,
// whole.
#include "lossy.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <lamina/backend/adapt/count.hpp>

#include "catch.hpp"

namespace {

using namespace scenes;

// What the batch writes: new files, over files of either layer, over a whiteout, one through a link, one twice.
std::vector<std::pair<char const*, std::string>> writes() {
    return {{"dir/file", "batch 1"},      {"new", std::string(9000, 'n')},
            {"dir/sub/fresh", "batch 2"}, {"gone", "batch 3"},
            {"changed", ""},              {"dir/link", "batch 4"},
            {"shell", "batch 5"},         {"other", "first"},
            {"other", "batch 6"}};
}

template <class Tree>
result<void, path_error> write_all(Tree& root) {
    auto batch = root.batch();
    for (auto const& [where, content] : writes())
        batch.write(path::parse(where).value(), content).value();
    return batch.commit();
}

// The views from before, after the first write, after the second, and so on, as single writes give them.
std::vector<std::string> views(policy const& rules) {
    memory_tree below = lower_tree();
    memory_tree scratch;
    auto root = stack(scratch, below, rules);
    prepare(root);
    std::vector<std::string> all{picture(root)};
    for (auto const& [where, content] : writes()) {
        root.write(path::parse(where).value(), content).value();
        all.push_back(picture(root));
    }
    return all;
}
bool contains(std::vector<std::string> const& all, std::string const& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

policy with(durability durable, metacopies metacopy = metacopies::automatic) {
    policy rules;
    rules.durable = durable;
    rules.metacopy = metacopy;
    return rules;
}

}  // namespace

TEST_CASE("[batch.1] a batch shows nothing before it is committed, and then what single writes would have made") {
    for (auto const durable : {durability::none, durability::ordered, durability::strict}) {
        auto const rules = with(durable, metacopies::on);
        auto const expected = views(rules);
        memory_tree below = lower_tree();
        memory_tree scratch;
        auto root = stack(scratch, below, rules);
        prepare(root);
        auto batch = root.batch();
        for (auto const& [where, content] : writes())
            batch.write(path::parse(where).value(), content).value();
        CHECK(batch.size() == writes().size());
        CHECK(picture(root) == expected.front());
        REQUIRE(batch.commit().has_value());
        CHECK(batch.size() == 0);
        CHECK(picture(root) == expected.back());
        CHECK(batch.commit().has_value());
    }
}

TEST_CASE("[batch.2] a batch that is dropped leaves nothing") {
    memory_tree below = lower_tree();
    memory_tree scratch;
    auto const rules = with(durability::ordered);
    auto root = stack(scratch, below, rules);
    prepare(root);
    auto const before = left_in_work(scratch);
    {
        auto batch = root.batch();
        batch.write("dir/file", "unseen").value();
        batch.write("new", "unseen").value();
    }
    CHECK(left_in_work(scratch) == before);
    CHECK(picture(root) == views(rules).front());
}

TEST_CASE("[batch.3] a failure names its file, and what came before it is there") {
    memory_tree below = lower_tree();
    memory_tree scratch;
    auto root = stack(scratch, below, with(durability::ordered));
    auto batch = root.batch();
    batch.write("first", "1").value();
    batch.write("dir", "no").value();
    batch.write("last", "3").value();
    auto const done = batch.commit();
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error() == errc::eisdir);
    CHECK(done.error().path == "dir");
    CHECK(root.read("first").value() == "1");
    CHECK_FALSE(root.exists("last").value());
}

TEST_CASE("[batch.4] a file with an open handle, or with other names, is written in place") {
    memory_tree below = lower_tree();
    memory_tree scratch;
    auto root = stack(scratch, below, with(durability::ordered));
    root.write("a", "old").value();
    root.create_hard_link("a", "b").value();
    root.write("c", "old").value();
    auto open = root.open("c", open_flags::read).value();
    auto batch = root.batch();
    batch.write("b", "new").value();
    batch.write("c", "new").value();
    REQUIRE(batch.commit().has_value());
    CHECK(root.read("a").value() == "new");
    CHECK(paths::read_all(open).value() == "new");
}

TEST_CASE("[batch.5] many files take one flush, few one each") {
    memory_tree below = lower_tree();
    memory_tree scratch;
    disk_type disk{scratch};
    count counted{disk};
    auto root = stack(counted, below, with(durability::ordered));
    auto const flushes = [&](int files) {
        auto const before = counted.counts();
        auto batch = root.batch();
        for (int i = 0; i < files; ++i)
            batch.write(path::parse("f" + std::to_string(i)).value(), "x").value();
        REQUIRE(batch.commit().has_value());
        return (counted.counts() - before)[operation::sync].calls;
    };
    CHECK(flushes(0) == 0);
    CHECK(flushes(3) == 3);
    CHECK(flushes(50) == 1);
}

TEST_CASE("[batch.6] after a power loss in a batch each file is old or new; on a journal the first so many are new") {
    std::size_t tried = 0;
    for (auto const durable : {durability::ordered, durability::strict})
        for (auto const metacopy : {metacopies::automatic, metacopies::on}) {
            auto const rules = with(durable, metacopy);
            auto const all = views(rules);
            memory_tree below = lower_tree();
            memory_tree tree;
            disk_type disk{tree};
            std::size_t returned = 0;
            {
                auto root = stack(disk, below, rules);
                prepare(root);
                disk.begin_anew();
                REQUIRE(write_all(root).has_value());
                returned = disk.history().now();
            }
            auto const try_all = [&](disk_order order, std::size_t first, auto&& judge) {
                tried += disk.history().for_each_loss(
                    order, first, returned, limits(), [&](disk_image const& left, std::size_t point) {
                        INFO("order " << static_cast<int>(order) << ", lost at point " << point);
                        memory_tree survivor;
                        write_disk(left, survivor).value();
                        CHECK(judge(view(survivor, below, rules)));
                    });
            };
            auto const begun_or_done = [&](std::string const& found) { return contains(all, found); };
            try_all(disk_order::journal, 0, begun_or_done);
            if (durable != durability::strict)
                continue;
            try_all(disk_order::weak, 0, begun_or_done);
            try_all(disk_order::torn, returned, [&](std::string const& found) { return found == all.back(); });
        }
    CHECK(tried != 0);
    WARN(tried << " states tried");
}

TEST_CASE("[batch.7] a batch that fails or is stopped at any step leaves each file old or new, whole") {
    auto const rules = with(durability::ordered);
    auto const all = views(rules);
    std::size_t tried = 0;
    for (bool const stops : {false, true})
        for (std::uint64_t nth = 1; nth < 400; ++nth) {
            memory_tree below = lower_tree();
            memory_tree scratch;
            bool finished = false;
            {
                fault faulty{scratch};
                auto root = stack(faulty, below, rules);
                prepare(root);
                auto batch = root.batch();
                for (auto const& [where, content] : writes())
                    batch.write(path::parse(where).value(), content).value();
                if (stops)
                    faulty.stop_after(nth - 1);
                else
                    faulty.inject_if([](call const& c) { return c.mutates() || c.flushes(); },
                                     {.nth = nth, .code = errc::enospc});
                finished = batch.commit().has_value();
            }
            INFO((stops ? "stopped at step " : "failed at step ") << nth);
            CHECK(contains(all, view(scratch, below, rules)));
            ++tried;
            if (stops ? finished : finished && nth > 200)
                break;
        }
    CHECK(tried > 20);
    WARN(tried << " cases tried");
}
