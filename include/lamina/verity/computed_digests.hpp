// A backend whose files tell their fs-verity digest also where no file system keeps it: it is computed then, by reading
// the file. So data that half copies record is verified (policy::verify) also on tmpfs, in a tar archive or in memory.
//
// It costs a read of the whole file each time that one is opened through a half copy, or that a half copy of it is
// made, which records it. And it tells of the moment at which it was computed: only fs-verity itself watches what is
// read later.
//
// Concurrency: no state of its own.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/verity/file_digest.hpp>
#include <lamina/verity/fwd.hpp>

namespace lamina {

namespace detail {

struct computes_digests {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;
    static constexpr bool adds_digests = true;

    template <class Target, class F>
    auto around(Target& target, call const& c, F& perform) -> answer_of<F> {
        auto answer = perform(c);
        if constexpr (std::is_same_v<answer_of<F>, result<std::optional<digest>>>) {
            if (!answer.has_value() || answer->has_value())
                return answer;
            LAMINA_TRY(auto const computed, verity::file_digest(target));
            return std::optional(computed);
        } else {
            return answer;
        }
    }
};

}  // namespace detail

//     lamina::overlay tree{lamina::lower(image, lamina::data_only(lamina::computed_digests{blobs}))};
// The digest is SHA-256's, over blocks of 4096 bytes, without a salt: what `fsverity digest` prints. Errors of
// verity_digest: also those of reading.
template <class B>
class computed_digests : public forwarding<computed_digests<B>, held<B>, detail::computes_digests> {
    using base = forwarding<computed_digests<B>, held<B>, detail::computes_digests>;

public:
    explicit computed_digests(B&& backend) : base(held<B>(std::forward<B>(backend))) {}

    [[nodiscard]] capabilities able() const { return base::able() | capability::content_digests; }
};

template <class B>
computed_digests(B&&) -> computed_digests<B>;

}  // namespace lamina
