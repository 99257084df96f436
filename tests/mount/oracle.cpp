// The same script of plain system calls on a mount by the kernel's overlay and on one by the program that is tested, over
// the same lowers, each with an upper of its own: every outcome agrees, and every few steps all that the two show. Now and
// then both are unmounted, and mounted again over each other's upper: what the one wrote the other must read.
//
// oracle/compare.hpp does this with the library in place of a mount, and lists where kernel and ours differ on purpose.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oracle/compare.hpp"

#include "mount/mounted.hpp"

namespace {

using lamina::errc;
using lamina::posix_directory;
using model::op;

struct plain {
    static constexpr std::size_t lowers = 3;
    static model::wishes may() {
        model::wishes all;
        all.capabilities = false;  // the kernel looks into the value
        all.wh_names = false;      // in a lower these are whiteouts for the program (policy::aufs_in_lowers)
        return all;
    }
    static constexpr char const* kernel_options = "redirect_dir=on,index=off,metacopy=off,xino=on";
};
struct with_acls : plain {
    static model::wishes may() {
        auto all = plain::may();
        all.acls = true;
        return all;
    }
};

// One side.
struct side {
    mounting::layers parts;
    std::string at;
    std::optional<oracle::kernel_mount> kernel;
    std::optional<mounting::mount> ours;
    std::optional<posix_directory> tree;
    std::optional<model::performer<posix_directory>> hand;

    // Whether it ended well.
    bool close() {
        if (hand)
            hand->close_all();
        hand.reset();
        tree.reset();
        kernel.reset();
        bool const well = !ours || ours->close();
        ours.reset();
        return well;
    }
};

template <class Configuration>
class comparison {
public:
    comparison(model::shared_trees const& lowers, lamina::memory_tree& root, std::uint64_t seed)
        : writer_(seed, Configuration::may()) {
        auto outside = place_.open();
        std::vector<std::string> paths;
        for (std::size_t i = 0; i < lowers.size(); ++i) {
            std::string const name = "lower" + std::to_string(i);
            lamina::copy_tree(*lowers[i], "/", outside, lamina::path::parse(name).value()).value();
            paths.push_back(place_ / name);
            lowers_.push_back(posix_directory::open(paths.back()).value());
        }
        for (auto* const one : {&kernel_, &ours_}) {
            std::string const name = one == &kernel_ ? "kernel" : "ours";
            one->parts = {paths, place_ / (name + ".upper"), place_ / (name + ".work")};
            one->at = place_ / name;
            for (auto const* const end : {".upper", ".work", ""})
                outside.create_directory(lamina::path::parse(name + end).value()).value();
            auto upper = posix_directory::open(one->parts.upper).value();
            model::dress_root(root, upper, lamina::policy::kernel().marks);
        }
    }
    ~comparison() { close(); }

    [[nodiscard]] std::vector<model::image> lower_images() {
        std::vector<model::image> images;
        for (auto& tree : lowers_)
            images.push_back(model::photograph(tree, model::detail::everything));
        return images;
    }
    [[nodiscard]] std::optional<model::failure> play(std::vector<model::step>& steps, std::size_t wanted, model::care how) {
        open();
        if (auto wrong = compare("at the beginning"))
            return model::failure{std::move(*wrong), 0, {}};
        bool const given = wanted == 0;
        for (std::size_t i = 0; i < (given ? steps.size() : wanted); ++i) {
            if (!given)
                steps.push_back(writer_.next());
            if (auto wrong = play_one(steps[i]))
                return model::failure{std::move(*wrong), i + 1, {}};
            if (how == model::care::after_every_step || i % 8 == 7)
                if (auto wrong = compare("after the same steps"))
                    return model::failure{std::move(*wrong), i + 1, {}};
        }
        if (auto wrong = reopen(true))
            return model::failure{std::move(*wrong), steps.size(), {}};
        return std::nullopt;
    }
    bool close() {
        kernel_.close();
        return ours_.close();
    }

private:
    void open() {
        kernel_.kernel.emplace(kernel_.parts.lowers, kernel_.parts.upper, kernel_.parts.work, kernel_.at,
                               Configuration::kernel_options);
        ours_.ours.emplace(ours_.parts, ours_.at);
        for (auto* const one : {&kernel_, &ours_}) {
            one->tree.emplace(posix_directory::open(one->at).value());
            one->hand.emplace(*one->tree);
        }
    }
    [[nodiscard]] std::optional<std::string> reopen(bool exchange) {
        if (auto wrong = compare("before both are mounted again"))
            return wrong;
        if (!close())
            return "the mount does not end well";
        if (exchange)
            std::swap(kernel_.parts, ours_.parts);
        open();
        return compare(exchange ? "each over the other's upper" : "mounted again");
    }
    [[nodiscard]] std::optional<std::string> play_one(model::step const& s) {
        if (s.what == op::reopen)
            return reopen(s.m % 2 == 0);
        auto const wanted = kernel_.hand->perform(s);
        auto const found = ours_.hand->perform(s);
        if (found == wanted) {
            if (s.what == op::rename && found.code != errc::ok)
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
    [[nodiscard]] static bool is_known(model::step const& s, errc kernels, errc ours) {
        if (s.what == op::remove_xattr)
            return (s.b == lamina::xattr::acl_default || s.b == lamina::xattr::acl_access) && ours == errc::enodata &&
                   (kernels == errc::ok || kernels == errc::eopnotsupp);
        return s.what == op::rename && kernels == errc::eexist && ours == errc::enotempty;
    }
    // Touches in ours what the kernel alone has touched, as the table in oracle/compare.hpp has it.
    void follow_times(std::string const& text, lamina::file_type type, bool parent_of_it = false) {
        auto const named = lamina::path::parse(text);
        if (!named)
            return;
        lamina::path const path(parent_of_it ? lamina::path_view(*named).split_last().first : lamina::path_view(*named));
        auto const theirs = kernel_.tree->status(path);
        auto const our_own = ours_.tree->status(path);
        using enum lamina::time_change::action;
        if (theirs && our_own && theirs->type == type && theirs->mtime.seconds >= model::present &&
            our_own->mtime.seconds < model::present)
            (void)ours_.tree->times(path, {keep, now, {}, {}});
    }
    [[nodiscard]] std::optional<std::string> compare(std::string const& when) {
        auto now = model::photograph(*kernel_.tree);
        std::erase_if(now.contradictions, oracle::is_known);
        auto const wrong = model::differences(now, model::photograph(*ours_.tree));
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
    std::vector<posix_directory> lowers_;
    model::script_writer writer_;
    side kernel_, ours_;
};

template <class Configuration>
std::optional<model::failure> play(model::script& s, std::uint64_t seed, std::size_t wanted, model::care how) {
    lamina::memory_tree root;
    model::shared_trees lowers;
    auto for_lowers = Configuration::may();
    for_lowers.acls = false;  // they are made in memory
    s.lowers.resize(std::max(s.lowers.size(), Configuration::lowers));
    if (auto failed = model::make_lowers(s, seed, wanted, model::care::now_and_then, for_lowers, lamina::policy::memory(), root,
                                         lowers))
        return failed;
    comparison<Configuration> both(lowers, root, seed * 100);
    auto const before = both.lower_images();
    auto failed = both.play(s.main, wanted, how);
    if (!both.close() && !failed)
        failed = model::failure{"the mount does not end well", s.main.size(), {}};
    return failed ? failed : model::judge_lowers(before, both.lower_images(), s.main.size());
}

}  // namespace

TEST_CASE("[mount.oracle.1] three lowers, as the kernel mounts them") {
    if (mounting::cannot_mount() || !mounting::given_directory().empty())
        return;
    model::play_scripts(120, 8, play<plain>);
}
TEST_CASE("[mount.oracle.2] the same with ACLs") {
    if (mounting::cannot_mount() || !mounting::given_directory().empty())
        return;
    model::play_scripts(120, 4, play<with_acls>);
}
