#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hilum::stats {

/// Squared Euclidean distance of each voxel centre to the nearest marked one, in mm^2, exact on grids of uneven spacing.
///
/// Felzenszwalb & Huttenlocher 2012, Algorithm 1, one axis after the other. Cost: O(N).
/// \param marked [k, j, i] non-zero: distance 0. \param size (i, j, k). \param spacingMm along i, j, k, positive.
/// \return [k, j, i]; infinity everywhere when nothing is marked. Throws std::invalid_argument when sizes do not fit.
std::vector<double> squaredDistances(std::span<const std::uint8_t> marked, std::array<std::int64_t, 3> size, std::array<double, 3> spacingMm);

/// Distances between the borders of two masks, in mm.
///
/// The border of a mask is its voxels with at least one of six neighbours outside it (outside the grid counts as outside the mask); distances run between voxel centres. Directed
/// distances a -> b are those of each border voxel of A to the nearest of B. hausdorff = the larger of both maxima; hausdorff95 = the larger of both 95th percentiles (linear between
/// order statistics); mean = all directed distances of both directions over their number (average symmetric surface distance). These are the definitions of Maier-Hein et al. 2024
/// (Metrics Reloaded) with border voxels as surface elements.
struct SurfaceDistances {
    std::int64_t borderA = 0, borderB = 0; ///< border voxels
    double hausdorffMm = 0, hausdorff95Mm = 0, meanMm = 0;
};

/// \param a, b [k, j, i] non-zero: inside. \param size (i, j, k). \param spacingMm along i, j, k.
/// \return nothing when either mask is empty: there is no surface to be distant from. Throws std::invalid_argument when sizes do not fit.
/// The axes must be at right angles. Cost: two distance maps of the box around both masks. Not for the GUI thread.
std::optional<SurfaceDistances> surfaceDistances(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, std::array<std::int64_t, 3> size, std::array<double, 3> spacingMm);

/// Value below which a share of the values lies, linear between order statistics (the usual definition: rank q (n - 1)). Throws std::invalid_argument when empty.
double percentile(std::vector<double> values, double q);

} // namespace hilum::stats
