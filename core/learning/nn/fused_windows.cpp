#include "core/learning/nn/fused_ops.h"

#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/kernels/vector_kernels.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace hilum::learning {

namespace {

constexpr std::int64_t MostParts = 64; // of the forward pass, each with memory of its own
constexpr std::int64_t Chunks = 16;    // of windows in the backward pass: the sums of the bias's gradient have this order on any number of threads

kernels::WindowShape shapeOf(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& regions)
{
    kernels::WindowShape shape;
    shape.tokens = qkv.size(1);
    shape.heads = heads;
    shape.headWidth = qkv.size(2) / (3 * heads);
    shape.windows = regions.defined() ? regions.size(0) : 1;
    shape.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.headWidth)));
    return shape;
}

const std::int32_t* regionsOf(const at::Tensor& regions) { return regions.defined() ? regions.const_data_ptr<std::int32_t>() : nullptr; }

struct WindowStep : torch::autograd::Function<WindowStep> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, std::int64_t heads, const at::Tensor& givenBias, const std::optional<at::Tensor>& givenRegions)
    {
        RECORD_USER_SCOPE("hilum::window attention");
        const at::Tensor qkv = given.to(at::kFloat).contiguous(), bias = givenBias.to(at::kFloat).contiguous();
        const at::Tensor regions = givenRegions ? givenRegions->contiguous() : at::Tensor();
        const kernels::WindowShape shape = shapeOf(qkv, heads, regions);
        const auto* loops = kernels::vectorKernels();
        const std::int64_t count = qkv.size(0), all = count * heads, parts = std::min(all, MostParts), scratchSize = loops->windowScratch(shape);
        const at::Tensor out = at::empty({count, shape.tokens, heads * shape.headWidth}, qkv.options()), logSums = at::empty({count, heads, shape.tokens}, qkv.options());
        const at::Tensor scratch = at::empty({parts, scratchSize}, qkv.options());
        const float *q = qkv.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
        float *o = out.mutable_data_ptr<float>(), *sums = logSums.mutable_data_ptr<float>(), *memory = scratch.mutable_data_ptr<float>();
        const std::int32_t* r = regionsOf(regions);
        kernels::runParts(parts, [&](std::int64_t part) {
            for (std::int64_t one = all * part / parts; one < all * (part + 1) / parts; ++one)
                loops->windowForward(shape, q, b, r, o, sums, memory + part * scratchSize, one / heads, one % heads);
        });
        context->save_for_backward({qkv, bias, regions, out, logSums});
        context->saved_data["heads"] = heads;
        context->saved_data["type"] = given.scalar_type();
        return out;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::window attention, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &qkv = saved[0], &bias = saved[1], &regions = saved[2], &out = saved[3], &logSums = saved[4];
        const std::int64_t heads = context->saved_data["heads"].toInt(), count = qkv.size(0), chunks = std::min(count, Chunks);
        const kernels::WindowShape shape = shapeOf(qkv, heads, regions);
        const auto* loops = kernels::vectorKernels();
        const std::int64_t scratchSize = loops->windowScratch(shape), n = shape.tokens;
        const at::Tensor dOut = gradients[0].to(at::kFloat).contiguous(), dQkv = at::empty_like(qkv), dBias = at::zeros({chunks, heads, n, n}, qkv.options());
        const at::Tensor scratch = at::empty({chunks * heads, scratchSize}, qkv.options());
        const float *q = qkv.const_data_ptr<float>(), *b = bias.const_data_ptr<float>(), *o = out.const_data_ptr<float>(), *sums = logSums.const_data_ptr<float>(),
                    *dO = dOut.const_data_ptr<float>();
        float *dq = dQkv.mutable_data_ptr<float>(), *db = dBias.mutable_data_ptr<float>(), *memory = scratch.mutable_data_ptr<float>();
        const std::int32_t* r = regionsOf(regions);
        kernels::runParts(chunks * heads, [&](std::int64_t part) {
            const std::int64_t chunk = part / heads, head = part % heads;
            for (std::int64_t window = count * chunk / chunks; window < count * (chunk + 1) / chunks; ++window)
                loops->windowBackward(shape, q, b, r, o, sums, dO, dq, db + part * n * n, memory + part * scratchSize, window, head);
        });
        return {dQkv.to(context->saved_data["type"].toScalarType()), at::Tensor(), dBias.sum(0), at::Tensor()};
    }
};

} // namespace

bool canFuseWindows(const at::Tensor& qkv)
{
    return kernels::vectorKernels() && qkv.device().is_cpu() && (qkv.scalar_type() == at::kFloat || qkv.scalar_type() == at::kBFloat16);
}

at::Tensor fusedWindowAttention(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& bias, const at::Tensor& regions)
{
    TORCH_CHECK(qkv.dim() == 3 && qkv.size(2) % (3 * heads) == 0 && bias.dim() == 3 && bias.size(0) == heads && bias.size(1) == qkv.size(1) && bias.size(2) == qkv.size(1), "windows ", qkv.sizes(),
        " and bias ", bias.sizes(), " do not fit ", heads, " heads");
    TORCH_CHECK(!regions.defined() || (regions.scalar_type() == at::kInt && regions.dim() == 2 && regions.size(1) == qkv.size(1) && qkv.size(0) % regions.size(0) == 0), "regions do not fit windows ",
        qkv.sizes());
    return WindowStep::apply(qkv, heads, bias, regions.defined() ? std::optional<at::Tensor>(regions) : std::nullopt);
}

} // namespace hilum::learning
