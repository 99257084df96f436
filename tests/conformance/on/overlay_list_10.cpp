#include "conformance/list_fixture.hpp"

using fixture = conformance::list_fixture<10>;

#include "conformance/writable.ipp"
