// A file descriptor that somebody owns, and what every system call needs: errno as an error, and another try after
// EINTR.
//
// Concurrency: an owned_fd belongs to one thread at a time; what it names is the kernel's, which orders calls itself.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

#include <lamina/core/error.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

// Closes when destroyed. Empty (-1) when nothing is owned.
class owned_fd {
public:
    owned_fd() = default;
    // Takes over `fd`, which the caller must not close any more.
    explicit owned_fd(int fd) noexcept : fd_(fd) {}
    owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    owned_fd& operator=(owned_fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~owned_fd() {
        // Never repeated and never reported: on Linux the number is free whatever close answers, and data that must
        // not be lost is what `sync` is for.
        if (fd_ != -1)
            ::close(fd_);
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ != -1; }
    // The descriptor, which the caller must now close.
    [[nodiscard]] int take() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

namespace detail {

[[nodiscard]] inline unexpected<error> last_error(operation op) noexcept {
    return fail(static_cast<errc>(errno), op);
}

// call() until it is not interrupted by a signal before it did anything.
template <class Call>
auto uninterrupted(Call&& call) noexcept(noexcept(call())) {
    for (;;) {
        auto const outcome = call();
        if (outcome != -1 || errno != EINTR)
            return outcome;
    }
}

}  // namespace detail
}  // namespace lamina
