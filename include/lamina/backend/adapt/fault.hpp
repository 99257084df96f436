// Fails on demand, deterministically: the n-th call of an operation, every call that a rule or a predicate matches,
// reads and writes cut short, or everything after n steps, which is how a crash looks from above. A call that is made
// to fail has no effect, as the contract of a backend demands.
//
// A step is a primitive that changes something or makes it durable. `stop_after(n)` lets n of them pass; the next one
// and every call after it, reads too, fail with eio. Run an operation once, ask `steps()`, then once more for each
// number below.
//
// Paths are walked name by name (there is no `descend`), so that a rule for a name sees it.
//
// Concurrency: rules and calls are ordered by one mutex, which is not held while the wrapped backend works: a step
// that began before the stop may end after it. A predicate is called under that mutex and must not call this backend.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

// What is to fail, and how.
struct fault_rule {
    operation op = operation::none;  // none: any
    std::string name{};              // either name of the call; empty: any
    std::uint64_t nth = 0;           // only the n-th call that matches, from when the rule was given; 0: each
    errc code = errc::eio;
};

namespace detail {

// A copy of any callable bool(call const&).
class call_predicate {
public:
    call_predicate() noexcept : object_(nullptr, [](void*) {}) {}
    template <class P>
    explicit call_predicate(P predicate)
        : object_(new P(std::move(predicate)), [](void* object) { delete static_cast<P*>(object); }),
          ask_([](void* object, call const& c) -> bool { return (*static_cast<P*>(object))(c); }) {}
    [[nodiscard]] bool operator()(call const& c) const { return ask_ == nullptr || ask_(object_.get(), c); }

private:
    std::unique_ptr<void, void (*)(void*)> object_;
    bool (*ask_)(void*, call const&) = nullptr;
};

struct injects_faults {
    static constexpr bool wraps_files = true;
    static constexpr bool names_files = true;
    static constexpr std::uint64_t no_limit = ~std::uint64_t{0};

    struct armed_rule {
        fault_rule rule;
        call_predicate also;
        std::uint64_t matched = 0;
    };

    std::mutex mutex;
    std::vector<armed_rule> rules;
    std::uint64_t read_limit = no_limit;
    std::uint64_t write_limit = no_limit;
    std::uint64_t steps = 0;
    std::uint64_t last_step = no_limit;
    bool stopped = false;

    injects_faults() = default;
    // For the way into its final place, where no rule has been given yet.
    injects_faults(injects_faults&&) noexcept {}

    template <class Target, class F>
    auto around(Target&, call c, F& perform) -> answer_of<F> {
        if (auto const code = judge(c); code != errc::ok)
            return fail(code, c.op());
        return perform(c);
    }

private:
    errc judge(call& c) {
        std::lock_guard const lock(mutex);
        bool const is_step = c.mutates() || c.flushes();
        stopped = stopped || (is_step && steps >= last_step);
        if (stopped)
            return errc::eio;
        for (auto& armed : rules) {
            auto const& rule = armed.rule;
            bool const matches = (rule.op == operation::none || rule.op == c.op()) &&
                                 (rule.name.empty() || rule.name == c.name.text || rule.name == c.to_name.text) &&
                                 armed.also(c);
            if (matches && (++armed.matched == rule.nth || rule.nth == 0))
                return rule.code;
        }
        if (is_step)
            ++steps;
        c.into = c.into.first(std::min<std::uint64_t>(c.into.size(), read_limit));
        c.from = c.from.first(std::min<std::uint64_t>(c.from.size(), write_limit));
        if (c.what == primitive::copy_range_from)
            c.count = std::min(c.count, write_limit);
        else if (c.what == primitive::read_at)
            c.count = std::min(c.count, read_limit);
        return errc::ok;
    }
};

}  // namespace detail

//     lamina::fault faulty{tree};
//     faulty.inject({.op = lamina::operation::rename, .nth = 2, .code = lamina::errc::enospc});
template <class B>
class fault : public forwarding<fault<B>, held<B>, detail::injects_faults> {
    using base = forwarding<fault<B>, held<B>, detail::injects_faults>;

public:
    explicit fault(B&& backend) : base(held<B>(std::forward<B>(backend)), detail::injects_faults()) {}

    descent descend(node from, std::string_view names) = delete;

    // Rules are asked in the order in which they were given; the first that fails the call decides.
    void inject(fault_rule rule) {
        std::lock_guard const lock(state().mutex);
        state().rules.push_back({std::move(rule), {}, 0});
    }
    // Only calls for which `predicate(call const&)` is true, too.
    template <class P>
    void inject_if(P predicate, fault_rule rule = {}) {
        static_assert(std::is_invocable_r_v<bool, P&, call const&>,
                      "lamina::fault: the predicate is called with a lamina::call const& and returns bool");
        std::lock_guard const lock(state().mutex);
        state().rules.push_back({std::move(rule), detail::call_predicate(std::move(predicate)), 0});
    }
    // From now on no read, write or copy moves more than so many bytes. For reads that is less than a backend owes
    // its callers: it finds those who do not ask again.
    // Requires: bytes > 0.
    void short_reads(std::uint64_t bytes) {
        std::lock_guard const lock(state().mutex);
        state().read_limit = bytes;
    }
    void short_writes(std::uint64_t bytes) {
        std::lock_guard const lock(state().mutex);
        state().write_limit = bytes;
    }
    // So many more steps, then nothing works any more.
    void stop_after(std::uint64_t more) {
        std::lock_guard const lock(state().mutex);
        state().last_step = state().steps + more;
    }
    [[nodiscard]] bool stopped() const {
        std::lock_guard const lock(state().mutex);
        return state().stopped;
    }
    // How many steps have passed since the beginning, or since clear().
    [[nodiscard]] std::uint64_t steps() const {
        std::lock_guard const lock(state().mutex);
        return state().steps;
    }
    // No rules, no limits, nothing counted, running again.
    void clear() {
        std::lock_guard const lock(state().mutex);
        state().rules.clear();
        state().read_limit = state().write_limit = state().last_step = detail::injects_faults::no_limit;
        state().steps = 0;
        state().stopped = false;
    }

private:
    [[nodiscard]] detail::injects_faults& state() const noexcept { return this->policy(); }
};

template <class B>
fault(B&&) -> fault<B>;

}  // namespace lamina
