#pragma once

#include "core/base/paths.h"
#include "core/imaging/volume.h"

#include <vector>

namespace hilum::imaging {

/// Gives labels the names, colours and codes that a file has for their values: a CSV table (columns label or value, and name; red, green, blue or r, g, b may follow), an ITK-SNAP label
/// file (index, red, green, blue, opacity, two flags, "name" in each line), or the OUT.json of an earlier export ("labels"). Labels that the file does not name stay as they are.
/// \return BadData with the line when it cannot be understood; NotFound when it names none of the labels
Status nameLabels(std::vector<Label>& labels, const path& file);

} // namespace hilum::imaging
