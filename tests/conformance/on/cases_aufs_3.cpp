// The cases in the aufs format, in memory.
#include "conformance/case_stacks.hpp"

using fixture =
    conformance::case_stack<conformance::memory_upper, conformance::three_aufs_lowers, 3, conformance::aufs_rules>;

#include "conformance/cases.ipp"
