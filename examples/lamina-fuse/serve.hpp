// Opened layers, joined and mounted and served until the end: what the programs here have in common. It is compiled once
// (serve.cpp), for it instantiates the overlay and the mount for every kind of stack.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <lamina/backend/adapt/id_map.hpp>
#include <lamina/backend/adapt/recorded_stat.hpp>
#include <lamina/backend/adapt/squash_ids.hpp>
#include <lamina/fuse/options.hpp>
#include <lamina/stack/changes.hpp>
#include <lamina/stack/policy.hpp>

#include "layers.hpp"

namespace lamina_fuse {

// How the tree differs from what the layers say.
struct view {
    std::optional<lamina::id_map> users{}, groups{};
    lamina::squash_rule squash{};
    std::optional<lamina::stat_record> recorded{};  // in which form the upper records owners and modes

    [[nodiscard]] bool translates() const { return users || groups || squash.user || squash.group; }
};

// When something is to happen besides. Each may be empty.
struct moments {
    std::function<void()> mounted;                                  // requests wait from now on
    std::function<void(std::vector<lamina::change> const&)> ended;  // it is unmounted; what the upper has
};

// Returns when it is unmounted. Errors: a line, of joining, mounting or serving.
[[nodiscard]] or_line<int> mount_and_serve(layers& opened, layer_paths const& paths, lamina::policy const& rules,
                                           view const& shown, lamina::mount_options const& options,
                                           moments const& when);

}  // namespace lamina_fuse
