#pragma once

#include "core/learning/method.h"

namespace hilum::learning {

/// What a pre-training method offers for downstream tasks, beside PretrainingMethod: one vector an image from its encoder.
class FeatureSource {
public:
    virtual ~FeatureSource() = default;
    /// Pooled output of the encoder with nothing hidden; the pooling is that of the method's published transfer. Whether gradients are kept is the caller's decision.
    /// \param batch plain views (ViewMaker::makePlainView) stacked to [B, ...] on the weights' device \return [B, F] float
    virtual at::Tensor features(const TensorMap& batch) = 0;
    virtual std::string pooling() const = 0; ///< in words, for the record: "mean of the patch tokens"
};

/// The features of a method. Unsupported, with its name, when it has none.
Result<FeatureSource*> featureSource(PretrainingMethod& method, const std::string& methodId);

} // namespace hilum::learning
