#include "core/learning/nn/fused_ops.h"

#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/kernels/vector_kernels.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace hilum::learning {

namespace {

using Given = std::optional<at::Tensor>;

Given given(const at::Tensor& t) { return t.defined() ? Given(t) : std::nullopt; }

at::Tensor numbersOf(const Given& t) { return t ? t->to(at::kFloat).contiguous() : at::Tensor(); }

const float* read(const at::Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; }

kernels::PlaneNorm planeOf(std::int64_t count, const float* weight, const float* bias, std::int64_t channel)
{
    return {.count = count, .gamma = weight ? weight[channel] : 1, .beta = bias ? bias[channel] : 0};
}

struct InstanceNormStep : torch::autograd::Function<InstanceNormStep> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& volume, const Given& givenWeight, const Given& givenBias, const Given& givenResidual)
    {
        RECORD_USER_SCOPE("hilum::instance norm");
        const at::Tensor x = volume.to(at::kFloat).contiguous(), weight = numbersOf(givenWeight), bias = numbersOf(givenBias), residual = numbersOf(givenResidual);
        const std::int64_t planes = x.size(0) * x.size(1), count = x.numel() / planes, channels = x.size(1);
        const at::Tensor y = at::empty_like(x), mean = at::empty({planes}, x.options()), rstd = at::empty({planes}, x.options());
        const float *from = read(x), *plus = read(residual), *gamma = read(weight), *beta = read(bias);
        float *to = y.mutable_data_ptr<float>(), *means = mean.mutable_data_ptr<float>(), *rstds = rstd.mutable_data_ptr<float>();
        const auto* loops = kernels::vectorKernels();
        kernels::runParts(planes, [&](std::int64_t p) {
            loops->planeNorm(planeOf(count, gamma, beta, p % channels), from + p * count, plus ? plus + p * count : nullptr, to + p * count, means + p, rstds + p);
        });
        context->save_for_backward({x, y, mean, rstd, weight, bias});
        context->saved_data["residual"] = residual.defined();
        context->saved_data["type"] = volume.scalar_type();
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::instance norm, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &y = saved[1], &weight = saved[4], &bias = saved[5];
        const std::int64_t planes = x.size(0) * x.size(1), count = x.numel() / planes, channels = x.size(1);
        const at::Tensor dY = gradients[0].to(at::kFloat).contiguous(), dX = at::empty_like(x), dGamma = at::empty({planes}, x.options()), dBeta = at::empty({planes}, x.options());
        const at::Tensor dResidual = context->saved_data["residual"].toBool() ? at::empty_like(x) : at::Tensor();
        const float *from = read(x), *out = read(y), *g = read(dY), *means = read(saved[2]), *rstds = read(saved[3]), *gamma = read(weight), *beta = read(bias);
        float *dx = dX.mutable_data_ptr<float>(), *dr = dResidual.defined() ? dResidual.mutable_data_ptr<float>() : nullptr, *dg = dGamma.mutable_data_ptr<float>(),
              *db = dBeta.mutable_data_ptr<float>();
        const auto* loops = kernels::vectorKernels();
        kernels::runParts(planes, [&](std::int64_t p) {
            loops->planeNormBackward(planeOf(count, gamma, beta, p % channels), g + p * count, from + p * count, out + p * count, means[p], rstds[p], dx + p * count,
                dr ? dr + p * count : nullptr, dg + p, db + p);
        });
        const at::ScalarType type = context->saved_data["type"].toScalarType();
        return {dX.to(type), weight.defined() ? dGamma.reshape({-1, channels}).sum(0) : at::Tensor(), bias.defined() ? dBeta.reshape({-1, channels}).sum(0) : at::Tensor(), dResidual};
    }
};

} // namespace

bool canFuseInstanceNorm(const at::Tensor& x)
{
    return kernels::vectorKernels() && x.dim() == 5 && x.numel() > 0 && x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

at::Tensor fusedInstanceNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual)
{
    TORCH_CHECK(!residual.defined() || residual.sizes() == x.sizes(), "a residual of shape ", residual.defined() ? residual.sizes() : at::IntArrayRef{}, " for ", x.sizes());
    TORCH_CHECK((!weight.defined() || weight.numel() == x.size(1)) && (!bias.defined() || bias.numel() == x.size(1)), "weight and bias of an instance norm need ", x.size(1), " numbers");
    return InstanceNormStep::apply(x, given(weight), given(bias), given(residual));
}

} // namespace hilum::learning
