// Where the maps of an upper lie, and which of its block-wise files are open: the state behind blocks.hpp, one for each
// overlay.
//
//   lamina/blocks/<id>                        the maps
//   work/incompat/lamina-blocks/<namespace>   that there may be such files, and in which namespace their marks are. A
//                                             kernel mount refuses a work directory that has it.
// Both in the work directory.
//
// Requires throughout: the tree lock, exclusive.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <lamina/stack/block_file.hpp>
#include <lamina/stack/policy.hpp>

namespace lamina::detail {

inline constexpr std::string_view incompat_name = "incompat";
inline constexpr std::string_view incompat_blocks = "lamina-blocks";
inline constexpr std::string_view blocks_path[] = {"lamina", "blocks"};

template <bool Writable, class Layers>
struct block_store_of {
    using upper_type = typename Layers::upper_type;
    using upper_file = file_of<upper_type>;
    using file = block_file<upper_file>;

    // A file that is open, or was: `closed` is set when its object has done its last to the map.
    struct open_file {
        std::weak_ptr<file> object;
        std::shared_ptr<std::atomic<std::uint32_t>> closed;
    };

    std::atomic<bool> present{false};  // incompat_blocks is there
    bool held = false;                 // `directory` is retained
    node directory{};
    boot_identity boot;
    std::size_t underway = 0;  // copies whose map may be there while no name leads to it
    std::atomic<std::uint64_t> next_id{0};
    std::unordered_map<std::string, open_file> open;  // by the map's name
    std::size_t prune_at = 64;

    // The object of an open file. One that is just being closed is waited for: until then its map belongs to it.
    [[nodiscard]] std::shared_ptr<file> find(std::string const& name) {
        auto const known = open.find(name);
        if (known == open.end())
            return nullptr;
        if (auto object = known->second.object.lock())
            return object;
        known->second.closed->wait(0, std::memory_order_acquire);
        open.erase(known);
        return nullptr;
    }
    void add(std::string const& name, std::shared_ptr<file> const& object,
             std::shared_ptr<std::atomic<std::uint32_t>> closed) {
        if (open.size() >= prune_at) {
            for (auto at = open.begin(); at != open.end();)
                at = at->second.closed->load(std::memory_order_acquire) != 0 ? open.erase(at) : std::next(at);
            prune_at = 2 * open.size() + 64;
        }
        open.insert_or_assign(name, open_file{object, std::move(closed)});
    }
};
template <class Layers>
struct block_store_of<false, Layers> {};

template <class Layers>
using block_store = block_store_of<Layers::writable, Layers>;

// Goes down `names` from a directory of the work tree, and makes what is missing; each new name is flushed if `flush`.
template <class Tree, class Names>
[[nodiscard]] result<node_guard<Tree>> make_directories(Tree& tree, node from, Names const& names, bool flush) {
    auto at = node_guard<Tree>::share(tree, from);
    for (std::string_view const name : names) {
        auto made = tree.create_directory_at(at.get(), name, 0700);
        if (!made && made.error() != errc::eexist)
            return unexpected(made.error());
        if (made && flush)
            LAMINA_CHECK(tree.sync_directory(at.get()));
        LAMINA_TRY(node const inner, tree.open_directory_at(at.get(), name));
        at = node_guard<Tree>(tree, inner);
    }
    return at;
}

}  // namespace lamina::detail
