#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hilum::view {

// Crops of a volume on the axial plane (VoCo). A grid's axes are i to the patient's Right, j to Anterior, k to Superior.

/// A box of voxels: i0, j0, k0, i1, j1, k1; the last three lie outside.
using Box = std::array<std::int64_t, 6>;

/// Share of `crop` that each base crop covers: area in the i-j plane over the crop's area, and over depths too where the bases lie in several slabs.
/// Closed form, y of VoCo (Wu et al. 2024, section 3.2). Bases that tile the grid give a sum of 1.
/// Throws std::invalid_argument for an empty crop.
std::vector<double> baseOverlap(const Box& crop, std::span<const Box> bases);

/// A box of the size of `like` whose middle lies nearest to (centreI, centreJ) and within a grid of `width` x `height`; k as it is.
/// A box wider than the grid begins at 0.
Box cropAround(double centreI, double centreJ, const Box& like, std::int64_t width, std::int64_t height);

/// Middle of a box on the i-j plane, in corners of voxels: the middle of [0, 64) is 32.
std::array<double, 2> middle(const Box& box);

/// The base crop whose middle lies within `tolerance` voxels of (i, j) along both axes; nullopt when there is none.
std::optional<std::size_t> baseAt(double i, double j, std::span<const Box> bases, double tolerance);

/// Columns (i) and rows (j) of the base grid: how many different beginnings there are along both axes. {0, 0} without bases.
std::array<std::int64_t, 2> gridShape(std::span<const Box> bases);

} // namespace hilum::view
