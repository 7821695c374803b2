#pragma once

#include "core/learning/method.h"

namespace hilum::learning {

/// What a pre-training method offers for downstream tasks, beside PretrainingMethod: one vector an image from its encoder.
class FeatureSource {
public:
    virtual ~FeatureSource() = default;
    /// Pooled output of the encoder with nothing hidden; pooling() says how. Whether gradients are kept is the caller's decision.
    /// The vector of a view depends on no other view of the batch, but for rounding.
    /// \param batch views as featureViews gives them, of one case or of several, stacked to [B, ...] on the weights' device \return [B, F] float
    virtual at::Tensor features(const TensorMap& batch) = 0;
    virtual std::string pooling() const = 0; ///< in words, for the record, and whether it is the published transfer or our setting: "mean of the patch tokens"
    /// The views that stand for one image: its features are the mean over them. The plain view alone, unless that leaves a part of the image out.
    /// Draws nothing: the same item gives the same views. Is called on another thread while features() runs. \param views of this method \param item a case as it comes out of the cache \return one at least, without batch dimension, of equal shapes for all cases
    virtual std::vector<TensorMap> featureViews(const ViewMaker& views, const TensorMap& item) const { return {views.makePlainView(item)}; }
};

/// The features of a method. Unsupported, with its name, when it has none.
Result<FeatureSource*> featureSource(PretrainingMethod& method, const std::string& methodId);

} // namespace hilum::learning
