#pragma once

#include "core/base/progress.h"
#include "core/imaging/label_reader.h"
#include "core/stats/overlap.h"
#include "core/stats/surface_distance.h"

#include <optional>
#include <string>
#include <vector>

namespace hilum::services {

/// One label in two segmentations. Labels are paired by value.
struct LabelComparison {
    std::int64_t value = 0;
    std::string name, nameB; ///< as A and as B call it; empty where it has no such label
    stats::Overlap overlap;
    std::optional<stats::SurfaceDistances> surface; ///< mm; nothing where either is empty
};

struct SegmentationComparison {
    Geometry grid;      ///< that both were compared on: A's voxels, as far as either reaches
    std::string placed; ///< how B came onto A's voxels, in words
    std::vector<LabelComparison> labels; ///< by value: all that either declares
};

struct CompareOptions {
    std::string nameA = "A", nameB = "B"; ///< for sentences
    bool resample = false;                ///< grids that differ: B by its nearest voxel on A's grid
};

/// A is the reference. Grids that share their voxels (up to order and direction of axes and to empty borders) are compared voxel by voxel; overlapping labels each in their own right.
/// \return Mismatch with the numbers when the grids differ and resampling was not asked for; Unsupported for uneven or tilted slices; Empty when neither holds a label
Result<SegmentationComparison> compareLabels(const imaging::Segmentation& a, const imaging::Segmentation& b, const CompareOptions& options, const Work& work = {});

} // namespace hilum::services
