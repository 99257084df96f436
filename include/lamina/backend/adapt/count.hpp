// Counts what is asked of a backend: calls, failures and bytes of each primitive. A test that says "a hit asks no
// layer", or "chmod moves no data", says it with these.
//
// Concurrency: counters are atomic and unordered. A snapshot taken while others work is not of one instant.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

struct call_count {
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;  // absence is none
    std::uint64_t bytes = 0;     // of files, read, written or copied

    constexpr call_count& operator+=(call_count const& other) noexcept {
        calls += other.calls;
        failures += other.failures;
        bytes += other.bytes;
        return *this;
    }
    friend constexpr call_count operator-(call_count a, call_count const& b) noexcept {
        return {a.calls - b.calls, a.failures - b.failures, a.bytes - b.bytes};
    }
    friend constexpr bool operator==(call_count const&, call_count const&) noexcept = default;
};

// All counters at one time. `later - earlier` is what was asked between the two.
struct call_counts {
    std::array<call_count, primitive_count> of{};

    [[nodiscard]] constexpr call_count operator[](primitive p) const noexcept {
        return of[static_cast<std::size_t>(p)];
    }
    // The sum over the primitives that belong to one operation.
    [[nodiscard]] constexpr call_count operator[](operation op) const noexcept {
        call_count sum;
        for (std::size_t i = 0; i < primitive_count; ++i)
            if (operation_of(static_cast<primitive>(i)) == op)
                sum += of[i];
        return sum;
    }
    [[nodiscard]] constexpr call_count total() const noexcept {
        call_count sum;
        for (auto const& one : of)
            sum += one;
        return sum;
    }
    friend constexpr call_counts operator-(call_counts a, call_counts const& b) noexcept {
        for (std::size_t i = 0; i < primitive_count; ++i)
            a.of[i] = a.of[i] - b.of[i];
        return a;
    }
};

namespace detail {

struct counts_calls {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;

    struct counter {
        std::atomic<std::uint64_t> calls{0}, failures{0}, bytes{0};
    };
    std::array<counter, primitive_count> counters{};

    counts_calls() = default;
    // For the way into its final place, where nothing has been counted yet.
    counts_calls(counts_calls&&) noexcept {}

    template <class Target, class F>
    auto around(Target&, call const& c, F& perform) -> answer_of<F> {
        auto answer = perform(c);
        auto& counted = counters[static_cast<std::size_t>(c.what)];
        counted.calls.fetch_add(1, std::memory_order_relaxed);
        if (!answer.has_value())
            counted.failures.fetch_add(1, std::memory_order_relaxed);
        if (auto const bytes = bytes_moved(c, answer); bytes != 0)
            counted.bytes.fetch_add(bytes, std::memory_order_relaxed);
        return answer;
    }
};

}  // namespace detail

//     lamina::count counted{tree};
template <class B>
class count : public forwarding<count<B>, held<B>, detail::counts_calls> {
    using base = forwarding<count<B>, held<B>, detail::counts_calls>;

public:
    explicit count(B&& backend) : base(held<B>(std::forward<B>(backend)), detail::counts_calls()) {}

    [[nodiscard]] call_counts counts() const noexcept {
        call_counts now;
        for (std::size_t i = 0; i < primitive_count; ++i) {
            auto const& counted = this->policy().counters[i];
            now.of[i] = {counted.calls.load(std::memory_order_relaxed),
                         counted.failures.load(std::memory_order_relaxed),
                         counted.bytes.load(std::memory_order_relaxed)};
        }
        return now;
    }
    void reset() noexcept {
        for (auto& counted : this->policy().counters) {
            counted.calls.store(0, std::memory_order_relaxed);
            counted.failures.store(0, std::memory_order_relaxed);
            counted.bytes.store(0, std::memory_order_relaxed);
        }
    }
};

template <class B>
count(B&&) -> count<B>;

}  // namespace lamina
