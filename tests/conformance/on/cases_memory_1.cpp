// The cases on the simplest stack: memory over one lower in memory.
#include "conformance/case_stacks.hpp"

using fixture = conformance::case_stack<conformance::memory_upper, conformance::memory_lowers, 1>;

#include "conformance/cases.ipp"
