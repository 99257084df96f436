// The cases that overlays get wrong without saying so (docs/semantics.md, rules case.*). For `fixture` see case_stacks.hpp.
#pragma once

#include "conformance/cases_names.ipp"
#include "conformance/cases_objects.ipp"
