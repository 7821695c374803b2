#pragma once

#include "core/base/paths.h"
#include "core/imaging/volume.h"

#include <array>
#include <cstdint>
#include <vector>

namespace hilum::imaging {

/// A closed surface of triangles in patient space.
struct Surface {
    std::vector<Vec3> pointsLps;                       ///< mm
    std::vector<std::array<std::uint32_t, 3>> triangles; ///< corners anticlockwise as seen from outside
};

/// The surface of one label by naive surface nets (Gibson 1998, without relaxation): a point in each cell of eight voxel centres that the label cuts, at the mean of the middles of
/// the cut edges; a quad, as two triangles, across each pair of neighbours of which one is inside. Outside the grid counts as outside the label.
/// \return Empty when no voxel holds the value; Unsupported for unevenly spaced slices; TooLarge beyond 2^32 points
Result<Surface> labelSurface(const Volume& labels, std::int64_t value);

/// Binary STL in LPS mm, whole or not at all.
Status writeStl(const Surface& surface, const path& file);

} // namespace hilum::imaging
