#pragma once

#include "core/imaging/volume.h"
#include "core/view/window_level.h"

#include <vector>

namespace hilum::widgets {

/// What the first look at an image's values tells: for automatic windows and the drag rule.
struct ValueRange {
    double low = 0, high = 1;    ///< of a sample of the values, padding excluded
    bool whole = true;           ///< values are whole numbers
    view::WindowLevel automatic; ///< 1 to 99 %, or as sampleWindow says
    bool byExtremes = false;     ///< `automatic` runs from the lowest to the highest value
};

/// Looks at up to about 200,000 evenly spaced values; some milliseconds.
ValueRange valueRange(const imaging::Volume& volume);

/// What the file asks for, in its order: VOI LUTs, then windows. Inversion for MONOCHROME1 is set in each.
std::vector<view::Transfer> transfersOfFile(const imaging::Volume& volume);

/// How an image is first shown: colour as it is, else the file's first VOI LUT or window, else the 0.5 and 99.5 percentiles for a radiograph or
/// picture, the 1 and 99 percentiles for a volume.
view::Transfer firstTransfer(const imaging::Volume& volume, const ValueRange& range);

/// The automatic window (key 0).
view::Transfer automaticTransfer(const imaging::Volume& volume, const ValueRange& range);

/// What the presets of the number keys need to know.
view::PresetContext presetContext(const imaging::Volume& volume);

} // namespace hilum::widgets
