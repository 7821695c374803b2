#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hilum::learning {

/// Index of each modality among those of the batch, in the published order ct, t1, t1ce, t2, flair.
/// \return [B] int64 \throws std::invalid_argument for another word
at::Tensor modalityClasses(const std::vector<std::string>& modalities);

/// Cross-modal contrastive loss as the public code of DAE computes it: logits F F^T exp(temperature) of the flattened, not normalised bottleneck,
/// cross-entropy over rows and over columns against the modality *class* indices, which it takes for sample indices.
///
/// It is kept to reproduce published runs. It is no positive-pair loss: with a batch of two it asks sample i to match sample "class of i".
/// Products of so many numbers are large and differ little: in float32 at least, also under autocast.
/// \param bottleneck [B, ...], as the encoder gives it \param classes [B] int64, below B
at::Tensor contrastiveAsCoded(const at::Tensor& bottleneck, const at::Tensor& classes, double temperature);

/// Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362, Eq. 2) over features of length 1, self-pairs left out, averaged over the
/// samples that have a positive. \return 0 (with gradient 0) when the batch has one modality or no positive
/// \param features [B, C], not normalised; in float32, also under autocast \param classes [B] int64
/// Golden value: two modalities, two identical samples each, orthogonal, temperature 0.5: -log(e^2 / (e^2 + 2)) = 0.2395.
at::Tensor supervisedContrastive(const at::Tensor& features, const at::Tensor& classes, double temperature);
/// The same over the samples whose class is not `unknown`: that two are not known does not make them alike.
at::Tensor supervisedContrastive(const at::Tensor& features, const at::Tensor& classes, double temperature, std::int64_t unknown);

} // namespace hilum::learning
