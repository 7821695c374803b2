#pragma once

#include <array>
#include <cstdint>
#include <vector>

/// Small tools on one image plane: what the chest region needs. Row-major, pixel centres at whole numbers, x right, y down.
namespace hilum::imaging {

template <class T> struct Plane {
    int width = 0, height = 0;
    std::vector<T> values;
    Plane() = default;
    Plane(int w, int h, T fill = T{}) : width(w), height(h), values(static_cast<std::size_t>(w) * static_cast<std::size_t>(h), fill) {}
    T& at(int x, int y) { return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)]; }
    T at(int x, int y) const { return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)]; }
};
using GreyPlane = Plane<float>;
using BitPlane = Plane<std::uint8_t>; ///< 0 or 1

/// The rectangle [x0, x1) x [y0, y1) of an image brought to width x height by area averaging.
GreyPlane shrinkArea(const float* values, std::int64_t imageWidth, std::int64_t imageHeight, std::array<std::int64_t, 4> x0y0x1y1, int width, int height);

/// Gaussian blur, approximated by three box filters; `sigma` in pixels, edges repeated.
GreyPlane blurred(const GreyPlane& plane, double sigma);

BitPlane eroded(const BitPlane& bits, int radius);  ///< by a disc; outside the plane counts as set
BitPlane dilated(const BitPlane& bits, int radius); ///< by a disc
/// Fills background that is not connected (4 neighbours) to the edge of the plane.
BitPlane holesFilled(const BitPlane& bits);

struct Component {
    std::int64_t area = 0;
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0; ///< bounding box, inclusive
    BitPlane bits;
};
/// 4-connected components of at least `smallest` pixels.
std::vector<Component> components(const BitPlane& bits, std::int64_t smallest);

using Point2 = std::array<double, 2>;
/// Convex hull of the set pixels (Andrew's monotone chain), counter-clockwise in (x right, y down); empty for no pixel.
std::vector<Point2> convexHull(const BitPlane& bits);
/// Pixels whose centre lies inside the polygon (even-odd rule).
BitPlane filledPolygon(const std::vector<Point2>& polygon, int width, int height);

/// The value below which `fraction` of the values lie; `values` is reordered.
float quantile(std::vector<float>& values, double fraction);

} // namespace hilum::imaging
