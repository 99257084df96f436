// Everything that holds for any backend that can be changed too. A configuration includes this after it has defined
// `fixture`.
#pragma once

#include "conformance/names.ipp"
#include "conformance/readable.ipp"
#include "conformance/writing.ipp"
