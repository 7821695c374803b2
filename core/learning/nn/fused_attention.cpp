#include "core/learning/nn/fused_ops.h"

#include "core/learning/kernels/amx_attention.h"
#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/nn/fused_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <optional>

namespace hilum::learning {

namespace {

constexpr std::int64_t MaxHeadWidth = 128;

kernels::AttentionShape shapeOf(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& attend)
{
    kernels::AttentionShape shape;
    shape.batch = qkv.size(0);
    shape.tokens = qkv.size(1);
    shape.heads = heads;
    shape.headWidth = qkv.size(2) / (3 * heads);
    shape.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.headWidth)));
    if (attend.defined())
        shape.attend = reinterpret_cast<const std::uint8_t*>(attend.const_data_ptr<bool>());
    return shape;
}

struct AttentionStep : torch::autograd::Function<AttentionStep> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, std::int64_t heads, const std::optional<at::Tensor>& attend)
    {
        RECORD_USER_SCOPE("hilum::attention");
        const at::Tensor qkv = given.contiguous();
        const at::Tensor mask = attend ? attend->expand({qkv.size(0), 1, 1, qkv.size(1)}).contiguous() : at::Tensor(); // [B, 1, 1, N]
        const kernels::AttentionShape shape = shapeOf(qkv, heads, mask);
        const at::Tensor out = at::empty({shape.batch, shape.tokens, heads * shape.headWidth}, qkv.options());
        const at::Tensor logSums = at::empty({shape.batch, heads, shape.tokens}, at::kFloat);
        kernels::runParts(shape.batch * heads, [&](std::int64_t part) {
            kernels::attentionForward(shape, constHalves(qkv), halves(out), logSums.mutable_data_ptr<float>(), part / heads, part % heads);
        });
        context->save_for_backward({qkv, out, logSums, mask});
        context->saved_data["heads"] = heads;
        return out;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::attention, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &qkv = saved[0], &out = saved[1], &logSums = saved[2];
        const std::int64_t heads = context->saved_data["heads"].toInt();
        const kernels::AttentionShape shape = shapeOf(qkv, heads, saved[3]);
        const at::Tensor dOut = gradients[0].to(at::kBFloat16).contiguous(), dQkv = at::empty_like(qkv);
        kernels::runParts(shape.batch * heads, [&](std::int64_t part) {
            kernels::attentionBackward(shape, constHalves(qkv), constHalves(out), constHalves(dOut), logSums.const_data_ptr<float>(), halves(dQkv), part / heads, part % heads);
        });
        return {dQkv, at::Tensor(), at::Tensor()};
    }
};

} // namespace

bool canFuseAttention(const at::Tensor& qkv, std::int64_t heads)
{
    const std::int64_t headWidth = qkv.size(2) / (3 * heads);
    return kernels::hasMatrixTiles() && qkv.device().is_cpu() && qkv.scalar_type() == at::kBFloat16 && headWidth % 32 == 0 && headWidth <= MaxHeadWidth;
}

at::Tensor fusedAttention(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& attend)
{
    return AttentionStep::apply(qkv, heads, attend.defined() ? std::optional<at::Tensor>(attend) : std::nullopt);
}

} // namespace hilum::learning
