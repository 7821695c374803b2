#pragma once

#include "core/learning/nn/swin_encoder.h"

namespace hilum::learning {

/// Encoder half of SwinUNETR: the Swin encoder and the convolution blocks on its hidden states. It is the backbone of VoCo (145 tensors).
///
/// Names: swinViT.*, encoder1, encoder2, encoder3, encoder4, encoder10.
class SwinUnetrEncoder : public torch::nn::Module {
public:
    SwinUnetrEncoder(const SwinSizes& sizes, const Rng& rng);

    struct Maps {
        std::array<at::Tensor, 5> hidden; ///< of the Swin encoder, see SwinEncoder::stages
        std::array<at::Tensor, 4> skips;  ///< encoder1 of the volume, encoder2, 3, 4 of hidden 0, 1, 2: [B, f, D, ...], [B, f, D/2, ...], ...
        at::Tensor rawDeepest;            ///< the last hidden state as it is before it is normalised
        at::Tensor bottleneck;            ///< encoder10 of hidden 4: [B, 16f, D/32, ...]
    };
    Maps forward(const at::Tensor& volume, HiddenStates states = HiddenStates::Normalised) const;
    /// The same from an embedding that was changed on the way (DAE zeroes channels of it). \param embedded as swin().embed(volume) gives it
    Maps forward(const at::Tensor& volume, const at::Tensor& embedded, HiddenStates states) const;

    /// VoCo's feature of a volume: means over space of the four skips and the bottleneck, joined. \return [B, 24f]
    at::Tensor pooled(const at::Tensor& volume) const;

    const SwinEncoder& swin() const { return *m_swin; }
    const SwinSizes& sizes() const { return m_swin->sizes(); }

protected:
    std::shared_ptr<SwinEncoder> m_swin;
    std::array<std::shared_ptr<LayeredBlock3d>, 5> m_encoders;
};

/// SwinUNETR (Hatamizadeh et al. 2022), behaviour and names of MONAI: 159 tensors, 167 with convolutionBeforeStage.
class SwinUnetr : public SwinUnetrEncoder {
public:
    SwinUnetr(const SwinSizes& sizes, std::int64_t outputs, const Rng& rng);

    /// \param volume [B, C, D, H, W], sides multiples of 32 \return [B, outputs, D, H, W]
    at::Tensor logits(const at::Tensor& volume, HiddenStates states = HiddenStates::Normalised) const;
    at::Tensor decode(const Maps& maps) const;

private:
    std::array<std::shared_ptr<UpBlock3d>, 5> m_decoders; // decoder5 to decoder1
    std::shared_ptr<Convolution3d> m_out;
};

} // namespace hilum::learning
