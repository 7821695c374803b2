#pragma once

#include "core/learning/nn/init.h"

#include <ATen/ATen.h>

namespace hilum::tests {

/// Normal numbers of deviation 1, the same for the same seed.
inline at::Tensor drawn(at::IntArrayRef shape, std::uint64_t seed)
{
    at::Tensor t = at::empty(shape, at::kFloat);
    learning::fillNormal_(t, 1, Rng(seed));
    return t;
}

/// sqrt(sum (a - b)^2 / sum b^2), in double precision.
inline double relativeError(const at::Tensor& a, const at::Tensor& b)
{
    const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
    return ((x - y).square().sum() / y.square().sum()).sqrt().item<double>();
}

} // namespace hilum::tests
