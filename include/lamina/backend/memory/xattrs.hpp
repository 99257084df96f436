// The extended attributes of one object: which keys and values are taken, and a list of those it has.
//
// Decided here: the rules of xattr(7) as a process with every privilege meets them on Linux. Values are bytes: an
// access control list is stored, given back and never applied. The keys of one object may not add up to more than
// listxattr(2) can return. Most objects have none, and a few have three, so a chain of single allocations is the
// smallest and fast enough.
//
// Concurrency: none of its own; the inode's lock covers it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/memory/ledger.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/open.hpp>
#include <lamina/core/result.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina::detail::memory {

inline constexpr std::size_t xattr_list_max = 65536;

// What Linux says to changing attribute `key` of an object of this type; errc::ok if it may.
[[nodiscard]] constexpr errc judge_xattr(file_type type, std::string_view key) noexcept {
    if (key.empty() || key.size() > xattr_name_max)
        return errc::erange;
    if (key.find('\0') != std::string_view::npos)
        return errc::einval;
    if (xattr::is_user(key) && type != file_type::regular && type != file_type::directory)
        return errc::eperm;
    if (xattr::is_user(key) || xattr::is_trusted(key) || xattr::is_security(key))
        return key.back() == '.' && key.find('.') == key.size() - 1 ? errc::einval : errc::ok;
    if (!xattr::is_acl(key) || type == file_type::symlink)
        return errc::eopnotsupp;
    return key == xattr::acl_default && type != file_type::directory ? errc::eacces : errc::ok;
}

class xattr_list {
public:
    xattr_list() = default;
    xattr_list(xattr_list const&) = delete;
    xattr_list& operator=(xattr_list const&) = delete;
    ~xattr_list() {
        while (first_ != nullptr)
            drop(&first_);
    }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const {
        for (auto const* one = first_; one != nullptr; one = one->next)
            if (one->key() == key)
                return std::string(one->value());
        return std::nullopt;
    }
    // In the order in which they were first set.
    [[nodiscard]] std::vector<std::string> keys() const {
        std::vector<std::string> found;
        for (auto const* one = first_; one != nullptr; one = one->next)
            found.emplace_back(one->key());
        return found;
    }

    // Errors: eexist (create), enodata (replace), enospc.
    // Requires: key and value are within their limits.
    [[nodiscard]] result<void> set(budget& account, std::string_view key, std::string_view value, xattr_flags flags) {
        attribute** slot = &first_;
        std::size_t listed = 0;
        for (; *slot != nullptr && (*slot)->key() != key; slot = &(*slot)->next)
            listed += (*slot)->key_size + std::size_t{1};
        attribute* const old = *slot;
        if (old != nullptr && has(flags, xattr_flags::create))
            return fail(errc::eexist);
        if (old == nullptr && has(flags, xattr_flags::replace))
            return fail(errc::enodata);
        if (old == nullptr && listed + key.size() + 1 > xattr_list_max)
            return fail(errc::enospc);
        auto const had = old == nullptr ? 0 : old->price();
        auto const gets = price(key.size(), value.size());
        reservation room(account, gets > had ? gets - had : 0, 0);
        if (!room.granted())
            return fail(errc::enospc);
        *slot = attribute::make(key, value, old == nullptr ? nullptr : old->next);
        room.keep();
        if (had > gets)
            account.give_back(had - gets);
        if (old != nullptr)
            ::operator delete(old);
        return {};
    }

    // Whether there was one.
    bool remove(budget& account, std::string_view key) noexcept {
        for (attribute** slot = &first_; *slot != nullptr; slot = &(*slot)->next)
            if ((*slot)->key() == key) {
                account.give_back((*slot)->price());
                drop(slot);
                return true;
            }
        return false;
    }

    [[nodiscard]] std::uint64_t price() const noexcept {
        std::uint64_t sum = 0;
        for (auto const* one = first_; one != nullptr; one = one->next)
            sum += one->price();
        return sum;
    }

    // Requires: this one is empty.
    void copy_from(xattr_list const& other) {
        attribute** slot = &first_;
        for (auto const* one = other.first_; one != nullptr; one = one->next) {
            *slot = attribute::make(one->key(), one->value(), nullptr);
            slot = &(*slot)->next;
        }
    }

private:
    [[nodiscard]] static constexpr std::uint64_t price(std::size_t key, std::size_t value) noexcept {
        return memory_price::xattr + key + value;
    }

    // Key and value follow the object.
    struct attribute {
        attribute* next;
        std::uint32_t key_size;
        std::uint32_t value_size;

        [[nodiscard]] char const* text() const noexcept { return reinterpret_cast<char const*>(this + 1); }
        [[nodiscard]] std::string_view key() const noexcept { return {text(), key_size}; }
        [[nodiscard]] std::string_view value() const noexcept { return {text() + key_size, value_size}; }
        [[nodiscard]] std::uint64_t price() const noexcept { return xattr_list::price(key_size, value_size); }

        [[nodiscard]] static attribute* make(std::string_view key, std::string_view value, attribute* next) {
            void* const storage = ::operator new(sizeof(attribute) + key.size() + value.size());
            auto* const made = ::new (storage)
                attribute{next, static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size())};
            auto* const bytes = reinterpret_cast<char*>(made + 1);
            std::memcpy(bytes, key.data(), key.size());
            if (!value.empty())
                std::memcpy(bytes + key.size(), value.data(), value.size());
            return made;
        }
    };

    static void drop(attribute** slot) noexcept {
        auto* const gone = *slot;
        *slot = gone->next;
        ::operator delete(gone);
    }

    attribute* first_ = nullptr;
};

}  // namespace lamina::detail::memory
