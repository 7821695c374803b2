#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace hilum::learning {

// Losses that align images with reports: those of MGCA (Wang et al. 2022, NeurIPS, arXiv 2210.06044), on which UniMedI builds; behaviour of the
// public code HKU-MedAI/MGCA. Letters: B cases, C features, P patches, W words, K prototypes. Inputs need not be normalised: it is done here.

/// Last axis divided by its length, which counts as 1e-12 at least.
at::Tensor unitRows(const at::Tensor& x);

/// Cross-entropy of cosine / temperature in both directions, added (not averaged). log(B) each for identical embeddings.
/// \param image, report [B, C] \return [] scalar
at::Tensor globalAlignment(const at::Tensor& image, const at::Tensor& report, double temperature);
/// Its two terms: each image among the reports, each report among the images. Swapped arguments swap them. \return [] scalars
std::array<at::Tensor, 2> alignmentTerms(const at::Tensor& image, const at::Tensor& report, double temperature);

struct TokenAlignment {
    at::Tensor patches;        ///< [B, P, C]
    at::Tensor words;          ///< [B, W, C]
    at::Tensor classAttention; ///< [B, heads, P]: the class token's attention in the image encoder's last block
    at::Tensor wordAttention;  ///< [B, W]: how much the report attends to each word, 0 for none
    at::Tensor wordPadding;    ///< [B, W]: non-zero = padding; hides words from the patches' attention alone, as published
    double temperature = 0.1;
    std::array<double, 2> clipQuantiles{0.1, 0.9}; ///< attention weights are clipped to these quantiles, then normalised to sum 1
};
/// Each word against the mixture of patches that it attends to, and each patch against its mixture of words: cross-entropy inside a case over
/// all its words (patches), weighted by attention; mean of both directions of each, words plus patches. \return [] scalar
at::Tensor tokenAlignment(const TokenAlignment& input);

/// Balanced soft assignment (Sinkhorn-Knopp): exp(scores / epsilon), rows and columns scaled in turn, so that each sample sums to 1 and the
/// prototypes share the batch more evenly with every iteration. No gradient. \param scores [B, K] \return [B, K] float32
at::Tensor sinkhornCodes(const at::Tensor& scores, double epsilon, std::int64_t iterations);

struct PrototypeAlignment {
    at::Tensor loss;                    ///< [] scalar
    at::Tensor imageCodes, reportCodes; ///< [B, K], rows sum to 1
};
/// Swapped prediction: the image's code is predicted from the report and the other way round.
/// \param image, report [B, C] \param prototypes [K, C]
PrototypeAlignment prototypeAlignment(const at::Tensor& image, const at::Tensor& report, const at::Tensor& prototypes, double temperature, double epsilon, std::int64_t iterations);

} // namespace hilum::learning
