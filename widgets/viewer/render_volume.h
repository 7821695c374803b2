#pragma once

#include "core/imaging/volume.h"

#include <array>
#include <stop_token>
#include <vector>

namespace hilum::widgets {

/// A volume made ready for ray casting: axes in the order and sense of the patient's (so that no mirror is needed), averaged down
/// by whole factors, 16-bit.
struct RenderVolume {
    Geometry geometry;               ///< first axis runs to L, second to P, third to H, as far as the acquisition allows
    std::vector<std::int16_t> voxels;
    std::array<std::int64_t, 3> factors{1, 1, 1}; ///< in the new order
    double low = 0, high = 1;        ///< modality values of stored 0 and 4095 when `scaled`
    bool scaled = false;             ///< false: stored values are the modality values (HU)
};

/// Whole factors are raised on the axis with the finest voxels until at most `mostVoxels` are left. Values outside of 16 bits are scaled to 0..4095 between the 0.1 and 99.9 percentiles.
/// Voxels that are no number do not count; where there are no others it is air, or the lowest value.
/// \return without voxels when `stop` was asked for
RenderVolume renderVolume(const imaging::Volume& volume, std::int64_t mostVoxels, const std::stop_token& stop = {});

} // namespace hilum::widgets
