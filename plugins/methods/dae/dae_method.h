#pragma once

#include "core/learning/features.h"
#include "core/learning/nn/swin_unetr.h"
#include "plugins/methods/dae/dae_options.h"

namespace hilum::learning {

/// DAE: "Disruptive Autoencoders: Leveraging Low-level features for 3D Medical Image Pre-training", MIDL 2024, arXiv 2307.16896.
///
/// Views: `image` [1, W, H, D] float32, a crop of the scaled volume, axes as in the public code (Right, Anterior, Superior), which the published weights need;
/// `modality` [1] int64 (modalityNumber).
class DaeMethod : public PretrainingMethod, public FeatureSource {
public:
    DaeMethod(const DaeOptions& options, const Rng& initialisation);

    std::unique_ptr<ViewMaker> viewMaker() const override;
    torch::nn::Module& trainable() override { return *m_network; }
    StepOutput step(const TensorMap& batch, Rng rng) override;
    EncoderExport encoder() const override;
    Json inputPipeline() const override { return m_options.pipeline(); }
    /// L1 of the restored crop (`l1_restored`) beside three guesses for the same disruption: the disrupted crop itself (`l1_disrupted_itself`), the best of
    /// several box filters of it (`l1_best_smoothing`), and the clean crop's median (`l1_best_constant`: no constant is better, the mean of the training volumes
    /// among them). The last two are chosen by looking at the clean crop. The same again by modality: `l1_restored_ct`, ...
    std::vector<std::map<std::string, double>> caseNumbers(const TensorMap& batch, std::span<const Rng> streams) override;

    /// `input`, `noisy`, `decimated`, `corrupted`, `channel_mask` [C] (1 = zeroed), `reconstruction`, `error`, `cmcl_similarity` [m, m]: cosine of the pooled
    /// bottleneck between crops of this volume and of `other_0`, ... where `item` holds them. Volumes are [1, D, H, W] as in the case. Numbers: `loss` as asked for, and
    /// with the same draws one disturbance by itself: `loss_noise`, `loss_decimation`, `loss_channels`.
    /// \param request besides "seed": "crop_centre" [i, j, k]; "disruption", "noise_variance", "decimation", "channel_ratio"
    Shown reconstruct(const TensorMap& item, const Json& request) override;

    /// Mean over space of the deepest hidden state of an undisrupted crop, as in the cross-modal term. The published transfer is segmentation alone. [B, 16 f]
    at::Tensor features(const TensorMap& batch) override;
    std::string pooling() const override { return "means over space of the five hidden states, side by side, and over crops that cover the volume (our setting)"; }
    /// The undisrupted crop that reconstruct() shows, in one piece.
    FeaturePieces featurePieces(const TensorMap& item, const Json& request) const override;
    TensorMap pieceView(const at::Tensor& image, const ImageBox& piece) const override;
    /// Crops that cover the volume, evenly placed, the outer ones flush with its border; at most MostTiles along an axis, between which a longer volume shows gaps.
    std::vector<TensorMap> featureViews(const ViewMaker& views, const TensorMap& item) const override;
    static constexpr std::int64_t MostTiles = 4;

    const SwinUnetr& network() const { return *m_network; }

private:
    struct Views;
    struct Disrupted;
    Disrupted disrupt(const at::Tensor& image, const DaeOptions& o, const Rng& rng) const;
    SwinUnetrEncoder::Maps forward(const Disrupted& disrupted) const;

    DaeOptions m_options;
    std::shared_ptr<SwinUnetr> m_network;
};

void registerDae(MethodRegistry& registry);

} // namespace hilum::learning
