// What a layer is: the primitives of a backend. Everything above (path functions, adaptors, the overlay, diff and
// apply) is written against these and nothing else.
//
// Only directories have nodes. Every other object is named by its directory's node and its name, as in the *at() family
// of system calls and in FUSE's low-level protocol: a tree of a million files then costs a backend a million names, not
// a million handles. The empty name means the directory itself. No primitive follows a symbolic link, none takes more
// than one component, and a name is judged (`judge_name`) before it arrives here.
//
// Absence is not an error where it is an answer: `lookup` and `get_xattr_at` return an empty optional. Every other
// primitive reports enoent. A primitive that fails has changed nothing.
//
// Concurrency: any primitive may be called from any thread at any time; two calls that change one directory are ordered
// by the backend. A file handle may be used from many threads at once.
//
// Lifetime: `open_directory_at` returns a retained node; `retain` and `release` count. `root()` is never released. A
// node stays usable when its directory is renamed; when it is removed, calls on it answer enoent (estale where the
// backend can only tell that it is gone).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/capability.hpp>
#include <lamina/core/digest.hpp>
#include <lamina/core/dirent.hpp>
#include <lamina/core/handle.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/open.hpp>
#include <lamina/core/path.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

// An open regular file. Movable; closes when destroyed.
//   read_at(out, offset)   bytes read; fewer than asked only at the end of the file, 0 at or past it. ebadf if opened write-only.
//   next_data(offset)      the first offset >= `offset` that holds data; the file's size if none does. A backend that cannot
//                          tell answers `offset` (or the size, past the end).
//   next_hole(offset)      the first offset >= `offset` in a hole; the file's size if none is.
//   status()               attributes of the open object, also after its name is gone.
template <class F>
concept readable_file = std::movable<F> && requires(F& file, std::span<std::byte> out, std::uint64_t offset) {
    { file.read_at(out, offset) } -> std::same_as<result<std::size_t>>;
    { file.next_data(offset) } -> std::same_as<result<std::uint64_t>>;
    { file.next_hole(offset) } -> std::same_as<result<std::uint64_t>>;
    { file.status() } -> std::same_as<result<attributes>>;
};

// What content an open file has, as fs-verity names it. Optional.
//   verity_digest()   empty where there is none: the file system keeps none for this file, or one of an algorithm that
//                     is not known here. Requires: opened for reading.
template <class F>
concept measures_content = readable_file<F> && requires(F& file) {
    { file.verity_digest() } -> std::same_as<result<std::optional<digest>>>;
};

// Where the bytes of an open file are those of a real file. Optional.
//   data_descriptor()       a descriptor whose bytes, at every offset, are this file's: for who hands the data on without
//                           reading it. It stays the file's own and is open as long as it. Empty where there is none,
//                           and where what goes past this file would be missed.
//   descriptor_is_final()   whether that answer stays, and is the answer of every file of this object from now on, however
//                           it is opened. A file of a lower layer is read elsewhere once it is copied up;
//                           what was read through the old descriptor until then was right.
// Of a file that was opened for writing the descriptor may be written through: as long as the file is open, the backend
// asks anew for whatever it remembers of it.
template <class F>
concept has_data_descriptor = readable_file<F> && requires(F& file) {
    { file.data_descriptor() } -> std::same_as<std::optional<int>>;
    { file.descriptor_is_final() } -> std::same_as<bool>;
};

// The file-handle half of writing. `write_at` and `append` may write fewer bytes than given (at least one), as
// write(2).
//   write_at  past the end makes a hole. ebadf if not opened for writing.
//   append    atomically at the end of the file as it then is.
//   sync      what was written is on stable storage when it returns.
template <class F>
concept writable_file =
    readable_file<F> && requires(F& file, std::span<std::byte const> bytes, std::uint64_t offset, std::string_view key,
                                 std::string_view value, time_change const& times) {
        { file.write_at(bytes, offset) } -> std::same_as<result<std::size_t>>;
        { file.append(bytes) } -> std::same_as<result<std::size_t>>;
        { file.resize(offset) } -> std::same_as<result<void>>;
        { file.sync(sync_kind::data) } -> std::same_as<result<void>>;
        { file.set_mode(mode_bits{}) } -> std::same_as<result<void>>;
        { file.set_owner(user_id{}, group_id{}) } -> std::same_as<result<void>>;
        { file.set_times(times) } -> std::same_as<result<void>>;
        { file.set_xattr(key, value, xattr_flags::none) } -> std::same_as<result<void>>;
    };

// `allocate(how, offset, length)`: fallocate(2) on a file that was opened for writing. Room that was made keeps later
// writes from enospc, as far as the storage can. einval for no length, efbig, enospc, ebadf; eopnotsupp for what the
// storage cannot do. Optional.
template <class F>
concept allocates = writable_file<F> && requires(F& file, std::uint64_t offset) {
    { file.allocate(allocation::plain, offset, offset) } -> std::same_as<result<void>>;
};

// What chattr(1) sets of an open file. Optional.
//   flags()            eopnotsupp where the file system has none.
//   set_flags(flags)   all at once: those that are to stay are given again. eopnotsupp for what cannot be kept, eperm.
template <class F>
concept has_inode_flags = writable_file<F> && requires(F& file) {
    { file.flags() } -> std::same_as<result<inode_flags>>;
    { file.set_flags(inode_flags{}) } -> std::same_as<result<void>>;
};

// Extended attributes of an open file, also after its name is gone. Optional; without it they are read by name.
//   get_xattr(key)      as get_xattr_at of the name it was opened by: empty if there is no such attribute.
//   list_xattrs()       as list_xattrs_at.
//   remove_xattr(key)   enodata.
template <class F>
concept reads_xattrs = readable_file<F> && requires(F& file, std::string_view key) {
    { file.get_xattr(key) } -> std::same_as<result<std::optional<std::string>>>;
    { file.list_xattrs() } -> std::same_as<result<std::vector<std::string>>>;
};
template <class F>
concept removes_xattrs = reads_xattrs<F> && writable_file<F> && requires(F& file, std::string_view key) {
    { file.remove_xattr(key) } -> std::same_as<result<void>>;
};

// `to.copy_range_from(from, from_offset, to_offset, count)` moves bytes without passing them through this process and
// returns how many (0: at the end of `from`); exdev, eopnotsupp or einval where this pair cannot. `to.clone_from(from)`
// shares all blocks of `from` (FICLONE); the same errors.
template <class To, class From>
concept copies_from = requires(To& to, From& from, std::uint64_t offset) {
    { to.copy_range_from(from, offset, offset, offset) } -> std::same_as<result<std::uint64_t>>;
    { to.clone_from(from) } -> std::same_as<result<void>>;
};

// What can be found, listed and read.
//   lookup(dir, name)            attributes; empty if there is no such name.
//   open_directory_at(dir, name) a retained node. enoent, enotdir (also for a symbolic link).
//   list_at(dir, sink)           every entry once. Entries made or removed meanwhile may or may not be seen.
//   open_at(dir, name, flags)    a regular file. `flags`: read, write, append, truncate. enoent; eisdir; eloop for a symbolic
//                                link; enxio for a device, fifo or socket, which is never opened. erofs where nothing can be
//                                written.
//   read_symlink_at(dir, name)   the target's bytes. einval if it is something else.
//   get_xattr_at(dir, name, key) the value's bytes; empty optional if there is no such attribute, or no attributes at all.
//   list_xattrs_at(dir, name)    the keys that this process may see.
//   able()                       what this backend, on this machine, can do.
template <class B>
concept readable_backend =
    readable_file<typename B::file_type> &&
    requires(B& backend, B const& fixed, node dir, name_ref name, entry_sink sink, std::string_view key) {
        { fixed.root() } -> std::same_as<node>;
        { backend.retain(dir) } -> std::same_as<void>;
        { backend.release(dir) } -> std::same_as<void>;
        { backend.lookup(dir, name) } -> std::same_as<result<std::optional<attributes>>>;
        { backend.open_directory_at(dir, name) } -> std::same_as<result<node>>;
        { backend.list_at(dir, sink) } -> std::same_as<result<void>>;
        { backend.open_at(dir, name, open_flags::read) } -> std::same_as<result<typename B::file_type>>;
        { backend.read_symlink_at(dir, name) } -> std::same_as<result<std::string>>;
        { backend.get_xattr_at(dir, name, key) } -> std::same_as<result<std::optional<std::string>>>;
        { backend.list_xattrs_at(dir, name) } -> std::same_as<result<std::vector<std::string>>>;
        { fixed.able() } -> std::same_as<capabilities>;
    };

// What can be changed too. All of one name in one directory; eexist where the name is taken.
//   create_at              a new regular file, open for reading and writing. `mode` passes through the process's umask where
//                          the backend has one.
//   rename_at              renameat2(2): replaces a file, or an empty directory by a directory; no_replace: eexist;
//                          exchange: both must exist. whiteout: as rename_flags says. einval for exchange with another flag,
//                          for a directory into its own subtree.
//                          Two equal objects: nothing, success.
//   remove_at              anything but a directory (eisdir). remove_directory_at: an empty one (enotempty, enotdir).
//   set_*_at               on the object itself, also a symbolic link (set_mode_at on one: eopnotsupp). The empty name means
//                          the directory.
//   set_xattr_at           enodata (replace), eexist (create), eperm (user.* on a symbolic link or a special file),
//                          eopnotsupp, enospc.
//   remove_xattr_at        enodata.
//   resize_at              a regular file. einval for others, eisdir for a directory.
//   sync_directory         names made, moved and removed in it are on stable storage when it returns.
//   space()                statfs(2).
// Capabilities that `able()` denies answer eopnotsupp (einval for rename flags, as Linux does).
template <class B>
concept writable_backend =
    readable_backend<B> && writable_file<typename B::file_type> &&
    requires(B& backend, node dir, name_ref name, std::string_view bytes, time_change const& times) {
        { backend.create_at(dir, name, mode_bits{}) } -> std::same_as<result<typename B::file_type>>;
        { backend.create_directory_at(dir, name, mode_bits{}) } -> std::same_as<result<void>>;
        { backend.create_symlink_at(dir, name, bytes) } -> std::same_as<result<void>>;
        { backend.create_node_at(dir, name, file_type::fifo, mode_bits{}, device_number{}) } -> std::same_as<result<void>>;
        { backend.link_at(dir, name, dir, name) } -> std::same_as<result<void>>;  // existing, then new
        { backend.rename_at(dir, name, dir, name, rename_flags::none) } -> std::same_as<result<void>>;
        { backend.remove_at(dir, name) } -> std::same_as<result<void>>;
        { backend.remove_directory_at(dir, name) } -> std::same_as<result<void>>;
        { backend.set_mode_at(dir, name, mode_bits{}) } -> std::same_as<result<void>>;
        { backend.set_owner_at(dir, name, user_id{}, group_id{}) } -> std::same_as<result<void>>;
        { backend.set_times_at(dir, name, times) } -> std::same_as<result<void>>;
        { backend.set_xattr_at(dir, name, bytes, bytes, xattr_flags::none) } -> std::same_as<result<void>>;
        { backend.remove_xattr_at(dir, name, bytes) } -> std::same_as<result<void>>;
        { backend.resize_at(dir, name, std::uint64_t{}) } -> std::same_as<result<void>>;
        { backend.sync_directory(dir) } -> std::same_as<result<void>>;
        { backend.space() } -> std::same_as<result<space_info>>;
    };

// `open_known_regular_at(dir, name, flags)`: as open_at, after a lookup has just told that the name is a regular file.
// Optional, for a backend whose open_at has to find out the type before it may open (a fifo would block, a device would
// act). If the name has become something else meanwhile, it must not block, and must not follow a link.
template <class B>
concept opens_known_regular = readable_backend<B> && requires(B& backend, node dir, name_ref name) {
    { backend.open_known_regular_at(dir, name, open_flags::read) } -> std::same_as<result<typename B::file_type>>;
};

// Files without a name, published complete in one step (O_TMPFILE and linkat). Optional; `capability::unnamed_files`
// tells at run time whether this file system can.
template <class B>
concept makes_unnamed_files = writable_backend<B> && requires(B& backend, node dir, name_ref name, typename B::file_type& file) {
    { backend.create_unnamed(dir, mode_bits{}) } -> std::same_as<result<typename B::file_type>>;
    { backend.publish_at(file, dir, name) } -> std::same_as<result<void>>;
};

// A second root, outside the visible tree, in which an overlay may build things before it publishes them by a rename.
// Optional: a backend that has it (a memory tree) can be an upper alone; others need a work directory beside them.
template <class B>
concept has_work_area = writable_backend<B> && requires(B const& fixed) {
    { fixed.work_root() } -> std::same_as<node>;
};

// What a backend on stable storage offers to an overlay that keeps its upper there. `claim(dir)` holds a directory for
// one owner as long as its result lives (ebusy if it is held); `sync_all()` flushes everything that was written. Both
// optional.
template <class B>
concept claims_directories = writable_backend<B> && requires(B& backend, node dir) {
    { backend.claim(dir).has_value() } -> std::same_as<bool>;
};
template <class B>
concept syncs_all = writable_backend<B> && requires(B& backend) {
    { backend.sync_all() } -> std::same_as<result<void>>;
};

// Objects that can be named for good. `handle_at(dir, name)` gives the handle of an object that exists, of the
// directory itself for the empty name; eopnotsupp where its file system has none that last. `inode_of(handle)` is the
// inode number in a handle of this backend's file system; empty if the handle's form is not known. Optional: with it in
// all layers an overlay keeps hard links and inode numbers (policy::index).
template <class B>
concept gives_handles = readable_backend<B> && requires(B& backend, node dir, name_ref name, object_handle const& handle) {
    { backend.handle_at(dir, name) } -> std::same_as<result<object_handle>>;
    { backend.inode_of(handle) } -> std::same_as<std::optional<std::uint64_t>>;
};

// `boot()` names the time between two losses of what was written and not flushed: it is another one after the machine
// went down. Optional; without it an overlay has to assume such a loss whenever it is opened.
template <class B>
concept tells_boots = requires(B& backend) {
    { backend.boot() } -> std::same_as<result<std::array<std::byte, 16>>>;
};

// A shortcut for path walks. `descend(from, names)` goes down through as many leading components of `names` as it can
// in one step, each a directory and none a symbolic link, "." or "..", and returns the node it came to (retained, also
// when it is `from`) and how many bytes of `names` it used. Using none is always a correct answer. Never an error for a
// name that is missing: the caller finds that out at the component where it stopped.
struct descent {
    node reached{};
    std::size_t used = 0;
};
template <class B>
concept descends = requires(B& backend, node from, std::string_view names) {
    { backend.descend(from, names) } -> std::same_as<descent>;
};

}  // namespace lamina
