#include "conformance/list_fixture.hpp"

using fixture = conformance::list_fixture<1>;

#include "conformance/writable.ipp"
