#include "plugins/methods/voco/voco_losses.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/log.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/triu_indices.h>

namespace hilum::learning {

namespace {

constexpr double E = 1e-6, ShortestNorm = 1e-8;

/// Rows of length 1, in float32 at least: the logarithms below need more digits than 16 bits have.
at::Tensor unit(const at::Tensor& x)
{
    const at::Tensor wide = c10::elementSize(x.scalar_type()) < 4 ? x.to(at::kFloat) : x;
    return wide / wide.norm(2, {-1}, /*keepdim=*/true).clamp_min(ShortestNorm);
}

/// Products of all rows. Few and short: a sum of products, which autocast does not shorten to 16 bits. \param a [n, C] \param b [k, C] \return [n, k]
at::Tensor products(const at::Tensor& a, const at::Tensor& b) { return (a.unsqueeze(1) * b.unsqueeze(0)).sum(-1); }

} // namespace

at::Tensor predictedOverlap(const at::Tensor& crops, const at::Tensor& bases)
{
    TORCH_CHECK(crops.dim() == 2 && bases.dim() == 2 && crops.size(1) == bases.size(1), "crops ", crops.sizes(), " and bases ", bases.sizes(), " do not fit");
    return at::relu(products(unit(crops), unit(bases)));
}

at::Tensor positionLoss(const at::Tensor& labels, const at::Tensor& predicted)
{
    TORCH_CHECK(labels.sizes() == predicted.sizes(), "labels ", labels.sizes(), " and prediction ", predicted.sizes(), " differ in shape");
    return -(labels * at::log(1 - (labels - predicted).abs() + E)).sum() / (labels.sum() + E);
}

at::Tensor negativeLoss(const at::Tensor& labels, const at::Tensor& predicted, NegativeTerm term)
{
    TORCH_CHECK(labels.sizes() == predicted.sizes(), "labels ", labels.sizes(), " and prediction ", predicted.sizes(), " differ in shape");
    const at::Tensor apart = labels.eq(0).to(predicted.scalar_type());
    const at::Tensor cost = term == NegativeTerm::Square ? predicted.square() : -at::log(1 - predicted + E);
    return (apart * cost).sum() / (apart.sum() + E);
}

at::Tensor baseRegularisation(const at::Tensor& bases)
{
    TORCH_CHECK(bases.dim() == 2 && bases.size(0) >= 2, "bases ", bases.sizes(), " make no pair");
    const at::Tensor unitBases = unit(bases);
    const at::Tensor similarity = at::relu(products(unitBases, unitBases.detach())).square(); // [k, k]
    const at::Tensor pairs = at::triu_indices(bases.size(0), bases.size(0), 1, at::TensorOptions(at::kLong).device(bases.device()));
    return similarity.index({pairs[0], pairs[1]}).mean();
}

} // namespace hilum::learning
