#pragma once

#include "core/learning/nn/transformer.h"

#include <vector>

namespace hilum::learning {

// Layers of R2Gen (Chen et al. 2020, "Generating Radiology Reports via Memory-driven Transformer", EMNLP, arXiv 2010.16056; behaviour and
// names of the public code). Letters: B cases, T words, N patches, D width, S memory slots.

/// (x - mean) / (deviation + 1e-6) over the last axis, deviation unbiased, eps outside the root: not PyTorch's layer norm.
at::Tensor standardise(const at::Tensor& x);

/// gamma * standardise(x) + beta. Parameters `gamma` (1), `beta` (0).
class ReportNorm : public torch::nn::Module {
public:
    explicit ReportNorm(std::int64_t width);
    at::Tensor forward(const at::Tensor& x) const { return gamma * standardise(x) + beta; }
    at::Tensor gamma, beta;
};

/// Memory-driven conditional normalisation (section 3.3): the memory of each word adds to gamma and beta through two small networks,
/// mlp_gamma and mlp_beta (S D -> D, ReLU, D -> D; biases start at 0.1).
class ConditionalNorm : public torch::nn::Module {
public:
    ConditionalNorm(std::int64_t width, std::int64_t slots, const Rng& rng);
    /// \param x [B, T, D] \param memory [B, T, S D]
    at::Tensor forward(const at::Tensor& x, const at::Tensor& memory) const;

private:
    struct Change {
        std::shared_ptr<Linear> first, second;
        at::Tensor forward(const at::Tensor& memory) const;
    };
    Change change(const char* name, std::int64_t width, std::int64_t slots, const Rng& rng);
    at::Tensor m_gamma, m_beta;
    Change m_gammaChange, m_betaChange;
};

/// Multi-head attention with four matrices: linears.0 (query), .1 (key), .2 (value), .3 (output).
class FourLinearAttention : public torch::nn::Module {
public:
    FourLinearAttention(std::int64_t width, std::int64_t heads, const Rng& rng);
    /// \param query [B, Q, D] \param source keys and values, [B, K, D] \param allowed bool, broadcastable to [B, heads, Q, K]; undefined: all
    at::Tensor forward(const at::Tensor& query, const at::Tensor& source, const at::Tensor& allowed = {}) const;

private:
    std::int64_t m_heads;
    std::vector<std::shared_ptr<Linear>> m_linears;
};

/// Relational memory (section 3.2): per word, attention of the memory over itself and the word, then gates. Initial memory: rows of the
/// identity, padded with zeros.
class RelationalMemory : public torch::nn::Module {
public:
    RelationalMemory(std::int64_t slots, std::int64_t width, std::int64_t heads, const Rng& rng);
    at::Tensor initial(std::int64_t batch, const at::TensorOptions& options) const; ///< [B, S, D]
    /// \param words [B, T, D] \return memory after each word [B, T, S D]
    at::Tensor forward(const at::Tensor& words) const;

private:
    std::int64_t m_slots, m_width;
    std::shared_ptr<FourLinearAttention> m_attention;
    std::shared_ptr<Linear> m_mlp0, m_mlp2, m_wordGates, m_memoryGates;
};

} // namespace hilum::learning
