// The same script on an overlay that the kernel has mounted and on ours, over the same lowers, each with an upper of its own.
//
// After every step the outcomes agree; every few steps so does all that the trees show. Now and then both are closed, opened
// again, and at random the two exchange their uppers and go on: what the one wrote the other must read, and change further. At
// the end each shows what the other's upper holds, and the lowers are as they were.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/tree_copy.hpp>
#include <lamina/posix/directory.hpp>

#include "model/run.hpp"
#include "model/scratch.hpp"
#include "oracle/kernel_mount.hpp"

namespace oracle {

using lamina::posix_directory;
using model::care;
using model::failure;
using model::op;
using model::outcome;
using model::step;

// Where the kernel and ours differ, on purpose, and what is made of it.
//
//   what                                              why, and what the test does
//   a listing of the kernel's gives another inode      over an upper of ours: the kernel looks numbers up only where a directory
//   number than stat                                   is marked `impure`; not looked at
//   a rename that the upper's file system refuses      a quirk of ext4, which has begun to write the whiteout by then; ours is
//   at last moves the times of the old directory       touched too
//   a half copy that is opened to be written, and not   the kernel fills in the data in place and does not put the times back;
//   changed, has a new modification time               ours is touched too
//   hard links of what was copied up have one link      with metacopy=on or userxattr the kernel keeps the lower's number for the
//   count and different inode numbers                   name that it has seen copied up; which names are one object is not
//                                                       compared there
//   a rename of one such name onto the other is estale  for the same reason; ours is as POSIX has it: success, and nothing
//                                                       changes, which the next comparison sees
[[nodiscard]] inline bool is_known(std::string const& contradiction) {
    return contradiction.ends_with("is listed under another number");
}

// An upper and its work directory.
struct pair {
    std::string upper, work;
};

template <class Configuration>
class comparison {
    using stack_type = lamina::overlay<lamina::upper_layer<posix_directory&>,
                                       lamina::detail::lower_list<std::vector<posix_directory>&>>;

public:
    comparison(model::shared_trees const& lowers, lamina::memory_tree& root, std::uint64_t seed, model::wishes const& may,
               care how)
        : writer_(seed, may), how_(how) {
        auto outside = place_.open();
        for (std::size_t i = 0; i < lowers.size(); ++i) {
            std::string const name = "lower" + std::to_string(i);
            lamina::copy_tree(*lowers[i], "/", outside, lamina::path::parse(name).value()).value();
            lower_paths_.push_back(place_ / name);
            lowers_.push_back(posix_directory::open(lower_paths_.back()).value());
        }
        for (auto const name : {"a.upper", "a.work", "b.upper", "b.work", "mounted"})
            outside.create_directory(lamina::path::parse(name).value()).value();
        kernels_ = {place_ / "a.upper", place_ / "a.work"};
        ours_ = {place_ / "b.upper", place_ / "b.work"};
        for (auto const* one : {&kernels_, &ours_}) {
            auto upper = posix_directory::open(one->upper).value();
            model::dress_root(root, upper, Configuration::rules().marks);
        }
    }
    ~comparison() { close(); }

    [[nodiscard]] std::vector<model::image> lower_images() {
        std::vector<model::image> images;
        for (auto& tree : lowers_)
            images.push_back(model::photograph(tree, model::detail::everything));
        return images;
    }

    [[nodiscard]] std::optional<failure> play(std::vector<step>& steps, std::size_t wanted) {
        open();
        if (auto const ready = stack_->ready(); !ready)
            return failure{"ours does not open: " + lamina::to_string(ready.error()), 0, {}};
        if (auto wrong = compare("at the beginning"))
            return failure{std::move(*wrong), 0, {}};
        bool const given = wanted == 0;
        for (std::size_t i = 0; i < (given ? steps.size() : wanted); ++i) {
            if (!given)
                steps.push_back(writer_.next());
            if (auto wrong = play_one(steps[i]))
                return failure{std::move(*wrong), i + 1, {}};
            if (how_ == care::after_every_step || i % 8 == 7)
                if (auto wrong = compare("after the same steps"))
                    return failure{std::move(*wrong), i + 1, {}};
        }
        if (auto wrong = compare("at the end"))
            return failure{std::move(*wrong), steps.size(), {}};
        std::swap(kernels_, ours_);
        reopen();
        if (auto wrong = compare("each over the other's upper"))
            return failure{std::move(*wrong), steps.size(), {}};
        return std::nullopt;
    }
    void close() {
        kernel_hand_.reset();
        kernel_.reset();
        mount_.reset();
        our_hand_.reset();
        stack_.reset();
        work_.reset();
        upper_.reset();
    }

private:
    void open() {
        mount_.emplace(lower_paths_, kernels_.upper, kernels_.work, place_ / "mounted", Configuration::mount_options());
        kernel_.emplace(posix_directory::open(place_ / "mounted").value());
        kernel_hand_.emplace(*kernel_);
        upper_.emplace(posix_directory::open(ours_.upper).value());
        work_.emplace(posix_directory::open(ours_.work).value());
        stack_.emplace(lamina::upper(*upper_, *work_), lamina::lower(lowers_), Configuration::rules());
        our_hand_.emplace(*stack_);
    }
    void reopen() {
        close();
        open();
    }

    [[nodiscard]] std::optional<std::string> play_one(step const& s) {
        if (s.what == op::reopen) {
            if (s.m % 2 == 0)
                std::swap(kernels_, ours_);
            reopen();
            return std::nullopt;
        }
        auto const wanted = kernel_hand_->perform(s);
        auto const found = our_hand_->perform(s);
        if (found == wanted) {
            if (s.what == op::rename && found.code != lamina::errc::ok)
                follow_times(s.a, true);
            else if (s.what == op::handle_open || s.what == op::resize || s.what == op::append)
                follow_times(s.a, false);
            return std::nullopt;
        }
        if (!Configuration::kernel_numbers_links && s.what == op::rename && wanted.code == lamina::errc::estale &&
            found.code == lamina::errc::ok)
            return std::nullopt;
        return to_string(s) + "\n      the kernel " + to_string(wanted) + "\n      ours       " + to_string(found);
    }
    // Touches in ours what the kernel alone has touched, as the table above has it.
    void follow_times(std::string const& text, bool parent_of_it) {
        auto const named = lamina::path::parse(text);
        if (!named)
            return;
        lamina::path const path(parent_of_it ? lamina::path_view(*named).split_last().first : lamina::path_view(*named));
        auto const theirs = kernel_->status(path);
        auto const our_own = stack_->status(path);
        if (theirs && our_own && (theirs->is_regular() || parent_of_it) && theirs->mtime.seconds >= model::present &&
            our_own->mtime.seconds < model::present)
            (void)stack_->times(path, lamina::time_change::touch());
    }
    [[nodiscard]] std::optional<std::string> compare(std::string const& when) {
        auto now = model::photograph(*kernel_);
        std::erase_if(now.contradictions, is_known);
        auto ours = model::photograph(*stack_);
        if (!Configuration::kernel_numbers_links)
            for (auto* const seen : {&now, &ours})
                for (auto& [path, object] : seen->objects)
                    object.first_name.clear();
        auto const wrong = model::differences(now, ours);
        if (wrong.empty()) {
            writer_.look_at(now);
            return std::nullopt;
        }
        std::string text = when + ", wanted as the kernel shows it:";
        for (auto const& line : wrong)
            text += "\n    " + line;
        return text;
    }

    model::scratch place_;
    std::vector<std::string> lower_paths_;
    std::vector<posix_directory> lowers_;
    pair kernels_, ours_;
    model::script_writer writer_;
    care how_;

    std::optional<kernel_mount> mount_;
    std::optional<posix_directory> kernel_;
    std::optional<model::performer<posix_directory>> kernel_hand_;
    std::optional<posix_directory> upper_, work_;
    std::optional<stack_type> stack_;
    std::optional<model::performer<stack_type>> our_hand_;
};

// A Configuration has
//     static constexpr std::size_t lowers;
//     static model::wishes may();
//     static lamina::policy layer_rules();   for the stacks on which the lowers are made
//     static lamina::policy rules();
//     static std::string mount_options();
//     static constexpr bool kernel_numbers_links;   see the table above
template <class Configuration>
[[nodiscard]] std::optional<failure> play(model::script& s, std::uint64_t seed, std::size_t wanted, care how) {
    lamina::memory_tree root;
    model::shared_trees lowers;
    auto const may = Configuration::may();
    s.lowers.resize(Configuration::lowers);
    if (auto failed = model::make_lowers(s, seed, wanted, care::now_and_then, may, Configuration::layer_rules(), root, lowers))
        return failed;
    comparison<Configuration> both(lowers, root, seed * 100, may, how);
    auto const before = both.lower_images();
    auto failed = both.play(s.main, wanted);
    both.close();
    return failed ? failed : model::judge_lowers(before, both.lower_images(), s.main.size());
}

}  // namespace oracle
