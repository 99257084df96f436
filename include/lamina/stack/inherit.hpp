// What a new object takes from its directory when it is made in the work directory and not in place: there the file
// system does it, here it is done by hand. A set-gid directory gives its group, and a directory made in it the bit; a
// default ACL becomes the new object's ACL, cut by the mode that was asked for, and a directory's default as well
// (acl(5), "OBJECT CREATION AND DEFAULT ACLs").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <lamina/core/xattr.hpp>
#include <lamina/stack/copy_up.hpp>

namespace lamina::detail {

// The value of system.posix_acl_*: a version, then entries of eight bytes; little endian (linux/posix_acl_xattr.h).
class acl_text {
public:
    static constexpr std::uint16_t user_object = 0x01, group_object = 0x04, mask = 0x10, other = 0x20;

    explicit acl_text(std::string value) : value_(std::move(value)) {}
    [[nodiscard]] bool valid() const noexcept {
        return value_.size() >= 4 && (value_.size() - 4) % 8 == 0 && value_[0] == 2 && value_[1] == 0 && value_[2] == 0 &&
               value_[3] == 0;
    }
    [[nodiscard]] std::string const& value() const noexcept { return value_; }

    // Takes from owner, group class (the mask where there is one) and others what `mode` does not grant. Returns the
    // mode that results.
    [[nodiscard]] mode_bits cut(mode_bits mode) {
        bool const masked = find(mask) != 0;
        mode_bits result = mode & 07000;
        result |= limit(user_object, mode >> 6) << 6;
        result |= limit(masked ? mask : group_object, mode >> 3) << 3;
        result |= limit(other, mode);
        return result;
    }

private:
    [[nodiscard]] std::size_t find(std::uint16_t tag) const noexcept {
        for (std::size_t at = 4; at + 8 <= value_.size(); at += 8)
            if (byte(at) == (tag & 0xff) && byte(at + 1) == tag >> 8)
                return at;
        return 0;
    }
    [[nodiscard]] unsigned byte(std::size_t at) const noexcept { return static_cast<unsigned char>(value_[at]); }
    mode_bits limit(std::uint16_t tag, mode_bits granted) {
        std::size_t const at = find(tag);
        if (at == 0)
            return granted & 7;
        unsigned const left = byte(at + 2) & granted & 7;
        value_[at + 2] = static_cast<char>(left);
        return left;
    }

    std::string value_;
};

// Whether anything was to be taken. `asked` is the mode that `built` was made with: a default ACL takes the place of the
// umask, which has cut it already. Requires: tree lock, exclusive; `directory` is in the upper, `built` in the work
// directory.
template <class Core>
[[nodiscard]] result<bool> inherit(Core& core, entry_id directory, name_ref built, file_type type, mode_bits asked) {
    auto& upper = core.layers.upper();
    LAMINA_TRY(auto const parent, core.fetch_attributes(directory));
    LAMINA_TRY(auto const acl, upper.get_xattr_at(core.upper_node(directory), name_ref{}, xattr::acl_default));
    bool const set_gid = (parent.mode & 02000) != 0;
    if ((!set_gid && !acl) || type == file_type::symlink) {
        if (!set_gid)
            return false;
        LAMINA_CHECK(allow_lost_owner(core, upper.set_owner_at(core.work, built, keep_user, parent.gid)));
        return true;
    }
    LAMINA_TRY(auto const made, upper.lookup(core.work, built));
    if (!made)
        return fail(errc::estale);
    mode_bits mode = made->mode;
    if (set_gid) {
        LAMINA_CHECK(allow_lost_owner(core, upper.set_owner_at(core.work, built, keep_user, parent.gid)));
        if (type == file_type::directory)
            mode |= 02000;
    }
    if (acl_text text{acl.value_or(std::string())}; text.valid()) {
        if (type == file_type::directory)
            LAMINA_CHECK(upper.set_xattr_at(core.work, built, xattr::acl_default, *acl, xattr_flags::none));
        mode = text.cut((mode & 07000) | (asked & 0777));
        LAMINA_CHECK(upper.set_xattr_at(core.work, built, xattr::acl_access, text.value(), xattr_flags::none));
    }
    LAMINA_CHECK(upper.set_mode_at(core.work, built, mode));
    return true;
}

}  // namespace lamina::detail
