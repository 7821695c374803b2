#pragma once

#include "core/learning/method.h"

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace hilum::learning {

/// i0, j0, k0, i1, j1, k1, half-open, of an image [1, D, H, W] with (i, j, k) = (W, H, D); one of [1, H, W] has the one slice k = 0.
using ImageBox = std::array<std::int64_t, 6>;

/// What a model sees of a case, in pieces that go through its encoder one by one: what occlusion (occlusion.h) hides parts of.
struct FeaturePieces {
    at::Tensor image;             ///< [1, D, H, W], or [1, H, W] of a radiograph, float32 on the CPU, axes as in the case; undefined: the method has none
    ImageBox box{};               ///< where it lies in the case's image; may leave it where the method pads
    std::vector<ImageBox> pieces; ///< in `image`; its features are the mean over them
    std::array<std::int64_t, 3> token{1, 1, 1}; ///< sides of the encoder's finest token along i, j, k, in voxels of `image`
};

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
    /// What reconstruct() shows of a case, for occlusion. \param request "crop_centre" where the method looks at one crop
    virtual FeaturePieces featurePieces(const TensorMap& /*item*/, const Json& /*request*/) const { return {}; }
    /// A piece as features() takes it, without batch dimension. \param image as featurePieces gives it, with places hidden \param piece one of its pieces
    virtual TensorMap pieceView(const at::Tensor& /*image*/, const ImageBox& /*piece*/) const { throw std::logic_error("pieceView: the method has no pieces"); }
};

/// The features of a method. Unsupported, with its name, when it has none.
Result<FeatureSource*> featureSource(PretrainingMethod& method, const std::string& methodId);

} // namespace hilum::learning
