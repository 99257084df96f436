// The adaptors that show, count, delay or break what passes, one over the other, at rest: nothing may look different.
#include <atomic>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/latency.hpp>
#include <lamina/backend/adapt/trace.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

std::atomic<std::uint64_t> events = 0;
struct sink {
    void operator()(lamina::trace_event const&) const { events.fetch_add(1, std::memory_order_relaxed); }
};
struct no_wait {
    void operator()(std::uint64_t) const {}
};

class fixture : public conformance::memory_promises {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(tree_, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree memory_;
    lamina::fault<lamina::memory_tree&> fault_{memory_};
    lamina::latency<decltype(fault_)&, no_wait> latency_{fault_, no_wait()};
    lamina::count<decltype(latency_)&> count_{latency_};
    decltype(lamina::trace(count_, sink())) tree_{count_, sink()};
};

}  // namespace

#include "conformance/writable.ipp"
