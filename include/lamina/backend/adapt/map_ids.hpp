// Owners translated on their way in and out: a layer that was written under one range of ids is seen under another,
// as through a user namespace or an idmapped mount. Both directions, and in POSIX ACLs too.
//
// An id that no range has is shown as the overflow id and cannot be set. In `security.capability` the id of a
// namespace's root is left as it is stored; a wrong one makes the capabilities inert, never effective. Who creates an
// object owns it as the wrapped backend decides.
//
// Concurrency: the maps do not change once they are given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/adapt/id_map.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/core/posix_acl.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina {

inline constexpr std::uint32_t overflow_id = 65534;

namespace detail {

struct translates_ids {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;
    static constexpr bool lets_data_pass = true;

    id_map users;
    id_map groups;
    std::uint32_t overflow = overflow_id;

    template <class Target, class F>
    auto around(Target&, call const& c, F& perform) -> answer_of<F> {
        using answer = answer_of<F>;
        if constexpr (std::is_same_v<answer, result<attributes>>) {
            auto found = perform(c);
            if (found)
                show(*found);
            return found;
        } else if constexpr (std::is_same_v<answer, result<std::optional<attributes>>>) {
            auto found = perform(c);
            if (found && *found)
                show(**found);
            return found;
        } else if constexpr (std::is_same_v<answer, result<std::optional<std::string>>>) {
            auto value = perform(c);
            if (!value || !*value || !xattr::is_acl(c.key))
                return value;
            LAMINA_TRY(auto shown, shown_acl(**value));
            return std::optional<std::string>(std::move(shown));
        } else if constexpr (std::is_same_v<answer, result<void>>) {
            if (c.what == primitive::set_owner_at || c.what == primitive::file_set_owner)
                return set_owner(c, perform);
            if ((c.what == primitive::set_xattr_at || c.what == primitive::file_set_xattr) && xattr::is_acl(c.key))
                return set_acl(c, perform);
            return perform(c);
        } else {
            return perform(c);
        }
    }

private:
    void show(attributes& found) const noexcept {
        found.uid = users.to_inside(found.uid).value_or(overflow);
        found.gid = groups.to_inside(found.gid).value_or(overflow);
    }
    // What does not parse as an ACL is shown as it is stored: there are no ids in it that anybody could find.
    [[nodiscard]] result<std::string> shown_acl(std::string const& stored) const {
        auto const acl = posix_acl::parse(stored);
        if (!acl)
            return stored;
        return acl->with_ids(
            [this](std::uint32_t id) { return std::optional(users.to_inside(id).value_or(overflow)); },
            [this](std::uint32_t id) { return std::optional(groups.to_inside(id).value_or(overflow)); });
    }
    template <class F>
    result<void> set_owner(call c, F& perform) const {
        auto const user = c.uid == keep_user ? std::optional(keep_user) : users.to_outside(c.uid);
        auto const group = c.gid == keep_group ? std::optional(keep_group) : groups.to_outside(c.gid);
        if (!user || !group)
            return fail(errc::einval, c.op());
        c.uid = *user;
        c.gid = *group;
        return perform(c);
    }
    template <class F>
    result<void> set_acl(call c, F& perform) const {
        auto const acl = posix_acl::parse(c.value);
        if (!acl)
            return fail(errc::einval, c.op());
        auto const stored = acl->with_ids([this](std::uint32_t id) { return users.to_outside(id); },
                                          [this](std::uint32_t id) { return groups.to_outside(id); });
        if (!stored)
            return fail(errc::einval, c.op());
        c.value = *stored;
        return perform(c);
    }
};

}  // namespace detail

//     LAMINA_TRY(auto ids, lamina::id_map::parse("0 100000 65536\n"));
//     lamina::map_ids tree{disk, ids, ids};
// Errors of setting an owner or an ACL: einval for an id that no range has, as Linux in a user namespace.
template <class B>
class map_ids : public forwarding<map_ids<B>, held<B>, detail::translates_ids> {
    using base = forwarding<map_ids<B>, held<B>, detail::translates_ids>;

public:
    // `overflow` is what an id outside the ranges is shown as.
    map_ids(B&& backend, id_map users, id_map groups, std::uint32_t overflow = overflow_id)
        : base(held<B>(std::forward<B>(backend)), {std::move(users), std::move(groups), overflow}) {}
};

template <class B>
map_ids(B&&, id_map, id_map) -> map_ids<B>;
template <class B>
map_ids(B&&, id_map, id_map, std::uint32_t) -> map_ids<B>;

}  // namespace lamina
