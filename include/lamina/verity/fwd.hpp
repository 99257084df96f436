// The names of verity, which needs OpenSSL: its other headers are not in lamina.hpp.
#pragma once

namespace lamina {

template <class B>
class computed_digests;

}  // namespace lamina
