// The names of every room, for headers that only pass them on.
#pragma once

#include <lamina/archive/fwd.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/core/fwd.hpp>
#include <lamina/fuse/fwd.hpp>
#include <lamina/posix/fwd.hpp>
#include <lamina/stack/fwd.hpp>
#include <lamina/verity/fwd.hpp>
#include <lamina/whiteout/fwd.hpp>
