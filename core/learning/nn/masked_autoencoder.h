#pragma once

#include "core/base/jsonl.h"
#include "core/learning/masking.h"
#include "core/learning/nn/patch_embed.h"
#include "core/learning/nn/transformer.h"

#include <array>

namespace hilum::learning {

/// Sizes of a masked autoencoder. The patch's side is the product of the strides.
struct MaskedAutoencoderSizes {
    std::int64_t imageSize = 224;           ///< pixels a side
    std::int64_t channels = 3;
    std::vector<std::int64_t> strides{16};  ///< of the tokeniser's convolutions
    std::int64_t tokeniserWidth = 768;      ///< channels between them
    std::int64_t width = 768, depth = 12, heads = 12;
    std::int64_t decoderWidth = 512, decoderDepth = 8, decoderHeads = 16;
    double mlpRatio = 4;

    std::int64_t patch() const;
    std::array<std::int64_t, 2> grid() const { return {imageSize / patch(), imageSize / patch()}; }
    std::int64_t tokens() const { return grid()[0] * grid()[1]; }
    Json architecture() const; ///< of the encoder, for EncoderExport
};

/// Masked autoencoder (He et al. 2022, section 3): the encoder sees the visible tokens and a class token, the decoder sees all places.
///
/// Parameter names are those of the public codes (cls_token, patch_embed.*, blocks.N.*, norm, decoder_embed, mask_token,
/// decoder_blocks.N.*, decoder_norm, decoder_pred). The positions `pos_embed` and `decoder_pos_embed` are buffers: never trained.
class MaskedAutoencoder : public torch::nn::Module {
public:
    MaskedAutoencoder(const MaskedAutoencoderSizes& sizes, const Rng& rng);

    /// Latent of the visible tokens after the final normalisation, class token first; what stands at fillers means nothing.
    /// \param image [B, C, H, W] normalised \return [B, 1 + K, D]
    at::Tensor encode(const at::Tensor& image, const TokenMask& mask) const;

    /// All tokens with nothing hidden, before the final normalisation, class token first.
    /// \param taps receives the attention of each block [B, heads, 1 + N, 1 + N] \return [B, 1 + N, D]
    at::Tensor encodeAll(const at::Tensor& image, std::vector<at::Tensor>* taps = nullptr) const;

    /// Predicted pixels of every patch. \param latent [B, 1 + K, D] \return [B, N, p * p * C], in the type of the products
    at::Tensor decode(const at::Tensor& latent, const TokenMask& mask) const;

    const MaskedAutoencoderSizes& sizes() const { return m_sizes; }

private:
    at::Tensor embed(const at::Tensor& image, const at::Tensor& keep) const;

    MaskedAutoencoderSizes m_sizes;
    at::Tensor m_classToken, m_positions, m_maskToken, m_decoderPositions;
    std::shared_ptr<PatchEmbed> m_patchEmbed;
    std::shared_ptr<TransformerStack> m_blocks, m_decoderBlocks;
    std::shared_ptr<LayerNorm> m_norm, m_decoderNorm;
    std::shared_ptr<Linear> m_decoderEmbed, m_decoderHead;
};

/// Parameters and fixed positions of a module: how many tensors and elements, as the public codes count them.
struct TensorCount {
    std::int64_t tensors = 0, elements = 0;
};
/// \param encoderOnly leaves out mask_token and everything that starts with decoder_
TensorCount countTensors(const torch::nn::Module& module, bool encoderOnly);

} // namespace hilum::learning
