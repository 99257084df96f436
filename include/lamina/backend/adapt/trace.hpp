// Shows every primitive that reaches a backend to a sink of the caller's: what was asked, what came of it, how many
// bytes it moved and, with a clock, how long it took. A slow path is found by reading what an operation really asks
// of its layers.
//
// Concurrency: the sink and the clock are called from whatever thread calls the backend, after the primitive has
// returned; they must stand that. They must not call the traced backend.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

// Lives as long as the call of the sink.
struct trace_event {
    call const& asked;              // an open file's: with the directory and name that it was opened by
    error outcome;                  // errc::ok for success; absence is a success too
    std::uint64_t bytes = 0;        // of a file, read, written or copied
    std::uint64_t nanoseconds = 0;  // 0 without a clock
};

// A trace without durations.
struct no_clock {
    std::uint64_t operator()() const noexcept { return 0; }
};

namespace detail {

template <class Sink, class Clock>
struct shows_calls {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = true;

    held<Sink> sink;
    held<Clock> clock;

    template <class Target, class F>
    auto around(Target&, call const& c, F& perform) -> answer_of<F> {
        std::uint64_t const begin = clock.get()();
        auto answer = perform(c);
        std::uint64_t const end = clock.get()();
        trace_event const event{c, answer.has_value() ? error{} : answer.error(), bytes_moved(c, answer), end - begin};
        sink.get()(event);
        return answer;
    }
};

}  // namespace detail

//     lamina::trace traced{tree, [](lamina::trace_event const& e) { ... }};
//     lamina::trace timed{tree, sink, [] { return nanoseconds_now(); }};
// A sink or clock that is an lvalue is referred to, an rvalue is kept.
template <class B, class Sink, class Clock>
class trace : public forwarding<trace<B, Sink, Clock>, held<B>, detail::shows_calls<Sink, Clock>> {
    using base = forwarding<trace<B, Sink, Clock>, held<B>, detail::shows_calls<Sink, Clock>>;
    static_assert(std::is_invocable_v<std::remove_reference_t<Sink>&, trace_event const&>,
                  "lamina::trace: the sink cannot be called with a lamina::trace_event const&");
    static_assert(std::is_invocable_r_v<std::uint64_t, std::remove_reference_t<Clock>&>,
                  "lamina::trace: the clock is called without arguments and returns nanoseconds");

public:
    trace(B&& backend, Sink&& sink)
        requires std::is_same_v<Clock, no_clock>
        : trace(std::forward<B>(backend), std::forward<Sink>(sink), no_clock{}) {}
    trace(B&& backend, Sink&& sink, Clock&& clock)
        : base(held<B>(std::forward<B>(backend)),
               {held<Sink>(std::forward<Sink>(sink)), held<Clock>(std::forward<Clock>(clock))}) {}
};

template <class B, class Sink>
trace(B&&, Sink&&) -> trace<B, Sink>;
template <class B, class Sink, class Clock>
trace(B&&, Sink&&, Clock&&) -> trace<B, Sink, Clock>;

}  // namespace lamina
