#include "widgets/viewer/volume_camera.h"

#include <algorithm>

namespace hilum::widgets {

std::array<double, 2> VolumeCamera::onPicture(const Vec3& pointLps) const
{
    const Vec3 off = pointLps - centre;
    return {0.5 + dot(off, right) / (2 * halfWidthMm), 0.5 - dot(off, up) / (2 * halfHeightMm)};
}

VolumeCamera volumeCamera(const Geometry& volume, const RenderRequest& request)
{
    const std::array<int, 3> axes = closestAxes(volume.direction);
    Vec3 sizeMm{}; // along the patient's axes, as far as the acquisition allows
    for (std::size_t world = 0; world < 3; ++world) {
        const auto axis = static_cast<std::size_t>(axes[world]);
        sizeMm[world] = static_cast<double>(volume.size[axis]) * volume.spacingMm[axis];
    }
    VolumeCamera out;
    out.right = request.right;
    out.up = request.up;
    out.towards = cross(request.right, request.up);
    out.centre = volume.centreLps() + request.panMm[0] * request.right + request.panMm[1] * request.up;
    const double aspect = static_cast<double>(std::max(1, request.pixels.width())) / std::max(1, request.pixels.height());
    out.halfHeightMm = std::max(sizeMm[2], std::max(sizeMm[0], sizeMm[1]) / std::max(aspect, 0.1)) / 2 * 1.08 / request.zoom;
    out.halfWidthMm = out.halfHeightMm * aspect;
    out.distanceMm = 2 * norm(sizeMm);
    return out;
}

} // namespace hilum::widgets
