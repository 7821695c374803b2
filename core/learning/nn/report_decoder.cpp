#include "core/learning/nn/report_decoder.h"

#include "core/base/format.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/volume_layers.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tril.h>

#include <cmath>

namespace hilum::learning {

namespace {

constexpr std::int64_t LongestReport = 5000; // words that the published table of positions covers

/// Sine at even, cosine at odd channels. \return [1, T, D]
at::Tensor wordPositions(std::int64_t count, std::int64_t width)
{
    TORCH_CHECK(width % 2 == 0, "width ", width, " of word positions is odd");
    const at::Tensor rate = (at::arange(0, width, 2, at::kFloat) * (-std::log(10000.0) / static_cast<double>(width))).exp();
    const at::Tensor angle = at::arange(count, at::kFloat).unsqueeze(1) * rate;
    return at::stack({at::sin(angle), at::cos(angle)}, -1).reshape({1, count, width});
}

/// w_1, ReLU, w_2.
struct FeedForward : torch::nn::Module {
    FeedForward(std::int64_t width, std::int64_t hidden, const Rng& rng)
    {
        first = register_module("w_1", std::make_shared<Linear>(width, hidden, rng.fork("w_1")));
        second = register_module("w_2", std::make_shared<Linear>(hidden, width, rng.fork("w_2")));
    }
    at::Tensor forward(const at::Tensor& x) const { return second->forward(at::relu(first->forward(x))); }
    std::shared_ptr<Linear> first, second;
};

} // namespace

class ReportDecoder::EncoderLayer : public torch::nn::Module {
public:
    EncoderLayer(const ReportDecoderSizes& s, const Rng& rng)
    {
        m_attention = register_module("self_attn", std::make_shared<FourLinearAttention>(s.width, s.heads, rng.fork("self_attn")));
        m_feedForward = register_module("feed_forward", std::make_shared<FeedForward>(s.width, s.hidden, rng.fork("feed_forward")));
        const auto sublayers = register_module("sublayer", std::make_shared<torch::nn::Module>());
        for (const char* n : {"0", "1"})
            m_norms.push_back(registerNested(*sublayers, n, "norm", std::make_shared<ReportNorm>(s.width)));
    }
    at::Tensor forward(const at::Tensor& x) const
    {
        const at::Tensor normed = m_norms[0]->forward(x);
        const at::Tensor attended = x + m_attention->forward(normed, normed);
        return attended + m_feedForward->forward(m_norms[1]->forward(attended));
    }

private:
    std::shared_ptr<FourLinearAttention> m_attention;
    std::shared_ptr<FeedForward> m_feedForward;
    std::vector<std::shared_ptr<ReportNorm>> m_norms;
};

class ReportDecoder::DecoderLayer : public torch::nn::Module {
public:
    DecoderLayer(const ReportDecoderSizes& s, const Rng& rng)
    {
        m_selfAttention = register_module("self_attn", std::make_shared<FourLinearAttention>(s.width, s.heads, rng.fork("self_attn")));
        m_sourceAttention = register_module("src_attn", std::make_shared<FourLinearAttention>(s.width, s.heads, rng.fork("src_attn")));
        m_feedForward = register_module("feed_forward", std::make_shared<FeedForward>(s.width, s.hidden, rng.fork("feed_forward")));
        const auto sublayers = register_module("sublayer", std::make_shared<torch::nn::Module>());
        for (const char* n : {"0", "1", "2"})
            m_norms.push_back(registerNested(*sublayers, n, "norm", std::make_shared<ConditionalNorm>(s.width, s.slots, rng.fork("norm").fork(n))));
    }
    at::Tensor forward(at::Tensor x, const at::Tensor& encoded, const at::Tensor& allowed, const at::Tensor& memory) const
    {
        const at::Tensor normed = m_norms[0]->forward(x, memory);
        x = x + m_selfAttention->forward(normed, normed, allowed);
        x = x + m_sourceAttention->forward(m_norms[1]->forward(x, memory), encoded);
        return x + m_feedForward->forward(m_norms[2]->forward(x, memory));
    }

private:
    std::shared_ptr<FourLinearAttention> m_selfAttention, m_sourceAttention;
    std::shared_ptr<FeedForward> m_feedForward;
    std::vector<std::shared_ptr<ConditionalNorm>> m_norms;
};

Json ReportDecoderSizes::architecture() const
{
    return {{"kind", "r2gen"}, {"d_model", width}, {"d_ff", hidden}, {"d_vf", features}, {"layers", layers}, {"heads", heads}, {"memory_slots", slots},
        {"memory_heads", memoryHeads}, {"vocabulary", vocabulary}};
}

ReportDecoder::ReportDecoder(const ReportDecoderSizes& sizes, const Rng& rng) : m_sizes(sizes)
{
    m_attEmbed = registerNested(*this, "att_embed", "0", std::make_shared<Linear>(sizes.features, sizes.width, rng.fork("att_embed")));
    const auto model = register_module("model", std::make_shared<torch::nn::Module>());
    const auto encoder = model->register_module("encoder", std::make_shared<torch::nn::Module>());
    const auto decoder = model->register_module("decoder", std::make_shared<torch::nn::Module>());
    for (std::int64_t i = 0; i < sizes.layers; ++i) {
        const auto part = static_cast<std::uint64_t>(i);
        m_encoderLayers.push_back(registerNested(*encoder, "layers", hilum::format("{}", i), std::make_shared<EncoderLayer>(sizes, rng.fork("encoder").fork(part))));
        m_decoderLayers.push_back(registerNested(*decoder, "layers", hilum::format("{}", i), std::make_shared<DecoderLayer>(sizes, rng.fork("decoder").fork(part))));
    }
    m_encoderNorm = encoder->register_module("norm", std::make_shared<ReportNorm>(sizes.width));
    m_decoderNorm = decoder->register_module("norm", std::make_shared<ReportNorm>(sizes.width));
    const auto embed = model->register_module("tgt_embed", std::make_shared<torch::nn::Module>());
    at::Tensor table = at::empty({sizes.vocabulary + 1, sizes.width}, at::kFloat);
    fillXavier_(table, sizes.vocabulary + 1, sizes.width, rng.fork("words"));
    m_words = registerNested(*embed, "0", "lut", std::make_shared<torch::nn::Module>())->register_parameter("weight", table);
    m_positions = embed->register_module("1", std::make_shared<torch::nn::Module>())->register_buffer("pe", wordPositions(LongestReport, sizes.width));
    m_memory = model->register_module("rm", std::make_shared<RelationalMemory>(sizes.slots, sizes.width, sizes.memoryHeads, rng.fork("rm")));
    m_logit = register_module("logit", std::make_shared<Linear>(sizes.width, sizes.vocabulary + 1, rng.fork("logit")));
}

at::Tensor ReportDecoder::encode(const at::Tensor& patches) const
{
    TORCH_CHECK(patches.dim() == 3 && patches.size(2) == m_sizes.features, "patch features of shape ", patches.sizes(), " where [B, N, ", m_sizes.features, "] is expected");
    at::Tensor x = at::relu(m_attEmbed->forward(patches));
    for (const auto& layer : m_encoderLayers)
        x = layer->forward(x);
    return m_encoderNorm->forward(x);
}

at::Tensor ReportDecoder::decode(const at::Tensor& encoded, const at::Tensor& words) const
{
    const std::int64_t count = words.size(1);
    TORCH_CHECK(count > 0 && count <= m_positions.size(1), "a report of ", count, " words; 1 to ", m_positions.size(1), " are possible");
    at::Tensor known = words.gt(0); // [B, T]
    known.select(1, 0).fill_(true);
    const at::Tensor causal = at::ones({count, count}, known.options()).tril();
    const at::Tensor allowed = (known.unsqueeze(1).logical_and(causal)).unsqueeze(1); // [B, 1, T, T]
    const at::Tensor embedded = at::embedding(m_words, words) * std::sqrt(static_cast<double>(m_sizes.width)) + m_positions.slice(1, 0, count);
    const at::Tensor memory = m_memory->forward(embedded);
    at::Tensor x = embedded;
    for (const auto& layer : m_decoderLayers)
        x = layer->forward(x, encoded, allowed, memory);
    return at::log_softmax(m_logit->forward(m_decoderNorm->forward(x)), -1);
}

} // namespace hilum::learning
