#pragma once

#include "core/imaging/volume.h"

#include <string>
#include <vector>

/// Volumes whose true answers are known in closed form: for tests, benchmarks and the fixtures of `hilum demo-data`.
namespace hilum::imaging {

/// A solid ellipsoid whose axes are those of the patient.
struct Ellipsoid {
    std::string name;
    std::array<std::uint8_t, 3> colour{255, 0, 0};
    Vec3 centreLps{0, 0, 0};
    Vec3 radiiMm{10, 10, 10};
    double value = 0; ///< of its voxels

    double volumeMm3() const { return 4.0 / 3.0 * 3.14159265358979323846 * radiiMm[0] * radiiMm[1] * radiiMm[2]; }
    bool contains(const Vec3& pointLps) const;
    /// Volume of the layer one voxel thick that lies around its surface: the closest that counting voxels must come.
    double layerMm3(const Vec3& spacingMm) const;
};

/// Voxel centres inside an ellipsoid take its value, the last one where several overlap; all else `background`. int16.
Volume ellipsoidVolume(const Geometry& grid, const std::vector<Ellipsoid>& bodies, double background, Unit unit = Unit::Hu);
/// The same as label map: label n + 1 for the n-th ellipsoid.
LabelMap ellipsoidLabels(const Geometry& grid, const std::vector<Ellipsoid>& bodies);

/// value = offset + slope . (x, y, z in LPS mm), as float: linear interpolation must return it exactly anywhere inside.
Volume rampVolume(const Geometry& grid, const Vec3& slopePerMm, double offset);

} // namespace hilum::imaging
