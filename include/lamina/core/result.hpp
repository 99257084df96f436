// A value or an error, with the member names of std::expected. Not an alias of it: two translation units that are
// compiled with different -std would disagree on every signature. And `value() &&` returns by value, so that
//     for (auto const& entry : tree.list("etc").value())
// does not walk over a dead object, which it does with a reference into a temporary.
#pragma once

#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <lamina/config.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/fwd.hpp>
#if LAMINA_EXCEPTIONS
#include <exception>
#endif

namespace lamina {

template <class E>
class unexpected {
public:
    template <class G = E>
        requires(!std::same_as<std::remove_cvref_t<G>, unexpected> && std::constructible_from<E, G>)
    constexpr explicit unexpected(G&& e) : error_(std::forward<G>(e)) {}

    [[nodiscard]] constexpr E const& error() const& noexcept { return error_; }
    [[nodiscard]] constexpr E&& error() && noexcept { return std::move(error_); }

private:
    E error_;
};

template <class E>
unexpected(E) -> unexpected<E>;
unexpected(errc) -> unexpected<error>;

// A failure in one call: `return fail(errc::enoent, operation::lookup);`
[[nodiscard]] constexpr unexpected<error> fail(errc code, operation op = operation::none,
                                               layer_number layer = no_layer) noexcept {
    return unexpected<error>(lamina::error{code, op, layer});
}

#if LAMINA_EXCEPTIONS
// What `value()` throws when there is none.
class bad_result_access : public std::exception {
public:
    bad_result_access(path_error e, std::string text) : error_(std::move(e)), text_(std::move(text)) {}
    [[nodiscard]] char const* what() const noexcept override { return text_.c_str(); }
    [[nodiscard]] path_error const& error() const noexcept { return error_; }

private:
    path_error error_;
    std::string text_;
};
#endif

namespace detail {

template <class E>
[[noreturn]] inline void no_value(E const& e) {
#if LAMINA_EXCEPTIONS
    if constexpr (std::same_as<E, path_error>)
        throw bad_result_access(e, to_string(e));
    else
        throw bad_result_access(path_error(static_cast<error>(e)), to_string(e));
#else
    std::fprintf(stderr, "lamina: value() of a failed result: %s\n", to_string(e).c_str());
    std::abort();
#endif
}

template <class>
inline constexpr bool is_result = false;
template <class T, class E>
inline constexpr bool is_result<result<T, E>> = true;
template <class>
inline constexpr bool is_unexpected = false;
template <class E>
inline constexpr bool is_unexpected<unexpected<E>> = true;

}  // namespace detail

template <class T, class E>
class [[nodiscard]] result {
public:
    using value_type = T;
    using error_type = E;

    template <class U = T>
        requires(!detail::is_result<std::remove_cvref_t<U>> && !detail::is_unexpected<std::remove_cvref_t<U>> &&
                 std::constructible_from<T, U>)
    constexpr explicit(!std::convertible_to<U, T>) result(U&& value) : has_(true) {
        std::construct_at(&value_, std::forward<U>(value));
    }
    constexpr result()
        requires std::default_initializable<T>
        : has_(true) {
        std::construct_at(&value_);
    }
    template <class G>
        requires std::constructible_from<E, G const&>
    constexpr result(unexpected<G> const& e) : has_(false) {
        std::construct_at(&error_, e.error());
    }
    template <class G>
        requires std::constructible_from<E, G>
    constexpr result(unexpected<G>&& e) : has_(false) {
        std::construct_at(&error_, std::move(e).error());
    }
    constexpr result(result const& other)
        requires std::copy_constructible<T>
        : has_(other.has_) {
        if (has_)
            std::construct_at(&value_, other.value_);
        else
            std::construct_at(&error_, other.error_);
    }
    constexpr result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : has_(other.has_) {
        if (has_)
            std::construct_at(&value_, std::move(other.value_));
        else
            std::construct_at(&error_, std::move(other.error_));
    }
    constexpr result& operator=(result other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        destroy();
        has_ = other.has_;
        if (has_)
            std::construct_at(&value_, std::move(other.value_));
        else
            std::construct_at(&error_, std::move(other.error_));
        return *this;
    }
    constexpr ~result() { destroy(); }

    [[nodiscard]] constexpr bool has_value() const noexcept { return has_; }
    // Not for result<bool>: `if (tree.exists(p))` would ask whether the question could be answered, and read like the
    // answer.
    constexpr explicit operator bool() const noexcept
        requires(!std::same_as<T, bool>)
    {
        return has_;
    }

    // The value; without one, throws bad_result_access (aborts with a message where exceptions are off).
    constexpr T& value() & {
        require();
        return value_;
    }
    constexpr T const& value() const& {
        require();
        return value_;
    }
    constexpr T value() && {
        require();
        return std::move(value_);
    }

    // Requires: has_value().
    constexpr T& operator*() & noexcept { return value_; }
    constexpr T const& operator*() const& noexcept { return value_; }
    constexpr T operator*() && { return std::move(value_); }
    constexpr T* operator->() noexcept { return &value_; }
    constexpr T const* operator->() const noexcept { return &value_; }

    // Requires: !has_value().
    [[nodiscard]] constexpr E const& error() const& noexcept { return error_; }
    [[nodiscard]] constexpr E error() && { return std::move(error_); }

    template <class U>
    [[nodiscard]] constexpr T value_or(U&& other) const& {
        return has_ ? value_ : static_cast<T>(std::forward<U>(other));
    }
    template <class U>
    [[nodiscard]] constexpr T value_or(U&& other) && {
        return has_ ? std::move(value_) : static_cast<T>(std::forward<U>(other));
    }

    // f(value) -> result; an error passes through.
    template <class F>
    constexpr auto and_then(F&& f) && -> std::invoke_result_t<F, T> {
        if (has_)
            return std::forward<F>(f)(std::move(value_));
        return unexpected(std::move(error_));
    }
    // f(value) -> U, wrapped again; an error passes through.
    template <class F>
    constexpr auto transform(F&& f) && -> result<std::invoke_result_t<F, T>, E> {
        if (has_)
            return std::forward<F>(f)(std::move(value_));
        return unexpected(std::move(error_));
    }
    // f(error) -> result<T>; a value passes through.
    template <class F>
    constexpr auto or_else(F&& f) && -> result {
        if (has_)
            return std::move(*this);
        return std::forward<F>(f)(std::move(error_));
    }
    template <class F>
    constexpr auto transform_error(F&& f) && -> result<T, std::invoke_result_t<F, E>> {
        if (has_)
            return std::move(value_);
        return unexpected(std::forward<F>(f)(std::move(error_)));
    }

private:
    constexpr void require() const {
        if (!has_)
            detail::no_value(error_);
    }
    constexpr void destroy() noexcept {
        if (has_)
            std::destroy_at(&value_);
        else
            std::destroy_at(&error_);
    }

    union {
        T value_;
        E error_;
    };
    bool has_;
};

template <class E>
class [[nodiscard]] result<void, E> {
public:
    using value_type = void;
    using error_type = E;

    constexpr result() noexcept : error_(errc::ok), has_(true) {}
    template <class G>
        requires std::constructible_from<E, G>
    constexpr result(unexpected<G> e) : error_(std::move(e).error()), has_(false) {}

    [[nodiscard]] constexpr bool has_value() const noexcept { return has_; }
    constexpr explicit operator bool() const noexcept { return has_; }
    constexpr void value() const {
        if (!has_)
            detail::no_value(error_);
    }
    constexpr void operator*() const noexcept {}
    [[nodiscard]] constexpr E const& error() const& noexcept { return error_; }
    [[nodiscard]] constexpr E error() && { return std::move(error_); }

    template <class F>
    constexpr auto and_then(F&& f) && -> std::invoke_result_t<F> {
        if (has_)
            return std::forward<F>(f)();
        return unexpected(std::move(error_));
    }
    template <class F>
    constexpr auto or_else(F&& f) && -> result {
        if (has_)
            return {};
        return std::forward<F>(f)(std::move(error_));
    }
    template <class F>
    constexpr auto transform_error(F&& f) && -> result<void, std::invoke_result_t<F, E>> {
        if (has_)
            return {};
        return unexpected(std::forward<F>(f)(std::move(error_)));
    }

private:
    E error_;
    bool has_;
};

}  // namespace lamina
