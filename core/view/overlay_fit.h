#pragma once

#include "core/base/geometry.h"

#include <array>
#include <string>

namespace hilum::view {

/// How a label map's grid lies to the image's. Overlays are placed by physical coordinates only; this says whether a person
/// has to be asked first.
enum class Fit {
    SameGrid,   ///< voxel on voxel
    Crop,       ///< voxel on voxel, but of another size: a part of the image's grid, or more than it
    OtherGrid,  ///< overlaps in space with other voxels: shown after "Resample", with a badge
    Elsewhere,  ///< does not touch the image in space: refused
    NoSpace,    ///< one of the two has no patient space: refused unless both are of the same plane and size
};

struct OverlayFit {
    Fit fit = Fit::NoSpace;
    double overlap = 0;    ///< share of the label map's box that lies in the image's box, 0..1
    std::string sentence;  ///< what differs, with numbers
};

/// Compares the grids. Tolerance: a corner may lie 1/1000 of the smallest spacing off (rounding of text headers).
OverlayFit overlayFit(const Geometry& image, const Geometry& labels);

/// The corners of the box of all voxels, LPS mm: corner n lies at the far end of index axis a where bit a of n is set.
std::array<Vec3, 8> boxCorners(const Geometry& grid);

} // namespace hilum::view
