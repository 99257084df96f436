// The cases on a stack whose lowers' types are its own.
#include "conformance/case_stacks.hpp"

using fixture = conformance::case_stack<conformance::memory_upper, conformance::three_memory_lowers, 3>;

#include "conformance/cases.ipp"
