#pragma once

#include "core/base/geometry.h"
#include "widgets/viewer/volume_renderer.h"

#include <array>

namespace hilum::widgets {

/// How a request looks onto a volume, without perspective. The renderer draws with it, and what is painted over its picture lies where it says.
struct VolumeCamera {
    Vec3 centre;                     ///< LPS mm, in the middle of the picture
    Vec3 right, up, towards;         ///< LPS, unit vectors at right angles; `towards` points to the viewer
    double halfWidthMm = 1, halfHeightMm = 1; ///< of the picture
    double distanceMm = 1;           ///< of the viewer from `centre`: outside of the volume

    /// Share of the picture's width from its left edge and of its height from its upper edge.
    std::array<double, 2> onPicture(const Vec3& pointLps) const;
};

/// \param volume  as it was given to the renderer, not averaged down: both ends of a picture's way know it
VolumeCamera volumeCamera(const Geometry& volume, const RenderRequest& request);

} // namespace hilum::widgets
