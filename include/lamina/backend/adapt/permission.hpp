// Who asks, and what POSIX and Linux let them do to one object. The rules of one object only; which objects a primitive
// touches is in checked.hpp. Values and functions without state; any thread may use them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/posix_acl.hpp>

namespace lamina {

// The capabilities of capabilities(7) that a file system asks about. `read_search` is CAP_DAC_READ_SEARCH.
enum class privilege : std::uint32_t {
    dac_override = 1u << 0,
    read_search = 1u << 1,
    fowner = 1u << 2,
    chown = 1u << 3,
    fsetid = 1u << 4,
    mknod = 1u << 5,
    setfcap = 1u << 6,    // security.capability
    sys_admin = 1u << 7,  // trusted.* and other security.*; files that are immutable or append-only
};

class privileges {
public:
    constexpr privileges() = default;
    constexpr privileges(privilege p) noexcept : bits_(static_cast<std::uint32_t>(p)) {}
    [[nodiscard]] static constexpr privileges all() noexcept {
        privileges every;
        every.bits_ = 0xff;
        return every;
    }
    [[nodiscard]] constexpr bool has(privilege p) const noexcept {
        return (bits_ & static_cast<std::uint32_t>(p)) != 0;
    }
    friend constexpr privileges operator|(privileges a, privileges b) noexcept {
        privileges both;
        both.bits_ = a.bits_ | b.bits_;
        return both;
    }
    friend constexpr bool operator==(privileges, privileges) noexcept = default;

private:
    std::uint32_t bits_ = 0;
};
[[nodiscard]] constexpr privileges operator|(privilege a, privilege b) noexcept {
    return privileges(a) | privileges(b);
}

// The user id 0 means nothing by itself: what root may do comes from its privileges.
struct credentials {
    user_id uid = 0;
    group_id gid = 0;
    std::vector<group_id> groups{};  // supplementary
    privileges held{};

    [[nodiscard]] static credentials root() { return {0, 0, {}, privileges::all()}; }
    [[nodiscard]] bool in_group(group_id g) const noexcept {
        if (g == gid)
            return true;
        for (auto const other : groups)
            if (other == g)
                return true;
        return false;
    }
    [[nodiscard]] bool has(privilege p) const noexcept { return held.has(p); }
    [[nodiscard]] bool owns(attributes const& object) const noexcept {
        return object.uid == uid || has(privilege::fowner);
    }
};

// What is asked of the permission bits.
enum class access : std::uint32_t { search = 1, write = 2, read = 4, write_and_search = 3, read_and_write = 6 };

inline constexpr mode_bits set_user_bit = 04000;
inline constexpr mode_bits set_group_bit = 02000;
inline constexpr mode_bits sticky_bit = 01000;

namespace permission {

// Whether an ACL, if the object has one, could decide: it says nothing of the owner, and its mask shows as the
// group's bits.
[[nodiscard]] inline bool acl_matters(credentials const& who, attributes const& object) noexcept {
    return object.uid != who.uid && (object.mode & 070) != 0 && !object.is_symlink() &&
           !who.has(privilege::dac_override);
}

// access(2) for `who`. `acl` is the object's system.posix_acl_access, if it has one.
[[nodiscard]] inline bool allows(credentials const& who, attributes const& object, access wanted,
                                 std::optional<posix_acl> const& acl = std::nullopt) {
    auto const bits = static_cast<std::uint32_t>(wanted);
    bool const searches = (bits & static_cast<std::uint32_t>(access::search)) != 0;
    bool const writes = (bits & static_cast<std::uint32_t>(access::write)) != 0;
    if (who.has(privilege::dac_override) && (object.is_directory() || !searches || (object.mode & 0111) != 0))
        return true;
    if (who.has(privilege::read_search) && !writes && (object.is_directory() || !searches))
        return true;
    if (object.uid == who.uid)
        return ((object.mode >> 6) & bits) == bits;
    if (acl && acl_matters(who, object))
        if (auto const said = acl->permits(bits, who.uid, object.gid, [&](group_id g) { return who.in_group(g); }))
            return *said;
    auto const shift = who.in_group(object.gid) ? 3 : 0;
    return ((object.mode >> shift) & bits) == bits;
}

// In a sticky directory a name belongs to the object's owner and the directory's.
[[nodiscard]] inline bool is_sticky_for(credentials const& who, attributes const& directory,
                                        attributes const& object) noexcept {
    return (directory.mode & sticky_bit) != 0 && object.uid != who.uid && directory.uid != who.uid &&
           !who.has(privilege::fowner);
}

// chown(2).
[[nodiscard]] inline bool may_give(credentials const& who, attributes const& object, user_id uid,
                                   group_id gid) noexcept {
    if (who.has(privilege::chown))
        return true;
    bool const owner = object.uid == who.uid;
    bool const keeps_user = uid == keep_user || (owner && uid == object.uid);
    bool const keeps_group = gid == keep_group || (owner && (gid == object.gid || who.in_group(gid)));
    return keeps_user && keeps_group;
}

// What chmod(2) makes of a mode: set-group-ID is only for members of the group.
[[nodiscard]] inline mode_bits settable(credentials const& who, attributes const& object, mode_bits mode) noexcept {
    return who.in_group(object.gid) || who.has(privilege::fsetid) ? mode : mode & ~set_group_bit;
}

// The mode that remains when an object gets another owner, or another content.
[[nodiscard]] inline mode_bits without_set_id(credentials const& who, attributes const& object) noexcept {
    auto mode = object.mode & ~set_user_bit;
    if ((mode & 010) != 0 || settable(who, object, mode) != mode)
        mode &= ~set_group_bit;
    return mode;
}

}  // namespace permission
}  // namespace lamina
