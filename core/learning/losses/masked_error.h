#pragma once

#include <ATen/core/Tensor.h>

namespace hilum::learning {

/// Per-patch normalised target of MAE (He et al. 2022, section 3): (x - mean) / sqrt(variance + 1e-6) over the pixels of a patch,
/// variance unbiased. \param patches [..., P]
struct NormalisedPatches {
    at::Tensor values; ///< [..., P]
    at::Tensor mean;   ///< [..., 1]
    at::Tensor scale;  ///< [..., 1], sqrt(variance + 1e-6)
};
NormalisedPatches normalisePatches(const at::Tensor& patches);

/// Mean squared error of each patch. \param prediction, target [..., P] \return [...]
at::Tensor patchError(const at::Tensor& prediction, const at::Tensor& target);

/// Masked reconstruction error: sum(hidden * error) / sum(hidden), MAE public code step 6.
/// Does not depend on predictions of visible patches. \param patchErrors [B, N] \param hidden [B, N], 1 = hidden.
/// \return [] scalar; 0 (with gradient 0) when nothing is hidden. \throws c10::Error when the shapes differ.
at::Tensor maskedMean(const at::Tensor& patchErrors, const at::Tensor& hidden);

} // namespace hilum::learning
