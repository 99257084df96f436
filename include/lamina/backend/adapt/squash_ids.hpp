// All owners shown as one: a layer that others wrote is seen as its user's own, or as root's. What the layer stores is
// not touched by that.
//
// To give an object to the owner that it is shown with changes nothing that anybody sees; so where the wrapped backend
// refuses that (it is no privileged process), it succeeds all the same. To give it to somebody else is the wrapped
// backend's to do or to refuse, and the object goes on being shown as it was. ACLs are shown as they are stored.
//
// Concurrency: the rule does not change once it is given.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

struct squash_rule {
    // Who owns everything; empty: who does in the layer.
    std::optional<user_id> user{};
    std::optional<group_id> group{};
    // If given: only what this id owns, as the overflow id does what is not mapped in a user namespace.
    std::optional<std::uint32_t> only{};
};

namespace detail {

struct squashes_ids {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;

    squash_rule rule;

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
        } else if constexpr (std::is_same_v<answer, result<void>>) {
            auto done = perform(c);
            bool const sets_owner = c.what == primitive::set_owner_at || c.what == primitive::file_set_owner;
            if (!done && sets_owner && (done.error() == errc::eperm || done.error() == errc::einval) &&
                (c.uid == keep_user || c.uid == rule.user) && (c.gid == keep_group || c.gid == rule.group))
                return {};
            return done;
        } else {
            return perform(c);
        }
    }

private:
    void show(attributes& found) const noexcept {
        if (rule.user && (!rule.only || found.uid == *rule.only))
            found.uid = *rule.user;
        if (rule.group && (!rule.only || found.gid == *rule.only))
            found.gid = *rule.group;
    }
};

}  // namespace detail

//     lamina::squash_ids mine{layer, {.user = 1000, .group = 1000}};
template <class B>
class squash_ids : public forwarding<squash_ids<B>, held<B>, detail::squashes_ids> {
    using base = forwarding<squash_ids<B>, held<B>, detail::squashes_ids>;

public:
    squash_ids(B&& backend, squash_rule rule) : base(held<B>(std::forward<B>(backend)), {rule}) {}
};

template <class B>
squash_ids(B&&, squash_rule) -> squash_ids<B>;

}  // namespace lamina
