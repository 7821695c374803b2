#pragma once

#include "core/base/progress.h"
#include "core/imaging/read.h"

namespace hilum::imaging {

/// Has the volume slices that are unevenly spaced or shifted sideways?
bool isIrregular(const Volume& volume);

/// The volume on a grid with perpendicular axes and even spacing: linear along the way from slice to slice, linear within the plane where tilted slices are
/// sheared back. Spacing along the normal is the median (smallest for missing slices: the usual) distance; the grid covers all acquired slices.
/// Voxels outside keep the lowest value (padding value where there is one). Integers stay integers (rounded). A notice says what was done.
Result<Volume> regularise(const Volume& volume, const Work& work = {});

/// What a reader does with `policy`: nothing, regularise, or BadData naming the notices.
Result<Volume> applySpacing(Volume volume, SpacingPolicy policy, const Work& work);

} // namespace hilum::imaging
