#pragma once

#include "core/base/jsonl.h"
#include "core/learning/nn/patch_embed.h"
#include "core/learning/nn/transformer.h"

#include <span>

namespace hilum::learning {

struct VisionTransformerSizes {
    std::int64_t imageSize = 224; ///< pixels a side
    std::int64_t patch = 16, channels = 3, width = 384, depth = 12, heads = 6;
    double mlpRatio = 4;

    std::int64_t side() const { return imageSize / patch; }      ///< tokens a side
    std::int64_t tokens() const { return side() * side(); }
    Json architecture() const; ///< for EncoderExport
};

/// Vision transformer (Dosovitskiy et al. 2021, ViT) with learned positions and a class token; all tokens always go through.
///
/// Names of the public codes: cls_token, pos_embed, patch_embed.proj, blocks.N.*, norm. The positions begin as sine and cosine (our setting: the
/// public codes draw them with deviation 0.02, from which they take long to grow).
class VisionTransformer : public torch::nn::Module {
public:
    VisionTransformer(const VisionTransformerSizes& sizes, const Rng& rng);

    /// Tokens after each block that `blocks` names (counted from 1), class token first, before the final normalisation.
    /// \param image [B, C, S, S] \param taps receives the attention of each block [B, heads, 1 + N, 1 + N]
    /// \param branches of dropPathFactors, [depth, 2, B, 1, 1]; undefined: every branch of every block \return per named block [B, 1 + N, D]
    std::vector<at::Tensor> blockOutputs(const at::Tensor& image, std::span<const std::int64_t> blocks, std::vector<at::Tensor>* taps = nullptr, const at::Tensor& branches = {}) const;
    /// Tokens after the last block and the final normalisation. \return [B, 1 + N, D]
    at::Tensor forward(const at::Tensor& image, std::vector<at::Tensor>* taps = nullptr) const;
    at::Tensor normalise(const at::Tensor& tokens) const { return m_norm->forward(tokens); }

    const VisionTransformerSizes& sizes() const { return m_sizes; }

private:
    VisionTransformerSizes m_sizes;
    at::Tensor m_classToken, m_positions;
    std::shared_ptr<PatchEmbed> m_patchEmbed;
    std::vector<std::shared_ptr<TransformerBlock>> m_blocks;
    std::shared_ptr<LayerNorm> m_norm;
};

} // namespace hilum::learning
