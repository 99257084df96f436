// Everything that holds for any backend that can be changed too. A configuration includes this after it has defined
// `fixture`.
#pragma once

#include "conformance/acl.ipp"
#include "conformance/attributes.ipp"
#include "conformance/concurrent.ipp"
#include "conformance/handles.ipp"
#include "conformance/issues.ipp"
#include "conformance/names.ipp"
#include "conformance/readable.ipp"
#include "conformance/rename.ipp"
#include "conformance/trees.ipp"
#include "conformance/writing.ipp"
#include "conformance/xattrs.ipp"
