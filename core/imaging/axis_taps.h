#pragma once

#include <cstdint>
#include <vector>

/// Resampling of one axis of a grid: the same for radiographs and volumes.
namespace hilum::imaging {

/// How one axis of an image meets the same axis of another grid: image = offset + scale * grid, at voxel centres (whole numbers).
struct Axis {
    std::int64_t from = 0, to = 0; ///< voxels of the image, of the grid
    double scale = 1, offset = 0;
};

/// The axis whose middle lies on the middle of the image's.
Axis axisOf(std::int64_t from, std::int64_t to, double scale);

/// The image voxels behind one grid voxel and their weights; none where the grid voxel lies outside the image.
struct Taps {
    std::int64_t first = 0;
    std::vector<double> weights;
};

/// Area averaging when shrinking, linear when enlarging.
std::vector<Taps> tapsOf(const Axis& axis);

} // namespace hilum::imaging
