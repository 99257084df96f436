// The names of a memory tree: found, added, taken away. rename.hpp moves them.
//
// Order of effects of every change: what is needed is looked up and judged, room is counted, memory is taken; only then
// the first thing changes, and from there on nothing can fail.
//
// Concurrency: one lock for all names. It is held for single names, never while data moves, and the last pin of what
// was removed is given back after it. Lock order: `names`, chunk_tree::guard, inode::guard.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/memory/inode.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/path.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail::memory {

[[nodiscard]] inline node node_of(directory_inode* one) noexcept {
    return static_cast<node>(reinterpret_cast<std::uintptr_t>(one));
}
[[nodiscard]] inline directory_inode* directory_of(node n) noexcept {
    return reinterpret_cast<directory_inode*>(static_cast<std::uintptr_t>(n));
}

[[nodiscard]] constexpr std::uint64_t price_of(name_ref name) noexcept { return memory_price::name + name.text.size(); }

class tree {
public:
    std::shared_ptr<ledger> const account;
    mutable word_lock names;
    directory_inode* const root;
    directory_inode* const work;  // has no name anywhere

    explicit tree(memory_options const& options)
        : account(std::make_shared<ledger>(options)), root(make_root(options.root_mode)), work(make_root(0700)) {}
    tree(tree const&) = delete;
    tree& operator=(tree const&) = delete;
    ~tree() {
        take_apart(root);
        take_apart(work);
    }

    // The directory of a node. Errors: enoent if it is removed. Requires: `names` is held.
    [[nodiscard]] result<directory_inode*> directory(node dir, operation op) const noexcept {
        auto* const found = directory_of(dir);
        if (found->is_removed())
            return fail(errc::enoent, op);
        return found;
    }
    // What a name names; the directory itself if it is empty. Errors: enoent, enametoolong. Requires: `names` is held.
    [[nodiscard]] result<inode*> object(node dir, name_ref name, operation op) const noexcept {
        LAMINA_TRY(auto* const parent, directory(dir, op));
        if (name.empty())
            return parent;
        auto* const found = parent->names.find(name);
        if (found == nullptr)
            return fail(absence(name), op);
        return found;
    }
    // What it means that there is no such name: one that no directory can hold is an error of its own.
    [[nodiscard]] static errc absence(name_ref name) noexcept {
        return name.text.size() > name_max ? errc::enametoolong : errc::enoent;
    }

    // A directory in which `name` may be made, and is not there. Errors: eexist, enoent, and those of judge_name: a
    // caller that did not judge the name gets an answer, not a damaged table. Requires: `names` is held.
    [[nodiscard]] result<directory_inode*> place_for(node dir, name_ref name, operation op) const noexcept {
        if (name.empty())
            return fail(errc::eexist, op);
        // In this order, which is the kernel's: in a removed directory a name too long is ENOENT too.
        LAMINA_TRY(auto* const parent, directory(dir, op));
        if (auto const code = judge_name(name.text); code != errc::ok)
            return fail(code, op);
        if (parent->names.find(name) != nullptr)
            return fail(errc::eexist, op);
        return parent;
    }

    // Makes an object with one name. `make()` returns it, owned by nobody yet; `bytes` is what it counts for beside
    // itself and its name. Errors: as place_for; enospc; emlink for a directory.
    template <class Make>
    [[nodiscard]] auto add(node dir, name_ref name, operation op, std::uint64_t bytes, Make&& make)
        -> result<decltype(make())> {
        std::lock_guard lock(names);
        LAMINA_TRY(auto* const parent, place_for(dir, name, op));
        bool const is_directory = op == operation::create_directory;
        if (is_directory && parent->nlink >= account->options.link_limit)
            return fail(errc::emlink, op);
        reservation room(*account, memory_price::inode + price_of(name) + bytes, 1);
        if (!room.granted() || !parent->names.reserve(name.text.size()))
            return fail(errc::enospc, op);
        auto* const made = make();
        room.keep();
        auto const now = account->now();
        be_born(*made, *parent, now);
        parent->names.insert(name, made);
        touch(*parent, now, is_directory ? 1 : 0);
        return made;
    }

    // Owner, group and times of a new object in `parent`. Requires: nobody else can reach it; `names` is held.
    void be_born(inode& made, directory_inode const& parent, timestamp now) const noexcept {
        std::shared_lock lock(parent.guard);
        bool const inherits = (parent.mode & set_group_id) != 0;
        made.uid = account->options.uid;
        made.gid = inherits ? parent.gid : account->options.gid;
        if (inherits && made.is_directory())
            made.mode = static_cast<std::uint16_t>(made.mode | set_group_id);
        made.atime = made.mtime = made.ctime = now;
    }

    // One more name for `object`. Errors: as place_for; eperm for a directory; enoent for what has lost its last name;
    // emlink, enospc. Requires: `names` is held exclusively.
    [[nodiscard]] result<void> link(inode& object, node dir, name_ref name, operation op) {
        LAMINA_TRY(auto* const parent, place_for(dir, name, op));
        if (object.is_directory())
            return fail(errc::eperm, op);
        if (object.nlink == 0 && !object.publishable)
            return fail(errc::enoent, op);
        if (object.nlink >= account->options.link_limit)
            return fail(errc::emlink, op);
        reservation room(*account, price_of(name), 0);
        if (!room.granted() || !parent->names.reserve(name.text.size()))
            return fail(errc::enospc, op);
        room.keep();
        auto const now = account->now();
        object.pin();
        object.publishable = false;
        changed_links(object, now, 1);
        parent->names.insert(name, &object);
        touch(*parent, now, 0);
        return {};
    }

    // Errors: enoent, eisdir.
    [[nodiscard]] result<void> remove(node dir, name_ref name) {
        pin_guard gone(*account);
        std::lock_guard lock(names);
        LAMINA_TRY(auto* const found, object(dir, name, operation::remove));
        if (found->is_directory())
            return fail(errc::eisdir, operation::remove);
        auto const now = account->now();
        gone.take_over(found);
        drop_name(*directory_of(dir), name);
        changed_links(*found, now, -1);
        touch(*directory_of(dir), now, 0);
        return {};
    }

    // Errors: enoent; enotdir; enotempty; einval for the directory of the node itself, as rmdir(".").
    [[nodiscard]] result<void> remove_directory(node dir, name_ref name) {
        pin_guard gone(*account);
        std::lock_guard lock(names);
        LAMINA_TRY(auto* const found, object(dir, name, operation::remove_directory));
        if (name.empty())
            return fail(errc::einval, operation::remove_directory);
        if (!found->is_directory())
            return fail(errc::enotdir, operation::remove_directory);
        auto& victim = static_cast<directory_inode&>(*found);
        if (victim.names.size() != 0)
            return fail(errc::enotempty, operation::remove_directory);
        auto const now = account->now();
        gone.take_over(found);
        drop_name(*directory_of(dir), name);
        bury(victim, now);
        touch(*directory_of(dir), now, -1);
        return {};
    }

    // The steps that changes are made of. Requires, for all: `names` is held exclusively.

    // Names in `dir` have changed, and it has so many more subdirectories.
    static void touch(directory_inode& dir, timestamp now, int subdirectories) noexcept {
        std::lock_guard lock(dir.guard);
        dir.nlink += static_cast<std::uint32_t>(subdirectories);
        dir.mtime = dir.ctime = now;
    }
    static void changed_links(inode& one, timestamp now, int names_more) noexcept {
        std::lock_guard lock(one.guard);
        one.nlink += static_cast<std::uint32_t>(names_more);
        one.ctime = now;
    }
    // An empty directory loses its name: its nodes stay, and answer enoent.
    static void bury(directory_inode& dir, timestamp now) noexcept {
        std::lock_guard lock(dir.guard);
        dir.nlink = 0;
        dir.parent = nullptr;
        dir.ctime = now;
    }
    void drop_name(directory_inode& dir, name_ref name) noexcept {
        dir.names.erase(name);
        account->give_back(price_of(name));
    }

    // An equal tree with numbers of its own. Data is shared until one of the two is written; what has no name is not
    // copied.
    [[nodiscard]] std::unique_ptr<tree> copy() const {
        auto made = std::make_unique<tree>(account->options);
        name_table linked;  // the copies of what has several names, by the bytes of the original's number
        std::vector<std::pair<directory_inode const*, directory_inode*>> todo{{root, made->root}, {work, made->work}};
        std::shared_lock lock(names);
        while (!todo.empty()) {
            auto const [from, to] = todo.back();
            todo.pop_back();
            copy_attributes(*from, *to);
            made->account->record(to->xattrs.price(), 0);
            auto all = from->names.begin();
            from->names.each(all, [&, to = to](std::string_view text, inode const* object) {
                // No table holds more than the one that it is copied from.
                static_cast<void>(to->names.reserve(text.size()));
                inode* const twin = made->twin_of(*object, linked);
                to->names.insert(text, twin);
                made->account->record(price_of(name_ref(text, 0)), 0);
                if (twin->is_directory()) {
                    static_cast<directory_inode*>(twin)->parent = to;
                    todo.emplace_back(static_cast<directory_inode const*>(object), static_cast<directory_inode*>(twin));
                }
                return true;
            });
        }
        return made;
    }

private:
    [[nodiscard]] directory_inode* make_root(mode_bits mode) const {
        auto* const made = new directory_inode(*account, mode);
        made->uid = account->options.uid;
        made->gid = account->options.gid;
        made->atime = made->mtime = made->ctime = account->now();
        return made;
    }

    // Frees everything below a root, and the root. Without recursion: a tree may be deeper than the stack. `parent`
    // links what is still to be taken apart. What is open, or retained against the rules, stays until it is given back.
    void take_apart(directory_inode* top) noexcept {
        for (auto* todo = top; todo != nullptr;) {
            auto* const dir = todo;
            todo = std::exchange(dir->parent, nullptr);
            auto all = dir->names.begin();
            dir->names.each(all, [&](std::string_view, inode* object) {
                if (object->is_directory()) {
                    static_cast<directory_inode*>(object)->parent = todo;
                    todo = static_cast<directory_inode*>(object);
                } else {
                    {
                        std::lock_guard lock(object->guard);
                        --object->nlink;
                    }
                    unpin(*account, object);
                }
                return true;
            });
            dir->names.clear();
            dir->nlink = 0;
            if (dir != top)
                unpin(*account, dir);
            else if (dir->pins.fetch_sub(1, std::memory_order_acq_rel) == 1)
                destroy(dir);  // a root was never counted
        }
    }

    static void copy_attributes(inode const& from, inode& to) {
        std::shared_lock lock(from.guard);
        to.mode = from.mode;
        to.nlink = from.nlink;
        to.uid = from.uid;
        to.gid = from.gid;
        to.atime = from.atime;
        to.mtime = from.mtime;
        to.ctime = from.ctime;
        to.xattrs.copy_from(from.xattrs);
    }

    // The copy of `one` in this tree, pinned for one more name; `linked` holds those that have several.
    [[nodiscard]] inode* twin_of(inode const& one, name_table& linked) {
        if (one.nlink == 1 || one.is_directory())
            return new_twin_of(one);
        name_ref const key(std::string_view(reinterpret_cast<char const*>(&one.number), sizeof(one.number)));
        if (auto* const twin = linked.find(key); twin != nullptr) {
            twin->pin();
            return twin;
        }
        // A table that holds no more would take numbers of 2^32 objects.
        static_cast<void>(linked.reserve(key.text.size()));
        auto* const twin = new_twin_of(one);
        linked.insert(key, twin);
        return twin;
    }
    // A new object, counted. A directory's attributes and names are left to the caller.
    [[nodiscard]] inode* new_twin_of(inode const& one) {
        inode* made = nullptr;
        switch (one.type) {
        case file_type::directory:
            made = new directory_inode(*account, 0);
            break;
        case file_type::regular: {
            auto const& from = static_cast<file_inode const&>(one);
            auto* const file = new file_inode(*account, 0);
            made = file;
            std::shared_lock lock(from.data.guard);
            file->data.share_all(from.data);
            file->size = from.size;
            copy_attributes(one, *file);
            break;
        }
        case file_type::symlink:
            made = symlink_inode::make(*account, static_cast<symlink_inode const&>(one).target());
            copy_attributes(one, *made);
            break;
        default:
            made = new special_inode(*account, one.type, 0, static_cast<special_inode const&>(one).device);
            copy_attributes(one, *made);
        }
        account->record(price_of(*made), 1);
        return made;
    }
};

}  // namespace lamina::detail::memory
