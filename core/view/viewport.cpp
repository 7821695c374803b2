#include "core/view/viewport.h"

#include <algorithm>
#include <cmath>

namespace hilum::view {

Vec3 Viewport::worldAt(const PixelPoint& pixel) const
{
    return centreLps + ((pixel[0] - width / 2) / pixelsPerMm) * frame.right + ((pixel[1] - height / 2) / pixelsPerMm) * frame.down;
}

PixelPoint Viewport::pixelOf(const Vec3& pointLps) const
{
    const Vec3 mm = pointLps - centreLps;
    return {width / 2 + pixelsPerMm * dot(mm, frame.right), height / 2 + pixelsPerMm * dot(mm, frame.down)};
}

double Viewport::distanceMm(const Vec3& pointLps) const { return dot(pointLps - centreLps, frame.normal); }

Viewport Viewport::zoomedAt(const PixelPoint& pixel, double newPixelsPerMm) const
{
    Viewport out = *this;
    out.pixelsPerMm = newPixelsPerMm;
    const Vec3 moved = worldAt(pixel) - out.worldAt(pixel);
    out.centreLps = centreLps + moved;
    return out;
}

Viewport Viewport::panned(double dx, double dy) const
{
    Viewport out = *this;
    out.centreLps = centreLps + (-dx / pixelsPerMm) * frame.right + (-dy / pixelsPerMm) * frame.down;
    return out;
}

std::array<double, 2> extentMm(const Geometry& geometry, const ViewFrame& frame)
{
    std::array<double, 2> out{0, 0};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const double length = static_cast<double>(geometry.size[axis]) * geometry.spacingMm[axis];
        out[0] += std::abs(dot(frame.right, geometry.direction.column(axis))) * length;
        out[1] += std::abs(dot(frame.down, geometry.direction.column(axis))) * length;
    }
    return out;
}

double fitPixelsPerMm(const Geometry& geometry, const ViewFrame& frame, double width, double height, double margin)
{
    const auto [x, y] = extentMm(geometry, frame);
    const double w = std::max(1.0, width - 2 * margin), h = std::max(1.0, height - 2 * margin);
    return std::min(w / x, h / y);
}

} // namespace hilum::view
