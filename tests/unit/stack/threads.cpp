// Many threads, every operation, few names. What each call answers is up to chance; that the tree stays one, and that nothing is
// left lying about, is not.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "catch.hpp"
#include "model/perform.hpp"
#include "model/script.hpp"

using namespace lamina;

namespace {

// Answers that no order of the calls explains.
bool is_absurd(errc code) {
    constexpr std::array possible = {errc::ok,      errc::enoent,  errc::eexist,  errc::enotdir, errc::eisdir,
                                     errc::eloop,   errc::enxio,   errc::einval,  errc::enotempty, errc::ebusy,
                                     errc::eperm,   errc::enodata, errc::ebadf,   errc::eopnotsupp, errc::estale,
                                     errc::enametoolong, errc::exdev, errc::eagain};
    return std::find(possible.begin(), possible.end(), code) == possible.end();
}

memory_tree busy_lower(std::string const& name) {
    memory_tree tree;
    for (char const* const directory : {"a", "a/b", "a/b/c", "d", "e", "d/a"})
        tree.create_directory(path::parse(directory).value()).value();
    for (char const* const file : {"a/f1", "a/b/f2", "a/b/c/f1", "d/a/b", "f1", "e/c"})
        tree.write(path::parse(file).value(), name + model::bytes_for(20'000, 1)).value();
    tree.create_symlink("a/b", "f2").value();
    // Names of one object, which a copy-up under one of them must not part.
    for (char const* const link : {"e/f1", "d/f2", "a/b/e"})
        tree.create_hard_link("f1", path::parse(link).value()).value();
    tree.create_hard_link("a/b/f2", "f2x").value();
    return tree;
}

void stress(policy const& rules, std::uint64_t seed) {
    seed += 10 * model::number_from("LAMINA_SEED", 0);
    memory_tree top = busy_lower("top"), bottom = busy_lower("bottom"), scratch;
    model::image live;
    {
        overlay root{upper(scratch), lower(top, bottom), rules};
        root.ready().value();
        auto const names = model::photograph(root);
        std::atomic<bool> over{false};
        std::atomic<int> absurd{0};
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < 4; ++i)
            threads.emplace_back([&, i] {
                model::wishes may;
                may.wh_names = rules.format != whiteout_format::aufs;
                may.objects = 30;
                model::script_writer writer(seed * 10 + i, may);
                model::performer<decltype(root)> hand(root);
                writer.look_at(names);
                while (!over) {
                    auto const step = writer.next();
                    if (step.what != model::op::reopen && is_absurd(hand.perform(step).code))
                        ++absurd;
                }
            });
        // One looks on.
        auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
        while (std::chrono::steady_clock::now() < end) {
            (void)root.list("/");
            (void)root.walk("/", [](auto const&) {});
            absurd += root.changes().has_value() ? 0 : 1;
        }
        over = true;
        for (auto& thread : threads)
            thread.join();
        CHECK(absurd == 0);
        live = model::photograph(root);
    }
    // The upper says the same as the cache did; and the work directory is empty.
    overlay again{upper(scratch), lower(top, bottom), rules};
    CHECK(model::differences(live, model::photograph(again)) == std::vector<std::string>());
    auto const work = scratch.open_directory_at(scratch.work_root(), "work").value();
    std::vector<std::string> left;
    REQUIRE(scratch.list_at(work, [&](directory_entry const& entry) {
        left.emplace_back(entry.name);
        return true;
    }));
    scratch.release(work);
    std::erase(left, "incompat");
    CHECK(left.empty());
}

}  // namespace

TEST_CASE("[stack_thread.1] every operation from four threads") { stress(policy::memory(), 1); }
TEST_CASE("[stack_thread.2] with half copies") {
    auto rules = policy::memory();
    rules.metacopy = metacopies::on;
    stress(rules, 2);
}
TEST_CASE("[stack_thread.3] with a cache that forgets") {
    auto rules = policy::memory();
    rules.cache_bytes = 2000;
    stress(rules, 3);
}
TEST_CASE("[stack_thread.4] with whole writes that are flushed") {
    auto rules = policy::memory();
    rules.durable = durability::ordered;
    stress(rules, 4);
}
TEST_CASE("[stack_thread.5] in the aufs format") {
    auto rules = policy::memory();
    rules.format = whiteout_format::aufs;
    rules.redirect = redirects::automatic;
    stress(rules, 5);
}
