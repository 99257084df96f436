// The findings as pictures and as tables for the documentation.
#pragma once

#include <filesystem>
#include <ostream>

#include "table.hpp"

namespace bench {

// Bars, on a logarithmic scale, of the time in relation to the kernel (to native where there is no kernel), on the
// first file system. Growth is left to its plots.
void draw_ratios(std::ostream& out, table const& findings);

// One plot for each work and parameter of growth/<work>/<parameter>:<n> that was measured at two n or more:
// <work>-<parameter>.svg in that directory. Both axes are logarithmic; a vertical stroke spans the quartiles.
// Errors: throws where a file cannot be written.
void draw_growth(std::filesystem::path const& directory, table const& findings);

// Parts of docs/performance.md, in Markdown: table.md, others.md, peers.md and growth.md in that directory, each only
// where there is something to say. Errors: throws where a file cannot be written.
void write_parts(std::filesystem::path const& directory, table const& findings);

}  // namespace bench
