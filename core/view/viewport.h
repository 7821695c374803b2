#pragma once

#include "core/view/orientation.h"

#include <array>

namespace hilum::view {

/// A point of the picture in pixels, x right, y down, from the top left corner; the centre of the first pixel is (0.5, 0.5).
using PixelPoint = std::array<double, 2>;

/// Where a rectangle of pixels lies in the patient (or, for an image without patient space, in its own plane): the one place
/// that turns pixels into millimetres and back.
struct Viewport {
    ViewFrame frame;
    Vec3 centreLps{0, 0, 0}; ///< the point in the middle of the rectangle; it also says which slice
    double pixelsPerMm = 1;
    double width = 1, height = 1; ///< pixels

    Vec3 worldAt(const PixelPoint& pixel) const;
    PixelPoint pixelOf(const Vec3& pointLps) const; ///< of the point's foot on the plane
    double distanceMm(const Vec3& pointLps) const;  ///< signed, along the normal
    /// The same place of the patient under `pixel` after zooming to `pixelsPerMm`.
    Viewport zoomedAt(const PixelPoint& pixel, double newPixelsPerMm) const;
    Viewport panned(double dx, double dy) const;    ///< the picture moves by (dx, dy) pixels
};

/// Size of a grid's box, half voxels included, along the frame's right and down, in mm.
std::array<double, 2> extentMm(const Geometry& geometry, const ViewFrame& frame);

/// Pixels per mm at which the whole grid fits into width x height, with `margin` pixels left free on every side.
double fitPixelsPerMm(const Geometry& geometry, const ViewFrame& frame, double width, double height, double margin = 0);

} // namespace hilum::view
