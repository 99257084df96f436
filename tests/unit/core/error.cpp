#include <lamina/core/error.hpp>

#include <set>
#include <string>
#include <type_traits>

#include "catch.hpp"

using namespace lamina;

static_assert(sizeof(error) == 8);
static_assert(std::is_trivially_copyable_v<error>);
static_assert(std::is_nothrow_default_constructible_v<error>);
static_assert(error(errc::enoent) == errc::enoent);

TEST_CASE("[error.1] the code is the errno") {
    CHECK(static_cast<int>(errc::enoent) == ENOENT);
    CHECK(static_cast<int>(errc::exdev) == EXDEV);
    CHECK(error(static_cast<errc>(ESRCH)).code == static_cast<errc>(ESRCH));
}

TEST_CASE("[error.2] the innermost layer's number stays") {
    error const bare(errc::eio, operation::read);
    CHECK(bare.layer == no_layer);
    auto const inner = bare.in_layer(3);
    CHECK(inner.layer == 3);
    CHECK(inner.in_layer(0).layer == 3);
    CHECK(inner.in_layer(0).op == operation::read);
    CHECK(bare.in_layer(0).layer == 0);
}

TEST_CASE("[error.3] the operation can be renamed, code and layer stay") {
    auto const renamed = error(errc::eio, operation::read, 2).during(operation::copy_up);
    CHECK(renamed == error(errc::eio, operation::copy_up, 2));
}

TEST_CASE("[error.4] a line for people says what, why and where") {
    CHECK(to_string(error(errc::exdev, operation::rename, 3)) ==
          "rename: EXDEV, crosses file systems or layers (layer 3)");
    CHECK(to_string(error(errc::enospc, operation::copy_up, 0)) == "copy_up: ENOSPC, no space left (upper)");
    CHECK(to_string(error(errc::enoent)) == "ENOENT, no such file or directory");
    CHECK(to_string(path_error(error(errc::eloop, operation::open), "a/b")) ==
          "a/b: open: ELOOP, too many symbolic links");
    CHECK(to_string(path_error(error(errc::eloop, operation::open))) == "open: ELOOP, too many symbolic links");
}

TEST_CASE("[error.5] an errno without a name of ours is shown by its number") {
    auto const unknown = static_cast<errc>(9999);
    CHECK(mnemonic(unknown).empty());
    CHECK(sentence(unknown).empty());
    CHECK(to_string(error(unknown, operation::read)) == "read: errno 9999");
}

TEST_CASE("[error.6] every operation and every code has a text of its own") {
    std::set<std::string> operations;
    for (auto op = static_cast<int>(operation::none) + 1; op <= static_cast<int>(operation::space); ++op) {
        auto const text = name(static_cast<operation>(op));
        INFO("operation " << op);
        CHECK_FALSE(text.empty());
        CHECK(operations.emplace(text).second);
    }
    std::set<std::string> mnemonics;
    std::set<int> codes;
    for (auto const& text : lamina::detail::errno_texts) {
        INFO(text.mnemonic);
        CHECK_FALSE(text.sentence.empty());
        CHECK(mnemonics.emplace(text.mnemonic).second);
        CHECK(codes.insert(static_cast<int>(text.code)).second);
    }
}

TEST_CASE("[error.7] a path_error is an error to whom the path does not matter") {
    path_error const whole(error(errc::eacces, operation::open), "etc/shadow");
    error const bare = whole;
    CHECK(bare == error(errc::eacces, operation::open));
    CHECK(whole == errc::eacces);
    CHECK(path_error(errc::eio).path.empty());
}
