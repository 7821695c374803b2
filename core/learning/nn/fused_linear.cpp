#include "core/learning/nn/fused_ops.h"

#include "core/learning/kernels/amx_product.h"
#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/nn/fused_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace hilum::learning {

namespace {

using kernels::ProductOutput;
using kernels::WeightUse;

/// [..., D] as bfloat16 rows [M, D].
at::Tensor halfRows(const at::Tensor& given)
{
    const at::Tensor x = asNumbers(given).reshape({-1, given.size(-1)});
    if (x.scalar_type() == at::kBFloat16)
        return x;
    at::Tensor out = at::empty(x.sizes(), x.options().dtype(at::kBFloat16));
    const float* from = x.const_data_ptr<float>();
    std::uint16_t* to = halves(out);
    kernels::runRanges(x.numel(), 1 << 14, [&](std::int64_t first, std::int64_t last) { kernels::vectorKernels()->toHalves(from + first, to + first, last - first); });
    return out;
}

void product(const at::Tensor& x, const at::Tensor& weight, WeightUse use, const ProductOutput& out)
{
    const at::Tensor w = weight.contiguous();
    kernels::WeightProduct p;
    p.x = constHalves(x);
    p.weight = w.const_data_ptr<float>();
    p.use = use;
    p.rows = x.size(0);
    p.depth = x.size(1);
    p.columns = use == WeightUse::Transposed ? w.size(0) : w.size(1);
    p.out = out;
    const std::int64_t parts = kernels::threadCount();
    kernels::runParts(parts, [&](std::int64_t part) { kernels::runPart(p, part, parts); });
}

struct WeightGradients {
    at::Tensor weight, bias; ///< [out, in], [out] float32
};
/// \param dy [M, out], x [M, in] bfloat16
WeightGradients weightGradients(const at::Tensor& dy, const at::Tensor& x)
{
    WeightGradients out{at::empty({dy.size(1), x.size(1)}, at::kFloat), at::empty({dy.size(1)}, at::kFloat)};
    kernels::WeightGradient g;
    g.dy = constHalves(dy);
    g.x = constHalves(x);
    g.tokens = x.size(0);
    g.out = dy.size(1);
    g.in = x.size(1);
    g.weight = out.weight.mutable_data_ptr<float>();
    g.bias = out.bias.mutable_data_ptr<float>();
    const at::Tensor packed = at::empty({g.packedCount()}, at::kBFloat16);
    g.packed = halves(packed);
    const std::int64_t parts = kernels::threadCount();
    kernels::runParts(parts, [&](std::int64_t part) { kernels::packPart(g, part, parts); });
    kernels::runParts(parts, [&](std::int64_t part) { kernels::runPart(g, part, parts); });
    return out;
}

at::Tensor emptyLike(const at::Tensor& x, std::int64_t width, at::ScalarType type)
{
    std::vector<std::int64_t> sizes = x.sizes().vec();
    sizes.back() = width;
    return at::empty(sizes, x.options().dtype(type));
}

const float* floatsOrNull(const at::Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; }

/// Gradient of a product's input, in the input's own type.
at::Tensor inputGradient(const at::Tensor& dy, const at::Tensor& weight, const std::vector<std::int64_t>& sizes, at::ScalarType type)
{
    at::Tensor dx = at::empty(sizes, at::TensorOptions().dtype(type));
    ProductOutput out;
    if (type == at::kFloat)
        out.floats = dx.mutable_data_ptr<float>();
    else
        out.halves = halves(dx);
    product(dy, weight, WeightUse::Plain, out);
    return dx;
}

struct LinearStep : torch::autograd::Function<LinearStep> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
        const std::optional<at::Tensor>& residual)
    {
        RECORD_USER_SCOPE("hilum::linear");
        const at::Tensor rows = halfRows(x), b = bias.contiguous();
        const at::Tensor skip = residual ? residual->contiguous() : at::Tensor();
        const at::Tensor y = emptyLike(x, weight.size(0), skip.defined() ? at::kFloat : at::kBFloat16);
        ProductOutput out;
        out.bias = b.const_data_ptr<float>();
        out.residual = floatsOrNull(skip);
        if (skip.defined())
            out.floats = y.mutable_data_ptr<float>();
        else
            out.halves = halves(y);
        product(rows, weight, WeightUse::Transposed, out);
        context->save_for_backward({rows, weight});
        context->saved_data["sizes"] = x.sizes().vec();
        context->saved_data["type"] = x.scalar_type();
        context->saved_data["residual"] = skip.defined();
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::linear, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &weight = saved[1], dy = halfRows(gradients[0]);
        at::Tensor dx;
        WeightGradients dw;
        if (context->needs_input_grad(0))
            dx = inputGradient(dy, weight, context->saved_data["sizes"].toIntVector(), context->saved_data["type"].toScalarType());
        if (context->needs_input_grad(1) || context->needs_input_grad(2))
            dw = weightGradients(dy, x);
        return {dx, context->needs_input_grad(1) ? dw.weight : at::Tensor(), context->needs_input_grad(2) ? dw.bias : at::Tensor(),
            context->saved_data["residual"].toBool() ? gradients[0] : at::Tensor()};
    }
};

struct MlpStep : torch::autograd::Function<MlpStep> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight1, const at::Tensor& bias1,
        const at::Tensor& weight2, const at::Tensor& bias2, const at::Tensor& residual)
    {
        RECORD_USER_SCOPE("hilum::mlp");
        const at::Tensor rows = halfRows(x), b1 = bias1.contiguous(), b2 = bias2.contiguous(), skip = residual.contiguous();
        const at::Tensor hidden = at::empty({rows.size(0), weight1.size(0)}, rows.options()), active = at::empty(hidden.sizes(), rows.options());
        ProductOutput first;
        first.bias = b1.const_data_ptr<float>();
        first.halves = halves(hidden);
        first.activated = halves(active);
        product(rows, weight1, WeightUse::Transposed, first);
        const at::Tensor y = emptyLike(x, weight2.size(0), at::kFloat);
        ProductOutput second;
        second.bias = b2.const_data_ptr<float>();
        second.residual = skip.const_data_ptr<float>();
        second.floats = y.mutable_data_ptr<float>();
        product(active, weight2, WeightUse::Transposed, second);
        context->save_for_backward({rows, hidden, active, weight1, weight2});
        context->saved_data["sizes"] = x.sizes().vec();
        context->saved_data["type"] = x.scalar_type();
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        RECORD_USER_SCOPE("hilum::mlp, backward");
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &hidden = saved[1], &active = saved[2], &weight1 = saved[3], &weight2 = saved[4], dy = halfRows(gradients[0]);
        const auto needs = [&](std::size_t i) { return context->needs_input_grad(i); };
        WeightGradients first, second;
        if (needs(3) || needs(4))
            second = weightGradients(dy, active);
        at::Tensor dx;
        if (needs(0) || needs(1) || needs(2)) {
            const at::Tensor dHidden = at::empty(hidden.sizes(), hidden.options());
            ProductOutput out;
            out.slopeAt = constHalves(hidden);
            out.halves = halves(dHidden);
            product(dy, weight2, WeightUse::Plain, out);
            if (needs(1) || needs(2))
                first = weightGradients(dHidden, x);
            if (needs(0))
                dx = inputGradient(dHidden, weight1, context->saved_data["sizes"].toIntVector(), context->saved_data["type"].toScalarType());
        }
        return {dx, needs(1) ? first.weight : at::Tensor(), needs(2) ? first.bias : at::Tensor(), needs(3) ? second.weight : at::Tensor(),
            needs(4) ? second.bias : at::Tensor(), needs(5) ? gradients[0] : at::Tensor()};
    }
};

} // namespace

bool canFuseLinear(const at::Tensor& x, const at::Tensor& weight)
{
    return kernels::hasMatrixTiles() && x.device().is_cpu() && x.numel() > 0 && productType(x) == at::kBFloat16 &&
           (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && weight.scalar_type() == at::kFloat && weight.size(0) % 32 == 0 &&
           weight.size(1) % 32 == 0;
}

at::Tensor fusedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual)
{
    return LinearStep::apply(x, weight, bias, residual.defined() ? std::optional<at::Tensor>(residual) : std::nullopt);
}

at::Tensor fusedMlp(const at::Tensor& x, const at::Tensor& weight1, const at::Tensor& bias1, const at::Tensor& weight2, const at::Tensor& bias2,
    const at::Tensor& residual)
{
    return MlpStep::apply(x, weight1, bias1, weight2, bias2, residual);
}

} // namespace hilum::learning
