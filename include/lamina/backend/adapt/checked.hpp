// Permission judged on behalf of somebody: given credentials, not the process's own, decide each primitive before it
// reaches the wrapped backend. For a mount that serves many users, and for trees in memory, where nobody else would
// judge. Laid over an overlay it judges what the caller asked for, never the reads that a copy-up below it makes.
//
// What is made belongs to its maker: owner and group are given after creation, with set-group-ID directories handing
// on their group. Set-id bits are not there before the owner is right, and they go when somebody else's content or
// ownership comes. There is no umask here: `mode` arrives as the caller's process has masked it. Removing
// `security.capability` when content or owner changes is the wrapped backend's part, and so are default ACLs.
//
// Paths are walked name by name (there is no `descend`): each directory on the way is searched.
//
// Concurrency: see judgement.hpp; the credentials do not change once they are given.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/adapt/judgement.hpp>
#include <lamina/backend/adapt/permission.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

namespace detail {

struct checks_permission {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;

    credentials who;

    template <readable_backend B, class F>
    auto around(B& tree, call c, F& perform) -> answer_of<F> {
        using answer = answer_of<F>;
        judgement<B> judged(tree, who, c);
        LAMINA_CHECK(judged.judge());
        if constexpr (std::is_same_v<answer, result<std::optional<std::string>>>) {
            if (judged.hides_attribute())
                return std::optional<std::string>();
        } else if constexpr (std::is_same_v<answer, result<std::vector<std::string>>>) {
            return without_hidden(perform(c));
        } else if constexpr (writable_backend<B>) {
            switch (c.what) {
            case primitive::create_at:
            case primitive::create_directory_at:
            case primitive::create_symlink_at:
            case primitive::create_node_at:
            case primitive::create_unnamed: return create(tree, c, judged.directory(), perform);
            case primitive::resize_at:
            case primitive::set_owner_at:
            case primitive::open_at: {
                named<B> object{tree, c.directory, c.name};
                return change(object, c, judged.object(), perform);
            }
            default: break;
            }
        }
        return perform(c);
    }

    template <readable_file T, class F>
    auto around(T& file, call c, F& perform) -> answer_of<F> {
        using answer = answer_of<F>;
        if constexpr (std::is_same_v<answer, result<std::optional<std::string>>>) {
            if (xattr::is_trusted(c.key) && !who.has(privilege::sys_admin))
                return std::optional<std::string>();
            if (xattr::is_user(c.key)) {
                LAMINA_TRY(auto const object, file.status());
                bool const readable = permission::acl_matters(who, object)
                                          ? has(c.opening, open_flags::read)
                                          : permission::allows(who, object, access::read);
                if (!readable)
                    return fail(errc::eacces, c.op());
            }
            return perform(c);
        } else if constexpr (std::is_same_v<answer, result<std::vector<std::string>>>) {
            return without_hidden(perform(c));
        }
        if constexpr (writable_file<T>) {
            bool const writes = c.what == primitive::write_at || c.what == primitive::append ||
                                c.what == primitive::copy_range_from || c.what == primitive::clone_from ||
                                c.what == primitive::file_resize || c.what == primitive::allocate;
            if ((writes && wants_write(c.opening) && !who.has(privilege::fsetid)) ||
                c.what == primitive::file_set_owner) {
                LAMINA_TRY(auto const object, file.status());
                if (!writes)
                    LAMINA_CHECK(judge_handle(object, c));
                return change(file, c, object, perform);
            }
            if (c.mutates() && !writes) {
                LAMINA_TRY(auto const object, file.status());
                LAMINA_CHECK(judge_handle(object, c));
            }
            if constexpr (has_inode_flags<T>)
                if (c.what == primitive::file_set_flags && !who.has(privilege::sys_admin)) {
                    constexpr auto guarded = inode_flags::immutable | inode_flags::append_only;
                    LAMINA_TRY(inode_flags const known, file.flags());
                    if ((known & guarded) != (c.flags & guarded))
                        return fail(errc::eperm, c.op());
                }
        }
        return perform(c);
    }

private:
    // An object by its name, with the members that an open file has too.
    template <class B>
    struct named {
        B& tree;
        node directory;
        name_ref name;

        result<attributes> status() {
            LAMINA_TRY(auto const found, tree.lookup(directory, name));
            return found ? result<attributes>(*found) : fail(errc::enoent);
        }
        result<void> set_mode(mode_bits mode) { return tree.set_mode_at(directory, name, mode); }
        result<void> set_owner(user_id uid, group_id gid) { return tree.set_owner_at(directory, name, uid, gid); }
    };

    [[nodiscard]] result<std::vector<std::string>> without_hidden(result<std::vector<std::string>> keys) const {
        if (keys && !who.has(privilege::sys_admin))
            keys->erase(std::remove_if(keys->begin(), keys->end(), xattr::is_trusted), keys->end());
        return keys;
    }

    // A handle has no name by which its ACL could be read. Where there might be one, only a handle that was opened
    // for writing, which was judged with the ACL, may do what needs permission to write.
    [[nodiscard]] result<void> judge_handle(attributes const& object, call& c) const {
        return judge_metadata(who, object, c, [&](access wanted) -> result<bool> {
            return permission::acl_matters(who, object) ? wants_write(c.opening)
                                                        : permission::allows(who, object, wanted);
        });
    }

    // Set-id bits go before the change that makes them wrong, and come back if it fails.
    template <class Object, class F>
    auto change(Object& object, call const& c, std::optional<attributes> const& known, F& perform) const
        -> answer_of<F> {
        bool const gives = c.what == primitive::set_owner_at || c.what == primitive::file_set_owner;
        bool const rewrites = c.what != primitive::open_at || has(c.opening, open_flags::truncate);
        bool const loses = known && (gives ? !known->is_directory() && !known->is_symlink()
                                           : rewrites && known->is_regular() && !who.has(privilege::fsetid));
        if (!loses || permission::without_set_id(who, *known) == known->mode)
            return perform(c);
        LAMINA_CHECK(object.set_mode(permission::without_set_id(who, *known)));
        auto answer = perform(c);
        if (!answer.has_value())
            (void)object.set_mode(known->mode);  // the failure that counts is the one in `answer`
        return answer;
    }

    // 1. The object, without set-id bits, with whatever owner the backend gives it. 2. Owner and group. 3. Set-id bits.
    // If 2 or 3 fails, it is taken away again.
    template <class B, class F>
    auto create(B& tree, call c, attributes const& parent, F& perform) const -> answer_of<F> {
        bool const is_directory = c.what == primitive::create_directory_at;
        mode_bits const set_id = set_id_of_new(parent, is_directory, c.mode);
        c.mode &= ~(set_user_bit | set_group_bit);
        auto answer = perform(c);
        if (!answer.has_value())
            return answer;
        result<void> given;
        if constexpr (requires { answer->inner(); }) {
            given = give(answer->inner(), parent, set_id);
        } else {
            named<B> made{tree, c.directory, c.name};
            given = give(made, parent, set_id);
        }
        if (given)
            return answer;
        // Nothing better can be done if the removal fails too; what made it necessary is what the caller hears.
        if (is_directory)
            (void)tree.remove_directory_at(c.directory, c.name);
        else if (c.what != primitive::create_unnamed)
            (void)tree.remove_at(c.directory, c.name);
        return unexpected(given.error().during(c.op()));
    }

    template <class Object>
    [[nodiscard]] result<void> give(Object& object, attributes const& parent, mode_bits set_id) const {
        group_id const group = (parent.mode & set_group_bit) != 0 ? parent.gid : who.gid;
        LAMINA_TRY(auto const made, object.status());
        if (made.uid != who.uid || made.gid != group)
            LAMINA_CHECK(object.set_owner(who.uid, group));
        mode_bits const mode = (made.mode & 01777) | set_id;
        if (made.is_symlink() || mode == made.mode)
            return {};
        return object.set_mode(mode);
    }

    // mkdir(2) takes none from its caller, but hands set-group-ID on; others lose it where it would give the
    // directory's group to somebody outside it.
    [[nodiscard]] mode_bits set_id_of_new(attributes const& parent, bool is_directory, mode_bits mode) const noexcept {
        if (is_directory)
            return parent.mode & set_group_bit;
        if ((parent.mode & set_group_bit) != 0 && (mode & 010) != 0)
            mode = permission::settable(who, parent, mode);
        return mode & (set_user_bit | set_group_bit);
    }
};

}  // namespace detail

//     lamina::checked view{root, {.uid = 1000, .gid = 1000}};
// Errors, beside the wrapped backend's: eacces where permission bits or an ACL deny, eperm where only the owner or a
// privilege would do.
template <class B>
class checked : public forwarding<checked<B>, held<B>, detail::checks_permission> {
    using base = forwarding<checked<B>, held<B>, detail::checks_permission>;

public:
    checked(B&& backend, credentials who) : base(held<B>(std::forward<B>(backend)), {std::move(who)}) {}

    descent descend(node from, std::string_view names) = delete;
    // Every directory below has something to say about it.
    result<void> remove_tree_at(node directory, name_ref name) = delete;

    [[nodiscard]] credentials const& who() const noexcept { return this->policy().who; }
};

template <class B>
checked(B&&, credentials) -> checked<B>;

}  // namespace lamina
