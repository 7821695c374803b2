#pragma once

#include "core/learning/features.h"

#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <functional>

namespace hilum::learning {

inline constexpr std::int64_t UsualBlocks = 512;  ///< of a map for which no size of block is asked
inline constexpr std::int64_t MostBlocks = 4096;

struct OcclusionWish {
    std::int64_t block = 0; ///< side of a block in voxels; 0: the token's, doubled until there are UsualBlocks or fewer
    // each may be empty
    std::function<bool()> cancelled;
    std::function<void(std::int64_t done, std::int64_t total)> progress; ///< blocks
};

struct OcclusionMap {
    at::Tensor values;      ///< [D', H', W'], of a radiograph [H', W'], float32 on the CPU, 0 to 2: one number a block
    ImageBox box{};         ///< that the blocks divide evenly, in the case's image
    std::array<std::int64_t, 3> blocks{}; ///< along i, j, k: voxel x of n along an axis lies in block x * blocks / n
    std::array<std::int64_t, 3> side{};   ///< of the largest block, voxels
    double fill = 0;        ///< what a hidden block holds: the mean of the image that the model sees
};

/// Occlusion sensitivity (Zeiler and Fergus 2014, section 4.2) of a method's features: each block is hidden once, by the mean of what the model sees, and has the value
/// 1 - cos(features with the block hidden, features of the whole). Not normalised: 0 where the block has no say.
///
/// Differs from the paper: it watches the features instead of a class, and the blocks lie side by side instead of overlapping. The network is in evaluation mode; no gradient is kept.
/// The same answer for the same request. Memory: the image once more, and the views of one pass.
/// \param pieces as the method's featurePieces \param device of its weights
/// \return Unsupported when the method has no pieces; Usage for a block below 0 or one that makes more than MostBlocks; BadData when features are not finite, or all 0 for the whole image; Cancelled
Result<OcclusionMap> occlusionMap(FeatureSource& source, const FeaturePieces& pieces, const OcclusionWish& wish, const at::Device& device);

} // namespace hilum::learning
