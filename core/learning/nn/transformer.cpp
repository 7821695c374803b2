#include "core/learning/nn/transformer.h"

#include "core/base/format.h"
#include "core/learning/nn/activation_checkpoints.h"
#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/init.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <atomic>
#include <cmath>
#include <limits>

namespace hilum::learning {

namespace {

// -1: not measured. Rows: CPU, other; columns: float32 and wider, 16-bit.
std::array<std::array<std::atomic<int>, 2>, 2> measuredPath{{{-1, -1}, {-1, -1}}};

std::atomic<int>& slot(at::DeviceType device, at::ScalarType type)
{
    return measuredPath[device == at::kCPU ? 0 : 1][c10::elementSize(type) < 4 ? 1 : 0];
}

} // namespace

std::string_view name(AttentionPath path)
{
    return path == AttentionPath::Plain ? "plain" : "fused";
}

void setAttentionPath(at::DeviceType device, at::ScalarType type, AttentionPath path)
{
    slot(device, type) = static_cast<int>(path);
}

AttentionPath attentionPath(at::DeviceType device, at::ScalarType type)
{
    if (const int measured = slot(device, type); measured >= 0)
        return static_cast<AttentionPath>(measured);
    return device == at::kCPU && c10::elementSize(type) < 4 ? AttentionPath::Plain : AttentionPath::Fused;
}

Linear::Linear(std::int64_t in, std::int64_t out, const Rng& rng)
{
    at::Tensor w = at::empty({out, in}, at::kFloat);
    fillXavier_(w, in, out, rng);
    weight = register_parameter("weight", w);
    bias = register_parameter("bias", at::zeros({out}, at::kFloat));
}

at::Tensor Linear::forward(const at::Tensor& x, const at::Tensor& residual) const
{
    if (canFuseLinear(x, weight) && (!residual.defined() || residual.scalar_type() == at::kFloat))
        return fusedLinear(x, weight, bias, residual);
    const at::Tensor y = at::linear(x, weight, bias);
    return residual.defined() ? residual + y : y;
}

LayerNorm::LayerNorm(std::int64_t width)
{
    weight = register_parameter("weight", at::ones({width}, at::kFloat));
    bias = register_parameter("bias", at::zeros({width}, at::kFloat));
}

at::Tensor LayerNorm::forward(const at::Tensor& x) const
{
    if (canFuseNorm(x, weight))
        return fusedNorm(x, weight, bias, epsilon);
    return at::layer_norm(x, {weight.size(0)}, weight, bias, epsilon);
}

NormFork LayerNorm::fork(const at::Tensor& x) const
{
    if (canFuseNorm(x, weight))
        return fusedNormFork(x, weight, bias, epsilon);
    return {at::layer_norm(x, {weight.size(0)}, weight, bias, epsilon), x};
}

Attention::Attention(std::int64_t width, std::int64_t heads, const Rng& rng) : m_heads(heads)
{
    TORCH_CHECK(heads > 0 && width % heads == 0, "width ", width, " is not a multiple of ", heads, " heads");
    m_qkv = register_module("qkv", std::make_shared<Linear>(width, 3 * width, rng.fork("qkv")));
    m_proj = register_module("proj", std::make_shared<Linear>(width, width, rng.fork("proj")));
}

at::Tensor Attention::forward(const at::Tensor& x, at::Tensor* tap, const at::Tensor& attend, const at::Tensor& residual) const
{
    const std::int64_t batch = x.size(0), tokens = x.size(1), width = x.size(2), headWidth = width / m_heads;
    const at::Tensor qkv = m_qkv->forward(x); // [B, N, 3 h d]
    if (!tap && canFuseAttention(qkv, m_heads))
        return m_proj->forward(fusedAttention(qkv, m_heads, attend), residual);
    const std::vector<at::Tensor> parts = qkv.reshape({batch, tokens, 3, m_heads, headWidth}).permute({2, 0, 3, 1, 4}).unbind(0);
    const at::Tensor &q = parts[0], &k = parts[1], &v = parts[2]; // [B, h, N, d]
    at::Tensor out;                                               // [B, h, N, d]
    if (!tap && attentionPath(q.device().type(), q.scalar_type()) == AttentionPath::Fused) {
        out = attend.defined() ? at::scaled_dot_product_attention(q, k, v, attend) : at::scaled_dot_product_attention(q, k, v);
    } else {
        at::Tensor scores = at::matmul(q * (1 / std::sqrt(static_cast<double>(headWidth))), k.transpose(-2, -1));
        if (attend.defined())
            scores = scores.masked_fill(attend.logical_not(), -std::numeric_limits<double>::infinity());
        const at::Tensor weights = at::softmax(scores, -1);
        if (tap)
            *tap = weights;
        out = at::matmul(weights, v);
    }
    return m_proj->forward(out.transpose(1, 2).reshape({batch, tokens, width}), residual);
}

Mlp::Mlp(std::int64_t width, std::int64_t hidden, const Rng& rng)
{
    m_fc1 = register_module("fc1", std::make_shared<Linear>(width, hidden, rng.fork("fc1")));
    m_fc2 = register_module("fc2", std::make_shared<Linear>(hidden, width, rng.fork("fc2")));
}

at::Tensor Mlp::forward(const at::Tensor& x, const at::Tensor& residual) const
{
    if (residual.defined() && residual.scalar_type() == at::kFloat && canFuseLinear(x, m_fc1->weight) && canFuseLinear(x, m_fc2->weight))
        return fusedMlp(x, m_fc1->weight, m_fc1->bias, m_fc2->weight, m_fc2->bias, residual);
    const at::Tensor hidden = m_fc1->forward(x);
    return m_fc2->forward(canFuseGelu(hidden) ? fusedGelu(hidden) : at::gelu(hidden), residual);
}

std::int64_t mlpWidth(std::int64_t width, double ratio) { return static_cast<std::int64_t>(static_cast<double>(width) * ratio); }

TransformerBlock::TransformerBlock(std::int64_t width, std::int64_t heads, double mlpRatio, const Rng& rng)
{
    m_norm1 = register_module("norm1", std::make_shared<LayerNorm>(width));
    m_attn = register_module("attn", std::make_shared<Attention>(width, heads, rng.fork("attn")));
    m_norm2 = register_module("norm2", std::make_shared<LayerNorm>(width));
    m_mlp = register_module("mlp", std::make_shared<Mlp>(width, mlpWidth(width, mlpRatio), rng.fork("mlp")));
}

at::Tensor TransformerBlock::forward(const at::Tensor& x, at::Tensor* tap, const at::Tensor& attend, const at::Tensor& branches) const
{
    if (tap)
        return run(x, tap, attend, branches);
    return checkpointed(x, [this, attend, branches](const at::Tensor& y) { return run(y, nullptr, attend, branches); });
}

at::Tensor TransformerBlock::run(const at::Tensor& x, at::Tensor* tap, const at::Tensor& attend, const at::Tensor& branches) const
{
    if (branches.defined()) {
        const at::Tensor attended = x + m_attn->forward(m_norm1->forward(x), tap, attend) * branches[0];
        return attended + m_mlp->forward(m_norm2->forward(attended)) * branches[1];
    }
    const NormFork before = m_norm1->fork(x);
    const NormFork between = m_norm2->fork(m_attn->forward(before.normalised, tap, attend, before.stream));
    return m_mlp->forward(between.normalised, between.stream);
}

at::Tensor dropPathFactors(std::int64_t depth, std::int64_t batch, double rate, const Rng& rng)
{
    TORCH_CHECK(depth > 0 && rate >= 0 && rate < 1, "drop path of rate ", rate, " in ", depth, " blocks");
    at::Tensor out = at::empty({depth, 2, batch, 1, 1}, at::kFloat);
    auto* values = out.mutable_data_ptr<float>();
    for (std::int64_t b = 0; b < batch; ++b) {
        Rng stream = rng.sample(b);
        for (std::int64_t block = 0; block < depth; ++block) {
            const double p = depth > 1 ? rate * static_cast<double>(block) / static_cast<double>(depth - 1) : 0;
            for (std::int64_t branch = 0; branch < 2; ++branch)
                values[(block * 2 + branch) * batch + b] = stream.chance(p) ? 0.0f : static_cast<float>(1 / (1 - p));
        }
    }
    return out;
}

TransformerStack::TransformerStack(std::int64_t width, std::int64_t depth, std::int64_t heads, double mlpRatio, const Rng& rng)
{
    for (std::int64_t i = 0; i < depth; ++i)
        m_blocks.push_back(register_module(hilum::format("{}", i),
            std::make_shared<TransformerBlock>(width, heads, mlpRatio, rng.fork(static_cast<std::uint64_t>(i)))));
}

at::Tensor TransformerStack::forward(at::Tensor x, std::vector<at::Tensor>* taps, const at::Tensor& attend) const
{
    for (const auto& block : m_blocks) {
        at::Tensor tap;
        x = block->forward(x, taps ? &tap : nullptr, attend);
        if (taps)
            taps->push_back(tap);
    }
    return x;
}

} // namespace hilum::learning
