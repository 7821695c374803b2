#pragma once

#include "core/base/progress.h"
#include "core/imaging/volume.h"

namespace hilum::imaging {

/// A label map whose slices are uneven (ImageHeader::irregular) on even ones, those of regularise(): labels lie voxel on voxel on the image that they were drawn on and
/// that was made even. Every voxel takes the label of the nearest one of the slice that it lies in; labels are never mixed.
///
/// A slice reaches half way to its neighbours. Where the gap on one side is more than half as wide again as the one on the other side, slices are missing: it then reaches
/// three quarters of the smaller one (three quarters of the usual one when it stands alone between two gaps), and beyond there is background. Labels are not stretched over
/// slices that nobody drew on.
/// Label maps with even slices come back as they are. A notice says what was done.
/// \return Unsupported for more than one component; BadData when there is not one origin for each slice; TooLarge when memory does not suffice; Cancelled
Result<Volume> evenLabels(const Volume& labels, const Work& work = {});

} // namespace hilum::imaging
