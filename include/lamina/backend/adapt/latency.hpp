// Makes a backend slow on purpose: before each primitive it waits as long as its operation is told to take. What
// waiting means is the caller's: a sleep, a busy loop, or a counter of simulated time, so this header knows no clock
// and no thread.
//
// Concurrency: delays may be changed while others work; the wait function is called from whatever thread calls the
// backend, with nothing locked.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

namespace detail {

template <class Wait>
struct waits_first {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = false;
    static constexpr std::size_t operations = static_cast<std::size_t>(operation::space) + 1;

    held<Wait> wait;
    std::array<std::atomic<std::uint64_t>, operations> nanoseconds{};

    explicit waits_first(held<Wait> w) : wait(std::move(w)) {}
    // For the way into its final place, where no delay has been set yet.
    waits_first(waits_first&& other) noexcept : wait(std::move(other.wait)) {}

    template <class Target, class F>
    auto around(Target&, call const& c, F& perform) -> answer_of<F> {
        if (auto const delay = nanoseconds[static_cast<std::size_t>(c.op())].load(std::memory_order_relaxed);
            delay != 0)
            wait.get()(delay);
        return perform(c);
    }
};

}  // namespace detail

//     lamina::latency slow{tree, [](std::uint64_t nanoseconds) { ... }};
//     slow.delay(lamina::operation::lookup, 200'000);
template <class B, class Wait>
class latency : public forwarding<latency<B, Wait>, held<B>, detail::waits_first<Wait>> {
    using base = forwarding<latency<B, Wait>, held<B>, detail::waits_first<Wait>>;
    static_assert(std::is_invocable_v<std::remove_reference_t<Wait>&, std::uint64_t>,
                  "lamina::latency: the wait function is called with nanoseconds, a std::uint64_t");

public:
    latency(B&& backend, Wait&& wait)
        : base(held<B>(std::forward<B>(backend)), detail::waits_first<Wait>(held<Wait>(std::forward<Wait>(wait)))) {}

    // From now on; 0 for none.
    void delay(operation op, std::uint64_t nanoseconds) noexcept {
        this->policy().nanoseconds[static_cast<std::size_t>(op)].store(nanoseconds, std::memory_order_relaxed);
    }
    void delay_everything(std::uint64_t nanoseconds) noexcept {
        for (auto& each : this->policy().nanoseconds)
            each.store(nanoseconds, std::memory_order_relaxed);
    }
};

template <class B, class Wait>
latency(B&&, Wait&&) -> latency<B, Wait>;

}  // namespace lamina
