#include "core/view/overlay_fit.h"

#include <algorithm>
#include <cmath>
#include <format>

namespace hilum::view {

namespace {

/// Share of `labels`' voxel boxes (sampled at 9 x 9 x 9 places) that lie within the image.
double overlapShare(const Geometry& image, const Geometry& labels)
{
    constexpr int Steps = 9;
    int inside = 0;
    for (int c = 0; c < Steps; ++c)
        for (int b = 0; b < Steps; ++b)
            for (int a = 0; a < Steps; ++a) {
                const std::array<int, 3> step{a, b, c};
                Vec3 index;
                for (std::size_t axis = 0; axis < 3; ++axis)
                    index[axis] = (step[axis] + 0.5) / Steps * static_cast<double>(labels.size[axis]) - 0.5;
                inside += image.contains(image.worldToIndex(labels.indexToWorld(index))) ? 1 : 0;
            }
    return inside / std::pow(Steps, 3);
}

std::string describe(const Geometry& g)
{
    return std::format("{} x {} x {} voxels of {:g} x {:g} x {:g} mm, axes {}{}{}", g.size[0], g.size[1], g.size[2], g.spacingMm[0],
                       g.spacingMm[1], g.spacingMm[2], orientationLetter(g.direction.column(0)),
                       orientationLetter(g.direction.column(1)), orientationLetter(g.direction.column(2)));
}

/// Steps of the label grid, in the image's indices, are unit steps along its own axes and the origin lies on a voxel.
bool sameLattice(const Geometry& image, const Geometry& labels)
{
    const double finest = std::min({image.spacingMm[0], image.spacingMm[1], image.spacingMm[2]});
    for (int corner = 0; corner < 8; ++corner) {
        Vec3 index;
        for (std::size_t axis = 0; axis < 3; ++axis)
            index[axis] = (corner >> axis & 1) ? static_cast<double>(labels.size[axis] - 1) : 0;
        const Vec3 in = image.worldToIndex(labels.indexToWorld(index));
        const Vec3 expected = image.worldToIndex(labels.originLps) + index;
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const double whole = std::round(expected[axis]);
            if (std::abs(in[axis] - whole) * image.spacingMm[axis] > 1e-3 * finest)
                return false;
        }
    }
    return true;
}

} // namespace

OverlayFit overlayFit(const Geometry& image, const Geometry& labels)
{
    const double finest = std::min({image.spacingMm[0], image.spacingMm[1], image.spacingMm[2]});
    if (sameGrid(image, labels, 1e-3 * finest))
        return {Fit::SameGrid, 1, "The grids are the same."};
    const double overlap = overlapShare(image, labels);
    const std::string grids = std::format("image {}; labels {}", describe(image), describe(labels));
    if (overlap == 0)
        return {Fit::Elsewhere, 0, "The labels lie elsewhere in space than the image: " + grids + "."};
    if (sameLattice(image, labels))
        return {Fit::Crop, overlap, std::format("The labels cover another part of the same grid: {}.", grids)};
    return {Fit::OtherGrid, overlap, std::format("The labels lie on another grid, {:.0f} % of it within the image: {}.", 100 * overlap, grids)};
}

} // namespace hilum::view
