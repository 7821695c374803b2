#pragma once

#include "core/learning/features.h"
#include "core/learning/masked_image_options.h"
#include "core/learning/method.h"

namespace hilum::learning {

/// What methods of masked image modelling share: views (crop, flip, normalisation), one training step, held-out evaluation, pictures,
/// attention. A method says how its mask is drawn.
///
/// Views: `image` [C, S, S] float32 after (x - mean) / std; `inside` [N] bool, tokens in the region, when the method uses one.
class MaskedImageMethod : public PretrainingMethod, public FeatureSource {
public:
    MaskedImageMethod(MaskedImageOptions options, const Rng& initialisation);

    std::unique_ptr<ViewMaker> viewMaker() const override;
    torch::nn::Module& trainable() override { return *m_network; }
    StepOutput step(const TensorMap& batch, Rng rng) override;
    EncoderExport encoder() const override { return {m_options.network.architecture(), ""}; }
    Shown reconstruct(const TensorMap& item, const Json& request) override;
    std::vector<at::Tensor> attentionLayers(const TensorMap& item) override;
    std::vector<at::Tensor> attentionGradients(const TensorMap& item, std::int64_t query) override;
    std::vector<std::int64_t> tokenGrid() const override { return {m_options.network.grid()[0], m_options.network.grid()[1]}; }
    bool hasClassToken() const override { return true; }
    bool isMaskedReconstruction() const override { return true; }
    MaskedTarget maskedTarget(const TensorMap& batch, Rng rng) override;
    at::Tensor predictMasked(const TensorMap& batch, const at::Tensor& mask) override;
    /// As MAE's public fine-tuning pools: mean of the patch tokens before the final normalisation, class token left out. [B, D]
    at::Tensor features(const TensorMap& batch) override;
    std::string pooling() const override { return "mean of the patch tokens before the final normalisation"; }
    /// The whole image in one piece.
    FeaturePieces featurePieces(const TensorMap& item, const Json& request) const override;
    TensorMap pieceView(const at::Tensor& image, const ImageBox& piece) const override;

    const MaskedAutoencoder& network() const { return *m_network; }

protected:
    /// How region maps become `inside`; a method that has none returns None.
    enum class Region { None, FromItem, Rectangle };
    virtual Region region() const { return Region::None; }
    /// Draws the masks of a batch. \param inside [B, N] bool, undefined without region \param overrides option values for this
    /// request alone, empty in training
    virtual TokenMask drawMask(std::int64_t batch, const at::Tensor& inside, const Rng& rng, const Json& overrides) const = 0;
    /// Further losses of a training step (none by default). \param out gets metrics
    virtual at::Tensor extraLoss(const at::Tensor& /*image*/, const Rng& /*rng*/, StepOutput& /*out*/) { return {}; }

    const MaskedImageOptions& options() const { return m_options; }
    /// Error of each patch, [B, N], of a batch under a mask.
    at::Tensor patchErrors(const at::Tensor& image, const TokenMask& mask);

private:
    struct Views;
    at::Tensor imageOf(const TensorMap& item) const;                       // [1, C, S, S] on the weights' device, normalised
    at::Tensor insideOf(const TensorMap& item, const Json& request) const; // [1, N] bool or undefined

    MaskedImageOptions m_options;
    std::shared_ptr<MaskedAutoencoder> m_network;
};

} // namespace hilum::learning
