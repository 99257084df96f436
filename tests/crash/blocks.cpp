// What is done to a file that is copied up block by block, stopped and failed at every one of its steps. A step is a
// call that changes something in the upper or flushes.
//
//   failed    one step is refused (no space): the call fails or not, and every block is the old or the new one; done
//             again without the fault, it gives what it gives without faults
//   killed    every later call fails; opened again, every block is the old or the new one
//   down      the same, but nothing counts that was not flushed: all data of blocks that are not hard is replaced by
//             rubbish, and so are the soft bits. What was flushed is the new one
//   lost      every part of what was not flushed that a file system may lose (lossy_disk.hpp): ordered on a journal,
//             strict without any order
//
// Whatever happened, the upper can then be made whole, and holds the same.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/lossy_disk.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../unit/stack/blocks_of.hpp"
#include "catch.hpp"

namespace {

using namespace lamina;
using namespace blocks_of;

// An upper in memory that says of itself what one on a disk says.
struct disk : fault<memory_tree&> {
    std::array<std::byte, 16> now{std::byte{1}};
    explicit disk(memory_tree& tree) : fault(tree) {}
    [[nodiscard]] capabilities able() const {
        return fault::able().without(capability::clone) | capability::persistent_inodes;
    }
    [[nodiscard]] result<std::array<std::byte, 16>> boot() { return now; }
};

enum class act { write, write_across, append, cut, grow, rename, link, chmod, replace, make_whole, flush, hole, zeros };

struct scene {
    char const* name;
    std::vector<act> before;  // undisturbed
    std::vector<act> acts;
};

std::vector<scene> scenes() {
    using enum act;
    return {
        {"the first write", {}, {write}},
        {"a write across blocks", {}, {write_across}},
        {"a write into the same block", {write}, {write}},
        {"a write across blocks of both kinds", {write}, {write_across}},
        {"append", {write}, {append}},
        {"append first", {}, {append}},
        {"cut", {write}, {cut}},
        {"cut first", {}, {cut}},
        {"cut, then grow", {write_across}, {cut, grow}},
        {"cut, then append", {write_across}, {cut, append}},
        {"cut before, then grow, then write", {write, cut}, {grow, write}},
        {"rename first, then write", {}, {rename, write}},
        {"write, then rename", {write}, {rename, write_across}},
        {"link, then write", {}, {link, write}},
        {"change the mode, then write", {}, {chmod, write}},
        {"write, flush, write", {}, {write, flush, write_across, flush}},
        {"make whole", {write}, {make_whole}},
        {"make whole after a cut", {write_across, cut}, {make_whole, write}},
        {"make whole under another name", {write, rename, link}, {make_whole}},
        {"replace by another file", {write}, {replace}},
        {"a hole first", {}, {hole}},
        {"a hole in blocks of both kinds", {write}, {hole}},
        {"a hole after a cut, then grow", {cut}, {hole, grow}},
        {"zeros past the end, after a cut", {write, cut}, {zeros}},
        {"zeros, flush, write", {}, {zeros, flush, write_across}},
    };
}

// What the file holds afterwards.
std::string expected_after(act what, std::string content) {
    switch (what) {
    case act::write:
        content.resize(std::max(content.size(), 3 * block + 105));
        return content.replace(3 * block + 100, 5, "write");
    case act::write_across:
        content.resize(std::max(content.size(), 5 * block + 100));
        return content.replace(2 * block + 50, 3 * block + 50, std::string(3 * block + 50, 'W'));
    case act::append: return content + "appended";
    case act::cut: return content.substr(0, 4 * block + 7);
    case act::grow:
        content.resize(9 * block);
        return content;
    case act::replace: return std::string(block, 'r');
    case act::hole: {
        std::size_t const end = std::min(content.size(), 5 * block - 20);
        return content.replace(block + 10, end - block - 10, end - block - 10, '\0');
    }
    case act::zeros:
        content.resize(std::max(content.size(), 9 * block + 5));
        return content.replace(3 * block, 6 * block + 5, 6 * block + 5, '\0');
    default: return content;
    }
}

path at(char const* text) { return path::parse(text).value(); }

template <class Root>
result<void> perform(Root& root, act what, std::string const& now) {
    auto const name = root.exists(at("moved")).value() ? at("moved") : at("big");
    auto const with_file = [&](auto&& f) -> result<void> {
        LAMINA_TRY(auto file, root.open(name, open_flags::read_write));
        return f(file);
    };
    switch (what) {
    case act::write:
        return with_file([](auto& file) {
            return paths::write_all_at(file, std::as_bytes(std::span("write", 5)), 3 * block + 100);
        });
    case act::write_across:
        return with_file([](auto& file) {
            std::string const bytes(3 * block + 50, 'W');
            return paths::write_all_at(file, std::as_bytes(std::span(bytes)), 2 * block + 50);
        });
    case act::append:
        return with_file([](auto& file) -> result<void> {
            LAMINA_CHECK(file.append(std::as_bytes(std::span("appended", 8))));
            return {};
        });
    case act::cut: return root.resize(name, expected_after(act::cut, now).size());
    case act::grow: return root.resize(name, 9 * block);
    case act::rename: return root.rename(name, at("moved"));
    case act::link: return root.create_hard_link(name, at("second"));
    case act::chmod: return root.permissions(name, 0600);
    case act::replace: {
        LAMINA_CHECK(root.write(at("other"), expected_after(act::replace, {})));
        return root.rename(at("other"), name);
    }
    case act::make_whole: {
        auto done = root.materialize();
        return done ? result<void>() : result<void>(unexpected(done.error().what));
    }
    case act::hole:
        return with_file([](auto& file) {
            return file.allocate(allocation::punch_hole, block + 10, 4 * block - 30);
        });
    case act::zeros:
        return with_file([](auto& file) { return file.allocate(allocation::zero_range, 3 * block, 6 * block + 5); });
    case act::flush: return with_file([](auto& file) { return file.sync(sync_kind::data); });
    }
    return {};
}

// Whether each block of `seen` is the one of `a` or of `b`.
bool is_mixture(std::string const& seen, std::string const& a, std::string const& b) {
    if (seen.size() != a.size() && seen.size() != b.size())
        return false;
    for (std::size_t from = 0; from < seen.size(); from += block) {
        auto const piece = seen.substr(from, block);
        auto const is_of = [&](std::string const& whole) {
            auto padded = whole;
            padded.resize(std::max(whole.size(), from + piece.size()));
            return padded.compare(from, piece.size(), piece) == 0;
        };
        if (!is_of(a) && !is_of(b))
            return false;
    }
    return true;
}

struct world {
    memory_tree below, scratch;
    count<memory_tree&> counted{below};
    std::string const content = pattern(6 * block + 10, 1);
    world() { below.write("big", content).value(); }

    auto open(disk& upper_tree, policy const& rules) { return overlay{upper(upper_tree), lower(counted), rules}; }

    // The machine goes down. `flushed` blocks of the map stay, everything else that lies about is rubbish.
    void lose_what_is_not_hard() {
        for (auto const name : {"big", "moved", "second"}) {
            if (!scratch.exists(at(name)).value())
                continue;
            auto const mark = scratch.get_xattr(at(name), "trusted.overlay.metacopy");
            if (!mark || *mark != "lb1")
                continue;
            auto const id_text = scratch.get_xattr(at(name), "trusted.overlay.lamina").value();
            detail::block_id id;
            for (std::size_t i = 0; i < id.size(); ++i)
                id[i] = static_cast<std::byte>(id_text[1 + i]);
            auto const outer = scratch.open_directory_at(scratch.work_root(), "lamina").value();
            auto const inner = scratch.open_directory_at(outer, "blocks").value();
            auto const open_map = [&] {
                return scratch.open_at(inner, detail::hex_name(id), open_flags::read_write).value();
            };
            auto map = detail::block_map<memory_file>::load(open_map(), id, detail::boot_identity{}).value();
            auto file = scratch.open(at(name), open_flags::read_write).value();
            auto const size = file.status().value().size;
            auto const limit = std::min(size, map.limit());
            for (std::uint64_t b = 0; b * block < limit; ++b)
                if (!map.owns(b)) {
                    auto const length = std::min<std::uint64_t>(block, limit - b * block);
                    REQUIRE(paths_write(file, std::string(static_cast<std::size_t>(length), '#'), b * block));
                }
            auto raw = open_map();
            REQUIRE(paths_write(raw, std::string(300, '#'), map.header().soft_at(0) + 100));
            scratch.release(inner);
            scratch.release(outer);
        }
    }
};

std::string content_of(auto& root) {
    return root.read(root.exists(at("moved")).value() ? at("moved") : at("big")).value();
}

policy rules_of(durability durable) {
    auto rules = policy_of_blocks();
    rules.durable = durable;
    return rules;
}

// After whatever happened: what is seen, made whole, and seen again.
std::string look(world& w, policy const& rules, std::uint8_t boot) {
    std::string seen;
    {
        disk calm(w.scratch);
        calm.now[0] = std::byte{boot};
        auto opening = rules;
        opening.accept_unclean = true;
        auto root = w.open(calm, opening);
        root.ready().value();
        seen = content_of(root);
        REQUIRE(root.status(root.exists(at("moved")).value() ? at("moved") : at("big")).value().size == seen.size());
        root.materialize().value();
        CHECK((content_of(root) == seen));
        CHECK_FALSE(root.needs_materialize());
    }
    CHECK(maps_of(w.scratch).empty());
    disk calm(w.scratch);
    auto root = w.open(calm, rules);
    CHECK((content_of(root) == seen));
    return seen;
}

}  // namespace

TEST_CASE("[fault.blocks] a step that fails leaves every block old or new, and all can be done again") {
    std::size_t tried = 0;
    for (auto const durable : {durability::none, durability::ordered, durability::strict})
        for (auto const& s : scenes())
            for (std::uint64_t nth = 1;; ++nth) {
                INFO(s.name << ", step " << nth);
                world w;
                auto const rules = rules_of(durable);
                std::string now = w.content;
                bool reached = false;
                {
                    disk faulty(w.scratch);
                    auto root = w.open(faulty, rules);
                    root.ready().value();
                    for (act const a : s.before) {
                        perform(root, a, now).value();
                        now = expected_after(a, now);
                    }
                    auto const first = faulty.steps();
                    faulty.inject_if([](call const& c) { return c.mutates() || c.flushes(); },
                                     {.nth = nth, .code = errc::enospc});
                    for (act const a : s.acts) {
                        auto const next = expected_after(a, now);
                        auto const done = perform(root, a, now);
                        if (!done) {
                            reached = true;
                            faulty.clear();
                            auto const seen = content_of(root);
                            CHECK(is_mixture(seen, now, next));
                            bool const all_done = seen == next && a == act::append;  // it is not to be done twice
                            if (!all_done)
                                (void)perform(root, a, now);  // (a name may have moved although the call failed)
                        }
                        CHECK((content_of(root) == next));
                        now = next;
                    }
                    reached = reached || faulty.steps() - first >= nth;
                }
                CHECK((look(w, rules, 1) == now));
                ++tried;
                if (!reached || nth > 200)
                    break;
            }
    WARN(tried << " failures tried");
}

TEST_CASE("[crash.blocks] stopped at any step, by a kill or a power loss: every block is old or new") {
    std::size_t tried = 0;
    for (auto const durable : {durability::none, durability::ordered, durability::strict})
        for (bool const power : {false, true})
            for (auto const& s : scenes()) {
                if (power && durable == durability::none)
                    continue;  // such an upper is refused then
                for (std::uint64_t passed = 0;; ++passed) {
                    INFO(s.name << ", stopped after step " << passed << (power ? ", power lost" : ", killed"));
                    world w;
                    auto const rules = rules_of(durable);
                    std::string before = w.content, next;
                    // With a power loss: the state that is certain to be there, at least.
                    std::vector<std::string> states;
                    std::size_t certain = 0;
                    bool finished = true;
                    disk faulty(w.scratch);
                    {
                        auto root = w.open(faulty, rules);
                        root.ready().value();
                        for (act const a : s.before) {
                            perform(root, a, before).value();
                            before = expected_after(a, before);
                        }
                        states.push_back(before);
                        faulty.stop_after(passed);
                        for (act const a : s.acts) {
                            next = expected_after(a, states.back());
                            bool const done = perform(root, a, states.back()).has_value();
                            if (done && (durable == durability::strict || a == act::flush || a == act::make_whole))
                                certain = states.size();
                            states.push_back(next);
                            if (!done) {
                                finished = false;
                                break;
                            }
                        }
                    }
                    bool const closed = finished && !faulty.stopped();
                    if (power)
                        w.lose_what_is_not_hard();
                    auto const seen = look(w, rules, power ? 2 : 1);
                    if (closed || (finished && !power)) {
                        CHECK((seen == states.back()));
                    } else if (!power) {
                        CHECK(is_mixture(seen, states[states.size() - 2], states.back()));
                    } else {
                        // Blocks that were not flushed are as they were, whichever of the calls was to change them.
                        bool plausible = false;
                        for (std::size_t i = certain; i < states.size(); ++i)
                            for (std::size_t j = i; j < states.size(); ++j)
                                plausible = plausible || is_mixture(seen, states[i], states[j]);
                        CHECK(plausible);
                    }
                    ++tried;
                    if (closed || passed > 200)
                        break;
                }
            }
    WARN(tried << " stops tried");
}

TEST_CASE("[order.blocks] a bit is hard only after its block was flushed, a limit is lowered only after the cut was") {
    for (auto const durable : {durability::ordered, durability::strict}) {
        std::size_t hard = 0, headers = 0, too_early = 0;
        for (auto const& s : scenes()) {
            world w;
            disk observed(w.scratch);
            bool unflushed_data = false, unflushed_cut = false;
            observed.inject_if([&](call const& c) {
                bool const is_map = c.name.text.size() == 32;
                if (!is_map && c.what == primitive::file_sync)
                    unflushed_data = unflushed_cut = false;
                else if (!is_map && (c.what == primitive::write_at || c.what == primitive::append ||
                                     c.what == primitive::allocate))
                    unflushed_data = true;
                else if (!is_map && c.what == primitive::file_resize)
                    unflushed_cut = true;
                else if (is_map && c.what == primitive::write_at && c.offset >= 8192 + detail::block_sector::bytes) {
                    ++hard;
                    too_early += unflushed_data ? 1 : 0;
                } else if (is_map && c.what == primitive::write_at && c.offset < 8192 &&
                           c.from.size() == detail::block_header::bytes) {
                    ++headers;
                    too_early += unflushed_cut ? 1 : 0;
                }
                return false;
            });
            auto root = w.open(observed, rules_of(durable));
            root.ready().value();
            std::string now = w.content;
            for (auto const& acts : {s.before, s.acts})
                for (act const a : acts) {
                    perform(root, a, now).value();
                    now = expected_after(a, now);
                }
        }
        CHECK(too_early == 0);
        CHECK(hard >= 10);
        CHECK(headers >= 2);
    }
}

namespace {

// A disk that loses its power, and what is left of it after the next boot.
template <class Tree>
struct booted : forwarding<booted<Tree>, held<Tree&>> {
    std::array<std::byte, 16> now{};
    booted(Tree& tree, std::uint8_t boot) : forwarding<booted<Tree>, held<Tree&>>(held<Tree&>(tree)) {
        now[0] = std::byte{boot};
    }
    [[nodiscard]] capabilities able() const {
        return forwarding<booted<Tree>, held<Tree&>>::able().without(capability::clone) | capability::persistent_inodes;
    }
    [[nodiscard]] result<std::array<std::byte, 16>> boot() { return now; }
};

}  // namespace

TEST_CASE("[power.blocks] whatever part of what was not flushed is lost: every block is old or new") {
    std::size_t tried = 0;
    for (auto const durable : {durability::ordered, durability::strict})
        for (auto const& s : scenes()) {
            memory_tree below, tree;
            count counted{below};
            std::string const content = pattern(6 * block + 10, 1);
            below.write("big", content).value();
            lossy_disk disk{tree};
            auto const rules = rules_of(durable);
            std::vector<std::string> states{content};
            {
                booted life(disk, 1);
                overlay root{upper(life), lower(counted), rules};
                root.ready().value();
                for (act const a : s.before) {
                    perform(root, a, states.back()).value();
                    states.back() = expected_after(a, states.back());
                }
                disk.begin_anew();
                for (act const a : s.acts) {
                    perform(root, a, states.back()).value();
                    states.push_back(expected_after(a, states.back()));
                }
            }
            auto const end = disk.history().now();
            auto const order = durable == durability::strict ? disk_order::weak : disk_order::journal;
            std::size_t wrong = 0;
            loss_limits const limits{.exhaustive_up_to = 5, .samples = 12};
            auto const judge = [&](disk_image const& left, std::size_t point) {
                if (wrong != 0)
                    return;  // the first says enough
                memory_tree survivor;
                write_disk(left, survivor).value();
                booted life(survivor, 2);
                overlay root{upper(life), lower(counted), rules};
                std::string seen = "not there";
                if (auto const ready = root.ready(); !ready)
                    seen = to_string(ready.error());
                else if (auto const read = root.read(root.exists(at("moved")).value() ? at("moved") : at("big")); !read)
                    seen = to_string(read.error());
                else
                    seen = *read;
                bool plausible = point == end && durable == durability::strict ? seen == states.back() : false;
                if (point != end || durable != durability::strict)
                    for (std::size_t i = 0; i < states.size(); ++i)
                        for (std::size_t j = i; j < states.size(); ++j)
                            plausible = plausible || is_mixture(seen, states[i], states[j]);
                INFO(s.name << ", after step " << point << ": " << seen.substr(0, 60));
                CHECK(plausible);
                wrong += plausible ? 0 : 1;
            };
            tried += disk.history().for_each_loss(order, 0, end, limits, judge);
        }
    WARN(tried << " losses tried");
}
