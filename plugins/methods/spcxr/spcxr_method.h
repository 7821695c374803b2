#pragma once

#include "core/learning/features.h"
#include "plugins/methods/spcxr/spcxr_options.h"

namespace hilum::learning {

/// SPCXR, first as SS-CXR: self-supervised pre-training on chest X-rays by group masking, ICIP 2024, arXiv 2211.12944; built on GMML (public code
/// Sara-Ahmed/GMML).
///
/// Views: `image` [C, S, S] float32 after (x - mean) / std.
class SpcxrMethod : public PretrainingMethod, public FeatureSource {
public:
    SpcxrMethod(const SpcxrOptions& options, const Rng& initialisation);

    std::unique_ptr<ViewMaker> viewMaker() const override;
    torch::nn::Module& trainable() override { return *m_network; }
    StepOutput step(const TensorMap& batch, Rng rng) override;
    EncoderExport encoder() const override { return {m_network->backbone().sizes().architecture(), "backbone."}; }
    Json inputPipeline() const override { return m_options.image.pipeline(); }

    /// Besides the usual arrays `groups` [S, S] (corrupted pixels) and, when `item` holds another image as `donor`, `donor` [1, S, S]: then its
    /// pixels are put in instead of the fill. `mask` lies on the token grid when the groups do, else on the pixels.
    Shown reconstruct(const TensorMap& item, const Json& request) override;
    std::vector<at::Tensor> attentionLayers(const TensorMap& item) override;
    std::vector<at::Tensor> attentionGradients(const TensorMap& item, std::int64_t query) override;
    std::vector<std::int64_t> tokenGrid() const override;
    bool hasClassToken() const override { return true; }

    /// Held-out evaluation hides whole patches: groups on the token grid, filled with noise, squared error in the space of training.
    bool isMaskedReconstruction() const override { return true; }
    MaskedTarget maskedTarget(const TensorMap& batch, Rng rng) override;
    at::Tensor predictMasked(const TensorMap& batch, const at::Tensor& mask) override;

    /// As GMML's public classification head reads: class token and mean of the patch tokens after the final normalisation, side by side. [B, 2 D]
    at::Tensor features(const TensorMap& batch) override;
    std::string pooling() const override { return "class token and mean of the patch tokens, side by side"; }
    /// The whole image in one piece.
    FeaturePieces featurePieces(const TensorMap& item, const Json& request) const override;
    TensorMap pieceView(const at::Tensor& image, const ImageBox& piece) const override;

    const GmmlNetwork& network() const { return *m_network; }

private:
    struct Views;
    at::Tensor imageOf(const TensorMap& item, const char* name) const; // [C, S, S] on the weights' device, normalised

    SpcxrOptions m_options;
    std::shared_ptr<GmmlNetwork> m_network;
};

void registerSpcxr(MethodRegistry& registry);

} // namespace hilum::learning
