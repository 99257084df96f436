// Owners and modes kept in an extended attribute of each object, for a layer that is written by one user and holds the
// files of many: as fuse-overlayfs (`xattr_permissions`) and container storage (`force_mask`) write them, so that their
// layers are read here and ours there.
//
// The record is "uid:gid:mode", the mode in octal; what may follow a third colon (a type) is left alone. An object
// without a record is what it is. Really, objects belong to whoever made them, who may always read and write them, and
// have no set-id or sticky bits. A record is written when something is made whose mode is not the real one, and by every
// change of owner or mode.
//
// Where an object cannot carry the record (a symbolic link, a device, under `user.`), its mode is the real one, and a
// change of owner that the wrapped backend refuses is accepted and not kept: else no archive could be unpacked.
// With `containers` the attributes of `security.` are kept under `user.containers.override_security.`; file capabilities go
// when content or owner change, as the file system below would see to.
//
// Errors of reading attributes also: eio for a record that is none. Concurrency: a change of owner or mode reads the
// record and writes it; two such changes of one object at a time are ordered by nobody, and one of them may be lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/adapt/stat_record.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina {

namespace detail {

template <class B>
class records_stat {
    static_assert(reads_xattrs<file_of<B>>, "lamina::recorded_stat: files of this backend do not model lamina::reads_xattrs");
    static constexpr std::string_view sheltered = "user.containers.override_";
    static constexpr std::string_view sheltered_capability = "user.containers.override_security.capability";

public:
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;

    explicit records_stat(stat_record form) noexcept : form_(form) {}

    template <class Target, class F>
    auto around(Target& target, call const& c, F& perform) -> answer_of<F> {
        using answer = answer_of<F>;
        if constexpr (std::is_same_v<answer, result<attributes>>) {
            return shown_of_file(target, perform(c));
        } else if constexpr (std::is_same_v<answer, result<std::optional<attributes>>>) {
            auto found = perform(c);
            if (found && *found)
                LAMINA_CHECK(show(target, c, **found));
            return found;
        } else if constexpr (std::is_same_v<answer, result<std::optional<std::string>>>) {
            return with_key(c, perform, [](call const&) -> answer { return std::optional<std::string>(); });
        } else if constexpr (std::is_same_v<answer, result<std::vector<std::string>>>) {
            LAMINA_TRY(auto keys, perform(c));
            return shown_keys(std::move(keys));
        } else if constexpr (std::is_same_v<answer, result<void>>) {
            return change(target, c, perform);
        } else {
            if constexpr (std::is_same_v<Target, B>)
                if (c.what == primitive::create_at || c.what == primitive::create_unnamed)
                    return created(target, c, perform);
            if (c.mutates())
                drop_capability(target, c);
            return perform(c);
        }
    }

private:
    // What the process that writes the layer may always do, and what nobody may through the real mode.
    [[nodiscard]] static mode_bits real_mode(mode_bits mode, bool directory) noexcept {
        return (mode & 0777) | (directory ? 0700 : 0600);
    }
    [[nodiscard]] bool can_carry(lamina::file_type type) const noexcept {
        return form_ == stat_record::privileged || type == lamina::file_type::regular ||
               type == lamina::file_type::directory;
    }
    static void apply(recorded_values const& values, attributes& found) noexcept {
        found.uid = values.uid;
        found.gid = values.gid;
        found.mode = values.mode;
    }

    // --- reading

    result<void> show(B& target, call const& c, attributes& found) const {
        if (!can_carry(found.type))
            return {};
        LAMINA_TRY(auto const text, target.get_xattr_at(c.directory, c.name, key_of(form_)));
        if (text) {
            LAMINA_TRY(auto const values, parse_stat_record(*text));
            apply(values, found);
        }
        return {};
    }
    template <class Target>
    result<attributes> shown_of_file(Target& file, result<attributes> found) const {
        if constexpr (reads_xattrs<Target>) {
            if (!found)
                return found;
            LAMINA_TRY(auto const text, file.get_xattr(key_of(form_)));
            if (text) {
                LAMINA_TRY(auto const values, parse_stat_record(*text));
                apply(values, *found);
            }
        }
        return found;
    }

    // --- names of attributes

    // How `key` is stored; empty for one that is not there for anybody.
    [[nodiscard]] std::optional<std::string> stored_key(std::string_view key) const {
        for (auto const own : stat_record_keys)
            if (key == own)
                return std::nullopt;
        if (form_ != stat_record::containers || !xattr::is_security(key))
            return std::string(key);
        auto stored = std::string(sheltered).append(key);
        return stored.size() <= xattr_name_max ? std::optional(std::move(stored)) : std::nullopt;
    }
    template <class F, class Refuse>
    auto with_key(call c, F& perform, Refuse refuse) const -> answer_of<F> {
        auto const stored = stored_key(c.key);
        if (!stored)
            return refuse(c);
        c.key = *stored;
        return perform(c);
    }
    [[nodiscard]] std::vector<std::string> shown_keys(std::vector<std::string> keys) const {
        std::vector<std::string> shown;
        for (auto& key : keys) {
            bool const is_sheltered = form_ == stat_record::containers && key.starts_with(sheltered) &&
                                      xattr::is_security(std::string_view(key).substr(sheltered.size()));
            if (is_sheltered)
                shown.push_back(key.substr(sheltered.size()));
            else if (auto const stored = stored_key(key); stored && *stored == key)
                shown.push_back(std::move(key));
        }
        return shown;
    }

    // --- changing

    template <class Target, class F>
    result<void> change(Target& target, call const& c, F& perform) {
        switch (c.what) {
        case primitive::set_xattr_at:
        case primitive::file_set_xattr:
            if (c.key == xattr::acl_access)
                return set_acl(target, c, perform);
            [[fallthrough]];
        case primitive::remove_xattr_at:
        case primitive::file_remove_xattr:
            return with_key(c, perform, [](call const& refused) -> result<void> { return fail(errc::eperm, refused.op()); });
        case primitive::create_directory_at:
        case primitive::create_node_at:
        case primitive::create_symlink_at:
            if constexpr (std::is_same_v<Target, B>)
                return make(target, c, perform);
            break;
        case primitive::set_mode_at:
        case primitive::set_owner_at:
            if constexpr (std::is_same_v<Target, B>)
                return set_by_name(target, c, perform);
            break;
        case primitive::file_set_mode:
        case primitive::file_set_owner:
            if constexpr (!std::is_same_v<Target, B>)
                return set_by_file(target, c, perform);
            break;
        case primitive::resize_at:
        case primitive::file_resize:
        case primitive::clone_from: drop_capability(target, c); break;
        default: break;
        }
        return perform(c);
    }
    // That there is none is the usual case; that it cannot be removed is the file system's to say, of the change itself.
    template <class Target>
    void drop_capability(Target& target, call const& c) const {
        if (form_ != stat_record::containers)
            return;
        if constexpr (std::is_same_v<Target, B>)
            (void)target.remove_xattr_at(c.directory, c.name, sheltered_capability);
        else if constexpr (removes_xattrs<Target>)
            (void)target.remove_xattr(sheltered_capability);
    }

    // What `c` makes of the present owner and mode. A change of owner takes set-id bits away, as chown(2) does.
    [[nodiscard]] static recorded_values changed(attributes const& now, call const& c) noexcept {
        recorded_values values{now.uid, now.gid, now.mode};
        if (c.what == primitive::set_mode_at || c.what == primitive::file_set_mode) {
            values.mode = c.mode & 07777;
            return values;
        }
        if (c.uid != keep_user)
            values.uid = c.uid;
        if (c.gid != keep_group)
            values.gid = c.gid;
        if (now.type == lamina::file_type::regular)
            values.mode &= (values.mode & 010) != 0 ? ~mode_bits{06000} : ~mode_bits{04000};
        return values;
    }

    template <class F>
    result<void> set_by_name(B& target, call c, F& perform) const {
        LAMINA_TRY(auto now, target.lookup(c.directory, c.name));
        if (!now)
            return fail(errc::enoent, c.op());
        if (!can_carry(now->type) || (now->is_symlink() && c.what == primitive::set_mode_at)) {
            auto done = perform(c);
            return c.what == primitive::set_owner_at && !done && done.error() == errc::eperm ? result<void>() : done;
        }
        LAMINA_CHECK(show(target, c, *now));
        auto const text = stat_record_text(changed(*now, c));
        LAMINA_CHECK(target.set_xattr_at(c.directory, c.name, key_of(form_), text, xattr_flags::none));
        if (c.what == primitive::set_owner_at) {
            drop_capability(target, c);
            return {};
        }
        c.mode = real_mode(c.mode, now->is_directory());
        return perform(c);
    }
    template <class File, class F>
    result<void> set_by_file(File& file, call c, F& perform) const {
        LAMINA_TRY(auto const now, shown_of_file(file, file.status()));
        LAMINA_CHECK(file.set_xattr(key_of(form_), stat_record_text(changed(now, c)), xattr_flags::none));
        if (c.what == primitive::file_set_owner) {
            drop_capability(file, c);
            return {};
        }
        c.mode = real_mode(c.mode, false);
        return perform(c);
    }

    // An ACL brings permission bits with it, which the record has to follow.
    template <class Target, class F>
    result<void> set_acl(Target& target, call const& c, F& perform) const {
        LAMINA_CHECK(perform(c));
        auto const text = [&]() -> result<std::optional<std::string>> {
            if constexpr (std::is_same_v<Target, B>)
                return target.get_xattr_at(c.directory, c.name, key_of(form_));
            else
                return target.get_xattr(key_of(form_));
        }();
        if (!text || !*text)
            return text ? result<void>() : result<void>(unexpected(text.error()));
        LAMINA_TRY(auto values, parse_stat_record(**text));
        if constexpr (std::is_same_v<Target, B>) {
            LAMINA_TRY(auto const now, target.lookup(c.directory, c.name));
            if (!now)
                return fail(errc::enoent, c.op());
            values.mode = (values.mode & 07000) | (now->mode & 0777);
            return target.set_xattr_at(c.directory, c.name, key_of(form_), stat_record_text(values), xattr_flags::none);
        } else {
            LAMINA_TRY(auto const now, target.status());
            values.mode = (values.mode & 07000) | (now.mode & 0777);
            return target.set_xattr(key_of(form_), stat_record_text(values), xattr_flags::none);
        }
    }

    // The mode as it came to be, with what was asked for and could not be real.
    [[nodiscard]] static recorded_values as_made(attributes const& now, mode_bits asked) noexcept {
        return {now.uid, now.gid, (now.mode & 0077) | (asked & 07700)};
    }
    // The group that a set-gid directory passes on; the real one has no such bit.
    [[nodiscard]] result<std::optional<group_id>> passed_on(B& target, call c) const {
        c.name = name_ref{};
        LAMINA_TRY(auto directory, target.lookup(c.directory, c.name));
        if (!directory)
            return fail(errc::enoent, c.op());
        LAMINA_CHECK(show(target, c, *directory));
        return (directory->mode & 02000) != 0 ? std::optional(directory->gid) : std::nullopt;
    }
    result<void> record_new(B& target, call const& c, mode_bits asked, std::optional<group_id> group) const {
        LAMINA_TRY(auto const now, target.lookup(c.directory, c.name));
        if (!now)
            return fail(errc::enoent, c.op());
        auto values = now->is_symlink() ? recorded_values{now->uid, now->gid, now->mode} : as_made(*now, asked);
        values.gid = group.value_or(values.gid);
        return target.set_xattr_at(c.directory, c.name, key_of(form_), stat_record_text(values), xattr_flags::none);
    }
    template <class F>
    result<void> make(B& target, call c, F& perform) const {
        bool const directory = c.what == primitive::create_directory_at;
        bool const link = c.what == primitive::create_symlink_at;
        auto const type = directory ? lamina::file_type::directory : link ? lamina::file_type::symlink : c.type;
        if (type == lamina::file_type::character && c.rdev == device_number{0, 0})
            return perform(c);  // a whiteout is what it is
        LAMINA_TRY(auto const group, passed_on(target, c));
        auto const asked = c.mode | (directory && group ? mode_bits{02000} : mode_bits{0});
        if (!can_carry(type)) {
            LAMINA_CHECK(perform(c));
            if (group)
                (void)target.set_owner_at(c.directory, c.name, keep_user, *group);  // or it keeps the one that it has
            return {};
        }
        bool const as_it_is = link || real_mode(asked, directory) == asked;
        if (!link)
            c.mode = real_mode(asked, directory);
        LAMINA_CHECK(perform(c));
        if (as_it_is && !group)
            return {};
        auto recorded = record_new(target, c, asked, group);
        if (!recorded)  // the failure is what counts; a second one, of taking back, would only hide it
            (void)(directory ? target.remove_directory_at(c.directory, c.name) : target.remove_at(c.directory, c.name));
        return recorded;
    }
    template <class F>
    auto created(B& target, call c, F& perform) const -> answer_of<F> {
        LAMINA_TRY(auto const group, passed_on(target, c));
        auto const asked = c.mode;
        c.mode = real_mode(asked, false);
        auto made = perform(c);
        if (!made || (c.mode == asked && !group))
            return made;
        if constexpr (requires { made->inner().set_xattr({}, {}, xattr_flags::none); }) {
            auto const record = [&]() -> result<void> {
                LAMINA_TRY(auto const now, made->inner().status());
                auto values = as_made(now, asked);
                values.gid = group.value_or(values.gid);
                return made->inner().set_xattr(key_of(form_), stat_record_text(values), xattr_flags::none);
            };
            if (auto const recorded = record(); !recorded) {
                if (c.what == primitive::create_at)
                    (void)target.remove_at(c.directory, c.name);  // as above
                return unexpected(recorded.error());
            }
        }
        return made;
    }

    stat_record form_;
};

}  // namespace detail

//     lamina::recorded_stat tree{disk, lamina::stat_record::containers};
template <class B>
class recorded_stat
    : public forwarding<recorded_stat<B>, held<B>, detail::records_stat<typename held<B>::type>> {
    using policy_type = detail::records_stat<typename held<B>::type>;
    using base = forwarding<recorded_stat<B>, held<B>, policy_type>;

public:
    recorded_stat(B&& backend, stat_record form) : base(held<B>(std::forward<B>(backend)), policy_type(form)) {}

    // Any owner can be recorded.
    [[nodiscard]] capabilities able() const { return base::able() | capability::change_owner; }
};

template <class B>
recorded_stat(B&&, stat_record) -> recorded_stat<B>;

}  // namespace lamina
