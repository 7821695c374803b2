#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace hilum::learning {

/// Attention rollout (Abnar and Zuidema 2020, section 3) of ONE query: its row of the product of all layers' 0.5 mean_heads(A) + 0.5 I,
/// last layer first. A row times matrices, layers * tokens^2 operations; the full product is never made.
/// \param layers first to last, each [heads, T, T], rows sum to 1 \param query token index, class token included in the count
/// \return [T], sums to 1. \throws c10::Error when there is no layer or the query is outside.
at::Tensor rolloutRow(const std::vector<at::Tensor>& layers, std::int64_t query);

/// Attention of one query in one layer, the heads' mean. \return [T]
at::Tensor meanRow(const std::vector<at::Tensor>& layers, std::int64_t layer, std::int64_t query);

/// Attention of one query in one head. \return [T]
at::Tensor headRow(const std::vector<at::Tensor>& layers, std::int64_t layer, std::int64_t head, std::int64_t query);

/// Gradient-weighted rollout (Chefer et al. 2021, "Generic attention-model explainability", Eq. 5 and 6, the query's row alone):
/// r <- r + r * mean_heads(max(0, dS/dA * A)), last layer first, started from the unit vector of the query.
/// \param gradients dS/dA of each layer. \return [T], divided by its sum
at::Tensor gradientRow(const std::vector<at::Tensor>& layers, const std::vector<at::Tensor>& gradients, std::int64_t query);

} // namespace hilum::learning
