// The objects of a memory tree, and what can be changed in one of them without regard to its names.
//
// Decided here, as Linux decides for root: a change of owner takes the set-id bits of anything but a directory (the
// set-group-id bit only where the group may execute) and the security.capability attribute; changed data takes that
// attribute too, and leaves the bits; no reading changes atime (noatime). What is told to set neither time changes
// nothing, while chown that keeps both owners is a change and moves ctime.
//
// Concurrency: `guard` covers the attributes. `names` and `parent` of a directory are covered by the tree's lock, and
// so is its nlink, which the guard covers as well. Lock order: the tree's, chunk_tree::guard, inode::guard. An object
// lives as long as it has pins: one for each name, each node and each open file.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string_view>

#include <lamina/backend/memory/data.hpp>
#include <lamina/backend/memory/ledger.hpp>
#include <lamina/backend/memory/lock.hpp>
#include <lamina/backend/memory/name_table.hpp>
#include <lamina/backend/memory/xattrs.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina::detail::memory {

inline constexpr mode_bits all_mode_bits = 07777;
inline constexpr mode_bits set_user_id = 04000;
inline constexpr mode_bits set_group_id = 02000;
inline constexpr mode_bits group_executes = 010;

struct inode {
    std::atomic<std::uint32_t> pins{1};
    mutable word_lock guard;
    std::uint64_t const number;
    file_type const type;
    bool publishable = false;  // made without a name, and never had one
    std::uint16_t mode;
    std::uint32_t nlink = 1;
    user_id uid = 0;
    group_id gid = 0;
    timestamp atime, mtime, ctime;
    xattr_list xattrs;

    inode(ledger& account, file_type t, mode_bits m) noexcept
        : number(account.new_inode_number()), type(t), mode(static_cast<std::uint16_t>(m & all_mode_bits)) {}
    inode(inode const&) = delete;
    inode& operator=(inode const&) = delete;

    [[nodiscard]] bool is_directory() const noexcept { return type == file_type::directory; }
    void pin() noexcept { pins.fetch_add(1, std::memory_order_relaxed); }
};

struct file_inode : inode {
    chunk_tree data;
    std::uint64_t size = 0;  // changed under data.guard and guard together, so either is enough to read it

    file_inode(ledger& account, mode_bits m) noexcept : inode(account, file_type::regular, m) {}
};

struct directory_inode : inode {
    name_table names;
    directory_inode* parent = nullptr;  // null for the two roots and for what is removed

    directory_inode(ledger& account, mode_bits m) noexcept : inode(account, file_type::directory, m) { nlink = 2; }
    [[nodiscard]] bool is_removed() const noexcept { return nlink == 0; }
};

// The target follows the object.
struct symlink_inode : inode {
    std::uint32_t const length;

    [[nodiscard]] std::string_view target() const noexcept { return {reinterpret_cast<char const*>(this + 1), length}; }
    [[nodiscard]] static symlink_inode* make(ledger& account, std::string_view target) {
        void* const storage = ::operator new(sizeof(symlink_inode) + target.size());
        auto* const made = ::new (storage) symlink_inode(account, static_cast<std::uint32_t>(target.size()));
        std::memcpy(reinterpret_cast<char*>(made + 1), target.data(), target.size());
        return made;
    }

private:
    symlink_inode(ledger& account, std::uint32_t bytes) noexcept
        : inode(account, file_type::symlink, 0777), length(bytes) {}
};

struct special_inode : inode {
    device_number const device;

    special_inode(ledger& account, file_type t, mode_bits m, device_number d) noexcept
        : inode(account, t, m), device(t == file_type::character || t == file_type::block ? d : device_number{}) {}
};

static_assert(sizeof(file_inode) <= memory_price::inode && sizeof(directory_inode) <= memory_price::inode);

inline void destroy(inode* gone) noexcept {
    switch (gone->type) {
    case file_type::regular:
        delete static_cast<file_inode*>(gone);
        break;
    case file_type::directory:
        delete static_cast<directory_inode*>(gone);
        break;
    case file_type::symlink:
        static_cast<symlink_inode*>(gone)->~symlink_inode();
        ::operator delete(gone);
        break;
    default:
        delete static_cast<special_inode*>(gone);
    }
}

// What an object counts for now. Requires: no other thread can reach it, or its guard is held.
[[nodiscard]] inline std::uint64_t price_of(inode const& one) noexcept {
    auto price = memory_price::inode + one.xattrs.price();
    if (one.type == file_type::regular)
        price += static_cast<file_inode const&>(one).data.allocated();
    else if (one.type == file_type::symlink)
        price += static_cast<symlink_inode const&>(one).length;
    return price;
}

inline void unpin(ledger& account, inode* one) noexcept {
    if (one->pins.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    account.give_back(price_of(*one));
    account.give_back_inode();
    destroy(one);
}

// A pin that is given back: outside the tree's lock, if this object is older than the lock, since the last pin of a
// large file takes a while.
class pin_guard {
public:
    explicit pin_guard(ledger& account, inode* held = nullptr) noexcept : account_(account), held_(held) {}
    pin_guard(pin_guard const&) = delete;
    pin_guard& operator=(pin_guard const&) = delete;
    ~pin_guard() {
        if (held_ != nullptr)
            unpin(account_, held_);
    }
    void take_over(inode* pinned) noexcept { held_ = pinned; }

private:
    ledger& account_;
    inode* held_;
};

[[nodiscard]] inline attributes stat(ledger const& account, inode const& of) noexcept {
    std::shared_lock lock(of.guard);
    attributes found;
    found.type = of.type;
    found.mode = of.mode;
    found.uid = of.uid;
    found.gid = of.gid;
    found.nlink = of.nlink;
    found.id = {account.device, of.number};
    found.atime = of.atime;
    found.mtime = of.mtime;
    found.ctime = of.ctime;
    if (of.type == file_type::regular) {
        auto const& file = static_cast<file_inode const&>(of);
        found.size = file.size;
        found.blocks = (file.data.allocated() + 511) / 512;
    } else if (of.type == file_type::symlink) {
        found.size = static_cast<symlink_inode const&>(of).length;
    } else if (of.type != file_type::directory) {
        found.rdev = static_cast<special_inode const&>(of).device;
    }
    return found;
}

inline void change_mode(ledger& account, inode& of, mode_bits mode) {
    std::lock_guard lock(of.guard);
    of.mode = static_cast<std::uint16_t>(mode & all_mode_bits);
    of.ctime = account.now();
}

inline void change_owner(ledger& account, inode& of, user_id uid, group_id gid) {
    std::lock_guard lock(of.guard);
    if (uid != keep_user)
        of.uid = uid;
    if (gid != keep_group)
        of.gid = gid;
    if (!of.is_directory()) {
        auto const lost = (of.mode & group_executes) != 0 ? set_user_id | set_group_id : set_user_id;
        of.mode = static_cast<std::uint16_t>(of.mode & ~lost);
        of.xattrs.remove(account, xattr::file_capability);
    }
    of.ctime = account.now();
}

// Errors: einval for nanoseconds that make a second or more.
[[nodiscard]] inline result<void> change_times(ledger& account, inode& of, time_change const& times) {
    using action = time_change::action;
    constexpr std::uint32_t second = 1'000'000'000;
    if ((times.access == action::set && times.atime.nanoseconds >= second) ||
        (times.modification == action::set && times.mtime.nanoseconds >= second))
        return fail(errc::einval, operation::set_times);
    if (times.access == action::keep && times.modification == action::keep)
        return {};
    std::lock_guard lock(of.guard);
    auto const now = account.now();
    if (times.access != action::keep)
        of.atime = times.access == action::now ? now : times.atime;
    if (times.modification != action::keep)
        of.mtime = times.modification == action::now ? now : times.mtime;
    of.ctime = now;
    return {};
}

// Errors: einval (flags, NUL in the key, nothing after "user."), erange (key), e2big (value), eperm (user.* on what is
// neither a file nor a directory), eopnotsupp (namespace), eacces (a default ACL for a file), eexist, enodata, enospc.
[[nodiscard]] inline result<void> change_xattr(ledger& account, inode& of, std::string_view key, std::string_view value,
                                               xattr_flags flags) {
    constexpr auto known = static_cast<std::uint32_t>(xattr_flags::create | xattr_flags::replace);
    if ((static_cast<std::uint32_t>(flags) & ~known) != 0)
        return fail(errc::einval, operation::set_xattr);
    auto const judged = judge_xattr(of.type, key);
    if (judged == errc::erange)
        return fail(judged, operation::set_xattr);
    if (value.size() > xattr_size_max)
        return fail(errc::e2big, operation::set_xattr);
    if (judged != errc::ok)
        return fail(judged, operation::set_xattr);
    std::lock_guard lock(of.guard);
    if (auto const set = of.xattrs.set(account, key, value, flags); !set)
        return unexpected(set.error().during(operation::set_xattr));
    of.ctime = account.now();
    return {};
}

// Errors: erange for a key of no or of more than 255 bytes. A key of an unknown namespace is absent.
[[nodiscard]] inline result<std::optional<std::string>> get_xattr(inode const& of, std::string_view key) {
    if (auto const code = judge_xattr(of.type, key); code == errc::erange)
        return fail(code, operation::get_xattr);
    std::shared_lock lock(of.guard);
    return of.xattrs.get(key);
}

// Errors: as change_xattr; enodata if there is none.
[[nodiscard]] inline result<void> remove_xattr(ledger& account, inode& of, std::string_view key) {
    auto const judged = judge_xattr(of.type, key);
    if (judged != errc::ok && judged != errc::eacces)
        return fail(judged, operation::remove_xattr);
    std::lock_guard lock(of.guard);
    if (!of.xattrs.remove(account, key))
        return fail(errc::enodata, operation::remove_xattr);
    of.ctime = account.now();
    return {};
}

}  // namespace lamina::detail::memory
