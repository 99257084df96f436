// A script played on a stack and on the model side by side, and cut down where the two part.
//
// The model is one memory tree, which begins empty and lives through the parts of the script for the lowers too. After every
// step the outcomes must agree; every few steps, and at the end, so must all that the trees show, and what `changes()` says.
// At the end the lowers must be, to the last time stamp, as they were.
//
// LAMINA_SEED is the first seed, LAMINA_STEPS how many steps to play in all; without them some seconds' worth is played.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "model/changes.hpp"
#include "model/perform.hpp"
#include "model/script.hpp"
#include "model/stacks.hpp"

namespace model {

// What went wrong, after how many steps of which part.
struct failure {
    std::string what;
    std::size_t steps = 0;
    std::optional<std::size_t> lower;  // while this one was made, counted from below; else in the main part
};
[[nodiscard]] inline std::string to_string(failure const& f) {
    return f.lower ? "while lower " + std::to_string(*f.lower + 1) + " from below is made: " + f.what : f.what;
}

enum class care : std::uint8_t { now_and_then, after_every_step };

// A Configuration has
//     static constexpr std::size_t lowers;            how many
//     static wishes may();                            what its trees can hold
//     static lamina::policy layer_rules();            for the stacks on which the lowers are made
//     Configuration(shared_trees lowers);
// and of list_stack and layer_stack upper(), marks(), refuses(), open(), tree(), close() and lower_images().
template <class Stack>
class part {
public:
    part(Stack& stack, lamina::memory_tree& model, std::uint64_t seed, wishes const& may, care how)
        : stack_(stack), model_(model), model_hand_(model), writer_(seed, may), how_(how), may_(may) {
        dress_root(model, stack.upper(), stack.marks());
        stack_.open();
        hand_.emplace(stack_.tree());
        before_ = photograph(model_);
        writer_.look_at(before_);
    }

    // Plays `steps`, or as many new ones, which it adds to `steps`, as are wanted.
    [[nodiscard]] std::optional<failure> play(std::vector<step>& steps, std::size_t wanted) {
        if (auto const ready = stack_.tree().ready(); !ready)
            return failure{"the stack does not open: " + lamina::to_string(ready.error()), 0, {}};
        bool const given = wanted == 0;
        for (std::size_t i = 0; i < (given ? steps.size() : wanted); ++i) {
            if (!given)
                steps.push_back(writer_.next());
            if (auto wrong = play_one(steps[i]))
                return failure{std::move(*wrong), i + 1, {}};
            bool const look = how_ == care::after_every_step || i % 8 == 7;
            if (look)
                if (auto wrong = compare())
                    return failure{std::move(*wrong), i + 1, {}};
        }
        if (auto wrong = compare())
            return failure{std::move(*wrong), steps.size(), {}};
        return std::nullopt;
    }

    // Closes the stack, and makes what its upper holds fit to be a layer: where copy-up parts the names of a lower file, an
    // object has one name; where it does not, all names of what the index holds are brought into the upper, since a layer
    // takes no index along; and all times are of the past, so that it shows when one is lost. Requires: play() succeeded.
    [[nodiscard]] std::optional<failure> end_layer() {
        auto& work = stack_.upper();
        bool const indexed = work.lookup(work.work_root(), std::string_view("index")).value().has_value();
        for (auto const& [path, o] : before_.objects) {
            if (may_.lower_links && indexed && o.type != lamina::file_type::directory) {
                auto const where = lamina::path::parse(path).value();
                auto const now = stack_.tree().symlink_status(where).value();
                auto const up = stack_.tree().times(where, lamina::time_change::both(now.atime, now.mtime), lamina::links::no_follow);
                if (!up)
                    return failure{in_quotes(path) + " is not copied up: " + lamina::to_string(up.error()), 0, {}};
            } else if (!may_.lower_links && o.first_name != path) {
                step parting;
                parting.what = op::remove;
                parting.a = path;
                if (auto wrong = play_one(parting))
                    return failure{std::move(*wrong), 0, {}};
            }
        }
        auto const last = photograph(model_);
        close();
        // It belongs to this stack, and its links would be counted.
        auto& upper = stack_.upper();
        std::string index = "index";
        lamina::paths::remove_each(upper, upper.work_root(), index, index).value();
        for (auto const& [path, o] : last.objects) {
            if (o.mtime != lamina::timestamp{} || path.empty())
                continue;
            auto const where = lamina::path::parse(path).value();
            lamina::timestamp const then{1'000'000'000 + static_cast<std::int64_t>(++stamp_), 7};
            auto const change = lamina::time_change::both(then, then);
            model_.times(where, change, lamina::links::no_follow).value();
            if (auto const stamped = stack_.upper().times(where, change, lamina::links::no_follow); !stamped)
                return failure{in_quotes(path) + " was changed and is not in the upper: " + lamina::to_string(stamped.error()), 0, {}};
        }
        model_.times("/", lamina::time_change::both({1, 2}, {1'100'000'000, 3})).value();
        return std::nullopt;
    }
    void close() {
        if (hand_)
            hand_->close_all();
        hand_.reset();
        model_hand_.close_all();
        stack_.close();
    }

private:
    [[nodiscard]] std::optional<std::string> play_one(step const& s) {
        if (s.what == op::reopen) {
            close();
            stack_.open();
            hand_.emplace(stack_.tree());
            return std::nullopt;
        }
        auto const found = hand_->perform(s);
        if (stack_.refuses(s, found))
            return std::nullopt;
        auto const wanted = model_hand_.perform(s);
        if (found == wanted)
            return std::nullopt;
        return to_string(s) + "\n      wanted " + to_string(wanted) + "\n      found  " + to_string(found);
    }

    [[nodiscard]] std::optional<std::string> compare() {
        auto now = photograph(model_);
        auto wrong = differences(now, photograph(stack_.tree()));
        if (wrong.empty()) {
            auto const said = stack_.tree().changes();
            if (!said)
                wrong.push_back("changes() failed: " + to_string(said.error()));
            else
                wrong = judge_changes(begun_with(), now, *said);
            if (!wrong.empty() && said)
                for (auto const& change : *said)
                    wrong.push_back("said: " + to_string(change));
        }
        if (wrong.empty()) {
            before_ = std::move(now);
            writer_.look_at(before_);
            return std::nullopt;
        }
        std::string text = "the trees differ";
        for (auto const& line : wrong)
            text += "\n    " + line;
        return text;
    }
    [[nodiscard]] image const& begun_with() {
        if (!begun_)
            begun_ = before_;
        return *begun_;
    }

    Stack& stack_;
    lamina::memory_tree& model_;
    performer<lamina::memory_tree> model_hand_;
    std::optional<performer<typename Stack::tree_type>> hand_;
    script_writer writer_;
    care how_;
    wishes may_;
    image before_;                // as of the last comparison
    std::optional<image> begun_;  // as of the beginning of the part
    static inline std::uint64_t stamp_ = 0;
};

// Plays the parts of a script that make the lowers, on `model` too. With `wanted`, new steps are made.
[[nodiscard]] inline std::optional<failure> make_lowers(script& s, std::uint64_t seed, std::size_t wanted, care how,
                                                        wishes const& may, lamina::policy const& rules,
                                                        lamina::memory_tree& model, shared_trees& lowers) {
    model.times("/", lamina::time_change::both({1, 2}, {1'000'000'000, 3})).value();
    for (std::size_t i = 0; i < s.lowers.size(); ++i) {
        layer_stack stack(lowers, rules);
        part<layer_stack> round(stack, model, seed * 100 + i + 1, may, how);
        auto failed = round.play(s.lowers[i], wanted == 0 ? 0 : 10 + 60 / s.lowers.size());
        if (!failed)
            failed = round.end_layer();
        if (failed) {
            s.lowers.resize(i + 1);
            s.main.clear();
            failed->lower = i;
            round.close();
            return failed;
        }
        lowers.insert(lowers.begin(), stack.shared_upper());
    }
    return std::nullopt;
}

// Which lower is not as it was.
[[nodiscard]] inline std::optional<failure> judge_lowers(std::vector<image> const& before, std::vector<image> const& after,
                                                         std::size_t steps) {
    for (std::size_t i = 0; i < before.size(); ++i)
        if (auto const wrong = differences(before[i], after[i]); !wrong.empty())
            return failure{"lower " + std::to_string(i + 1) + " from above was written to: " + wrong.front(), steps, {}};
    return std::nullopt;
}

// One whole script. With `wanted`, new steps are made: so many for the main part, and fewer for each lower.
template <class Configuration>
[[nodiscard]] std::optional<failure> play(script& s, std::uint64_t seed, std::size_t wanted, care how) {
    lamina::memory_tree model;
    shared_trees lowers;
    auto const may = Configuration::may();
    s.lowers.resize(Configuration::lowers);
    if (auto failed = make_lowers(s, seed, wanted, how, may, Configuration::layer_rules(), model, lowers))
        return failed;
    Configuration stack(lowers);
    auto const before = stack.lower_images();
    part<Configuration> main(stack, model, seed * 100, may, how);
    auto failed = main.play(s.main, wanted);
    main.close();
    return failed ? failed : judge_lowers(before, stack.lower_images(), s.main.size());
}

// Takes away from a failing script whatever it fails without. The failure may become another one on the way.
// `play_it(script&, care)` plays it.
template <class Play>
[[nodiscard]] failure shrink(script& s, failure last, Play&& play_it) {
    care how = care::after_every_step;
    auto const fails = [&](script const& candidate) {
        script copy = candidate;
        auto failed = play_it(copy, how);
        if (!failed)
            return false;
        auto& where = failed->lower ? copy.lowers[*failed->lower] : copy.main;
        if (failed->steps < where.size() && failed->steps != 0)
            where.resize(failed->steps);
        s = std::move(copy);
        last = *std::move(failed);
        return true;
    };
    if (!fails(s)) {
        how = care::now_and_then;  // to look changes what is cached
        if (!fails(s))
            return last;
    }
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (std::size_t which = 0; which <= s.lowers.size(); ++which) {
            auto const of = [&](script& t) -> std::vector<step>& { return which < t.lowers.size() ? t.lowers[which] : t.main; };
            for (std::size_t length = std::max<std::size_t>(of(s).size() / 2, 1); length > 0; length /= 2)
                for (std::size_t at = 0; at + length <= of(s).size();) {
                    script candidate = s;
                    auto& steps = of(candidate);
                    auto const from = steps.begin() + static_cast<std::ptrdiff_t>(at);
                    steps.erase(from, from + static_cast<std::ptrdiff_t>(length));
                    if (fails(candidate))
                        smaller = true;
                    else
                        at += length;
                }
        }
    }
    return last;
}

[[nodiscard]] inline std::string to_string(script const& s) {
    std::string text;
    for (std::size_t i = 0; i < s.lowers.size(); ++i) {
        text += "  lower " + std::to_string(i + 1) + " from below:\n";
        for (auto const& one : s.lowers[i])
            text += "    " + to_string(one) + "\n";
    }
    text += "  main:\n";
    for (auto const& one : s.main)
        text += "    " + to_string(one) + "\n";
    return text;
}

// Scripts of `length` steps from LAMINA_SEED on, for about `seconds` or as many steps as LAMINA_STEPS says. Returns the first
// failure, with all that is needed to repeat it; nothing if there was none. `play_it(script&, seed, wanted, care)` plays one.
template <class Play>
[[nodiscard]] std::string find_failure(std::size_t length, int seconds, Play&& play_it) {
    auto const first = number_from("LAMINA_SEED", 1);
    auto const wanted = number_from("LAMINA_STEPS", 0);
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    std::uint64_t played = 0;
    for (auto seed = first; wanted != 0 ? played < wanted : seed == first || std::chrono::steady_clock::now() < end; ++seed) {
        script s;
        if (auto failed = play_it(s, seed, length, care::now_and_then)) {
            auto const last = shrink(s, *failed, [&](script& again, care how) { return play_it(again, seed, 0, how); });
            return "LAMINA_SEED=" + std::to_string(seed) + "\n" + to_string(s) + "  " + to_string(last);
        }
        played += length;
    }
    return {};
}
template <class Play>
void play_scripts(std::size_t length, int seconds, Play&& play_it) {
    auto const found = find_failure(length, seconds, play_it);
    INFO(found);
    CHECK(found.empty());
}

template <class Configuration>
void compare_with_model() {
    play_scripts(150, 4, play<Configuration>);
}

}  // namespace model
