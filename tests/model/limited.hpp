// A backend that can do less than what it wraps: as a file system that has no exchange, no links, no devices.
#pragma once

#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/core/xattr.hpp>

namespace model {

struct lacks {
    static constexpr bool wraps_files = true;  // a handle can set attributes
    static constexpr bool names_files = false;
    lamina::capabilities missing;

    template <class Target, class F>
    auto around(Target&, lamina::call const& c, F& perform) -> lamina::detail::answer_of<F> {
        if (auto const code = refusal(c); code != lamina::errc::ok)
            return lamina::fail(code, c.op());
        return perform(c);
    }

private:
    // As Linux says it.
    [[nodiscard]] lamina::errc refusal(lamina::call const& c) const {
        using lamina::capability;
        using lamina::errc;
        using lamina::primitive;
        auto const lacks_it = [&](capability what) { return missing.has(what); };
        switch (c.what) {
        case primitive::rename_at:
            if (has(c.renaming, lamina::rename_flags::exchange) && lacks_it(capability::exchange))
                return errc::einval;
            if (has(c.renaming, lamina::rename_flags::whiteout) && lacks_it(capability::rename_whiteout))
                return errc::einval;
            if (has(c.renaming, lamina::rename_flags::no_replace) && lacks_it(capability::no_replace))
                return errc::einval;
            break;
        case primitive::create_unnamed:
            if (lacks_it(capability::unnamed_files))
                return errc::eopnotsupp;
            break;
        case primitive::link_at:
        case primitive::publish_at:
            if (lacks_it(capability::hard_links))
                return errc::eperm;
            break;
        case primitive::create_node_at:
            if (c.type == lamina::file_type::character || c.type == lamina::file_type::block) {
                bool const whiteout = c.type == lamina::file_type::character && c.rdev == lamina::device_number{};
                if (lacks_it(whiteout ? capability::whiteout_device : capability::special_files))
                    return errc::eperm;
            }
            break;
        case primitive::set_xattr_at:
        case primitive::remove_xattr_at:
        case primitive::file_set_xattr:
        case primitive::file_remove_xattr:
            if (lamina::xattr::is_trusted(c.key) && lacks_it(capability::trusted_xattrs))
                return errc::eperm;
            break;
        case primitive::set_owner_at:
        case primitive::file_set_owner:
            if ((c.uid != 0 && c.uid != lamina::keep_user && lacks_it(capability::change_owner)) ||
                (c.gid != 0 && c.gid != lamina::keep_group && lacks_it(capability::change_owner)))
                return errc::eperm;
            break;
        default: break;
        }
        return errc::ok;
    }
};

template <class B>
class limited : public lamina::forwarding<limited<B>, lamina::held<B>, lacks> {
    using base = lamina::forwarding<limited<B>, lamina::held<B>, lacks>;

public:
    limited(B&& tree, lamina::capabilities missing)
        : base(lamina::held<B>(std::forward<B>(tree)), lacks{missing}), missing_(missing) {}
    [[nodiscard]] lamina::capabilities able() const { return base::able().without(missing_); }

private:
    lamina::capabilities missing_;
};

}  // namespace model
