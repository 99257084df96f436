// The same on real directories.
#include "conformance/case_stacks.hpp"

using fixture =
    conformance::case_stack<conformance::posix_upper, conformance::posix_lowers, 1, conformance::half_copy_rules>;

#include "conformance/cases.ipp"
