// The path-level members that every backend has: class memory_tree : public path_interface<memory_tree> { ... };
//
// They are a thin face over the algorithms in content.hpp, metadata.hpp, names.hpp, traverse.hpp, remove_all.hpp and
// tree_copy.hpp, and stand on the primitives alone. A backend that can do one of them faster or better as a whole
// declares a member of the same name, which hides the one here.
//
// Each takes a path_view, so that a literal is checked when it is compiled and bytes from elsewhere must pass
// path::parse. Symbolic links are resolved inside the tree. Errors are those of Linux for the same mistake.
// Concurrency: as the backend's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/content.hpp>
#include <lamina/backend/metadata.hpp>
#include <lamina/backend/names.hpp>
#include <lamina/backend/remove_all.hpp>
#include <lamina/backend/traverse.hpp>
#include <lamina/backend/tree_copy.hpp>
#include <lamina/backend/walk.hpp>

namespace lamina {

// B is incomplete where this is a base, hence the parameter `Self`, which is always B: what depends on it is looked at
// only when a member is called.
template <class B>
class path_interface {
public:
    // Opens a regular file. See paths::open.
    // Errors: enoent, enotdir, eloop, eisdir, enxio (device, fifo, socket), eexist (exclusive), erofs.
    template <class Self = B>
    [[nodiscard]] result<file_of<Self>> open(path_view path, open_flags flags, mode_bits mode = 0666) {
        return paths::open(self(), path, flags, mode);
    }
    // The whole file. Errors: as open; efbig if it holds more than `limit` bytes.
    [[nodiscard]] result<std::string> read(path_view path, std::size_t limit = paths::read_limit) {
        return paths::read(self(), path, limit);
    }
    // Makes the file hold exactly `bytes`; a missing one is made. Errors: as open, and what writing reports.
    [[nodiscard]] result<void> write(path_view path, std::string_view bytes, mode_bits mode = 0666) {
        return paths::write(self(), path, bytes, mode);
    }
    // Adds `bytes` at the end; a missing file is made. Errors: as write.
    [[nodiscard]] result<void> append(path_view path, std::string_view bytes, mode_bits mode = 0666) {
        return paths::append(self(), path, bytes, mode);
    }
    // Cuts a file, or extends it by a hole. Errors: eisdir; einval for anything else that is not a regular file.
    [[nodiscard]] result<void> resize(path_view path, std::uint64_t size) { return paths::resize(self(), path, size); }

    // stat(2). Errors: enoent, enotdir, eloop.
    [[nodiscard]] result<attributes> status(path_view path) { return paths::status(self(), path, links::follow); }
    // lstat(2).
    [[nodiscard]] result<attributes> symlink_status(path_view path) {
        return paths::status(self(), path, links::no_follow);
    }
    // Whether status() would find something. Errors: all but enoent and enotdir, which mean no.
    [[nodiscard]] result<bool> exists(path_view path) { return paths::exists(self(), path); }
    // A snapshot of the names in a directory. Errors: enoent, enotdir, eloop.
    [[nodiscard]] result<listing> list(path_view path) { return paths::list(self(), path); }
    // Calls visitor(walk_entry const&), which returns nothing or a walk_action, for everything below `start`, parents
    // first, links not followed.
    template <class Visitor>
    [[nodiscard]] result<void, path_error> walk(path_view start, Visitor&& visitor) {
        return paths::walk(self(), start, std::forward<Visitor>(visitor));
    }
    // The bytes of a link. Errors: einval if it is none.
    [[nodiscard]] result<std::string> read_symlink(path_view path) { return paths::read_symlink(self(), path); }

    // Errors: eexist, enoent.
    [[nodiscard]] result<void> create_directory(path_view path, mode_bits mode = 0777) {
        return paths::create_directory(self(), path, mode);
    }
    // With all that is missing above it; existing is success. Errors: enotdir, eloop, ...: with the path at which it
    // ended.
    [[nodiscard]] result<void, path_error> create_directories(path_view path, mode_bits mode = 0777) {
        return paths::create_directories(self(), path, mode);
    }
    // `target` is any bytes but NUL, at most 4,095. Errors: eexist; enoent if it is empty.
    [[nodiscard]] result<void> create_symlink(std::string_view target, path_view path) {
        return paths::create_symlink(self(), target, path);
    }
    // A second name for what `existing` names, also if that is a link. Errors: eexist, enoent, eperm for a directory.
    [[nodiscard]] result<void> create_hard_link(path_view existing, path_view path) {
        return paths::create_hard_link(self(), existing, path);
    }
    // A fifo, socket, device or empty file. Errors: eexist; eperm where devices may not be made.
    [[nodiscard]] result<void> create_node(path_view path, file_type type, mode_bits mode, device_number device = {}) {
        return paths::create_node(self(), path, type, mode, device);
    }
    // renameat2(2). Errors: as there; ebusy for the root, "." and "..".
    [[nodiscard]] result<void> rename(path_view from, path_view to, rename_flags flags = rename_flags::none) {
        return paths::rename(self(), from, to, flags);
    }
    // A file of any type, a link itself, or an empty directory. Errors: enoent, enotempty; ebusy for the root.
    [[nodiscard]] result<void> remove(path_view path) { return paths::remove(self(), path); }
    // With everything below. How many objects went; 0 if nothing was there.
    [[nodiscard]] result<std::uint64_t, path_error> remove_all(path_view path) {
        return paths::remove_all(self(), path);
    }
    // A copy of the tree at `from`, named `to`, which must not exist. See copy_tree for what is kept.
    [[nodiscard]] result<void, path_error> copy(path_view from, path_view to) {
        return copy_tree(self(), from, self(), to);
    }

    // chmod(2). Errors: eopnotsupp for a link itself.
    [[nodiscard]] result<void> permissions(path_view path, mode_bits mode, links last = links::follow) {
        return paths::permissions(self(), path, mode, last);
    }
    // chown(2). Errors: eperm.
    [[nodiscard]] result<void> owner(path_view path, user_id uid, group_id gid, links last = links::follow) {
        return paths::owner(self(), path, uid, gid, last);
    }
    // utimensat(2).
    [[nodiscard]] result<void> times(path_view path, time_change const& change, links last = links::follow) {
        return paths::times(self(), path, change, last);
    }

    // The keys that this process may see.
    [[nodiscard]] result<std::vector<std::string>> xattrs(path_view path, links last = links::follow) {
        return paths::xattrs(self(), path, last);
    }
    // Errors: enodata if there is none.
    [[nodiscard]] result<std::string> get_xattr(path_view path, std::string_view key, links last = links::follow) {
        return paths::get_xattr(self(), path, key, last);
    }
    // Errors: eexist (create), enodata (replace), eperm, eopnotsupp, enospc.
    [[nodiscard]] result<void> set_xattr(path_view path, std::string_view key, std::string_view value,
                                         xattr_flags flags = xattr_flags::none, links last = links::follow) {
        return paths::set_xattr(self(), path, key, value, flags, last);
    }
    // Errors: enodata.
    [[nodiscard]] result<void> remove_xattr(path_view path, std::string_view key, links last = links::follow) {
        return paths::remove_xattr(self(), path, key, last);
    }

protected:
    path_interface() = default;
    path_interface(path_interface const&) = default;
    path_interface(path_interface&&) = default;
    path_interface& operator=(path_interface const&) = default;
    path_interface& operator=(path_interface&&) = default;
    ~path_interface() = default;

private:
    [[nodiscard]] B& self() noexcept { return static_cast<B&>(*this); }
};

}  // namespace lamina
