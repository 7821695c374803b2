#pragma once

#include "core/imaging/thorax_anatomy.h"

namespace hilum::imaging::thorax {

/// A tapering piece of a vessel or an airway in the person's own LPS millimetres.
struct Branch {
    P3 from, to;
    float fromRadius = 0, toRadius = 0;
    bool airway = false; ///< radius is that of the lumen
};

/// Arteries, veins and airways of both lungs: each tree is grown from its root at the hilum towards points spread evenly in the
/// lung, splitting them in two at every fork; a branch serving n of N ends has the radius r0 (n / N)^0.4.
/// \param ends  number of ends of each vessel tree (what is too thin for the voxels may be left out).
std::vector<Branch> growTrees(const Anatomy& anatomy, int ends, std::uint64_t seed);

/// Draws the branches that cross slice `k` into it (HU as float), where `lung` says that aerated lung or the fat around the hilum is.
void drawBranches(const std::vector<Branch>& branches, const Geometry& grid, std::int64_t k, std::span<float> slice, std::span<const std::uint8_t> lung);

} // namespace hilum::imaging::thorax
