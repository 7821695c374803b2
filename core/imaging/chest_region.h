#pragma once

#include "core/imaging/grey_image.h"

#include <cstdint>
#include <vector>

namespace hilum::imaging {

/// Inside/outside map of a frontal chest radiograph.
struct ChestRegion {
    std::int64_t width = 0, height = 0;
    std::vector<std::uint8_t> inside; ///< row-major, 1 inside the chest contour
    double confidence = 0;            ///< 0..1: how well the shape agrees with two lungs
    std::string method;               ///< what was done, for provenance
};

/// The lung contour, computed classically on the image: body mask, lung fields by threshold within it, two components of plausible
/// place and size, filled and smoothed; their convex outline per side joined over the mediastinum is the chest region.
/// Falls back to the body's central box, with confidence 0 and `method` saying so, when no lungs are found (the caller shows that).
ChestRegion findChestRegion(const GreyImage& image);

/// Region from a mask image (non-zero = inside), resampled to width x height by nearest neighbour.
ChestRegion regionFromMask(const Volume& mask, std::int64_t width, std::int64_t height);
/// Region from a polygon of pixel coordinates of the image (x right, y down, pixel centres at whole numbers), even-odd rule.
ChestRegion regionFromPolygon(const std::vector<std::array<double, 2>>& points, std::int64_t width, std::int64_t height);

} // namespace hilum::imaging
