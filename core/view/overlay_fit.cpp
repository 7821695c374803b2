#include "core/view/overlay_fit.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hilum::view {

namespace {

/// Whether two boxes have no room in common: then a plane lies between them, along a face of one or along an edge of each (separating axes).
bool apart(const Geometry& a, const Geometry& b, double toleranceMm)
{
    std::vector<Vec3> axes;
    for (std::size_t n = 0; n < 3; ++n) {
        axes.push_back(cross(a.direction.column(n), a.direction.column((n + 1) % 3)));
        axes.push_back(cross(b.direction.column(n), b.direction.column((n + 1) % 3)));
        for (std::size_t k = 0; k < 3; ++k)
            axes.push_back(cross(a.direction.column(n), b.direction.column(k)));
    }
    const auto ofA = boxCorners(a), ofB = boxCorners(b);
    return std::ranges::any_of(axes, [&](const Vec3& axis) {
        if (norm(axis) < 1e-6)
            return false; // parallel edges
        const auto along = [&](const Vec3& p) { return dot(p, axis) / norm(axis); };
        const auto [lowA, highA] = std::ranges::minmax(ofA, {}, along);
        const auto [lowB, highB] = std::ranges::minmax(ofB, {}, along);
        return along(highA) <= along(lowB) + toleranceMm || along(highB) <= along(lowA) + toleranceMm;
    });
}

/// Share of the room of `labels`, sampled at 9 x 9 x 9 places, that lies within the image.
double sampledShare(const Geometry& image, const Geometry& labels)
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

double roomMm3(const Geometry& g)
{
    return static_cast<double>(g.voxelCount()) * g.spacingMm[0] * g.spacingMm[1] * g.spacingMm[2] * std::abs(determinant(g.direction));
}

/// By samples of the smaller box: those of a large label map may all miss a small image in it.
double overlapShare(const Geometry& image, const Geometry& labels)
{
    const double share = roomMm3(image) / roomMm3(labels);
    return share < 1 ? sampledShare(labels, image) * share : sampledShare(image, labels);
}

std::string describe(const Geometry& g)
{
    return hilum::format("{} x {} x {} voxels of {:g} x {:g} x {:g} mm, axes {}{}{}", g.size[0], g.size[1], g.size[2], g.spacingMm[0],
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

std::array<Vec3, 8> boxCorners(const Geometry& grid)
{
    std::array<Vec3, 8> out;
    for (int corner = 0; corner < 8; ++corner) {
        Vec3 index;
        for (std::size_t axis = 0; axis < 3; ++axis)
            index[axis] = (corner >> axis & 1) ? static_cast<double>(grid.size[axis]) - 0.5 : -0.5;
        out[static_cast<std::size_t>(corner)] = grid.indexToWorld(index);
    }
    return out;
}

OverlayFit overlayFit(const Geometry& image, const Geometry& labels)
{
    const double finest = std::min({image.spacingMm[0], image.spacingMm[1], image.spacingMm[2]});
    if (sameGrid(image, labels, 1e-3 * finest))
        return {Fit::SameGrid, 1, "The grids are the same."};
    const std::string grids = hilum::format("image {}; labels {}", describe(image), describe(labels));
    if (apart(image, labels, 1e-3 * finest))
        return {Fit::Elsewhere, 0, "The labels lie elsewhere in space than the image: " + grids + "."};
    const double overlap = overlapShare(image, labels);
    if (sameLattice(image, labels))
        return {Fit::Crop, overlap, hilum::format("The labels cover another part of the same grid: {}.", grids)};
    const std::string share = overlap < 0.01 ? "less than 1 %" : hilum::format("{:.0f} %", 100 * overlap);
    return {Fit::OtherGrid, overlap, hilum::format("The labels lie on another grid, {} of it within the image: {}.", share, grids)};
}

} // namespace hilum::view
