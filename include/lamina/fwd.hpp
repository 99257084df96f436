// The names of every room, for headers that only pass them on.
#pragma once

#include <lamina/core/fwd.hpp>
