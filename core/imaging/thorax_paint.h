#pragma once

#include "core/imaging/thorax_anatomy.h"

namespace hilum::imaging::thorax {

/// Share of a voxel that lies inside a border at signed distance `distance`; `soft` is the voxel's width (mm).
inline float cover(float distance, float soft) { return std::clamp(0.5F - distance / soft, 0.0F, 1.0F); }

/// Lays a tissue over what is there; the label follows where it covers at least half.
inline void paint(Tissue& out, float hu, int label, float coverage)
{
    if (coverage <= 0)
        return;
    out.hu = mix(out.hu, hu, coverage);
    if (coverage >= 0.5F)
        out.label = static_cast<std::uint8_t>(label);
}

} // namespace hilum::imaging::thorax
