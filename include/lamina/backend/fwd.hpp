// The names of the backend room, and their default template arguments.
#pragma once

#include <cstdint>

#include <lamina/core/fwd.hpp>

namespace lamina {

// Of the room whiteout: a layer says in which form its marks are, and the backend only carries it. Its default,
// automatic, is whiteout_format{}.
enum class whiteout_format : std::uint8_t;

struct call;
struct descent;
struct credentials;
struct trace_event;
struct fault_rule;
struct no_clock;
class id_map;
class any_backend;
class any_file;
class memory_tree;
class privileges;

template <class B>
class path_interface;
template <class B>
class path_walk;
template <class B>
class node_guard;
template <class T>
class held;

template <class F>
class from_paths;

namespace detail {
struct passes_everything;
}  // namespace detail
template <class F, class Policy>
class forwarded_file;
template <class Derived, class Holder, class Policy = detail::passes_everything>
class forwarding;

// Adaptors. `B` is what is wrapped: a reference type where the adaptor only refers to it.
template <class B>
class read_only;
template <class B>
class subtree;
template <class B>
class map_ids;
template <class B>
class squash_ids;
template <class B>
class recorded_stat;
template <class B, class Sink, class Clock = no_clock>
class trace;
template <class B>
class count;
template <class B>
class fault;
template <class B>
class lossy_disk;
template <class B, class Wait>
class latency;
template <class B>
class checked;

}  // namespace lamina
