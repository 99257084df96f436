// The same script on an overlay that the kernel has mounted and on ours, over the same lowers, each with an upper of its own.
//
// After every step the outcomes agree; every few steps so does all that the trees show, and what `changes()` says of
// ours leads from the lowers to what the kernel shows. Now and then both are closed, opened again, and at random the
// two exchange their uppers and go on: what the one wrote the other must read, and change further. At the end each
// shows what the other's upper holds, and the lowers are as they were.
//
// With an index, inode numbers are compared too: an object that comes from a lower has the number that it has there,
// for the kernel and for ours, whatever became of it; and what has no origin keeps the number that it has in its upper,
// whoever opens that.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
//   a directory that is renamed onto a whiteout looks   xfs moves times when two names are exchanged, which is how
//   modified                                            the kernel does it; ours puts them back; ours is touched too
//   a half copy that is opened to be written, and not   the kernel fills in the data in place and does not put the times back;
//   changed, has a new modification time               ours is touched too
//   hard links of what was copied up have one link      with metacopy=on or userxattr the kernel keeps the lower's number for the
//   count and different inode numbers                   name that it has seen copied up; which names are one object is not
//                                                       compared there
//   a rename of one such name onto the other is estale  for the same reason; ours is as POSIX has it: success, and nothing
//                                                       changes, which the next comparison sees
//   a rename onto a directory that is not empty is      what xfs says of directories of its own, and POSIX leaves
//   eexist                                              open; ours is enotempty everywhere
//   an ACL is removed from what cannot have it: a       ours is enodata while the object is in a lower, and what the
//   default one from a file is success, any from a      upper's file system says afterwards
//   symbolic link eopnotsupp
//   the root's inode number                             the kernel's is the upper's, ours the topmost lower's; not
//                                                       compared
//   an object that nothing has changed is in the one    whether an operation that failed, or changed nothing, copies
//   upper and not in the other                          up; what changes() says is modified is judged by itself only
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
               care how, std::string const& where)
        : place_(where), writer_(seed, may), how_(how) {
        auto outside = place_.open();
        for (std::size_t i = 0; i < lowers.size(); ++i) {
            std::string const name = "lower" + std::to_string(i);
            lamina::copy_tree(*lowers[i], "/", outside, lamina::path::parse(name).value()).value();
            lower_paths_.push_back(place_ / name);
            lowers_.push_back(posix_directory::open(lower_paths_.back()).value());
            if (may.acls)
                give_acls(lowers_.back(), seed + i);
            for (auto const& [path, id] : model::photograph(lowers_.back()).numbers)
                lower_numbers_.insert(id.second);
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
        if (auto wrong = reopen(true))
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
    // To some of what lies in a lower; chosen by name, so that a script that is cut down keeps them.
    static void give_acls(posix_directory& tree, std::uint64_t seed) {
        for (auto const& [path, o] : model::photograph(tree).objects) {
            bool const directory = o.type == lamina::file_type::directory;
            if (path.empty() || (!directory && o.type != lamina::file_type::regular))
                continue;
            auto mixed = seed;
            for (char const c : path)
                mixed = mixed * 31 + static_cast<unsigned char>(c);
            model::random_source random(mixed);
            for (auto const key : {lamina::xattr::acl_access, lamina::xattr::acl_default})
                if (random.one_in(4) && (directory || key == lamina::xattr::acl_access))
                    tree.set_xattr(lamina::path::parse(path).value(), key, model::acl_for(random.next() % 1'000'000 * 8 + 1))
                        .value();
        }
    }

    void open() {
        mount_.emplace(lower_paths_, kernels_.upper, kernels_.work, place_ / "mounted", Configuration::mount_options());
        kernel_.emplace(posix_directory::open(place_ / "mounted").value());
        kernel_hand_.emplace(*kernel_);
        upper_.emplace(posix_directory::open(ours_.upper).value());
        work_.emplace(posix_directory::open(ours_.work).value());
        stack_.emplace(lamina::upper(*upper_, *work_), lamina::lower(lowers_), Configuration::rules());
        our_hand_.emplace(*stack_);
    }
    // Both are closed and opened again, over the other's upper if so told, and show the same as before.
    [[nodiscard]] std::optional<std::string> reopen(bool exchange) {
        if (auto wrong = compare("before both are opened again"))
            return wrong;
        auto before = std::pair(kernels_numbers_, our_numbers_);
        auto const said = comings_and_goings();
        close();
        if (exchange) {
            std::swap(kernels_, ours_);
            std::swap(before.first, before.second);
        }
        open();
        std::string const when = exchange ? "each over the other's upper" : "opened again";
        if (auto wrong = compare(when))
            return wrong;
        if (auto const now = comings_and_goings(); now != said) {
            auto text = when + ", changes() says otherwise. Before:";
            for (auto const& change : said)
                text += "\n      " + to_string(change);
            text += "\n    now:";
            for (auto const& change : now)
                text += "\n      " + to_string(change);
            return text;
        }
        if constexpr (Configuration::keeps_numbers) {
            if (auto wrong = compare_numbers(before.first, kernels_numbers_, when + ", the kernel"))
                return wrong;
            return compare_numbers(before.second, our_numbers_, when + ", ours");
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<std::string> play_one(step const& s) {
        if (s.what == op::reopen)
            return reopen(s.m % 2 == 0);
        auto const wanted = kernel_hand_->perform(s);
        auto const found = our_hand_->perform(s);
        if (found == wanted) {
            if (s.what == op::rename && found.code != lamina::errc::ok)
                follow_times(s.a, lamina::file_type::directory, true);
            else if (s.what == op::rename)
                follow_times(s.b, lamina::file_type::directory);
            else if (s.what == op::handle_open || s.what == op::resize || s.what == op::append)
                follow_times(s.a, lamina::file_type::regular);
            return std::nullopt;
        }
        if (is_known(s, wanted.code, found.code))
            return std::nullopt;
        return to_string(s) + "\n      the kernel " + to_string(wanted) + "\n      ours       " + to_string(found);
    }
    [[nodiscard]] static bool is_known(step const& s, lamina::errc kernels, lamina::errc ours) {
        using lamina::errc;
        if (s.what == op::remove_xattr)
            return (s.b == lamina::xattr::acl_default || s.b == lamina::xattr::acl_access) && ours == errc::enodata &&
                   (kernels == errc::ok || kernels == errc::eopnotsupp);
        if (s.what != op::rename)
            return false;
        return (kernels == errc::eexist && ours == errc::enotempty) ||
               (!Configuration::kernel_numbers_links && kernels == errc::estale && ours == errc::ok);
    }
    // Touches in ours what the kernel alone has touched, as the table above has it.
    void follow_times(std::string const& text, lamina::file_type type, bool parent_of_it = false) {
        auto const named = lamina::path::parse(text);
        if (!named)
            return;
        lamina::path const path(parent_of_it ? lamina::path_view(*named).split_last().first : lamina::path_view(*named));
        auto const theirs = kernel_->status(path);
        auto const our_own = stack_->status(path);
        using enum lamina::time_change::action;
        if (theirs && our_own && theirs->type == type && theirs->mtime.seconds >= model::present &&
            our_own->mtime.seconds < model::present)
            (void)stack_->times(path, {keep, now, {}, {}});
    }
    [[nodiscard]] std::optional<std::string> compare(std::string const& when) {
        auto now = model::photograph(*kernel_, Configuration::looks_at);
        std::erase_if(now.contradictions, oracle::is_known);
        auto ours = model::photograph(*stack_, Configuration::looks_at);
        if (!Configuration::kernel_numbers_links)
            for (auto* const seen : {&now, &ours})
                for (auto& [path, object] : seen->objects)
                    object.first_name.clear();
        auto wrong = model::differences(now, ours);
        if (wrong.empty())
            wrong = judge_changes(now);
        if (wrong.empty()) {
            kernels_numbers_ = inodes(now);
            our_numbers_ = inodes(ours);
            writer_.look_at(now);
            if constexpr (Configuration::keeps_numbers)
                return compare_numbers(from_lowers(kernels_numbers_), from_lowers(our_numbers_), when + ", ours");
            return std::nullopt;
        }
        std::string text = when + ", wanted as the kernel shows it:";
        for (auto const& line : wrong)
            text += "\n    " + line;
        return text;
    }

    // What is wrong with what ours says has changed since the beginning.
    [[nodiscard]] std::vector<std::string> judge_changes(model::image const& now) {
        if (!begun_with_)
            begun_with_ = now;
        auto const said = stack_->changes();
        if (!said)
            return {"changes() failed: " + to_string(said.error())};
        auto wrong = model::judge_changes(*begun_with_, now, *said);
        if (!wrong.empty())
            for (auto const& change : *said)
                wrong.push_back("said: " + to_string(change));
        return wrong;
    }

    // What has come and gone, as the upper has it that ours lies on: the same for both uppers. Not so what is modified,
    // see the table above.
    [[nodiscard]] std::vector<lamina::change> comings_and_goings() {
        auto said = stack_->changes().value();
        std::erase_if(said, [](auto const& change) { return change.what == lamina::change::kind::modified; });
        return said;
    }

    using inode_map = std::map<std::string, std::uint64_t>;  // by path
    [[nodiscard]] static inode_map inodes(model::image const& seen) {
        inode_map numbers;
        for (auto const& [path, id] : seen.numbers)
            if (!path.empty())
                numbers.emplace(path, id.second);
        return numbers;
    }
    // Zero for the numbers that are none of a lower's: the two uppers have them from their file system, each its own.
    [[nodiscard]] inode_map from_lowers(inode_map numbers) const {
        for (auto& [path, number] : numbers)
            if (!lower_numbers_.contains(number))
                number = 0;
        return numbers;
    }
    [[nodiscard]] static std::optional<std::string> compare_numbers(inode_map const& wanted, inode_map const& found,
                                                                    std::string const& when) {
        for (auto const& [path, number] : wanted)
            if (auto const there = found.find(path); there == found.end() || there->second != number)
                return when + " shows another inode number: " + model::in_quotes(path) + ", wanted " +
                       std::to_string(number) + ", found " +
                       (there == found.end() ? "nothing" : std::to_string(there->second));
        return std::nullopt;
    }

    model::scratch place_;
    std::vector<std::string> lower_paths_;
    std::vector<posix_directory> lowers_;
    std::set<std::uint64_t> lower_numbers_;
    inode_map kernels_numbers_, our_numbers_;  // as of the last comparison
    std::optional<model::image> begun_with_;
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
//     static constexpr std::size_t lowers;          or more, if the script has parts for more
//     static model::wishes may();
//     static lamina::policy layer_rules();   for the stacks on which the lowers are made
//     static lamina::policy rules();
//     static std::string mount_options();
//     static constexpr bool kernel_numbers_links;   see the table above
//     static constexpr bool keeps_numbers;          with an index
//     static constexpr model::detail looks_at;
// `where` is a directory on the file system of all layers.
template <class Configuration>
[[nodiscard]] std::optional<failure> play_in(std::string const& where, model::script& s, std::uint64_t seed,
                                             std::size_t wanted, care how) {
    lamina::memory_tree root;
    model::shared_trees lowers;
    auto const may = Configuration::may();
    s.lowers.resize(std::max(s.lowers.size(), Configuration::lowers));
    auto for_lowers = may;
    for_lowers.acls = false;  // they are made in memory
    if (auto failed = model::make_lowers(s, seed, wanted, care::now_and_then, for_lowers, Configuration::layer_rules(), root,
                                         lowers))
        return failed;
    comparison<Configuration> both(lowers, root, seed * 100, may, how, where);
    auto const before = both.lower_images();
    auto failed = both.play(s.main, wanted);
    both.close();
    return failed ? failed : model::judge_lowers(before, both.lower_images(), s.main.size());
}
// Where TMPDIR says.
template <class Configuration>
[[nodiscard]] std::optional<failure> play(model::script& s, std::uint64_t seed, std::size_t wanted, care how) {
    return play_in<Configuration>(model::scratch::usual_place(), s, seed, wanted, how);
}

}  // namespace oracle
