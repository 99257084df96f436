// The cases on real directories, where data is copied up block by block.
#include "conformance/case_stacks.hpp"

using fixture =
    conformance::case_stack<conformance::posix_upper, conformance::posix_lowers, 1, conformance::block_rules>;

#include "conformance/cases.ipp"
