#include "core/learning/nn/report_layers.h"

#include "core/base/format.h"
#include "core/learning/nn/volume_layers.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace hilum::learning {

namespace {

constexpr double Epsilon = 1e-6, Blocked = -1e9, FirstBias = 0.1;

} // namespace

at::Tensor standardise(const at::Tensor& x)
{
    return (x - x.mean(-1, /*keepdim=*/true)) / (x.std(at::IntArrayRef{-1}, /*unbiased=*/true, /*keepdim=*/true) + Epsilon);
}

ReportNorm::ReportNorm(std::int64_t width)
{
    gamma = register_parameter("gamma", at::ones({width}));
    beta = register_parameter("beta", at::zeros({width}));
}

ConditionalNorm::ConditionalNorm(std::int64_t width, std::int64_t slots, const Rng& rng)
{
    m_gamma = register_parameter("gamma", at::ones({width}));
    m_beta = register_parameter("beta", at::zeros({width}));
    m_gammaChange = change("mlp_gamma", width, slots, rng);
    m_betaChange = change("mlp_beta", width, slots, rng);
}

ConditionalNorm::Change ConditionalNorm::change(const char* name, std::int64_t width, std::int64_t slots, const Rng& rng)
{
    Change out{registerNested(*this, name, "0", std::make_shared<Linear>(slots * width, width, rng.fork(name).fork(0))),
        registerNested(*this, name, "2", std::make_shared<Linear>(width, width, rng.fork(name).fork(2)))};
    const at::NoGradGuard noGradient;
    out.first->bias.fill_(FirstBias);
    out.second->bias.fill_(FirstBias);
    return out;
}

at::Tensor ConditionalNorm::Change::forward(const at::Tensor& memory) const { return second->forward(at::relu(first->forward(memory))); }

at::Tensor ConditionalNorm::forward(const at::Tensor& x, const at::Tensor& memory) const
{
    return (m_gamma + m_gammaChange.forward(memory)) * standardise(x) + (m_beta + m_betaChange.forward(memory));
}

FourLinearAttention::FourLinearAttention(std::int64_t width, std::int64_t heads, const Rng& rng) : m_heads(heads)
{
    TORCH_CHECK(heads > 0 && width % heads == 0, "width ", width, " is not a multiple of ", heads, " heads");
    for (std::uint64_t i = 0; i < 4; ++i)
        m_linears.push_back(registerNested(*this, "linears", hilum::format("{}", i), std::make_shared<Linear>(width, width, rng.fork(i))));
}

at::Tensor FourLinearAttention::forward(const at::Tensor& query, const at::Tensor& source, const at::Tensor& allowed) const
{
    const std::int64_t batch = query.size(0), width = query.size(2), headWidth = width / m_heads;
    const auto split = [&](const at::Tensor& x) { return x.reshape({batch, -1, m_heads, headWidth}).transpose(1, 2); }; // [B, h, n, d]
    const at::Tensor q = split(m_linears[0]->forward(query)), k = split(m_linears[1]->forward(source)), v = split(m_linears[2]->forward(source));
    at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(headWidth));
    if (allowed.defined())
        scores = scores.masked_fill(allowed.logical_not(), Blocked);
    return m_linears[3]->forward(at::matmul(at::softmax(scores, -1), v).transpose(1, 2).reshape({batch, -1, width}));
}

RelationalMemory::RelationalMemory(std::int64_t slots, std::int64_t width, std::int64_t heads, const Rng& rng) : m_slots(slots), m_width(width)
{
    m_attention = register_module("attn", std::make_shared<FourLinearAttention>(width, heads, rng.fork("attn")));
    m_mlp0 = registerNested(*this, "mlp", "0", std::make_shared<Linear>(width, width, rng.fork("mlp0")));
    m_mlp2 = registerNested(*this, "mlp", "2", std::make_shared<Linear>(width, width, rng.fork("mlp2")));
    m_wordGates = register_module("W", std::make_shared<Linear>(width, 2 * width, rng.fork("W")));
    m_memoryGates = register_module("U", std::make_shared<Linear>(width, 2 * width, rng.fork("U")));
}

at::Tensor RelationalMemory::initial(std::int64_t batch, const at::TensorOptions& options) const
{
    return at::eye(m_slots, m_width, options).unsqueeze(0).expand({batch, -1, -1});
}

at::Tensor RelationalMemory::forward(const at::Tensor& words) const
{
    at::Tensor memory = initial(words.size(0), words.options());
    std::vector<at::Tensor> out;
    for (std::int64_t t = 0; t < words.size(1); ++t) {
        const at::Tensor word = words.slice(1, t, t + 1); // [B, 1, D]
        at::Tensor next = memory + m_attention->forward(memory, at::cat({memory, word}, 1));
        next = next + at::relu(m_mlp2->forward(at::relu(m_mlp0->forward(next))));
        const at::Tensor gates = at::sigmoid(m_wordGates->forward(word) + m_memoryGates->forward(at::tanh(memory))); // [B, S, 2D]
        memory = gates.slice(2, 0, m_width) * at::tanh(next) + gates.slice(2, m_width) * memory;
        out.push_back(memory.reshape({words.size(0), m_slots * m_width}));
    }
    return at::stack(out, 1);
}

} // namespace hilum::learning
