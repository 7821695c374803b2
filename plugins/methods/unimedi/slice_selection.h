#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace hilum::learning {

// Attentive slice selection of UniMedI (section 3.2 of the paper) with the attention of A-CLIP's public code. Letters: B volumes, L layers, H heads, P patches of the
// 3-D tokeniser, t slices in one of its slabs, D slices, k chosen ones.

/// How much the class token attends to each patch: the mean over layers and heads of the softmax over class token and patches, the class token's own share dropped, so that
/// a row sums to less than 1. No gradient. \param classRows each layer's row of the class token, [B, H, 1 + P] \return [B, P] float32
at::Tensor patchAttention(const std::vector<at::Tensor>& classRows);

/// Score of a slice: the mean of the attention over the patches of its slab; the slices of a slab share it. \param attention [B, P], slab after slab
/// \param slabs P is a multiple of it \param depth t \return [B, slabs * t]
at::Tensor sliceScores(const at::Tensor& attention, std::int64_t slabs, std::int64_t depth);

/// The k slices with the highest scores (all when k >= D), in anatomical order; of equal scores the lower index. \param scores [B, D] \return [B, min(k, D)] int64
at::Tensor chooseSlices(const at::Tensor& scores, std::int64_t k);

/// Cross-entropy of a student against a centred, sharpened teacher (DINO, Caron et al. 2021, Eq. 2 and 3): H(softmax((t - c) / teacherTemperature), softmax(s /
/// studentTemperature)), the mean over all leading axes. No gradient through teacher and centre. \param student, teacher [..., K] \param centre [K] \return [] scalar
at::Tensor distillation(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& centre, double studentTemperature, double teacherTemperature);

/// c = momentum c + (1 - momentum) mean of the teacher's rows (DINO, Eq. 4). \param centre [K], written to \param teacher [..., K]
void updateCentre_(at::Tensor& centre, const at::Tensor& teacher, double momentum);

} // namespace hilum::learning
