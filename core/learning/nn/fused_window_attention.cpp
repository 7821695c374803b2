#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/kernels/vector_kernels.h"
#include "core/learning/nn/fused_memory.h"
#include "core/learning/nn/fused_ops.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace hilum::learning {

namespace {

constexpr std::int64_t BiasSums = 8;       // groups of windows whose gradients of the bias are summed first: fixed, so that threads change nothing
constexpr std::int64_t WindowsTogether = 4; // of one piece of work in the forward pass
constexpr double NoToken = -1e30;

struct Prepared {
    kernels::WindowAttention shape;
    at::Tensor bias, regions, rows; ///< bias and regions padded; the shape points into them
};

Prepared prepare(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& bias, const at::Tensor& regions, double penalty, const at::Tensor& rows)
{
    Prepared out;
    kernels::WindowAttention& shape = out.shape;
    shape.tokens = qkv.size(1);
    shape.heads = heads;
    shape.headWidth = qkv.size(2) / (3 * heads);
    shape.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.headWidth)));
    const std::int64_t behind = shape.paddedTokens() - shape.tokens;
    out.bias = at::constant_pad_nd(bias.to(at::kFloat), {0, behind}, NoToken).contiguous();
    shape.bias = out.bias.const_data_ptr<float>();
    if (regions.defined()) {
        out.regions = at::constant_pad_nd(regions, {0, behind}).contiguous();
        shape.regions = out.regions.const_data_ptr<std::int32_t>();
        shape.windows = regions.size(0);
        shape.penalty = static_cast<float>(penalty);
    } else if (rows.defined()) {
        shape.windows = rows.size(0);
    }
    out.rows = rows.defined() ? rows.contiguous() : at::arange(shape.tokens, at::kInt).expand({shape.windows, shape.tokens}).contiguous();
    TORCH_CHECK(out.rows.scalar_type() == at::kInt && out.rows.size(0) == shape.windows && out.rows.size(1) == shape.tokens, "rows of ", out.rows.sizes(), " for ", shape.windows,
        " windows of ", shape.tokens, " tokens");
    shape.rows = out.rows.const_data_ptr<std::int32_t>();
    return out;
}

struct WindowAttentionStep : torch::autograd::Function<WindowAttentionStep> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, std::int64_t heads, const at::Tensor& bias, const std::optional<at::Tensor>& regions,
        double penalty, const std::optional<at::Tensor>& rows)
    {
        RECORD_USER_SCOPE("hilum::window attention");
        const at::Tensor qkv = given.contiguous(), zones = regions.value_or(at::Tensor()), attending = rows.value_or(at::Tensor());
        const std::int64_t count = qkv.size(0);
        const Prepared prepared = prepare(qkv, heads, bias, zones, penalty, attending);
        const kernels::WindowAttention& shape = prepared.shape;
        const at::Tensor out = at::empty({count, shape.tokens, heads * shape.headWidth}, qkv.options()), logSums = at::empty({count, heads, shape.tokens}, at::kFloat);
        const kernels::VectorKernels& loops = *kernels::vectorKernels();
        kernels::runRanges(count, WindowsTogether, [&](std::int64_t first, std::int64_t last) {
            std::vector<float> scratch(static_cast<std::size_t>(shape.scratchFloats()));
            for (std::int64_t head = 0; head < heads; ++head) // its bias stays in the cache
                for (std::int64_t window = first; window < last; ++window)
                    loops.windowAttention(shape, constNumbers(qkv), numbers(out), logSums.mutable_data_ptr<float>(), window, head, scratch.data());
        });
        context->save_for_backward({qkv, bias, zones, out, logSums, attending});
        context->saved_data["heads"] = heads;
        context->saved_data["penalty"] = penalty;
        return out;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::window attention, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &qkv = saved[0], &bias = saved[1], &out = saved[3], &logSums = saved[4];
        const std::int64_t heads = context->saved_data["heads"].toInt(), count = qkv.size(0);
        const Prepared prepared = prepare(qkv, heads, bias, saved[2], context->saved_data["penalty"].toDouble(), saved[5]);
        const kernels::WindowAttention& shape = prepared.shape;
        const at::Tensor dOut = asNumbers(gradients[0]), dQkv = at::empty_like(qkv);
        const std::int64_t groups = std::min(count, BiasSums), each = shape.tokens * shape.paddedTokens();
        const at::Tensor sums = at::zeros({groups, heads, shape.tokens, shape.paddedTokens()}, at::kFloat);
        const kernels::VectorKernels& loops = *kernels::vectorKernels();
        kernels::runParts(groups * heads, [&](std::int64_t part) {
            const std::int64_t group = part / heads, head = part % heads;
            std::vector<float> scratch(static_cast<std::size_t>(shape.scratchFloats()));
            float* dBias = sums.mutable_data_ptr<float>() + part * each;
            for (std::int64_t window = count * group / groups; window < count * (group + 1) / groups; ++window)
                loops.windowAttentionBackward(shape, constNumbers(qkv), constNumbers(out), constNumbers(dOut), logSums.const_data_ptr<float>(), numbers(dQkv), dBias, window, head,
                    scratch.data());
        });
        return {dQkv, at::Tensor(), sums.sum(0).slice(2, 0, shape.tokens).to(bias.scalar_type()), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

} // namespace

bool canFuseWindowAttention(const at::Tensor& qkv)
{
    return kernels::vectorKernels() && qkv.device().is_cpu() && (qkv.scalar_type() == at::kFloat || qkv.scalar_type() == at::kBFloat16) && qkv.numel() > 0;
}

at::Tensor fusedWindowAttention(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& bias, const at::Tensor& regions, double penalty, const at::Tensor& rows)
{
    const auto given = [](const at::Tensor& x) { return x.defined() ? std::optional<at::Tensor>(x) : std::nullopt; };
    return WindowAttentionStep::apply(qkv, heads, bias, given(regions), penalty, given(rows));
}

} // namespace hilum::learning
