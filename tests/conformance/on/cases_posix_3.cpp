// The cases on real directories.
#include "conformance/case_stacks.hpp"

using fixture = conformance::case_stack<conformance::posix_upper, conformance::posix_lowers, 3>;

#include "conformance/cases.ipp"
