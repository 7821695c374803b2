#pragma once

#include "core/base/jsonl.h"
#include "core/learning/nn/transformer.h"
#include "core/learning/nn/volume_layers.h"

#include <array>

namespace hilum::learning {

/// In which order the eight octants (d, h, w) of a 2 x 2 x 2 cell are joined before they are merged. Weights of one order load into another
/// without complaint and give wrong features: the order belongs to the weights.
enum class MergeMode {
    Legacy,  ///< 000,100,010,001,101,010,001,111: two octants twice, 110 and 011 never (MONAI 0.9 to 1.4; VoCo, DAE, model_swinvit)
    Monai15, ///< 000,100,010,001,110,101,011,111 (MONAI from 1.5 on)
    V2,      ///< 000,001,010,011,100,101,110,111 ("mergingv2")
};
std::string_view name(MergeMode mode); ///< "legacy", "monai15", "mergingv2"
/// "v2" is taken too. \throws std::invalid_argument for another word, listing the three
MergeMode mergeModeOf(std::string_view word);

enum class VolumeEmbedding {
    Convolution, ///< one, kernel = stride = 2, with bias
    ConvBlock,   ///< two of 3^3 (stride 2, then 1), each with an affine instance norm and leaky ReLU (DAE)
};
std::string_view name(VolumeEmbedding kind); ///< "convolution", "conv-block"
VolumeEmbedding volumeEmbeddingOf(std::string_view word); ///< "conv" and "single-conv" are taken too

inline constexpr std::int64_t SwinPatch = 2; ///< voxels along each side of a token of SwinEncoder::embed

/// Whether hidden states are normalised over channels, without parameters, before they are handed out.
enum class HiddenStates { Raw, Normalised };

/// Sizes of a 3-D Swin transformer with four stages. Stage k has featureSize * 2^(k-1) channels.
struct SwinSizes {
    std::int64_t channels = 1, featureSize = 48, window = 7;
    std::vector<std::int64_t> depths{2, 2, 2, 2}, heads{3, 6, 12, 24};
    bool convolutionBeforeStage = false; ///< SwinUNETR-v2: a residual block before each stage
    MergeMode merging = MergeMode::Monai15;
    VolumeEmbedding embedding = VolumeEmbedding::Convolution;

    Json architecture() const; ///< for EncoderExport and model metadata
};

/// The sizes that architecture() wrote; what is absent keeps its default. `window` may be three equal numbers, as MONAI has it. \throws std::invalid_argument, nlohmann::json::exception
SwinSizes swinSizesOf(const Json& architecture);

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
