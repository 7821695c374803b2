#pragma once

#include "core/base/random.h"
#include "core/learning/nn/fused_ops.h" // NormFork

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h> // modules own their parameters

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::learning {

/// How softmax(q k^T / sqrt(d)) v is made. The same numbers up to rounding; which is faster depends on device and type.
enum class AttentionPath {
    Plain, ///< three products; the only one that can hand out the matrices
    Fused, ///< scaled_dot_product_attention
};
std::string_view name(AttentionPath path); ///< "plain", "fused"

/// The path for a device and type from now on, in the whole process; set by choosePrecision (device.h) from a measurement.
void setAttentionPath(at::DeviceType device, at::ScalarType type, AttentionPath path);
/// Before any measurement: plain for 16-bit types on the CPU (the fused backward is slow there), fused otherwise.
AttentionPath attentionPath(at::DeviceType device, at::ScalarType type);

/// y = x W^T + b. Xavier-uniform weight, bias 0. Parameters `weight` [out, in], `bias` [out].
class Linear : public torch::nn::Module {
public:
    Linear(std::int64_t in, std::int64_t out, const Rng& rng);
    /// \param residual [..., out], added to the result when given
    at::Tensor forward(const at::Tensor& x, const at::Tensor& residual = {}) const;
    at::Tensor weight, bias;
};

/// Layer normalisation over the last axis. Parameters `weight` (1), `bias` (0).
class LayerNorm : public torch::nn::Module {
public:
    explicit LayerNorm(std::int64_t width);
    at::Tensor forward(const at::Tensor& x) const;
    /// The normalised x in the type of the products, and x itself for the sum that goes round the next layer.
    NormFork fork(const at::Tensor& x) const;
    at::Tensor weight, bias;
    static constexpr double Epsilon = 1e-6;
    double epsilon = Epsilon; ///< added to the variance; published codes that are compared with may have another one
};

/// Multi-head self-attention; one Linear makes q, k, v (in this order, heads inside each), scale headWidth^-0.5.
class Attention : public torch::nn::Module {
public:
    Attention(std::int64_t width, std::int64_t heads, const Rng& rng);
    /// \param x [B, N, D] \param tap when given, receives softmax(q k^T / sqrt(d)) [B, heads, N, N] (plain path)
    /// \param attend [B, 1, 1, N] bool: tokens that may be attended to; undefined: all
    /// \param residual [B, N, D], added to the result when given
    at::Tensor forward(const at::Tensor& x, at::Tensor* tap = nullptr, const at::Tensor& attend = {}, const at::Tensor& residual = {}) const;

private:
    std::int64_t m_heads;
    std::shared_ptr<Linear> m_qkv, m_proj;
};

/// Hidden width of a block's MLP: int(width * ratio) in double, as the public codes (timm, GMML) count: 64 at 2.67 gives 170.
std::int64_t mlpWidth(std::int64_t width, double ratio);

/// Linear, exact GELU (erf), Linear.
class Mlp : public torch::nn::Module {
public:
    Mlp(std::int64_t width, std::int64_t hidden, const Rng& rng);
    /// \param residual [..., width], added to the result when given
    at::Tensor forward(const at::Tensor& x, const at::Tensor& residual = {}) const;

private:
    std::shared_ptr<Linear> m_fc1, m_fc2;
};

/// Pre-norm block (ViT): x += Attention(LN(x)); x += Mlp(LN(x)). Names as in the public codes: norm1, attn.qkv, attn.proj, norm2,
/// mlp.fc1, mlp.fc2.
class TransformerBlock : public torch::nn::Module {
public:
    TransformerBlock(std::int64_t width, std::int64_t heads, double mlpRatio, const Rng& rng);
    /// \param branches [2, B, 1, 1], what attention and MLP of each case are multiplied by before they are added (drop path); undefined: 1
    at::Tensor forward(const at::Tensor& x, at::Tensor* tap = nullptr, const at::Tensor& attend = {}, const at::Tensor& branches = {}) const;

private:
    at::Tensor run(const at::Tensor& x, at::Tensor* tap, const at::Tensor& attend, const at::Tensor& branches) const;
    std::shared_ptr<LayerNorm> m_norm1, m_norm2;
    std::shared_ptr<Attention> m_attn;
    std::shared_ptr<Mlp> m_mlp;
};

/// Stochastic depth, called drop path (Huang et al. 2016, "Deep networks with stochastic depth"; behaviour of the public ViT codes): what the two branches of each block are
/// multiplied by in one training step. A branch of a case is left out with probability p, else counts 1 / (1 - p); p grows linearly from 0 in the first block to `rate` in
/// the last. Case b draws from rng.sample(b) alone.
/// \param rate [0, 1) \return [depth, 2, B, 1, 1] float32 on the CPU
at::Tensor dropPathFactors(std::int64_t depth, std::int64_t batch, double rate, const Rng& rng);

/// `depth` blocks one after another, registered by `parent` under `name`.0, `name`.1, ...
class TransformerStack : public torch::nn::Module {
public:
    TransformerStack(std::int64_t width, std::int64_t depth, std::int64_t heads, double mlpRatio, const Rng& rng);
    /// \param x [B, N, D] \param taps when given, receives every block's attention matrices [B, heads, N, N]
    /// \param attend as in Attention
    at::Tensor forward(at::Tensor x, std::vector<at::Tensor>* taps = nullptr, const at::Tensor& attend = {}) const;
    std::int64_t depth() const { return static_cast<std::int64_t>(m_blocks.size()); }

private:
    std::vector<std::shared_ptr<TransformerBlock>> m_blocks;
};

} // namespace hilum::learning
