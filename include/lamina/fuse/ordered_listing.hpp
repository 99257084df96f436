// A directory's names in an order that lasts: by a hash of the name, which is also the cookie.
//
// No state belongs to an open directory, so none has to be opened or released by a request, and a cookie stays good
// however long it is kept, also when the listing was dropped and made again: what is there all the time is told once,
// what came or went meanwhile may be. Two names of one hash, which nobody will meet by chance, follow each other.
//
// Immutable once made: any thread may read it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include <lamina/core/dirent.hpp>
#include <lamina/core/path.hpp>

namespace lamina::detail {

// 1 and 2 are the cookies of "." and "..".
inline constexpr std::uint64_t first_cookie = 3;

// 62 bits, as a signed offset has room for, and not the same in every process: names are given by strangers.
[[nodiscard]] inline std::uint64_t cookie_of(std::string_view name) noexcept {
    auto state = reinterpret_cast<std::uintptr_t>(&hash_anchor) ^ std::uint64_t{0x9e3779b97f4a7c15};
    for (std::size_t at = 0; at < name.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, name.data() + at, std::min<std::size_t>(8, name.size() - at));
        state = mix(state ^ word, 0xd6e8feb86659fd93);
    }
    state = mix(state ^ name.size(), 0xa0761d6478bd642f);
    return first_cookie + (state >> 2);
}

class ordered_listing {
public:
    explicit ordered_listing(listing names) : names_(std::move(names)) {
        order_.reserve(names_.size());
        for (std::size_t i = 0; i != names_.size(); ++i)
            order_.push_back({cookie_of(names_[i].name), static_cast<std::uint32_t>(i)});
        std::sort(order_.begin(), order_.end(), [this](record const& a, record const& b) {
            return a.cookie != b.cookie ? a.cookie < b.cookie : names_[a.at].name < names_[b.at].name;
        });
        for (std::size_t i = 1; i < order_.size(); ++i)
            order_[i].cookie = std::max(order_[i].cookie, order_[i - 1].cookie + 1);
    }

    [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
    // The position of the first name after a cookie.
    [[nodiscard]] std::size_t after(std::uint64_t cookie) const noexcept {
        auto const found = std::upper_bound(order_.begin(), order_.end(), cookie,
                                            [](std::uint64_t wanted, record const& r) { return wanted < r.cookie; });
        return static_cast<std::size_t>(found - order_.begin());
    }
    [[nodiscard]] directory_entry operator[](std::size_t i) const noexcept { return names_[order_[i].at]; }
    [[nodiscard]] std::uint64_t cookie(std::size_t i) const noexcept { return order_[i].cookie; }

private:
    struct record {
        std::uint64_t cookie;
        std::uint32_t at;
    };
    listing names_;
    std::vector<record> order_;
};

}  // namespace lamina::detail
