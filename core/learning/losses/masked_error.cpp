#include "core/learning/losses/masked_error.h"

#include <ATen/ops/var.h>

namespace hilum::learning {

NormalisedPatches normalisePatches(const at::Tensor& patches)
{
    const at::Tensor mean = patches.mean(-1, /*keepdim=*/true);
    const at::Tensor scale = (at::var(patches, at::IntArrayRef{-1}, /*unbiased=*/true, /*keepdim=*/true) + 1e-6).sqrt();
    return {(patches - mean) / scale, mean, scale};
}

at::Tensor patchError(const at::Tensor& prediction, const at::Tensor& target)
{
    TORCH_CHECK(prediction.sizes() == target.sizes(), "prediction ", prediction.sizes(), " and target ", target.sizes(), " differ in shape");
    return (prediction - target).square().mean(-1);
}

at::Tensor maskedMean(const at::Tensor& patchErrors, const at::Tensor& hidden)
{
    TORCH_CHECK(patchErrors.sizes() == hidden.sizes(), "errors ", patchErrors.sizes(), " and mask ", hidden.sizes(), " differ in shape");
    const at::Tensor weights = hidden.to(patchErrors.scalar_type());
    // a mask holds whole numbers: the clamp changes only the empty one
    return (patchErrors * weights).sum() / weights.sum().clamp_min(1);
}

} // namespace hilum::learning
