// Names and limits of extended attributes, as xattr(7) has them.
#pragma once

#include <cstddef>
#include <string_view>

namespace lamina {

inline constexpr std::size_t xattr_name_max = 255;
inline constexpr std::size_t xattr_size_max = 65536;

namespace xattr {

inline constexpr std::string_view acl_access = "system.posix_acl_access";
inline constexpr std::string_view acl_default = "system.posix_acl_default";
inline constexpr std::string_view file_capability = "security.capability";

[[nodiscard]] constexpr bool is_user(std::string_view key) noexcept { return key.starts_with("user."); }
[[nodiscard]] constexpr bool is_trusted(std::string_view key) noexcept { return key.starts_with("trusted."); }
[[nodiscard]] constexpr bool is_security(std::string_view key) noexcept { return key.starts_with("security."); }
[[nodiscard]] constexpr bool is_acl(std::string_view key) noexcept { return key == acl_access || key == acl_default; }

// A key that setxattr(2) can take: a known namespace, a dot, and something after it.
[[nodiscard]] constexpr bool is_valid(std::string_view key) noexcept {
    if (key.size() > xattr_name_max || key.find('\0') != std::string_view::npos)
        return false;
    for (std::string_view const space : {"user.", "trusted.", "security.", "system."})
        if (key.starts_with(space))
            return key.size() > space.size();
    return false;
}

}  // namespace xattr
}  // namespace lamina
