#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hilum::learning {

/// Fills a float32 CPU tensor in place with uniform numbers of [low, high). Element i depends on (rng, i) alone, whatever the
/// number of threads. \throws c10::Error when the tensor is not contiguous float32 on the CPU.
void fillUniform_(at::Tensor& tensor, double low, double high, const Rng& rng);

/// A float32 CPU tensor of uniform numbers within 1 / sqrt(fanIn), as LibTorch's layers begin with.
at::Tensor uniformWeights(at::IntArrayRef shape, std::int64_t fanIn, const Rng& rng);

/// The same with normal numbers of mean 0.
void fillNormal_(at::Tensor& tensor, double standardDeviation, const Rng& rng);

/// Xavier's uniform initialisation (Glorot and Bengio 2010): bound = sqrt(6 / (fanIn + fanOut)).
void fillXavier_(at::Tensor& tensor, std::int64_t fanIn, std::int64_t fanOut, const Rng& rng);

} // namespace hilum::learning
