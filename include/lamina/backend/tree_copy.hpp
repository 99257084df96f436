// A tree copied, within one backend or from one to another.
//
// Order of effects for each object, and why:
// 1. the object, closed to others (0600, 0700): nobody reads a half copied file by its name;
// 2. the data of a file, or the entries of a directory;
// 3. the owner, because chown strips set-id bits and file capabilities;
// 4. extended attributes, after the owner for that reason, and after a directory's entries, which would inherit its
// default ACL;
// 5. the mode, because a read-only file refuses user.* attributes;
// 6. the times, which all of the above move.
//
// Iterative, over a stack of its own. Concurrency: either tree may change meanwhile; what is removed from the source
// before its turn is left out, a name that appears in the target is eexist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/file_copy.hpp>
#include <lamina/backend/names.hpp>
#include <lamina/backend/traverse.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina {

namespace detail {

// Where the first copy of an object with several names went.
template <class To>
struct first_copy {
    file_id original;
    node_guard<To> directory;
    std::string name;
};

// Those by the id of the original. Grows by doubling, linear probing.
template <class To>
class copied_links {
public:
    [[nodiscard]] first_copy<To> const* find(file_id id) const noexcept {
        if (slots_.empty())
            return nullptr;
        std::size_t const at = slots_[slot_of(id)];
        return at == 0 ? nullptr : &entries_[at - 1];
    }
    void add(first_copy<To> copy) {
        entries_.push_back(std::move(copy));
        if (entries_.size() * 2 > slots_.size()) {
            slots_.assign(slots_.empty() ? 16 : slots_.size() * 2, 0);
            for (std::size_t i = 0; i != entries_.size(); ++i)
                slots_[slot_of(entries_[i].original)] = i + 1;
        } else {
            slots_[slot_of(entries_.back().original)] = entries_.size();
        }
    }

private:
    // The slot that holds `id`, or the empty one where it belongs.
    [[nodiscard]] std::size_t slot_of(file_id id) const noexcept {
        std::size_t slot =
            mix(id.inode ^ 0x9e3779b97f4a7c15ULL, id.device ^ 0xc2b2ae3d27d4eb4fULL) & (slots_.size() - 1);
        while (slots_[slot] != 0 && entries_[slots_[slot] - 1].original != id)
            slot = (slot + 1) & (slots_.size() - 1);
        return slot;
    }

    std::vector<first_copy<To>> entries_;
    std::vector<std::size_t> slots_;  // 0, or an index into entries_ plus one
};

template <class From, class To>
class tree_copier {
public:
    tree_copier(From& source, To& target)
        : source_(source), target_(target), able_(target.able()), buffer_(std::make_unique<std::byte[]>(buffer_size)) {}

    result<void, path_error> run(path_view from, path_view to) {
        where_ = paths::detail::plain_path(from);
        path_walk<From> start(source_, operation::read);
        path_walk<To> end(target_, operation::create, route::retained);
        if (auto found = start.to_object(from, links::no_follow); !found)
            return failed(found.error());
        if (auto reached = end.to_parent(to); !reached)
            return unexpected(path_error(reached.error(), std::string(to.bytes())));
        if (end.last() != last_component::name)
            return unexpected(path_error(error{errc::eexist}, std::string(to.bytes())));
        if (end.trailing_slash() && !start.object().is_directory())
            return unexpected(path_error(error{errc::enotdir}, std::string(to.bytes())));
        if constexpr (std::is_same_v<From, To>) {
            if (&source_ == &target_ && start.object().is_directory()) {
                auto const inside = end.came_through(start.object().id);
                if (!inside.has_value())
                    return failed(inside.error());
                if (*inside)
                    return failed(errc::einval);
            }
        }
        if (auto copied = copy_object(start.directory(), start.name(), start.object(), end.directory(), end.name());
            !copied)
            return failed(copied.error());
        while (!levels_.empty()) {
            auto stepped = step();
            if (!stepped)
                return failed(stepped.error());
        }
        return {};
    }

private:
    static constexpr std::size_t buffer_size = std::size_t{128} << 10;

    // A directory whose entries are being copied.
    struct level {
        node_guard<From> source;
        node_guard<To> target;
        attributes object;
        listing entries;
        std::size_t next = 0;
        std::size_t path_size = 0;
    };

    [[nodiscard]] unexpected<path_error> failed(error e) const { return unexpected(path_error(e, where_)); }

    // Copies the next entry of the innermost directory, or finishes that directory.
    result<void> step() {
        auto& at = levels_.back();
        where_.resize(at.path_size);
        if (at.next == at.entries.size()) {
            LAMINA_CHECK(copy_metadata(at.source.get(), {}, at.object, at.target.get(), {}));
            levels_.pop_back();
            return {};
        }
        auto const entry = at.entries[at.next++];
        paths::detail::append_component(where_, entry.name);
        name_ref const name(entry.name);
        LAMINA_TRY(auto const found, source_.lookup(at.source.get(), name));
        if (!found)
            return {};
        return copy_object(at.source.get(), name, *found, at.target.get(), name);
    }

    result<void> copy_object(node from, name_ref name, attributes const& object, node to, name_ref new_name) {
        if (object.is_directory())
            return enter(from, name, object, to, new_name);
        bool const has_more_names = object.nlink > 1 && able_.has(capability::hard_links);
        if (has_more_names) {
            if (auto const* first = links_.find(object.id)) {
                auto const linked = target_.link_at(first->directory.get(), name_ref(first->name), to, new_name);
                if (linked || !needs_own_copy(linked.error()))
                    return linked;
            }
        }
        switch (object.type) {
        case file_type::regular: LAMINA_CHECK(copy_file(from, name, object, to, new_name)); break;
        case file_type::symlink: {
            LAMINA_TRY(auto const link, source_.read_symlink_at(from, name));
            LAMINA_CHECK(target_.create_symlink_at(to, new_name, link));
            break;
        }
        case file_type::character:
        case file_type::block:
        case file_type::fifo:
        case file_type::socket:
            LAMINA_CHECK(target_.create_node_at(to, new_name, object.type, 0600, object.rdev));
            break;
        case file_type::directory:
        case file_type::unknown: return fail(errc::einval, operation::create_node);
        }
        LAMINA_CHECK(copy_metadata(from, name, object, to, new_name));
        if (has_more_names)
            links_.add({object.id, node_guard<To>::share(target_, to), std::string(new_name.text)});
        return {};
    }

    [[nodiscard]] static bool needs_own_copy(error e) noexcept {
        return e == errc::emlink || e == errc::exdev || e == errc::eperm || e == errc::eopnotsupp;
    }

    result<void> enter(node from, name_ref name, attributes const& object, node to, name_ref new_name) {
        // The copy itself, met again: somebody has moved it into `from` since the copy began.
        if constexpr (std::is_same_v<From, To>)
            if (&source_ == &target_ && made_ && object.id == made_->id)
                return fail(errc::einval, operation::create_directory);
        LAMINA_TRY(node const opened, source_.open_directory_at(from, name));
        node_guard<From> source(source_, opened);
        LAMINA_TRY(auto entries, paths::detail::take_listing(source_, opened));
        LAMINA_CHECK(target_.create_directory_at(to, new_name, 0700));
        LAMINA_TRY(node const made, target_.open_directory_at(to, new_name));
        node_guard<To> target(target_, made);
        if (!made_) {
            LAMINA_TRY(made_, target_.lookup(made, {}));
        }
        levels_.push_back({std::move(source), std::move(target), object, std::move(entries), 0, where_.size()});
        return {};
    }

    result<void> copy_file(node from, name_ref name, attributes const& object, node to, name_ref new_name) {
        LAMINA_TRY(auto source, paths::detail::open_regular(source_, from, name, object, open_flags::read));
        LAMINA_TRY(auto target, target_.create_at(to, new_name, 0600));
        return copy_content(source, target, object, able_, std::span(buffer_.get(), buffer_size));
    }

    // Steps 3 to 6 of the order above.
    result<void> copy_metadata(node from, name_ref name, attributes const& object, node to, name_ref new_name) {
        LAMINA_TRY(auto const made, target_.lookup(to, new_name));
        if (!made)
            return fail(errc::enoent, operation::set_owner);
        bool owner_kept = made->uid == object.uid && made->gid == object.gid;
        if (!owner_kept) {
            auto const owned = target_.set_owner_at(to, new_name, object.uid, object.gid);
            owner_kept = owned.has_value();
            // Who may not give files away keeps them.
            if (!owned && able_.has(capability::change_owner))
                return owned;
        }
        LAMINA_CHECK(copy_xattrs(from, name, to, new_name));
        if (!object.is_symlink()) {
            // Set-id bits with another owner would lend the wrong identity.
            mode_bits const mode = owner_kept ? object.mode : object.mode & ~mode_bits{06000};
            LAMINA_CHECK(target_.set_mode_at(to, new_name, mode));
        }
        return target_.set_times_at(to, new_name, time_change::both(object.atime, object.mtime));
    }

    result<void> copy_xattrs(node from, name_ref name, node to, name_ref new_name) {
        LAMINA_TRY(auto const keys, source_.list_xattrs_at(from, name));
        for (auto const& key : keys) {
            LAMINA_TRY(auto const value, source_.get_xattr_at(from, name, key));
            if (!value)
                continue;  // removed since it was listed
            auto const set = target_.set_xattr_at(to, new_name, key, *value, xattr_flags::none);
            if (!set && !may_stay_behind(key, set.error()))
                return set;
        }
        return {};
    }

    // What the target's file system has no room for may be lost, unless access depends on it.
    [[nodiscard]] bool may_stay_behind(std::string_view key, error e) const noexcept {
        if (xattr::is_trusted(key))
            return !able_.has(capability::trusted_xattrs);
        return e == errc::eopnotsupp && !xattr::is_security(key) && !xattr::is_acl(key);
    }

    From& source_;
    To& target_;
    capabilities able_;
    std::unique_ptr<std::byte[]> buffer_;
    std::optional<attributes> made_;  // the directory that `to` became
    std::vector<level> levels_;
    copied_links<To> links_;
    std::string where_;  // in the source
};

}  // namespace detail

// Copies what `from` names in `source`, and everything below it, to the new name `to` in `target`. Types, data, holes,
// modes, times, extended attributes, and hard links within the tree are kept; owners too, where the target may change
// them (where it may not, set-id bits are dropped), and trusted.* attributes where it can hold them. A link is copied,
// not followed.
//
// Errors: enoent; eexist if `to` is there; einval if `to` lies inside `from`; what the backends report. The path in the
// error is the one in `source`, except for mistakes in `to`. What was copied before a failure stays. Requires: two
// backends that show one storage are not given a `to` inside `from` (one backend finds out).
template <readable_backend From, writable_backend To>
[[nodiscard]] result<void, path_error> copy_tree(From& source, path_view from, To& target, path_view to) {
    return detail::tree_copier<From, To>(source, target).run(from, to);
}

}  // namespace lamina
