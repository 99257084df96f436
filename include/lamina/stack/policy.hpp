// Everything about an overlay that is a choice, in one bag. The defaults follow from what the upper can do; the presets
// name the three usual wishes.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lamina/whiteout/marks.hpp>

namespace lamina {

// Renaming a directory that has something in a lower layer.
//   on      writes a redirect and follows those it finds (the kernel's redirect_dir=on)
//   follow  follows them, but renames such a directory no more: exdev (redirect_dir=follow)
//   refuse  a directory with a redirect is eperm (redirect_dir=nofollow): for layers of unknown origin
enum class redirects : std::uint8_t { automatic, on, follow, refuse };

// Changing mode, owner, times or attributes of a lower file.
//   on      copies up what the change is about and leaves the data where it is, until something is written (metacopy=on)
//   follow  copies whole files up, but reads such half copies where it finds them
//   refuse  a half copy is eperm (metacopy=off): for layers of unknown origin
// A kernel mount without metacopy=on refuses an upper's half copies, file by file.
enum class metacopies : std::uint8_t { automatic, on, follow, refuse };

// Writing into a large lower file, where it cannot be cloned.
//   off  copies the file up whole
//   on   copies up the blocks that are written (docs/formats/block-map.md). The kernel refuses to mount an upper that
//        has such files, until overlay::materialize() has made them whole. Only in the kernel's format, and where
//        metacopies and redirects are not refused.
// Files that are copied up so already are read and written under either.
enum class block_copies : std::uint8_t { off, on };

// The owner of what is copied up.
//   keep  as in the lower layer; eperm where the process may not give files away
//   take  the process's own where it may not: for overlays without privilege. Attributes that only privilege can set
//         (`security.*`, `trusted.*`) are then left behind as well.
enum class ownership : std::uint8_t { automatic, keep, take };

// What a power loss may take.
//   none     anything since the upper was opened. It says so in its work directory, as a kernel mount with `volatile` does: not
//            closed in order, it is refused afterwards (policy::accept_unclean), by the kernel too
//   ordered  what was not flushed; but what a copy-up made, or a `write` of a whole file, is the old one or the new one, whole
//   strict   nothing: each operation is on stable storage when it returns
enum class durability : std::uint8_t { automatic, none, ordered, strict };

// Hard links of lower files, and inode numbers.
//   on   a file of several names stays one file when it is copied up, by an index in the work directory (the kernel's
//        index=on); and what was copied up remembers of which lower object, so its inode number is the same when the
//        layers are joined again. For the layers that can name their objects for good (gives_handles), no others
//   off  the names become files of their own, and copied-up files get other numbers in the next life
// Automatic: on where the upper can name its objects and keeps links, in the kernel's format, and its index, if there is
// one, belongs to these layers. Asked for and impossible is an error: eopnotsupp, or estale for an index of other layers.
enum class indexing : std::uint8_t { automatic, on, off };

// Whether the data of a half copy is compared with the digest that the half copy records (fs-verity's, of the data), at
// each open and before it is copied. What is not that data is eio, in its layer.
//   automatic  where the data's layer can measure: posix_directory by fs-verity, any layer in computed_digests. Half
//              copies that are made record the digest of what can be measured. (The kernel's verity=on, but for this:
//              there data without fs-verity is eio if a digest of it is recorded.)
//   require    always: a half copy that records none, and data that cannot be measured, are eio; and of data that cannot
//              be measured no half copy is made, but a whole one (verity=require)
//   off        never; and none is recorded
// Trust in what is recorded is trust in the layer that the half copy lies in.
enum class verification : std::uint8_t { automatic, off, require };

struct policy {
    // The format in which the upper writes deletions: kernel unless told otherwise.
    whiteout_format format = whiteout_format::automatic;
    // Whether lowers in the kernel's format may hold aufs's marks as well (whiteout_format::both).
    bool aufs_in_lowers = false;
    // Where the kernel's marks are kept, in all layers: trusted where the upper takes trusted xattrs, else user.
    mark_space marks = mark_space::automatic;
    // on where the format can store a redirect (kernel), else refuse to rename (exdev).
    redirects redirect = redirects::automatic;
    // follow where the format can store a metacopy (kernel).
    metacopies metacopy = metacopies::automatic;
    verification verify = verification::automatic;
    block_copies blocks = block_copies::off;
    // The smallest file to which that applies, and the size of a block: a power of two from 4 KiB to 16 MiB, to which
    // others are rounded. A map has at most 2^24 blocks; a larger file gets larger ones.
    std::uint64_t blocks_from = std::uint64_t{1} << 20;
    std::uint32_t block_size = std::uint32_t{64} << 10;
    // keep where the upper can change owners, else take.
    ownership owner = ownership::automatic;
    indexing index = indexing::automatic;
    // With an index: whether `remove_all` of a directory looks for hard links of lower files in it, so that their other
    // names count them no more. It then takes time for each entry, and not one step for any tree.
    bool count_links_of_removed_trees = false;
    // ordered where the upper outlives the process, else none.
    durability durable = durability::automatic;
    // What the cache of entries may take; each operation that fills it makes room first. A single listing may exceed
    // it.
    std::size_t cache_bytes = std::size_t{256} << 20;
    // Opens an upper that was used with durability::none and not closed, instead of refusing it with einval.
    bool accept_unclean = false;

    // As `mount -t overlay -o redirect_dir=on` does it, as root.
    [[nodiscard]] static constexpr policy kernel() noexcept {
        policy p;
        p.format = whiteout_format::kernel;
        p.marks = mark_space::trusted;
        p.redirect = redirects::on;
        p.owner = ownership::keep;
        return p;
    }
    // As `mount -t overlay -o userxattr` in a user namespace: an upper that the kernel mounts there too, so no
    // redirects.
    [[nodiscard]] static constexpr policy rootless() noexcept {
        policy p;
        p.format = whiteout_format::kernel;
        p.marks = mark_space::user;
        p.redirect = redirects::follow;
        p.metacopy = metacopies::follow;
        p.owner = ownership::take;
        return p;
    }
    // For an upper in memory: everything is possible there.
    [[nodiscard]] static constexpr policy memory() noexcept { return kernel(); }
};

}  // namespace lamina
