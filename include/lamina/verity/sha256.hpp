// SHA-256 by OpenSSL's libcrypto: one context, used for one message after the other.
//
// Concurrency: an object belongs to one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include <openssl/evp.h>

#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina::verity {

using sha256_bytes = std::array<std::byte, 32>;

class sha256 {
public:
    // Errors: enomem; eopnotsupp where libcrypto is set up to do without SHA-256.
    [[nodiscard]] static result<sha256> make() {
        sha256 made;
        if (made.context_ == nullptr)
            return fail(errc::enomem, operation::read);
        if (EVP_DigestInit_ex(made.context_.get(), EVP_sha256(), nullptr) != 1)
            return fail(errc::eopnotsupp, operation::read);
        return made;
    }

    // Of one whole message. Errors: eio if libcrypto fails.
    [[nodiscard]] result<sha256_bytes> of(std::span<std::byte const> message) {
        sha256_bytes bytes;
        // (Without a type, a context keeps the one that it has, and need not look it up again.)
        if (EVP_DigestInit_ex(context_.get(), nullptr, nullptr) != 1 ||
            EVP_DigestUpdate(context_.get(), message.data(), message.size()) != 1 ||
            EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(bytes.data()), nullptr) != 1)
            return fail(errc::eio, operation::read);
        return bytes;
    }

private:
    struct frees {
        void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    };

    sha256() : context_(EVP_MD_CTX_new()) {}

    std::unique_ptr<EVP_MD_CTX, frees> context_;
};

}  // namespace lamina::verity
