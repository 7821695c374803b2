#include "core/learning/nn/fused_ops.h"

#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/kernels/vector_kernels.h"
#include "core/learning/nn/fused_memory.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace hilum::learning {

namespace {

constexpr std::int64_t RowsPerSum = 64; // rows whose gradients of weight and bias are summed first: fixed, so that threads change nothing

struct NormFunction : torch::autograd::Function<NormFunction> {
    static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const at::Tensor& given, const at::Tensor& weight, const at::Tensor& bias,
        double epsilon, at::ScalarType type, bool fork)
    {
        RECORD_USER_SCOPE("hilum::norm");
        const at::Tensor x = given.contiguous();
        const std::int64_t width = x.size(-1), rows = x.numel() / width;
        at::Tensor y = at::empty(x.sizes(), x.options().dtype(type));
        const at::Tensor mean = at::empty({rows}, at::kFloat), rstd = at::empty({rows}, at::kFloat);
        const at::Tensor gamma = weight.contiguous(), beta = bias.contiguous();
        const kernels::VectorKernels& loops = *kernels::vectorKernels();
        float *means = mean.mutable_data_ptr<float>(), *scales = rstd.mutable_data_ptr<float>();
        kernels::runRanges(rows, 16, [&](std::int64_t first, std::int64_t last) {
            loops.layerNorm(constNumbers(x), gamma.const_data_ptr<float>(), beta.const_data_ptr<float>(), static_cast<float>(epsilon), numbers(y), means, scales, first, last,
                width);
        });
        context->save_for_backward({x, weight, mean, rstd});
        context->saved_data["fork"] = fork;
        if (fork)
            return {y, given};
        return {y};
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::norm, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &rstd = saved[3];
        const std::int64_t width = x.size(-1), rows = x.numel() / width;
        const at::Tensor dy = asNumbers(gradients[0]);
        at::Tensor residual;
        if (context->saved_data["fork"].toBool() && gradients[1].defined())
            residual = gradients[1].to(at::kFloat).contiguous();
        const at::Tensor gamma = weight.contiguous();
        at::Tensor dx = at::empty_like(x);
        const std::int64_t chunks = (rows + RowsPerSum - 1) / RowsPerSum;
        const at::Tensor sums = at::empty({chunks, 2, width}, at::kFloat);
        float* partial = sums.mutable_data_ptr<float>();
        const kernels::VectorKernels& loops = *kernels::vectorKernels();
        const float* skip = residual.defined() ? residual.const_data_ptr<float>() : nullptr;
        kernels::runParts(chunks, [&](std::int64_t chunk) {
            float* own = partial + chunk * 2 * width;
            loops.layerNormBackward(constNumbers(dy), constNumbers(x), gamma.const_data_ptr<float>(), mean.const_data_ptr<float>(), rstd.const_data_ptr<float>(), skip,
                numbers(dx), own, own + width, chunk * RowsPerSum, std::min(rows, (chunk + 1) * RowsPerSum), width);
        });
        at::Tensor dWeight, dBias;
        if (context->needs_input_grad(1) || context->needs_input_grad(2)) {
            dWeight = at::empty({width}, at::kFloat);
            dBias = at::empty({width}, at::kFloat);
            float *g = dWeight.mutable_data_ptr<float>(), *b = dBias.mutable_data_ptr<float>();
            for (std::int64_t i = 0; i < width; ++i)
                g[i] = b[i] = 0;
            for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
                const float* own = partial + chunk * 2 * width;
                for (std::int64_t i = 0; i < width; ++i) {
                    g[i] += own[i];
                    b[i] += own[width + i];
                }
            }
        }
        return {dx, context->needs_input_grad(1) ? dWeight : at::Tensor(), context->needs_input_grad(2) ? dBias : at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

struct Gelu : torch::autograd::Function<Gelu> {
    static constexpr std::int64_t Grain = 4096;

    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given)
    {
        RECORD_USER_SCOPE("hilum::gelu");
        const at::Tensor x = given.contiguous();
        at::Tensor y = at::empty_like(x);
        const kernels::VectorKernels& loops = *kernels::vectorKernels();
        kernels::runRanges(x.numel(), Grain, [&](std::int64_t first, std::int64_t last) {
            loops.gelu(constNumbers(x, first), numbers(y, first), last - first);
        });
        context->save_for_backward({x});
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::gelu, backward");
        const at::Tensor x = context->get_saved_variables()[0], dy = asNumbers(gradients[0]);
        at::Tensor dx = at::empty_like(x);
        const kernels::VectorKernels& loops = *kernels::vectorKernels();
        kernels::runRanges(x.numel(), Grain, [&](std::int64_t first, std::int64_t last) {
            loops.geluBackward(constNumbers(dy, first), constNumbers(x, first), numbers(dx, first), last - first);
        });
        return {dx};
    }
};

bool isNumbers(const at::Tensor& x) { return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.numel() > 0; }

} // namespace

at::ScalarType productType(const at::Tensor& x)
{
    const at::DeviceType device = x.device().type();
    return at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device) : x.scalar_type();
}

bool canFuseNorm(const at::Tensor& x, const at::Tensor& weight)
{
    const at::ScalarType type = productType(x);
    return kernels::vectorKernels() && isNumbers(x) && weight.scalar_type() == at::kFloat && (type == at::kFloat || type == at::kBFloat16);
}

at::Tensor fusedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon)
{
    return NormFunction::apply(x, weight, bias, epsilon, x.scalar_type(), false)[0];
}

NormFork fusedNormFork(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon)
{
    const auto both = NormFunction::apply(x, weight, bias, epsilon, productType(x), true);
    return {both[0], both[1]};
}

bool canFuseGelu(const at::Tensor& x)
{
    return kernels::vectorKernels() && isNumbers(x);
}

at::Tensor fusedGelu(const at::Tensor& x)
{
    return Gelu::apply(x);
}

} // namespace hilum::learning
