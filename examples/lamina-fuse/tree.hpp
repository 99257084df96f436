// Opened layers joined into one tree, of the type that serves them best: two typed stacks over directories, which are
// what nearly every mount is, and one that is known at run time for all that is rarer (archives, translated owners,
// permissions that are recorded in attributes).
//
// Concurrency: as the overlay.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/map_ids.hpp>
#include <lamina/backend/adapt/recorded_stat.hpp>
#include <lamina/backend/adapt/squash_ids.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/stack/overlay.hpp>

#include "layers.hpp"
#include "serve.hpp"

namespace lamina_fuse {

namespace detail {

inline lamina::id_map every_id() { return lamina::id_map::of({{0, 0, 0xffffffff}}).value(); }

// use(tree) with what `shown` makes of a stack.
template <class Stack, class Use>
or_line<int> use_view(Stack& stack, layer_paths const& paths, view const& shown, Use& use) {
    if (auto const ready = stack.ready(); !ready)
        return lamina::unexpected(explain(ready.error(), paths));
    lamina::any_backend tree(stack);
    if (shown.users || shown.groups)
        tree = lamina::map_ids{std::move(tree), shown.users.value_or(every_id()), shown.groups.value_or(every_id())};
    if (shown.squash.user || shown.squash.group)
        tree = lamina::squash_ids{std::move(tree), shown.squash};
    return use(tree, stack);
}

// A directory as its records say, if it has any.
inline lamina::any_backend with_records(lamina::posix_directory& layer, std::optional<lamina::stat_record> form) {
    if (!form)
        return layer;
    return lamina::recorded_stat{layer, *form};
}

}  // namespace detail

// use(tree, overlay) with the joined layers, both of which live until it returns; its answer. Errors: a line.
template <class Use>
or_line<int> with_tree(layers& opened, layer_paths const& paths, lamina::policy const& rules, view const& shown,
                       Use&& use) {
    // A layer tells by its root whether it has records. The upper is made to tell, if records are asked for.
    std::vector<std::optional<lamina::stat_record>> forms;
    std::optional<lamina::stat_record> upper_form;
    for (auto& directory : opened.directories) {
        auto const found = lamina::find_stat_record(directory);
        if (!found)
            return lamina::unexpected(
                explain(found.error().in_layer(static_cast<lamina::layer_number>(forms.size() + 1)), paths));
        forms.push_back(*found);
    }
    bool recorded = std::any_of(forms.begin(), forms.end(), [](auto const& form) { return form.has_value(); });
    if (opened.upper) {
        auto const found = shown.recorded ? lamina::mark_stat_record(*opened.upper, *shown.recorded)
                                                  .transform([](auto form) { return std::optional(form); })
                                          : lamina::find_stat_record(*opened.upper);
        if (!found)
            return lamina::unexpected("upperdir '" + *paths.upper + "' cannot record owners: " + to_string(found.error()));
        upper_form = *found;
        recorded = recorded || upper_form;
    }
    if (opened.mixed.empty() && !recorded) {
        auto join = [&](auto& stack) -> or_line<int> {
            if (shown.translates())
                return detail::use_view(stack, paths, shown, use);
            if (auto const ready = stack.ready(); !ready)
                return lamina::unexpected(explain(ready.error(), paths));
            return use(stack, stack);
        };
        if (opened.upper) {
            lamina::overlay stack{lamina::upper(*opened.upper, *opened.work), lamina::lower(opened.directories), rules};
            return join(stack);
        }
        lamina::overlay stack{lamina::lower(opened.directories), rules};
        return join(stack);
    }

    std::vector<lamina::any_backend> lowers;
    for (std::size_t i = 0; i < opened.directories.size(); ++i)
        lowers.push_back(detail::with_records(opened.directories[i], forms[i]));
    for (auto& layer : opened.mixed)
        lowers.push_back(layer);
    auto join = [&](auto& stack) { return detail::use_view(stack, paths, shown, use); };
    if (!opened.upper) {
        lamina::overlay stack{lamina::lower(lowers), rules};
        return join(stack);
    }
    if (!upper_form) {
        lamina::overlay stack{lamina::upper(*opened.upper, *opened.work), lamina::lower(lowers), rules};
        return join(stack);
    }
    // What is made in the work directory is moved into the upper: it records alike.
    auto upper = detail::with_records(*opened.upper, upper_form);
    auto work = detail::with_records(*opened.work, upper_form);
    lamina::overlay stack{lamina::upper(upper, work), lamina::lower(lowers), rules};
    return join(stack);
}

}  // namespace lamina_fuse
