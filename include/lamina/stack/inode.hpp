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
#include <map>
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
        // An overlay below gives such numbers to all but its first file system's, so these may be many.
        auto const [at, fresh] = large_.try_emplace({id.device, id.inode}, running_index << shift | next_);
        next_ += fresh ? 1 : 0;
        return at->second;
    }

    // Gives the file system its index now.
    void meet(std::uint64_t device) { (void)index_of(device); }

    // Of a number that it may not be given again.
    [[nodiscard]] static constexpr bool is_running(std::uint64_t number) noexcept {
        return number >> shift == running_index;
    }

private:
    static constexpr unsigned shift = 48;
    static constexpr std::uint64_t low_mask = (std::uint64_t{1} << shift) - 1;
    static constexpr std::uint64_t running_index = 0xffff;

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
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> large_;
    std::uint64_t next_ = 1;
};

}  // namespace lamina::detail
