// The choices of lamina::policy as options, in the library's own words.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>

#include <lamina/stack/policy.hpp>

namespace lamina_program {

// `rules` must live until the command line is parsed.
inline void add_policy_options(CLI::App& command, lamina::policy& rules) {
    using namespace lamina;
    auto const choice = [&command]<class E>(std::string const& name, E& into, std::map<std::string, E> const& words,
                                            std::string const& what) {
        std::string all;
        for (auto const& each : words)
            all += (all.empty() ? "" : "|") + each.first;
        auto const set = [&into, words, all, name](std::string const& text) {
            auto const found = words.find(text);
            if (found == words.end())
                throw CLI::ValidationError(name, "'" + text + "' is none of " + all);
            into = found->second;
        };
        command.add_option_function<std::string>(name, set, what)
            ->type_name(all)
            ->group("Policy");
    };
    choice("--durability", rules.durable,
           {{"none", durability::none}, {"ordered", durability::ordered}, {"strict", durability::strict}},
           "what a power loss may take");
    choice("--redirect", rules.redirect,
           {{"on", redirects::on}, {"follow", redirects::follow}, {"refuse", redirects::refuse}},
           "directories of lowers are renamed by a mark");
    choice("--metacopy", rules.metacopy,
           {{"on", metacopies::on}, {"follow", metacopies::follow}, {"refuse", metacopies::refuse}},
           "a change of mode or owner copies no data");
    choice("--index", rules.index, {{"on", indexing::on}, {"off", indexing::off}},
           "hard links of lower files stay one file");
    choice("--whiteouts", rules.format, {{"kernel", whiteout_format::kernel}, {"aufs", whiteout_format::aufs}},
           "the form of deletions in the upper");
    choice("--marks", rules.marks, {{"trusted", mark_space::trusted}, {"user", mark_space::user}},
           "the attributes in which marks are kept");
    choice("--owner", rules.owner, {{"keep", ownership::keep}, {"take", ownership::take}},
           "who owns what is copied up");
    choice("--verify", rules.verify, {{"off", verification::off}, {"require", verification::require}},
           "whether data is compared with recorded digests");
    command.add_flag_callback("--blocks", [&rules] { rules.blocks = block_copies::on; },
                              "of large files only the blocks that are written are copied up")
        ->group("Policy");
    command.add_flag("--accept-unclean", rules.accept_unclean,
                     "open an upper that was used with durability none and not closed")
        ->group("Policy");
}

}  // namespace lamina_program
