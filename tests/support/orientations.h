#pragma once

#include "core/base/geometry.h"

#include <algorithm>
#include <array>

namespace hilum::tests {

/// Signed permutation number n of 48: which way each index axis runs.
inline Mat3 orientation(int n)
{
    std::array<int, 3> axes{0, 1, 2};
    for (int k = 0; k < n / 8; ++k)
        std::ranges::next_permutation(axes);
    Mat3 m;
    for (std::size_t c = 0; c < 3; ++c) {
        Vec3 column{0, 0, 0};
        column[static_cast<std::size_t>(axes[c])] = (n >> c & 1) ? -1 : 1;
        m.setColumn(c, column);
    }
    return m;
}

/// Far from every axis.
inline Mat3 obliqueDirection() { return nearestOrthonormal({{Vec3{0.9, 0.1, -0.3}, Vec3{-0.2, 0.95, 0.1}, Vec3{0.3, 0.05, 0.92}}}); }

inline std::array<Vec3, 8> corners(const Geometry& g)
{
    std::array<Vec3, 8> out;
    for (std::size_t n = 0; n < 8; ++n)
        out[n] = g.indexToWorld({n & 1 ? double(g.size[0] - 1) : 0.0, n & 2 ? double(g.size[1] - 1) : 0.0, n & 4 ? double(g.size[2] - 1) : 0.0});
    return out;
}

/// How far the farthest corner of one grid lies from the nearest one of the other: readers may begin at another corner.
inline double cornersApart(const Geometry& a, const Geometry& b)
{
    double worst = 0;
    for (const auto& [from, to] : {std::pair{corners(a), corners(b)}, std::pair{corners(b), corners(a)}})
        for (const Vec3& p : from) {
            double nearest = 1e300;
            for (const Vec3& q : to)
                nearest = std::min(nearest, norm(p - q));
            worst = std::max(worst, nearest);
        }
    return worst;
}

} // namespace hilum::tests
