#pragma once

#include "core/learning/features.h"
#include "plugins/methods/voco/voco_network.h"
#include "plugins/methods/voco/voco_views.h"

namespace hilum::learning {

/// VoCo, volume contrast: Wu, Zhuang, Chen, CVPR 2024, arXiv 2402.17300; v2: arXiv 2410.09890.
///
/// The embedding of a random crop shall tell how much the crop overlaps each base crop of a fixed grid. Views: see VoCoViews.
class VoCoMethod : public PretrainingMethod, public FeatureSource {
public:
    VoCoMethod(const VoCoOptions& options, const Rng& initialisation);

    std::unique_ptr<ViewMaker> viewMaker() const override { return std::make_unique<VoCoViews>(m_options.image); }
    torch::nn::Module& trainable() override { return *m_network; }
    /// The teacher is updated in training mode alone: an evaluation changes nothing.
    StepOutput step(const TensorMap& batch, Rng rng) override;
    EncoderExport encoder() const override;
    Json inputPipeline() const override { return m_options.image.pipeline(); }

    /// `input`, `base_boxes`, `crop_boxes`, `overlap`, `overlap_predicted`, `base_similarity` (cosine of the student's bases). Crops lie at request `crop_centres`
    /// [[i, j], ...] ([i, j, k] for overlap by volume) in the grid of `input`, else where `seed` draws them. `numbers.crop_box` where the working volume is a part of the image.
    /// Norms take the mean of all crops and bases shown: a prediction depends a little on the other crops.
    /// \throws OptionsFault for centres that are none or leave the volume
    Shown reconstruct(const TensorMap& item, const Json& request) override;

    /// overlap_error, position_loss and retrieval, each beside what guesses that ignore the crop reach (voco_overlap.h).
    std::vector<std::map<std::string, double>> caseNumbers(const TensorMap& batch, std::span<const Rng> streams) override;

    /// Mean over space of the backbone's deepest hidden state, before the projector, mean over the base crops: they fill the working volume. The published
    /// classifications train the whole network with a decoder instead. [B, 16 f]
    at::Tensor features(const TensorMap& batch) override;
    std::vector<TensorMap> featureViews(const ViewMaker& views, const TensorMap& item) const override;
    std::string pooling() const override { return "means over space and base crops of the backbone's five hidden states, side by side (our setting)"; }
    /// The working volume in the middle of the image, as reconstruct() shows it; its pieces are the base crops.
    FeaturePieces featurePieces(const TensorMap& item, const Json& request) const override;
    TensorMap pieceView(const at::Tensor& image, const ImageBox& piece) const override;

    VoCoNetwork& network() { return *m_network; }

private:
    at::Device device() const { return m_network->parameters().front().device(); }
    VoCoOptions m_options;
    std::shared_ptr<VoCoNetwork> m_network;
};

void registerVoco(MethodRegistry& registry);

} // namespace hilum::learning
