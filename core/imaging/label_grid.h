#pragma once

#include "core/imaging/volume.h"

#include <optional>
#include <string>

namespace hilum::imaging {

/// Two grids with the same voxel centres, up to the order and direction of their axes and to where they begin and end: a DICOM series, its copy in NIfTI, a SEG that lacks empty
/// slices. The thickness of a lone slice does not count. Index a of `from` = sign[a] * (index axis[a] of `to`) + offset[a].
struct GridMatch {
    std::array<int, 3> axis{0, 1, 2};
    std::array<int, 3> sign{1, 1, 1};
    Index3 offset{0, 0, 0};
    double worstMm = 0; ///< how far centres lie apart at the corners of the two grids
};

/// How `from` lies on the voxels of `to`; nothing when centres differ by more than `toleranceFraction` of the smallest voxel edge anywhere on either grid.
std::optional<GridMatch> matchGrids(const Geometry& from, const Geometry& to, double toleranceFraction = 0.05);

/// One sentence with sizes, spacings, corners: how two grids differ.
std::string gridDifference(const Geometry& a, const Geometry& b);

/// A label map on another grid.
struct PlacedLabels {
    Volume volume;
    std::int64_t lost = 0; ///< labelled voxels that lie outside the new grid
};

/// Without interpolation, voxel by voxel. Outside: background. Throws std::invalid_argument for more than one component.
PlacedLabels moveLabels(const Volume& labels, const Geometry& to, const GridMatch& match);

/// By the nearest voxel in patient space. Outside: background; `lost` counts labelled voxels of the source whose centre lies outside the new grid.
PlacedLabels resampleLabels(const Volume& labels, const Geometry& to);

/// The smallest grid on the voxels of `a` that holds `a` and `b` (which match). \return nullopt when they do not match.
std::optional<Geometry> unionGrid(const Geometry& a, const Geometry& b);

} // namespace hilum::imaging
