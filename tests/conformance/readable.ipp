// Everything that holds for any backend that can be read. A configuration includes this after it has defined `fixture`.
#pragma once

#include "conformance/hostile.ipp"
#include "conformance/paths.ipp"
#include "conformance/reading.ipp"
#include "conformance/symlinks.ipp"
#include "conformance/traversal.ipp"
#include "conformance/xattrs_read.ipp"
