#pragma once

#include "core/learning/nn/vision_transformer.h"

namespace hilum::learning {

struct GmmlSizes {
    VisionTransformerSizes backbone;
    std::vector<std::int64_t> reconstructionBlocks{6, 8, 10, 12}; ///< counted from 1
};

/// Network of group masked model learning (GMML), the base of SPCXR; behaviour and names of the public code Sara-Ahmed/GMML: backbone.*, head_recons.mlp.{0,2,4}, head_recons.convTrans. Letters: B cases, N patches, D width.
class GmmlNetwork : public torch::nn::Module {
public:
    GmmlNetwork(const GmmlSizes& sizes, const Rng& rng);

    /// Mean of the tokens after the reconstruction blocks, then the final normalisation, class token dropped.
    /// \param image [B, C, S, S], corrupted \param taps, branches as in VisionTransformer \return [B, N, D]
    at::Tensor features(const at::Tensor& image, std::vector<at::Tensor>* taps = nullptr, const at::Tensor& branches = {}) const;
    /// Three times Linear and GELU, then a transposed convolution with kernel = stride = patch. \param features [B, N, D] \return [B, C, S, S]
    at::Tensor reconstruct(const at::Tensor& features) const;

    const VisionTransformer& backbone() const { return *m_backbone; }
    const GmmlSizes& sizes() const { return m_sizes; }

private:
    GmmlSizes m_sizes;
    std::shared_ptr<VisionTransformer> m_backbone;
    std::vector<std::shared_ptr<Linear>> m_mlp;
    at::Tensor m_weight, m_bias; // of the transposed convolution: [D, C, p, p], [C]
};

/// L1 between a reconstruction and the clean image: mean over all values, and over the corrupted ones.
struct GmmlLosses {
    at::Tensor all;       ///< [] scalar
    at::Tensor corrupted; ///< [] scalar; 0 when nothing is corrupted
};
/// \param reconstruction, image [B, C, S, S] \param mask the same shape, 1 = corrupted
GmmlLosses gmmlLosses(const at::Tensor& reconstruction, const at::Tensor& image, const at::Tensor& mask);

} // namespace hilum::learning
