#pragma once

#include "core/base/jsonl.h"
#include "core/learning/nn/transformer.h"

namespace hilum::learning {

struct BertSizes {
    std::int64_t vocabulary = 28996; ///< word pieces
    std::int64_t positions = 512, segments = 2; ///< segments = 0: nothing is added for them (MGCA)
    std::int64_t width = 768, depth = 12, heads = 12, hidden = 3072;
    bool pooler = true;

    Json architecture() const;
};

/// BERT (Devlin et al. 2019, arXiv 1810.04805): learned word, position and segment embeddings, post-norm blocks, LayerNorm eps 1e-12, exact GELU.
///
/// Names of Hugging Face Transformers: embeddings.*, encoder.layer.N.attention.{self,output}.*, .intermediate.dense, .output.*, pooler.dense.
/// Letters: B reports, T word pieces, D width.
class Bert : public torch::nn::Module {
public:
    Bert(const BertSizes& sizes, const Rng& rng);

    /// Features of every word piece after the last block. \param pieces [B, T] int64 \param known [B, T], 0 = padding, which nothing attends to
    /// \param segments [B, T] int64 or undefined (all 0, or none in a network without them) \param taps receives the attention of each block [B, heads, T, T] \return [B, T, D]
    at::Tensor forward(const at::Tensor& pieces, const at::Tensor& known, const at::Tensor& segments = {}, std::vector<at::Tensor>* taps = nullptr) const;
    const BertSizes& sizes() const { return m_sizes; }

private:
    class Block;
    class Norm;
    BertSizes m_sizes;
    at::Tensor m_words, m_positions, m_segments;
    std::shared_ptr<Norm> m_norm;
    std::vector<std::shared_ptr<Block>> m_blocks;
    std::shared_ptr<Linear> m_pooler; // kept for its weights; sentence features come from the class token
};

} // namespace hilum::learning
