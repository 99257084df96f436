// The cases where only metadata is copied up until something is written.
#include "conformance/case_stacks.hpp"

using fixture =
    conformance::case_stack<conformance::memory_upper, conformance::any_lowers, 3, conformance::half_copy_rules>;

#include "conformance/cases.ipp"
