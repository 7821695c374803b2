#include "core/learning/nn/bert.h"

#include "core/base/format.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/volume_layers.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

namespace hilum::learning {

namespace {

constexpr double LayerNormEpsilon = 1e-12, FirstDeviation = 0.02;
constexpr double Hidden = -1e30; // score of a padding: nothing is left of it after the softmax, and bfloat16 can hold it

std::shared_ptr<Linear> dense(std::int64_t in, std::int64_t out, const Rng& rng) { return std::make_shared<Linear>(in, out, rng); }

} // namespace

class Bert::Norm : public torch::nn::Module {
public:
    explicit Norm(std::int64_t width)
    {
        m_weight = register_parameter("weight", at::ones({width}));
        m_bias = register_parameter("bias", at::zeros({width}));
    }
    at::Tensor forward(const at::Tensor& x) const { return at::layer_norm(x, {m_weight.size(0)}, m_weight, m_bias, LayerNormEpsilon); }

private:
    at::Tensor m_weight, m_bias;
};

class Bert::Block : public torch::nn::Module {
public:
    Block(const BertSizes& s, const Rng& rng) : m_heads(s.heads)
    {
        TORCH_CHECK(s.heads > 0 && s.width % s.heads == 0, "width ", s.width, " is not a multiple of ", s.heads, " heads");
        const auto attention = register_module("attention", std::make_shared<torch::nn::Module>());
        m_query = registerNested(*attention, "self", "query", dense(s.width, s.width, rng.fork("query")));
        m_key = registerNested(*attention, "self", "key", dense(s.width, s.width, rng.fork("key")));
        m_value = registerNested(*attention, "self", "value", dense(s.width, s.width, rng.fork("value")));
        m_attended = registerNested(*attention, "output", "dense", dense(s.width, s.width, rng.fork("attended")));
        m_attentionNorm = registerNested(*attention, "output", "LayerNorm", std::make_shared<Norm>(s.width));
        m_first = registerNested(*this, "intermediate", "dense", dense(s.width, s.hidden, rng.fork("intermediate")));
        m_second = registerNested(*this, "output", "dense", dense(s.hidden, s.width, rng.fork("output")));
        m_norm = registerNested(*this, "output", "LayerNorm", std::make_shared<Norm>(s.width));
    }

    /// \param attend [B, 1, 1, T] bool
    at::Tensor forward(const at::Tensor& x, const at::Tensor& attend, at::Tensor* tap) const
    {
        const std::int64_t batch = x.size(0), width = x.size(2), headWidth = width / m_heads;
        const auto split = [&](const Linear& matrix) { return matrix.forward(x).reshape({batch, -1, m_heads, headWidth}).transpose(1, 2); }; // [B, h, T, d]
        const at::Tensor scores = at::matmul(split(*m_query) * (1 / std::sqrt(static_cast<double>(headWidth))), split(*m_key).transpose(-2, -1));
        const at::Tensor weights = at::softmax(scores.masked_fill(attend.logical_not(), Hidden), -1);
        if (tap)
            *tap = weights;
        const at::Tensor mixed = at::matmul(weights, split(*m_value)).transpose(1, 2).reshape({batch, -1, width});
        const at::Tensor attended = m_attentionNorm->forward(x + m_attended->forward(mixed));
        return m_norm->forward(attended + m_second->forward(at::gelu(m_first->forward(attended))));
    }

private:
    std::int64_t m_heads;
    std::shared_ptr<Linear> m_query, m_key, m_value, m_attended, m_first, m_second;
    std::shared_ptr<Norm> m_attentionNorm, m_norm;
};

Json BertSizes::architecture() const
{
    return {{"kind", "bert"}, {"vocabulary", vocabulary}, {"positions", positions}, {"segments", segments}, {"width", width}, {"depth", depth}, {"heads", heads}, {"hidden", hidden},
        {"pooler", pooler}};
}

Bert::Bert(const BertSizes& sizes, const Rng& rng) : m_sizes(sizes)
{
    const auto embeddings = register_module("embeddings", std::make_shared<torch::nn::Module>());
    const auto table = [&](const char* name, std::int64_t rows) {
        at::Tensor values = at::empty({rows, sizes.width}, at::kFloat);
        fillNormal_(values, FirstDeviation, rng.fork(name));
        return embeddings->register_module(name, std::make_shared<torch::nn::Module>())->register_parameter("weight", values);
    };
    m_words = table("word_embeddings", sizes.vocabulary);
    m_positions = table("position_embeddings", sizes.positions);
    if (sizes.segments > 0)
        m_segments = table("token_type_embeddings", sizes.segments);
    m_norm = embeddings->register_module("LayerNorm", std::make_shared<Norm>(sizes.width));
    const auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
    for (std::int64_t i = 0; i < sizes.depth; ++i)
        m_blocks.push_back(registerNested(*encoder, "layer", hilum::format("{}", i), std::make_shared<Block>(sizes, rng.fork("layer").fork(static_cast<std::uint64_t>(i)))));
    if (sizes.pooler)
        m_pooler = registerNested(*this, "pooler", "dense", dense(sizes.width, sizes.width, rng.fork("pooler")));
}

at::Tensor Bert::forward(const at::Tensor& pieces, const at::Tensor& known, const at::Tensor& segments, std::vector<at::Tensor>* taps) const
{
    TORCH_CHECK(pieces.dim() == 2 && pieces.size(1) <= m_sizes.positions, "reports of shape ", pieces.sizes(), "; ", m_sizes.positions, " word pieces are the limit");
    TORCH_CHECK(m_segments.defined() || !segments.defined(), "segments ", segments.sizes(), " are given to a network without them");
    at::Tensor x = at::embedding(m_words, pieces) + m_positions.slice(0, 0, pieces.size(1));
    if (m_segments.defined())
        x = x + at::embedding(m_segments, segments.defined() ? segments : at::zeros_like(pieces));
    x = m_norm->forward(x);
    const at::Tensor attend = known.ne(0).unsqueeze(1).unsqueeze(1);
    for (const auto& block : m_blocks) {
        at::Tensor tap;
        x = block->forward(x, attend, taps ? &tap : nullptr);
        if (taps)
            taps->push_back(tap);
    }
    return x;
}

} // namespace hilum::learning
