#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hilum::learning {

// What DAE does to a volume before it has to be restored (Valanarasu et al. 2024, MIDL, arXiv 2307.16896; behaviour of the public code).

/// x + sqrt(variance) N(0, 1), drawn from (rng, voxel) alone. \param volume float32 on the CPU
at::Tensor addNoise(const at::Tensor& volume, double variance, const Rng& rng);

/// Shrinks each side to int(side / factor) and grows back, both by nearest neighbour: of sides that are multiples of a whole factor
/// out[a, b, c] = x[f floor(a/f), f floor(b/f), f floor(c/f)]. No averaging.
/// \param volume [B, C, D, H, W] with sides that are no less than factor \param factor 1 is the identity
at::Tensor decimate(const at::Tensor& volume, double factor);

/// Channels to hide: int(ratio * channels) of them, without replacement. \return [channels] float32, 1 = hidden
at::Tensor drawChannelMask(std::int64_t channels, double ratio, const Rng& rng);

/// Zeroes the hidden channels at every place and in every sample; the others pass unscaled. \param embedded [B, C, D, H, W]
at::Tensor hideChannels(const at::Tensor& embedded, const at::Tensor& channelMask);

} // namespace hilum::learning
