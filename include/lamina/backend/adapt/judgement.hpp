// Whether `who` may make one call: which objects each primitive touches, and what it needs of them, in the order in
// which Linux finds out. Where an object is missing, or of a type that the primitive refuses, the wrapped backend
// gives that answer: it is judged here only whether the caller may learn it.
//
// Concurrency: a judgement belongs to one call. It reads the tree before the call is made, so whoever changes
// permissions at the same time may be a moment late, as with any check that is not inside the file system itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include <lamina/backend/adapt/call.hpp>
#include <lamina/backend/adapt/permission.hpp>
#include <lamina/backend/concepts.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina::detail {

// Changes of one object's own metadata, by name or by handle. `may(access)` answers a result<bool>: what the
// permission bits and the ACL say. May take set-group-ID out of c.mode, as chmod(2) does.
template <class May>
[[nodiscard]] result<void> judge_metadata(credentials const& who, attributes const& object, call& c, May&& may) {
    auto const needs = [&](bool fine, errc code) -> result<void> { return fine ? result<void>() : fail(code, c.op()); };
    switch (c.what) {
    case primitive::set_mode_at:
    case primitive::file_set_mode:
        c.mode = permission::settable(who, object, c.mode);
        return needs(who.owns(object), errc::eperm);
    case primitive::set_owner_at:
    case primitive::file_set_owner: {
        // Set-id bits go with the old owner, and taking them away is a change of mode.
        bool const strips = !object.is_directory() && permission::without_set_id(who, object) != object.mode;
        return needs(permission::may_give(who, object, c.uid, c.gid) && (!strips || who.owns(object)), errc::eperm);
    }
    case primitive::set_times_at:
    case primitive::file_set_times: {
        using action = time_change::action;
        bool const nothing = c.times->access == action::keep && c.times->modification == action::keep;
        if (nothing || who.owns(object))
            return {};
        if (c.times->access != action::now || c.times->modification != action::now)
            return fail(errc::eperm, c.op());
        LAMINA_TRY(bool const writable, may(access::write));
        return needs(writable, errc::eacces);
    }
    case primitive::file_set_flags: return needs(who.owns(object), errc::eperm);
    default: break;
    }
    // Extended attributes.
    if (xattr::is_acl(c.key))
        return needs(who.owns(object), errc::eperm);
    if (xattr::is_trusted(c.key))
        return needs(who.has(privilege::sys_admin), errc::eperm);
    if (c.key == xattr::file_capability)
        return needs(who.has(privilege::setfcap), errc::eperm);
    if (xattr::is_security(c.key))
        return needs(who.has(privilege::sys_admin), errc::eperm);
    if (!xattr::is_user(c.key))
        return {};
    bool const foreign_sticky = object.is_directory() && (object.mode & sticky_bit) != 0 && !who.owns(object);
    if ((!object.is_regular() && !object.is_directory()) || foreign_sticky)
        return fail(errc::eperm, c.op());
    LAMINA_TRY(bool const writable, may(access::write));
    return needs(writable, errc::eacces);
}

template <class B>
class judgement {
public:
    judgement(B& tree, credentials const& who, call& c) noexcept : tree_(tree), who_(who), call_(c) {}

    // Errors: eacces, eperm; enoent for a directory that is gone, and what the backend reports while it is asked.
    [[nodiscard]] result<void> judge() {
        auto& c = call_;
        switch (c.what) {
        case primitive::lookup:
        case primitive::open_directory_at:
        case primitive::read_symlink_at:
        case primitive::handle_at:
        case primitive::list_xattrs_at: return search(c.directory, c.name);
        case primitive::list_at: return directory_allows(c.directory, access::read);
        case primitive::get_xattr_at: return judge_get_xattr();
        case primitive::open_at: return judge_open();
        case primitive::create_unnamed: return directory_allows(c.directory, access::write_and_search);
        case primitive::create_at:
        case primitive::create_directory_at:
        case primitive::create_symlink_at:
        case primitive::publish_at: return may_create(c.directory, c.name);
        case primitive::create_node_at: return judge_create_node();
        case primitive::link_at: return judge_link();
        case primitive::remove_at:
        case primitive::remove_directory_at: return may_remove(c.directory, c.name);
        case primitive::rename_at: return judge_rename();
        case primitive::resize_at: return judge_resize();
        case primitive::set_mode_at:
        case primitive::set_owner_at:
        case primitive::set_times_at:
        case primitive::set_xattr_at:
        case primitive::remove_xattr_at: return judge_change();
        default: return {};  // asks nothing of an object: space, sync_directory
        }
    }

    // Afterwards: the object that the call changes, if it exists, and the directory in which it makes a name.
    [[nodiscard]] std::optional<attributes> const& object() const noexcept { return object_; }
    [[nodiscard]] attributes const& directory() const noexcept { return directory_; }
    // Whether a user may not even know that this attribute is there.
    [[nodiscard]] bool hides_attribute() const noexcept {
        return xattr::is_trusted(call_.key) && !who_.has(privilege::sys_admin);
    }

private:
    [[nodiscard]] result<bool> allows(attributes const& object, node directory, name_ref name, access wanted) {
        if (permission::acl_matters(who_, object)) {
            LAMINA_TRY(auto const bytes, tree_.get_xattr_at(directory, name, xattr::acl_access));
            if (bytes)
                if (auto const acl = posix_acl::parse(*bytes))
                    return permission::allows(who_, object, wanted, *acl);
        }
        return permission::allows(who_, object, wanted);
    }
    [[nodiscard]] result<void> needs(attributes const& object, node directory, name_ref name, access wanted) {
        LAMINA_TRY(bool const allowed, allows(object, directory, name, wanted));
        return allowed ? result<void>() : fail(errc::eacces, call_.op());
    }
    [[nodiscard]] result<void> directory_allows(node directory, access wanted) {
        LAMINA_TRY(auto const found, tree_.lookup(directory, itself()));
        if (!found)
            return fail(errc::enoent, call_.op());
        directory_ = *found;
        return needs(directory_, directory, itself(), wanted);
    }
    // Every name is looked for in its directory, which must allow that; the directory itself is at hand already.
    [[nodiscard]] result<void> search(node directory, name_ref name) {
        return name.empty() ? result<void>() : directory_allows(directory, access::search);
    }
    // After `search`: what the name stands for.
    [[nodiscard]] result<std::optional<attributes>> find(node directory, name_ref name) {
        LAMINA_CHECK(search(directory, name));
        return tree_.lookup(directory, name);
    }

    [[nodiscard]] result<void> judge_get_xattr() {
        LAMINA_TRY(object_, find(call_.directory, call_.name));
        if (!object_ || !xattr::is_user(call_.key) || (!object_->is_regular() && !object_->is_directory()))
            return {};
        return needs(*object_, call_.directory, call_.name, access::read);
    }
    [[nodiscard]] result<void> judge_open() {
        LAMINA_TRY(object_, find(call_.directory, call_.name));
        if (!object_ || !object_->is_regular())
            return {};
        bool const writes = wants_write(call_.opening);
        bool const reads = has(call_.opening, open_flags::read) || !writes;
        auto const wanted = !writes ? access::read : reads ? access::read_and_write : access::write;
        return needs(*object_, call_.directory, call_.name, wanted);
    }
    [[nodiscard]] result<void> judge_resize() {
        LAMINA_TRY(object_, find(call_.directory, call_.name));
        if (!object_ || !object_->is_regular())
            return {};
        return needs(*object_, call_.directory, call_.name, access::write);
    }
    [[nodiscard]] result<void> judge_change() {
        LAMINA_TRY(object_, find(call_.directory, call_.name));
        if (!object_)
            return {};
        return judge_metadata(who_, *object_, call_,
                              [this](access wanted) { return allows(*object_, call_.directory, call_.name, wanted); });
    }

    // That a name is taken may be learned by whoever may search.
    [[nodiscard]] result<void> may_create(node directory, name_ref name) {
        LAMINA_TRY(auto const taken, find(directory, name));
        if (taken || name.empty())
            return {};
        return needs(directory_, directory, itself(), access::write);
    }
    // As with the sysctl fs.protected_hardlinks, which distributions set: a link may not keep somebody else's file
    // alive unless one may read and write that file anyway, and it gives its user nothing.
    [[nodiscard]] result<void> judge_link() {
        auto const& c = call_;
        LAMINA_TRY(auto const source, find(c.directory, c.name));
        LAMINA_TRY(auto const taken, find(c.to_directory, c.to_name));
        if (!source || taken || c.name.empty() || c.to_name.empty())
            return {};
        if (!who_.owns(*source)) {
            constexpr mode_bits group_runs = set_group_bit | 010;
            bool const gives = (source->mode & set_user_bit) != 0 || (source->mode & group_runs) == group_runs;
            LAMINA_TRY(bool const open, allows(*source, c.directory, c.name, access::read_and_write));
            if (!source->is_regular() || gives || !open)
                return fail(errc::eperm, c.op());
        }
        return needs(directory_, c.to_directory, itself(), access::write);
    }
    [[nodiscard]] result<void> judge_create_node() {
        LAMINA_TRY(auto const taken, find(call_.directory, call_.name));
        if (taken || call_.name.empty())
            return {};
        LAMINA_CHECK(needs(directory_, call_.directory, itself(), access::write));
        bool const whiteout = call_.type == file_type::character && call_.rdev == device_number{};
        bool const device = call_.type == file_type::character || call_.type == file_type::block;
        if (device && !whiteout && !who_.has(privilege::mknod))
            return fail(errc::eperm, call_.op());
        return {};
    }
    [[nodiscard]] result<void> may_remove(node directory, name_ref name) {
        LAMINA_TRY(auto const found, find(directory, name));
        if (!found || name.empty())
            return {};
        return may_unlink(directory, directory_, *found);
    }
    [[nodiscard]] result<void> may_unlink(node directory, attributes const& known, attributes const& victim) {
        LAMINA_CHECK(needs(known, directory, itself(), access::write));
        if (permission::is_sticky_for(who_, known, victim))
            return fail(errc::eperm, call_.op());
        return {};
    }
    [[nodiscard]] result<void> judge_rename() {
        auto const& c = call_;
        LAMINA_TRY(auto const source, find(c.directory, c.name));
        auto const from = directory_;
        LAMINA_TRY(auto const target, find(c.to_directory, c.to_name));
        auto const to = directory_;
        bool const exchange = has(c.renaming, rename_flags::exchange);
        bool const by_name = !c.name.empty() && !c.to_name.empty();
        if (!by_name || !source || (exchange && !target) || (target && has(c.renaming, rename_flags::no_replace)))
            return {};
        if (target && target->id == source->id)
            return {};  // two names of one object: nothing happens
        LAMINA_CHECK(may_unlink(c.directory, from, *source));
        if (target)
            LAMINA_CHECK(may_unlink(c.to_directory, to, *target));
        else
            LAMINA_CHECK(needs(to, c.to_directory, itself(), access::write));
        if (from.id == to.id)
            return {};
        // A directory that gets another parent is written to: its ".." changes.
        if (source->is_directory())
            LAMINA_CHECK(needs(*source, c.directory, c.name, access::write));
        if (exchange && target->is_directory())
            LAMINA_CHECK(needs(*target, c.to_directory, c.to_name, access::write));
        return {};
    }

    [[nodiscard]] static name_ref itself() noexcept { return name_ref(std::string_view()); }

    B& tree_;
    credentials const& who_;
    call& call_;
    std::optional<attributes> object_;
    attributes directory_;  // the one that was searched last
};

}  // namespace lamina::detail
