#pragma once

#include "core/learning/method.h"
#include "plugins/methods/voco/voco_options.h"

namespace hilum::learning {

/// Cuts base crops and crops out of one volume of the cache.
///
/// Views: `bases` [k, 1, W, H, D], `crops` [n, 1, W, H, D] float32 in grey values of 0 to 1, `labels` [n, k] float32. Axes run as in the published codes (Right,
/// Anterior, Superior), which the published weights need. Crops are copies: nothing of the volume is kept.
class VoCoViews : public ViewMaker {
public:
    explicit VoCoViews(const VoCoImageOptions& options) : m_options(options) {}
    TensorMap makeViews(const TensorMap& item, Rng rng) const override;
    /// The middle of the volume, no augmentation, PlainCrops crops at places that are the same for every volume.
    TensorMap makePlainView(const TensorMap& item) const override;
    static constexpr std::int64_t PlainCrops = 8;
    /// `bases` alone, of working volumes that cover the image, flush with its border and evenly apart (at most four along an axis). One where the working volume is the whole image.
    std::vector<TensorMap> coveringViews(const TensorMap& item) const;

    /// Where the working volume of an image begins: (i, j, k). \throws c10::Error when the image is smaller or no [1, D, H, W]
    VoxelCentre middle(const at::Tensor& image) const;
    /// A box of the working volume as the network gets it. \param image [1, D, H, W], U16 or float \return [1, W, H, D] float32
    at::Tensor cut(const at::Tensor& image, const VoxelCentre& origin, const VoxelBox& box) const;

private:
    TensorMap views(const at::Tensor& image, const VoxelCentre& origin, const std::vector<VoxelBox>& crops, const Rng* augment) const;
    at::Tensor augmented(at::Tensor crop, Rng rng) const;
    VoCoImageOptions m_options;
};

} // namespace hilum::learning
