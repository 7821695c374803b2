#include "plugins/methods/dae/dae_losses.h"

#include "core/base/format.h"
#include "core/learning/full_precision.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace hilum::learning {

at::Tensor modalityClasses(const std::vector<std::string>& modalities)
{
    constexpr std::array<std::string_view, 5> Order{"ct", "t1", "t1ce", "t2", "flair"};
    std::vector<std::string_view> present;
    for (const std::string_view word : Order)
        if (std::ranges::contains(modalities, word))
            present.push_back(word);
    at::Tensor out = at::empty({static_cast<std::int64_t>(modalities.size())}, at::kLong);
    for (std::size_t i = 0; i < modalities.size(); ++i) {
        const auto it = std::ranges::find(present, modalities[i]);
        if (it == present.end())
            throw std::invalid_argument(hilum::format("modality \"{}\" is none of ct, t1, t1ce, t2, flair", modalities[i]));
        out.mutable_data_ptr<std::int64_t>()[i] = it - present.begin();
    }
    return out;
}

at::Tensor contrastiveAsCoded(const at::Tensor& bottleneck, const at::Tensor& classes, double temperature)
{
    const FullPrecision precision;
    const at::Tensor wide = c10::elementSize(bottleneck.scalar_type()) < 4 ? bottleneck.to(at::kFloat) : bottleneck, features = wide.reshape({wide.size(0), -1});
    const at::Tensor logits = at::matmul(features, features.t()) * std::exp(temperature);
    return (at::cross_entropy_loss(logits, classes) + at::cross_entropy_loss(logits.t(), classes)) / 2;
}

at::Tensor supervisedContrastive(const at::Tensor& features, const at::Tensor& classes, double temperature)
{
    TORCH_CHECK(features.dim() == 2 && classes.dim() == 1 && features.size(0) == classes.size(0), "features ", features.sizes(), " and classes ", classes.sizes(), " do not fit");
    TORCH_CHECK(temperature > 0, "temperature ", temperature, " is not positive");
    const FullPrecision precision;
    const at::Tensor unit = features.to(at::kFloat) / features.to(at::kFloat).norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-8);
    const at::Tensor self = at::eye(features.size(0), at::TensorOptions(at::kBool).device(features.device()));
    const at::Tensor same = classes.unsqueeze(0).eq(classes.unsqueeze(1)).logical_and(self.logical_not());
    const at::Tensor positives = same.sum(1);
    if (!positives.gt(0).any().item<bool>() || classes.eq(classes[0]).all().item<bool>())
        return (features * 0).sum();
    const at::Tensor logProbability = at::log_softmax((at::matmul(unit, unit.t()) / temperature).masked_fill(self, -std::numeric_limits<float>::infinity()), 1);
    const at::Tensor perSample = -logProbability.masked_fill(same.logical_not(), 0).sum(1) / positives.clamp_min(1);
    return perSample.sum() / positives.gt(0).sum();
}

at::Tensor supervisedContrastive(const at::Tensor& features, const at::Tensor& classes, double temperature, std::int64_t unknown)
{
    const at::Tensor known = classes.ne(unknown).nonzero().squeeze(1);
    return supervisedContrastive(features.index_select(0, known), classes.index_select(0, known), temperature);
}

} // namespace hilum::learning
