// The cases on ten lowers behind any_backend.
#include "conformance/case_stacks.hpp"

using fixture = conformance::case_stack<conformance::memory_upper, conformance::any_lowers, 10>;

#include "conformance/cases.ipp"
