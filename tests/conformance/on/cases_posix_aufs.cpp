// The cases on a real directory in the aufs format, over memory in the same.
#include "conformance/case_stacks.hpp"

using fixture =
    conformance::case_stack<conformance::posix_upper, conformance::three_aufs_lowers, 3, conformance::aufs_rules>;

#include "conformance/cases.ipp"
