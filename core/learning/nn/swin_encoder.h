#pragma once

#include "core/learning/nn/swin_sizes.h"
#include "core/learning/nn/transformer.h"
#include "core/learning/nn/volume_layers.h"

#include <array>

namespace hilum::learning {

inline constexpr std::int64_t SwinPatch = 2; ///< voxels along each side of a token of SwinEncoder::embed

/// Whether hidden states are normalised over channels, without parameters, before they are handed out.
enum class HiddenStates { Raw, Normalised };

/// Encoder of SwinUNETR (Hatamizadeh et al. 2022; behaviour and names of MONAI's SwinTransformer).
///
/// Windows of `window`^3 tokens, shifted by half on odd blocks; a grid side of at most `window` is one window, unshifted, and takes the
/// top-left corner of the relative-position table, as the published weights were trained. LayerNorm eps 1e-5, exact GELU, MLP ratio 4.
class SwinEncoder : public torch::nn::Module {
public:
    SwinEncoder(const SwinSizes& sizes, const Rng& rng);

    /// Tokens of 2 x 2 x 2 voxels. \param volume [B, C, D, H, W], sides multiples of 32 \return [B, f, D/2, H/2, W/2]
    at::Tensor embed(const at::Tensor& volume) const;

    /// The five hidden states from the embedding on: [B, f 2^k, D/2^(k+1), ...] for k = 0 to 4; the first is the embedding itself.
    /// \param rawDeepest receives the last one before any normalisation
    std::array<at::Tensor, 5> stages(const at::Tensor& embedded, HiddenStates states, at::Tensor* rawDeepest = nullptr) const;

    const SwinSizes& sizes() const { return m_sizes; }

private:
    class Stage;
    class ConvEmbedding;
    SwinSizes m_sizes;
    std::shared_ptr<torch::nn::Module> m_embedding; // owns m_embedWeight and m_embedBias, or is m_convEmbedding
    at::Tensor m_embedWeight, m_embedBias;
    std::shared_ptr<ConvEmbedding> m_convEmbedding;
    std::vector<std::shared_ptr<Stage>> m_stages;
    std::vector<std::shared_ptr<LayeredBlock3d>> m_before; // empty without convolutionBeforeStage
};

/// The means over space of the five hidden states, side by side: what a classifier reads where a segmentation's decoder would take the states themselves.
/// \param states as SwinEncoder::stages gives them \return [B, 31 f] float
at::Tensor pooledStates(const std::array<at::Tensor, 5>& states);

/// Index of the relative position of each pair of tokens of a w^3 window into a table of (2w - 1)^3 rows: row i, column j holds
/// ((dz + w-1)(2w-1) + dy + w-1)(2w-1) + dx + w-1 with d = position i - position j. Golden values for w = 7: [0][0] = 1098,
/// [0][342] = 0, [342][0] = 2196. \return [w^3, w^3] int64
at::Tensor relativePositionIndex(std::int64_t window);

/// The eight octants of [B, D, H, W, C] joined in the order of `mode`. \return [B, D/2, H/2, W/2, 8C]
at::Tensor joinOctants(const at::Tensor& x, MergeMode mode);

} // namespace hilum::learning
