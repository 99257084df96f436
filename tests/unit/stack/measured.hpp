// Layers whose files tell what content they have, without a file system that keeps it and without a library that
// hashes: the digest is a checksum that nobody would sign, spread over 32 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>

namespace measured {

template <class F>
lamina::result<std::optional<lamina::digest>> checksum(F& file) {
    std::uint64_t state = 14695981039346656037u;
    std::array<std::byte, 64> some;
    for (std::uint64_t at = 0;; at += some.size()) {
        LAMINA_TRY(auto const got, file.read_at(some, at));
        for (std::size_t i = 0; i < got; ++i)
            state = (state ^ static_cast<std::uint64_t>(some[i])) * 1099511628211u;
        state = (state ^ got) * 1099511628211u;
        if (got < some.size())
            break;
    }
    std::array<std::byte, 32> bytes;
    for (auto& b : bytes) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        b = static_cast<std::byte>(state >> 56);
    }
    return lamina::digest::of(lamina::digest_algorithm::sha256, bytes);
}

// How often was measured; what happens meanwhile; and an error with which measuring fails, if it is to.
struct record {
    int measurings = 0;
    std::function<void()> meanwhile;
    lamina::errc broken = lamina::errc::ok;
};

struct adds_checksums {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;
    static constexpr bool adds_digests = true;

    record* seen;

    template <class Target, class F>
    auto around(Target& target, lamina::call const& c, F& perform) -> lamina::detail::answer_of<F> {
        if constexpr (std::is_same_v<lamina::detail::answer_of<F>, lamina::result<std::optional<lamina::digest>>>) {
            ++seen->measurings;
            if (seen->meanwhile)
                seen->meanwhile();
            if (seen->broken != lamina::errc::ok)
                return lamina::fail(seen->broken, lamina::operation::read);
            return checksum(target);
        } else {
            return perform(c);
        }
    }
};

template <class B>
class layer : public lamina::forwarding<layer<B>, lamina::held<B>, adds_checksums> {
    using base = lamina::forwarding<layer<B>, lamina::held<B>, adds_checksums>;

public:
    layer(B&& tree, record& r)
        : base(lamina::held<B>(std::forward<B>(tree)), adds_checksums{&r}) {}

    [[nodiscard]] lamina::capabilities able() const { return base::able() | lamina::capability::content_digests; }
};
template <class B>
layer(B&&, record&) -> layer<B>;

}  // namespace measured
