#pragma once

#include "core/base/geometry.h"

#include <algorithm>
#include <vector>

namespace hilum::tests {

/// The 48 ways to store the same patient along the axes, each with a grid that covers the same box
/// [-30, 30] x [-40, 40] x [-50, 50] mm (voxel edges) around `centre` with cells of 2 x 2.5 x 4 mm along x, y, z.
inline std::vector<Geometry> all48(const Vec3& centre = {7, -11, 23})
{
    const Vec3 half{30, 40, 50}, cell{2, 2.5, 4};
    std::vector<Geometry> out;
    std::array<std::size_t, 3> worldOf{0, 1, 2};
    do {
        for (int signs = 0; signs < 8; ++signs) {
            Geometry g;
            g.direction = Mat3{{Vec3{0, 0, 0}, Vec3{0, 0, 0}, Vec3{0, 0, 0}}};
            Vec3 origin = centre;
            for (std::size_t axis = 0; axis < 3; ++axis) {
                const std::size_t world = worldOf[axis];
                const double sign = (signs >> axis & 1) ? -1 : 1;
                g.direction[world][axis] = sign;
                g.spacingMm[axis] = cell[world];
                g.size[axis] = static_cast<std::int64_t>(2 * half[world] / cell[world]);
                origin[world] -= sign * (half[world] - cell[world] / 2);
            }
            g.originLps = origin;
            out.push_back(g);
        }
    } while (std::next_permutation(worldOf.begin(), worldOf.end()));
    return out;
}

} // namespace hilum::tests
