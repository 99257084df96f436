// The stack over a disk that loses its power, and what is tried of the losses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/lossy_disk.hpp>

#include "model/limited.hpp"
#include "model/script.hpp"

#include "views.hpp"

namespace scenes {

using disk_type = lossy_disk<memory_tree&>;
using tree_type = model::limited<disk_type&>;
using tested_overlay = decltype(stack(std::declval<tree_type&>(), std::declval<memory_tree&>(), policy()));

struct lossy_configuration : configuration {
    capabilities missing;
    bool flushes_content = false;  // all that it copies, and no whiteout is a file that could lose its mark
};
inline std::vector<lossy_configuration> configurations(durability durable) {
    policy plain;
    plain.durable = durable;
    policy shells = plain, aufs = plain;
    shells.metacopy = metacopies::on;
    aufs.format = whiteout_format::aufs;
    auto const clone = capability::clone;
    return {{{"copies", plain}, clone, true},
            {{"clones", plain}, {}},
            {{"temporaries with names", plain}, clone | capability::unnamed_files, true},
            {{"whiteouts by attribute", plain}, clone | capability::whiteout_device},
            {{"few flags", plain}, clone | capability::exchange | capability::rename_whiteout},
            {{"metacopy", shells}, clone},
            {{"aufs", aufs}, clone}};
}

// LAMINA_LOSS_SAMPLES: how many random subsets are tried where there are too many to try them all.
inline loss_limits limits() {
    return {.exhaustive_up_to = 6, .samples = static_cast<std::size_t>(model::number_from("LAMINA_LOSS_SAMPLES", 24))};
}

}  // namespace scenes
