// A POSIX ACL in the form in which the xattrs system.posix_acl_access and system.posix_acl_default carry it: a
// version, 2, in four bytes, and entries of eight: tag, permissions, id, all little endian. The bytes come out of a
// layer: they are checked when they are parsed, and everything after that may rely on it. Values without shared
// state; any thread may use them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

enum class acl_tag : std::uint16_t {
    owner = 0x01,
    user = 0x02,
    owning_group = 0x04,
    group = 0x08,
    mask = 0x10,
    other = 0x20,
};

struct acl_entry {
    acl_tag tag{};
    std::uint16_t permissions = 0;  // 4 read, 2 write, 1 execute or search
    std::uint32_t id = 0xffffffff;  // of user and group entries
    friend constexpr bool operator==(acl_entry, acl_entry) noexcept = default;
};

// A checked ACL in bytes that somebody else keeps alive.
class posix_acl {
public:
    static constexpr std::size_t header_size = 4;
    static constexpr std::size_t entry_size = 8;

    // Errors: einval (wrong version or length, an unknown tag, a permission bit over 7), as Linux answers setxattr(2).
    [[nodiscard]] static result<posix_acl> parse(std::string_view bytes) noexcept {
        if (bytes.size() < header_size || (bytes.size() - header_size) % entry_size != 0 ||
            little_endian(bytes, 0, 4) != version)
            return fail(errc::einval, operation::parse);
        posix_acl made(bytes);
        for (std::size_t i = 0; i < made.size(); ++i) {
            auto const entry = made[i];
            if (entry.permissions > 7)
                return fail(errc::einval, operation::parse);
            switch (entry.tag) {
            case acl_tag::owner:
            case acl_tag::user:
            case acl_tag::owning_group:
            case acl_tag::group:
            case acl_tag::mask:
            case acl_tag::other: break;
            default: return fail(errc::einval, operation::parse);
            }
        }
        return made;
    }

    [[nodiscard]] std::size_t size() const noexcept { return (bytes_.size() - header_size) / entry_size; }
    // Requires: i < size().
    [[nodiscard]] acl_entry operator[](std::size_t i) const noexcept {
        auto const at = header_size + i * entry_size;
        return {static_cast<acl_tag>(little_endian(bytes_, at, 2)),
                static_cast<std::uint16_t>(little_endian(bytes_, at + 2, 2)), little_endian(bytes_, at + 4, 4)};
    }

    // Whether the ACL gives `wanted` (4 read, 2 write, 1 search) to somebody who is not the owner. The first user
    // entry that names them decides; else any group entry of theirs that gives all of it; both within the mask. Empty
    // if the ACL has nothing to say.
    template <class InGroup>
    [[nodiscard]] std::optional<bool> permits(std::uint32_t wanted, user_id uid, group_id owning_group,
                                              InGroup&& in_group) const {
        std::uint32_t mask = 7;
        for (std::size_t i = 0; i < size(); ++i)
            if (auto const entry = (*this)[i]; entry.tag == acl_tag::mask)
                mask = entry.permissions;
        bool in_some_group = false;
        for (std::size_t i = 0; i < size(); ++i) {
            auto const entry = (*this)[i];
            bool const gives = (entry.permissions & wanted) == wanted;
            if (entry.tag == acl_tag::user && entry.id == uid)
                return gives && (mask & wanted) == wanted;
            bool const theirs = (entry.tag == acl_tag::owning_group && in_group(owning_group)) ||
                                (entry.tag == acl_tag::group && in_group(static_cast<group_id>(entry.id)));
            if (theirs && gives)
                return (mask & wanted) == wanted;
            in_some_group = in_some_group || theirs;
            if (entry.tag == acl_tag::other)
                return !in_some_group && gives;
        }
        return std::nullopt;
    }

    // The same ACL with the ids of its user and group entries replaced by `user(id)` and `group(id)`, which answer an
    // optional. Errors: einval for an id that has none.
    template <class User, class Group>
    [[nodiscard]] result<std::string> with_ids(User&& user, Group&& group) const {
        std::string made(bytes_);
        for (std::size_t i = 0; i < size(); ++i) {
            auto const entry = (*this)[i];
            if (entry.tag != acl_tag::user && entry.tag != acl_tag::group)
                continue;
            std::optional<std::uint32_t> const id = entry.tag == acl_tag::user ? user(entry.id) : group(entry.id);
            if (!id)
                return fail(errc::einval, operation::parse);
            for (std::size_t byte = 0; byte < 4; ++byte)
                made[header_size + i * entry_size + 4 + byte] = static_cast<char>((*id >> (8 * byte)) & 0xff);
        }
        return made;
    }

private:
    static constexpr std::uint32_t version = 2;

    explicit posix_acl(std::string_view bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] static std::uint32_t little_endian(std::string_view bytes, std::size_t at,
                                                     std::size_t count) noexcept {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < count; ++i)
            value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
        return value;
    }

    std::string_view bytes_;
};

}  // namespace lamina
