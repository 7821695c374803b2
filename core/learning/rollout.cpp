#include "core/learning/rollout.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

namespace hilum::learning {

namespace {

const at::Tensor& checked(const std::vector<at::Tensor>& layers, std::int64_t layer, std::int64_t query)
{
    TORCH_CHECK(!layers.empty(), "the model has no attention layers");
    TORCH_CHECK(layer >= 0 && layer < static_cast<std::int64_t>(layers.size()), "layer ", layer, " is outside [0, ", layers.size() - 1, "]");
    const at::Tensor& a = layers[static_cast<std::size_t>(layer)];
    TORCH_CHECK(query >= 0 && query < a.size(1), "query token ", query, " is outside [0, ", a.size(1) - 1, "]");
    return a;
}

at::Tensor unitRow(const at::Tensor& like, std::int64_t query)
{
    at::Tensor row = at::zeros({like.size(1)}, like.options());
    row[query].fill_(1);
    return row;
}

} // namespace

at::Tensor rolloutRow(const std::vector<at::Tensor>& layers, std::int64_t query)
{
    at::Tensor row = unitRow(checked(layers, 0, query), query);
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
        row = 0.5 * at::matmul(row, *layer).mean(0) + 0.5 * row; // [T] x [h, T, T] -> [h, T]
    return row;
}

at::Tensor meanRow(const std::vector<at::Tensor>& layers, std::int64_t layer, std::int64_t query)
{
    return checked(layers, layer, query).select(1, query).mean(0);
}

at::Tensor headRow(const std::vector<at::Tensor>& layers, std::int64_t layer, std::int64_t head, std::int64_t query)
{
    const at::Tensor& a = checked(layers, layer, query);
    TORCH_CHECK(head >= 0 && head < a.size(0), "head ", head, " is outside [0, ", a.size(0) - 1, "]");
    return a[head][query].clone();
}

at::Tensor gradientRow(const std::vector<at::Tensor>& layers, const std::vector<at::Tensor>& gradients, std::int64_t query)
{
    TORCH_CHECK(layers.size() == gradients.size(), layers.size(), " layers but ", gradients.size(), " gradients");
    at::Tensor row = unitRow(checked(layers, 0, query), query);
    for (std::size_t i = layers.size(); i-- > 0;)
        row = row + at::matmul(row, (layers[i] * gradients[i]).clamp_min(0).mean(0));
    return row / row.sum().clamp_min(1e-30);
}

} // namespace hilum::learning
