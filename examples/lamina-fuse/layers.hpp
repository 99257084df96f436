// The layers of a mount, opened and judged: what stands in the way of mounting them is said here, in words for people,
// before anything is changed.
//
// Decided here: which directories may be layers of one mount and where it may lie. As with the kernel's overlay, none may
// lie in another, and the mount may not lie in one of its own layers: looking at it there would be asking itself. It may
// lie on a lower, whose directory stays reachable below the mount.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <lamina/backend/any.hpp>
#include <lamina/core/result.hpp>
#include <lamina/posix/directory.hpp>

namespace lamina_fuse {

template <class T>
using or_line = lamina::result<T, std::string>;  // the error is one line, without the program's name

struct layer_paths {
    std::vector<std::string> lowers;  // topmost first; directories, and tar archives
    std::optional<std::string> upper;
    std::optional<std::string> work;
    std::string mountpoint;
    // Joined without an upper: what is there is the topmost lower, and is not written.
    bool read_only = false;
    // Enter what is mounted in the lowers.
    bool cross_mounts = false;
    // Whether the mount may lie in a layer: for those who see to it that it is never looked at from there.
    bool mount_within = false;
};

struct layers {
    std::string mountpoint;                            // absolute, without links
    std::optional<lamina::posix_directory> upper, work;
    std::vector<lamina::posix_directory> directories;  // the lowers if all are directories, else none
    std::vector<lamina::any_backend> mixed;            // the lowers if one is an archive, else none
};

[[nodiscard]] or_line<layers> open_layers(layer_paths const& paths);

// What an overlay answered when it was joined, of these layers: its error, with the number of the layer if one is meant.
[[nodiscard]] std::string explain(lamina::error why, layer_paths const& paths);

}  // namespace lamina_fuse
