#pragma once

#include <ATen/core/Tensor.h>

namespace hilum::learning {

// Losses of VoCo (Wu et al. 2024, CVPR, arXiv 2402.17300; v2: arXiv 2410.09890), behaviour of the public codes Luffy03/VoCo and
// Luffy03/Large-Scale-Medical. Letters: n crops, k base crops, C features; y true overlap (rows sum to 1), l predicted overlap.

/// Predicted overlap l = ReLU(cos(crop, base)). \param crops [n, C] \param bases [k, C] \return [n, k] in [0, 1]
at::Tensor predictedOverlap(const at::Tensor& crops, const at::Tensor& bases);

/// - sum(y log(1 - |y - l| + e)) / (sum(y) + e), e = 1e-6. A perfect prediction gives about -e. \param labels, predicted [n, k] \return [] scalar
at::Tensor positionLoss(const at::Tensor& labels, const at::Tensor& predicted);

enum class NegativeTerm {
    Square,    ///< v1: l^2
    Logarithm, ///< v2: -log(1 - l + e)
};
/// Mean over the bases that do not overlap (y = 0). \return [] scalar; 0 when there is none
at::Tensor negativeLoss(const at::Tensor& labels, const at::Tensor& predicted, NegativeTerm term);

/// Bases of one volume shall differ: mean over the k(k-1)/2 pairs i < j of ReLU(cos(b_i, b_j))^2; the gradient reaches b_i alone.
/// \param bases [k, C], k >= 2
at::Tensor baseRegularisation(const at::Tensor& bases);

} // namespace hilum::learning
