// A complete POSIX tree in memory: the scratch upper of an overlay, a tmpfs, and the model that others are compared
// with.
//
// It does what Linux does for root on a tmpfs mounted noatime: every file type, hard links, set-id bits and
// set-group-id directories, extended attributes of every namespace, sparse files up to 2^63 - 1 bytes, and ENOSPC at
// exact limits. What it does not do: judge permissions (it knows no credentials; see the `checked` adaptor), apply
// access control lists (they are stored as bytes), and survive the process. An inode number is never given out twice; a
// device number names one tree.
//
// Beside the visible tree it has a work area, a second root, from which and into which names can be moved.
//
// Concurrency: any member from any thread, except moving, assigning and destroying the tree. One lock for names, held
// for single steps; data has a lock per file, so that moving much of it stops no lookup. A listing sees every entry
// that is there from its beginning to its end exactly once, and none twice; its sink may call the tree. Names that are
// changed in one call are seen changed together.
//
// Lifetime: nodes become invalid with the tree, open files do not. A tree that was moved from can be assigned to or
// destroyed, nothing else.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/memory/file.hpp>
#include <lamina/backend/memory/listing.hpp>
#include <lamina/backend/memory/rename.hpp>
#include <lamina/backend/memory/tree.hpp>
#include <lamina/backend/paths.hpp>

namespace lamina {

class memory_tree : public path_interface<memory_tree> {
public:
    using file_type = memory_file;

    memory_tree() : memory_tree(memory_options{}) {}
    explicit memory_tree(memory_options const& options) : tree_(std::make_unique<detail::memory::tree>(options)) {}

    // An equal tree, work area included, with inode numbers of its own. Data is shared until one of the two is written.
    // What has no name is left out. Changes that run at the same time are in it wholly or not at all, each for itself.
    [[nodiscard]] memory_tree clone() const { return memory_tree(tree_->copy()); }

    [[nodiscard]] node root() const noexcept { return detail::memory::node_of(tree_->root); }
    // A directory outside the visible tree, mode 0700.
    [[nodiscard]] node work_root() const noexcept { return detail::memory::node_of(tree_->work); }
    void retain(node dir) noexcept { detail::memory::directory_of(dir)->pin(); }
    void release(node dir) noexcept { detail::memory::unpin(*tree_->account, detail::memory::directory_of(dir)); }

    [[nodiscard]] capabilities able() const noexcept {
        return capability::write | capability::hard_links | capability::user_xattrs | capability::trusted_xattrs |
               capability::special_files | capability::whiteout_device | capability::no_replace | capability::exchange |
               capability::unnamed_files | capability::change_owner | capability::clone | capability::rename_whiteout;
    }
    // Without a limit, the largest number of bytes that a file may have.
    [[nodiscard]] result<space_info> space() {
        auto const capacity = std::min(tree_->account->options.size_limit, detail::memory::file_size_max);
        auto const used = std::min(tree_->account->bytes(), capacity);
        return space_info{capacity, capacity - used, capacity - used, name_max};
    }
    // There is no storage to wait for. Errors: enoent.
    [[nodiscard]] result<void> sync_directory(node dir) {
        std::shared_lock lock(tree_->names);
        LAMINA_CHECK(tree_->directory(dir, operation::sync));
        return {};
    }

    [[nodiscard]] result<std::optional<attributes>> lookup(node dir, name_ref name) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const parent, tree_->directory(dir, operation::lookup));
        auto const* const found = name.empty() ? parent : parent->names.find(name);
        if (found == nullptr && name.text.size() > name_max)
            return fail(errc::enametoolong, operation::lookup);
        if (found == nullptr)
            return std::optional<attributes>();
        return std::optional<attributes>(detail::memory::stat(*tree_->account, *found));
    }
    [[nodiscard]] result<node> open_directory_at(node dir, name_ref name) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::open));
        if (!found->is_directory())
            return fail(errc::enotdir, operation::open);
        found->pin();
        return detail::memory::node_of(static_cast<detail::memory::directory_inode*>(found));
    }
    // Of this tree in this process: the type is none that a kernel gives.
    [[nodiscard]] result<object_handle> handle_at(node dir, name_ref name) {
        LAMINA_TRY(auto const found, lookup(dir, name));
        if (!found)
            return fail(errc::enoent, operation::lookup);
        object_handle handle;
        handle.type = handle_type;
        handle.set_file_system({found->id.device, 0});
        handle.set_number(found->id.inode);
        return handle;
    }
    [[nodiscard]] std::optional<std::uint64_t> inode_of(object_handle const& handle) const noexcept {
        return handle.type == handle_type ? handle.number() : std::nullopt;
    }
    [[nodiscard]] descent descend(node from, std::string_view names) noexcept {
        std::shared_lock lock(tree_->names);
        auto* here = detail::memory::directory_of(from);
        std::size_t used = 0;
        for (std::size_t at = 0;;) {
            at = names.find_first_not_of('/', at);
            if (at == std::string_view::npos)
                break;
            auto const component = names.substr(at, names.find('/', at) - at);
            // "." and ".." need no rule: no directory holds such a name.
            auto* const next = here->names.find(component);
            if (next == nullptr || !next->is_directory())
                break;
            here = static_cast<detail::memory::directory_inode*>(next);
            used = at += component.size();
        }
        here->pin();
        return {detail::memory::node_of(here), used};
    }
    [[nodiscard]] result<void> list_at(node dir, entry_sink sink);
    // Flags of the path level, create and exclusive, have had their effect before they come here.
    [[nodiscard]] result<memory_file> open_at(node dir, name_ref name, open_flags flags) {
        LAMINA_TRY(auto* const file, pinned_file(dir, name, operation::open));
        memory_file opened(tree_->account, file, flags);
        if (has(flags, open_flags::truncate))
            LAMINA_CHECK(detail::memory::resize(*tree_->account, *file, 0, detail::memory::same_size::sets_times));
        return opened;
    }
    [[nodiscard]] result<std::string> read_symlink_at(node dir, name_ref name) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto const* const found, tree_->object(dir, name, operation::read_symlink));
        if (found->type != lamina::file_type::symlink)
            return fail(errc::einval, operation::read_symlink);
        return std::string(static_cast<detail::memory::symlink_inode const*>(found)->target());
    }
    // Errors: enoent; erange for a key of no or of more than 255 bytes. A key of an unknown namespace is absent.
    [[nodiscard]] result<std::optional<std::string>> get_xattr_at(node dir, name_ref name, std::string_view key) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto const* const found, tree_->object(dir, name, operation::get_xattr));
        return detail::memory::get_xattr(*found, key);
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs_at(node dir, name_ref name) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto const* const found, tree_->object(dir, name, operation::list_xattrs));
        std::shared_lock attributes_lock(found->guard);
        return found->xattrs.keys();
    }

    // Errors of everything that makes a name: eexist, enoent (the directory is removed), enospc, enametoolong, einval.
    [[nodiscard]] result<memory_file> create_at(node dir, name_ref name, mode_bits mode) {
        LAMINA_TRY(auto* const file, tree_->add(dir, name, operation::create, 0, [&] {
            auto* const made = new detail::memory::file_inode(*tree_->account, without_umask(mode));
            made->pin();
            return made;
        }));
        return memory_file(tree_->account, file, open_flags::read_write);
    }
    // Set-id bits of `mode` are left out, as mkdir(2) does; the set-group-id bit comes from the parent.
    [[nodiscard]] result<void> create_directory_at(node dir, name_ref name, mode_bits mode) {
        LAMINA_CHECK(tree_->add(dir, name, operation::create_directory, 0, [&] {
            auto const bits = without_umask(mode) & 01777;
            auto* const made = new detail::memory::directory_inode(*tree_->account, bits);
            made->parent = detail::memory::directory_of(dir);
            return made;
        }));
        return {};
    }
    // Errors: also enoent for an empty target, enametoolong for one over 4,095 bytes, einval for one that holds a NUL.
    [[nodiscard]] result<void> create_symlink_at(node dir, name_ref name, std::string_view target) {
        if (target.empty())
            return fail(errc::enoent, operation::create_symlink);
        if (target.size() > symlink_target_max)
            return fail(errc::enametoolong, operation::create_symlink);
        if (target.find('\0') != std::string_view::npos)
            return fail(errc::einval, operation::create_symlink);
        LAMINA_CHECK(tree_->add(dir, name, operation::create_symlink, target.size(),
                                [&] { return detail::memory::symlink_inode::make(*tree_->account, target); }));
        return {};
    }
    // An empty regular file, a device, fifo or socket. Errors: also eperm for a directory, einval for other types.
    [[nodiscard]] result<void> create_node_at(node dir, name_ref name, lamina::file_type type, mode_bits mode,
                                              device_number device) {
        using types = lamina::file_type;
        if (type == types::directory)
            return fail(errc::eperm, operation::create_node);
        if (type == types::symlink || type == types::unknown || type > types::socket)
            return fail(errc::einval, operation::create_node);
        LAMINA_CHECK(tree_->add(dir, name, operation::create_node, 0, [&]() -> detail::memory::inode* {
            if (type == types::regular)
                return new detail::memory::file_inode(*tree_->account, without_umask(mode));
            return new detail::memory::special_inode(*tree_->account, type, without_umask(mode), device);
        }));
        return {};
    }
    // Errors: also eperm for a directory; emlink.
    [[nodiscard]] result<void> link_at(node dir, name_ref name, node new_dir, name_ref new_name) {
        std::lock_guard lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::link));
        return tree_->link(*found, new_dir, new_name, operation::link);
    }
    // Errors: enoent if `dir` is removed; enospc.
    [[nodiscard]] result<memory_file> create_unnamed(node dir, mode_bits mode);
    // Also gives a further name to a file that has one. Errors: exdev for a file of another tree; enoent for one that
    // had names and lost them.
    [[nodiscard]] result<void> publish_at(memory_file& file, node dir, name_ref name) {
        if (file.account_ != tree_->account)
            return fail(errc::exdev, operation::link);
        std::lock_guard lock(tree_->names);
        return tree_->link(*file.file_, dir, name, operation::link);
    }

    [[nodiscard]] result<void> rename_at(node dir, name_ref name, node new_dir, name_ref new_name, rename_flags flags) {
        return detail::memory::rename_change(*tree_, dir, name, new_dir, new_name, flags).run();
    }
    [[nodiscard]] result<void> remove_at(node dir, name_ref name) { return tree_->remove(dir, name); }
    [[nodiscard]] result<void> remove_directory_at(node dir, name_ref name) {
        return tree_->remove_directory(dir, name);
    }

    [[nodiscard]] result<void> set_mode_at(node dir, name_ref name, mode_bits mode) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::set_mode));
        if (found->type == lamina::file_type::symlink)
            return fail(errc::eopnotsupp, operation::set_mode);
        detail::memory::change_mode(*tree_->account, *found, mode);
        return {};
    }
    [[nodiscard]] result<void> set_owner_at(node dir, name_ref name, user_id uid, group_id gid) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::set_owner));
        detail::memory::change_owner(*tree_->account, *found, uid, gid);
        return {};
    }
    // Errors: enoent; einval for nanoseconds that make a second or more.
    [[nodiscard]] result<void> set_times_at(node dir, name_ref name, time_change const& times) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::set_times));
        return detail::memory::change_times(*tree_->account, *found, times);
    }
    // Errors: enoent; einval (flags, a NUL in the key, nothing after its namespace), erange (no key, or over 255
    // bytes), e2big (value over 65,536 bytes), eperm (user.* on what is neither a file nor a directory), eopnotsupp
    // (unknown namespace; an ACL of a symbolic link), eacces (the default ACL of anything but a directory), eexist,
    // enodata, enospc.
    [[nodiscard]] result<void> set_xattr_at(node dir, name_ref name, std::string_view key, std::string_view value,
                                            xattr_flags flags) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::set_xattr));
        return detail::memory::change_xattr(*tree_->account, *found, key, value, flags);
    }
    // Errors: enodata, and those of set_xattr_at that the key can have.
    [[nodiscard]] result<void> remove_xattr_at(node dir, name_ref name, std::string_view key) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, operation::remove_xattr));
        return detail::memory::remove_xattr(*tree_->account, *found, key);
    }
    // Errors: enoent; eisdir; einval for what is not a regular file; efbig; enomem.
    [[nodiscard]] result<void> resize_at(node dir, name_ref name, std::uint64_t size) {
        LAMINA_TRY(auto* const file, pinned_file(dir, name, operation::resize));
        detail::memory::pin_guard const held(*tree_->account, file);
        return detail::memory::resize(*tree_->account, *file, size, detail::memory::same_size::leaves_times);
    }

private:
    static constexpr std::uint8_t handle_type = 0xe1;

    explicit memory_tree(std::unique_ptr<detail::memory::tree> made) noexcept : tree_(std::move(made)) {}

    [[nodiscard]] mode_bits without_umask(mode_bits mode) const noexcept {
        return mode & ~tree_->account->options.umask;
    }

    // A regular file, pinned. Errors: enoent, eisdir; for others what opening or resizing them says.
    [[nodiscard]] result<detail::memory::file_inode*> pinned_file(node dir, name_ref name, operation op) {
        std::shared_lock lock(tree_->names);
        LAMINA_TRY(auto* const found, tree_->object(dir, name, op));
        if (found->is_directory())
            return fail(errc::eisdir, op);
        if (found->type != lamina::file_type::regular && op == operation::resize)
            return fail(errc::einval, op);
        if (found->type != lamina::file_type::regular)
            return fail(found->type == lamina::file_type::symlink ? errc::eloop : errc::enxio, op);
        found->pin();
        return static_cast<detail::memory::file_inode*>(found);
    }

    std::unique_ptr<detail::memory::tree> tree_;
};

inline result<memory_file> memory_tree::create_unnamed(node dir, mode_bits mode) {
    std::shared_lock lock(tree_->names);
    LAMINA_TRY(auto const* const parent, tree_->directory(dir, operation::create));
    detail::memory::reservation room(*tree_->account, memory_price::inode, 1);
    if (!room.granted())
        return fail(errc::enospc, operation::create);
    auto* const made = new detail::memory::file_inode(*tree_->account, without_umask(mode));
    room.keep();
    tree_->be_born(*made, *parent, tree_->account->now());
    made->nlink = 0;
    made->publishable = true;
    return memory_file(tree_->account, made, open_flags::read_write);
}

inline result<void> memory_tree::list_at(node dir, entry_sink sink) {
    detail::memory::directory_reader reader(*tree_, detail::memory::directory_of(dir));
    LAMINA_CHECK(reader.start());
    while (reader.next_batch())
        for (auto const& entry : reader.batch())
            if (!sink(entry))
                return {};
    return {};
}

}  // namespace lamina
