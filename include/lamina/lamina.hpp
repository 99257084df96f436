// Everything that needs no third-party library. The order is that of the rooms: what stands further down uses what
// stands above it. For formatters include <lamina/fmt.hpp> too.
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
#include <lamina/core/posix_acl.hpp>
#include <lamina/core/result.hpp>
#include <lamina/core/xattr.hpp>

#include <lamina/backend/any.hpp>
#include <lamina/backend/archetype.hpp>
#include <lamina/backend/concepts.hpp>
#include <lamina/backend/from_paths.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/backend/paths.hpp>
#include <lamina/backend/traits.hpp>

#include <lamina/backend/adapt/checked.hpp>
#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/adapt/fault.hpp>
#include <lamina/backend/adapt/latency.hpp>
#include <lamina/backend/adapt/lossy_disk.hpp>
#include <lamina/backend/adapt/map_ids.hpp>
#include <lamina/backend/adapt/read_only.hpp>
#include <lamina/backend/adapt/recorded_stat.hpp>
#include <lamina/backend/adapt/squash_ids.hpp>
#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/adapt/trace.hpp>

#include <lamina/archive/tar.hpp>
#include <lamina/posix/directory.hpp>

#include <lamina/whiteout/marks.hpp>
#include <lamina/whiteout/rules.hpp>

#include <lamina/stack/check.hpp>
#include <lamina/stack/overlay.hpp>
