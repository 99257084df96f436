// Inode numbers of the merged view: unique among all its objects, as long as the layers' own are, and stable while the
// stack is open. As the kernel's xino does, a number is composed of the file system that the object was found on and
// its number there: the first file system keeps its numbers as they are, the others carry their index in the upper 16
// bits. A number that is itself too large for that gets a running one instead.
//
// Not thread safe: the stack's tree lock, exclusive, guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <lamina/core/ident.hpp>

namespace lamina::detail {

class inode_numbers {
public:
    [[nodiscard]] std::uint64_t compose(file_id id) {
        std::uint64_t const index = index_of(id.device);
        if (id.inode <= low_mask && index < running_index)
            return index << shift | id.inode;
        auto const at = std::lower_bound(
            large_.begin(), large_.end(), id, [](auto const& known, file_id wanted) { return less(known.first, wanted); });
        if (at != large_.end() && at->first == id)
            return at->second;
        std::uint64_t const number = running_index << shift | next_++;
        large_.insert(at, {id, number});
        return number;
    }

private:
    static constexpr unsigned shift = 48;
    static constexpr std::uint64_t low_mask = (std::uint64_t{1} << shift) - 1;
    static constexpr std::uint64_t running_index = 0xffff;

    static bool less(file_id a, file_id b) noexcept {
        return a.device != b.device ? a.device < b.device : a.inode < b.inode;
    }
    // In the order in which they are first met.
    [[nodiscard]] std::uint64_t index_of(std::uint64_t device) {
        auto const at = std::lower_bound(devices_.begin(), devices_.end(), device,
                                         [](auto const& known, std::uint64_t wanted) { return known.first < wanted; });
        if (at != devices_.end() && at->first == device)
            return at->second;
        std::uint64_t const index = devices_.size();
        devices_.insert(at, {device, index});
        return index;
    }

    std::vector<std::pair<std::uint64_t, std::uint64_t>> devices_;  // sorted; one for each file system among the layers
    std::vector<std::pair<file_id, std::uint64_t>> large_;      // sorted; empty on file systems that people use
    std::uint64_t next_ = 1;
};

}  // namespace lamina::detail
