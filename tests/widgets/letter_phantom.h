#pragma once

#include "core/imaging/volume.h"
#include "tests/view/geometry_cases.h"

#include <cmath>

namespace hilum::tests {

/// What the patient is made of, in LPS mm around `centre`: a letter L (seen from the front: upright bar towards the head, foot
/// towards the patient's left) on the patient's LEFT side, a ball in front on the right, and a bright slab at the head.
/// Written as a function of the place, so that every storage of it shows the same patient.
struct LetterPhantom {
    static constexpr std::int16_t Air = -1000, Body = 40, Letter = 1200, Ball = 600, Slab = 300;
    Vec3 centre{7, -11, 23};

    std::int16_t at(const Vec3& p) const
    {
        const double x = p[0] - centre[0], y = p[1] - centre[1], z = p[2] - centre[2];
        const bool upright = x >= 10 && x <= 14 && z >= -20 && z <= 16;
        const bool foot = x >= 10 && x <= 24 && z >= -20 && z <= -12;
        if ((upright || foot) && std::abs(y) <= 15)
            return Letter;
        if (std::hypot(x + 15, y + 20, z) <= 9)
            return Ball;
        if (z > 40)
            return Slab;
        return std::hypot(x / 28, y / 38) <= 1 ? Body : Air;
    }

    imaging::Volume volume(const Geometry& geometry) const
    {
        imaging::ImageHeader header;
        header.geometry = geometry;
        header.unit = imaging::Unit::Hu;
        header.modality = "CT";
        header.photometric = "MONOCHROME2";
        header.frameOfReferenceUid = "1.2.3";
        header.seriesUid = "1.2.4";
        std::vector<std::int16_t> voxels(static_cast<std::size_t>(geometry.voxelCount()));
        std::size_t n = 0;
        for (std::int64_t k = 0; k < geometry.size[2]; ++k)
            for (std::int64_t j = 0; j < geometry.size[1]; ++j)
                for (std::int64_t i = 0; i < geometry.size[0]; ++i)
                    voxels[n++] = at(geometry.indexToWorld({double(i), double(j), double(k)}));
        return imaging::Volume(std::move(header), std::move(voxels));
    }
};

} // namespace hilum::tests
