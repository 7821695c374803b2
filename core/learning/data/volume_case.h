#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

/// What the methods on volumes do with a case of the cache before their network sees it. Axes are [.., D, H, W]; indices are (i, j, k) = (W, H, D).
namespace hilum::learning {

/// Stored voxels to float32 on the CPU: 0..65535 of a window to [0, 1], z-scores as they are. \param stored [1, D, H, W] U16 or float32
/// Throws c10::Error for another shape or type.
at::Tensor voxelsOf(const at::Tensor& stored);

/// A crop of `size` whose first voxel is `first`, half-open, in (i, j, k). What lies outside the volume holds its smallest value, as `prepare` pads.
/// \param volume [1, D, H, W] \return [1, k, j, i], contiguous
at::Tensor cropVolume(const at::Tensor& volume, const std::array<std::int64_t, 3>& first, const std::array<std::int64_t, 3>& size);

/// The same of a stored volume, converting no more than the crop where that lies inside.
at::Tensor cropVoxels(const at::Tensor& stored, const std::array<std::int64_t, 3>& first, const std::array<std::int64_t, 3>& size);

/// Where a crop of `size` around `centre` begins so that it lies within the volume; below 0 along an axis on which the volume is smaller, in equal parts on both sides.
std::array<std::int64_t, 3> cropStart(const at::Tensor& volume, const std::array<std::int64_t, 3>& centre, const std::array<std::int64_t, 3>& size);

/// Where tiles that cover a volume begin: as few as cover it, at most `most` along an axis, evenly apart, the outer ones flush with its border. Between them a volume of more than
/// most * size voxels along an axis shows gaps; one smaller than a tile has one tile there and lies in its middle, as with cropStart.
/// \param volume [1, D, H, W], whose voxels are not read \param size of a tile in voxels, (i, j, k)
/// \return first voxels (i, j, k) of 1 to most^3 tiles, i running fastest. Throws c10::Error for another shape, and for a size or `most` below 1.
std::vector<std::array<std::int64_t, 3>> coveringTiles(const at::Tensor& volume, const std::array<std::int64_t, 3>& size, std::int64_t most);

/// Volumes on another grid, trilinear, corners not aligned. \param volumes [n, C, D, H, W] \param size i, j, k
at::Tensor resizeVolumes(const at::Tensor& volumes, const std::array<std::int64_t, 3>& size);

} // namespace hilum::learning
