// Everything that needs no third-party library. The order is that of the rooms: what stands further down uses what stands
// above it. For formatters include <lamina/fmt.hpp> too.
#pragma once

#include <lamina/config.hpp>
#include <lamina/fwd.hpp>
#include <lamina/version.hpp>

#include <lamina/core/attributes.hpp>
#include <lamina/core/capability.hpp>
#include <lamina/core/dirent.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/open.hpp>
#include <lamina/core/path.hpp>
#include <lamina/core/result.hpp>
#include <lamina/core/xattr.hpp>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/traits.hpp>
