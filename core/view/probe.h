#pragma once

#include "core/base/geometry.h"

#include <optional>
#include <string>
#include <vector>

namespace hilum::view {

/// What lies under the pointer.
struct Probe {
    std::optional<Vec3> pointLps; ///< absent for an image without patient space
    std::optional<Index3> voxel;  ///< absent outside the image
    std::vector<double> values;   ///< one, or one per colour component
    std::string unit;             ///< "HU", or empty
    int decimals = 0;             ///< of the values
    bool exponent = false;        ///< the values are too small for decimals: "1.235e-07", four figures
    std::vector<std::string> notes; ///< label names, patch, attention: each behind a dot
};

/// Sets how values that lie between `low` and `high` are written where they are not whole numbers: at least three figures of the range are seen.
void setFigures(Probe& probe, double low, double high);

/// "(R 17.6, P 35.3, S 12.1)  voxel (255, 120, 33)  -612 HU  · liver"; outside the image "outside".
std::string probeText(const Probe& probe);

/// "(R 17.6, P 35.3, S 12.1)": millimetres towards Right or Left, Anterior or Posterior, Superior or Inferior.
std::string pointText(const Vec3& pointLps);

} // namespace hilum::view
