#pragma once

#include "core/imaging/volume.h"

#include <string>
#include <vector>

namespace hilum::imaging {

/// One slice as a person sees it: after modality LUT, VOI LUT or window, and MONOCHROME1 inversion; 0 = black, 1 = white.
struct GreyImage {
    std::int64_t width = 0, height = 0;
    std::vector<float> values; ///< row-major
    std::string chain;         ///< what was applied, for the fidelity badge: "VOI LUT", "W 400 L 40", "percentiles 0.5 to 99.5"
};

/// `window` as it is applied to the image. The standard's LINEAR runs from c - w/2 to c + w/2 - 1, which is meant for whole numbers; a narrow one over voxels that are not
/// (values 0 to 1, window width 0.9) would be a step that makes all of them white. It is taken as LINEAR_EXACT, from c - w/2 to c + w/2.
Window appliedWindow(const Volume& image, Window window);

/// Slice `k` in the standard's order (PS3.4 N.2): modality values -> padding out -> VOI LUT, else first window, else the 0.5 and 99.5
/// percentiles -> inversion for MONOCHROME1 -> [0, 1] -> shutter. Colour is turned to luma (ITU-R BT.601).
/// \param windowIndex  which of the header's windows; -1 takes the VOI LUT when there is one, else window 0, else percentiles.
Result<GreyImage> greyImage(const Volume& image, std::int64_t k = 0, int windowIndex = -1);

} // namespace hilum::imaging
