#pragma once

#include "core/imaging/volume.h"

#include <cstdint>
#include <vector>

namespace hilum::imaging {

/// One image of a stack, as far as its place matters.
struct SlicePose {
    Vec3 positionLps;
    std::vector<std::int64_t> timeKey; ///< what tells images at one position apart; compared in order
};

/// How images form a grid. Positions decide; names and numbers of files are never asked.
struct StackPlan {
    std::vector<std::vector<std::size_t>> times; ///< [time point][slice]: number of the pose; slices lowest first along row x column
    Geometry geometry;                           ///< of one time point; third column oblique when the gantry was tilted
    bool irregular = false;
    std::vector<Vec3> sliceOriginsLps;           ///< per slice when irregular
    double tiltDegrees = 0;                      ///< between the slice normal and the way from slice to slice
    std::vector<Notice> notices;
    Json explanation = Json::object();
};

/// \param row, column      directions of a row (i) and of a column (j), of any length
/// \param spacingMm        along i, along j
/// \param singleSliceMm    thickness that a lone slice is given; 0 when unknown (then 1 mm, with a notice)
/// \return BadData when row and column are not perpendicular within 3 degrees
Result<StackPlan> planStack(const std::vector<SlicePose>& poses, Vec3 row, Vec3 column, std::array<double, 2> spacingMm, Index3 frameSize,
                            double singleSliceMm);

} // namespace hilum::imaging
