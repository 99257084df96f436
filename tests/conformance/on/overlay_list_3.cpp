#include "conformance/list_fixture.hpp"

using fixture = conformance::list_fixture<3>;

#include "conformance/writable.ipp"
