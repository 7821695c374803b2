#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace hilum::learning {

// Where VoCo's crops and base crops lie, and how much they share. Indices are (i, j, k) = (W, H, D) of a volume [1, D, H, W].

using VoxelBox = std::array<std::int64_t, 6>;    ///< i0, j0, k0, i1, j1, k1, half-open
using VoxelCentre = std::array<std::int64_t, 3>; ///< i, j, k: a crop of even side s around c covers [c - s/2, c + s/2)

/// What overlap is measured by.
enum class OverlapKind {
    Area,   ///< in the axial plane; crops lie in the one slab of base crops
    Volume, ///< crops move along k too
};

/// The grid of base crops: `grid` x `grid` x `gridDepth` neighbours without gaps, each side x side x depth voxels. They fill the working volume.
struct VoCoGrid {
    std::int64_t grid = 3, gridDepth = 1, side = 64, depth = 64;
    OverlapKind overlap = OverlapKind::Area;

    VoxelCentre size() const { return {grid * side, grid * side, gridDepth * depth}; } ///< of the working volume
    std::int64_t count() const { return grid * grid * gridDepth; }
    /// Base (a, b, c) has number (a * grid + b) * gridDepth + c, with a along i, b along j, c along k.
    std::vector<VoxelBox> bases() const;
    /// \throws OptionsFault where the crop would leave the working volume, with the limits
    VoxelBox crop(const VoxelCentre& centre) const;
    /// Whole numbers, uniform in [s/2, S - s/2) along i and j (as published), and along k for OverlapKind::Volume where there is room.
    VoxelCentre drawCentre(Rng& rng) const;
    /// y: the part of each crop that each base covers. \return [crops, bases] double; rows sum to 1, with 1, 2 or 4 (8 by volume) entries above 0
    at::Tensor labels(const std::vector<VoxelBox>& crops) const;
};

/// \return [n, 6] int64
at::Tensor boxTensor(const std::vector<VoxelBox>& boxes);

/// What guesses that ignore the crop reach: one number a base, the best in hindsight on these labels. \param labels [n, k] in [0, 1]
struct ConstantGuess {
    double meanLabelError = 0; ///< mean absolute error of each base's mean label
    double bestError = 0;      ///< of each base's median label, the least that a constant reaches
    double bestPosition = 0;   ///< position loss of the best numbers of a grid of 1/1000
    double bestRetrieval = 0;  ///< share of crops whose largest base is the most frequent one
};
ConstantGuess constantGuess(const at::Tensor& labels);

/// Share of crops for which the base of the largest predicted overlap has the largest true one. Equal true overlaps count as right. \param labels, predicted [n, k]
double retrieval(const at::Tensor& labels, const at::Tensor& predicted);

} // namespace hilum::learning
