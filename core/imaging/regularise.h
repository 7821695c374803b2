#pragma once

#include "core/base/progress.h"
#include "core/imaging/read.h"

namespace hilum::imaging {

/// Has the volume slices that are unevenly spaced or shifted sideways?
bool isIrregular(const Volume& volume);

/// Evenly spaced slices whose third axis is oblique by rounding or a table that is not quite level: by less than half a degree, and by less than half a
/// pixel from the first slice to the last.
bool isNearlyStraight(const Volume& volume);

/// Such a volume with its voxels as they are on a grid with perpendicular axes, with a notice; the drift is shared by the first and the last slice.
Volume straightened(const Volume& volume);

/// Why isIrregular() is true: the notices that say so, else the shift.
std::string whyIrregular(const Volume& volume);

/// The volume on a grid with perpendicular axes and even spacing: linear along the way from slice to slice, linear within the plane where tilted slices are
/// sheared back. Spacing along the normal is the median (smallest for missing slices: the usual) distance; the grid covers all acquired slices.
/// A volume that is nearly straight is straightened, not resampled.
/// Voxels outside keep the lowest value (padding value where there is one). Integers stay integers (rounded). Labels are those of the nearest pixel of the
/// nearest slice, background outside: no label comes in between. A notice says what was done.
Result<Volume> regularise(const Volume& volume, const Work& work = {});

/// The grid that regularise() puts slices on, of a volume of two or more that are not nearly straight.
Geometry evenGrid(const ImageHeader& header);

/// What a reader does with `policy`: nothing, regularise (labels on uneven slices: evenLabels, which stretches none over slices that are missing), or BadData naming the notices.
/// Reject takes a volume that is nearly straight.
Result<Volume> applySpacing(Volume volume, SpacingPolicy policy, const Work& work);

} // namespace hilum::imaging
