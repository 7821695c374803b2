#include "core/learning/data/augment.h"

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <algorithm>
#include <cmath>

namespace hilum::learning {

namespace {

at::Tensor cut(const at::Tensor& x, const CropBox& box) // the last two axes
{
    TORCH_CHECK(box.top >= 0 && box.left >= 0 && box.height > 0 && box.width > 0 && box.top + box.height <= x.size(-2) && box.left + box.width <= x.size(-1),
        "crop box ", box.top, ",", box.left, " + ", box.height, " x ", box.width, " leaves an image of ", x.size(-2), " x ", x.size(-1));
    const at::Tensor part = x.slice(-2, box.top, box.top + box.height).slice(-1, box.left, box.left + box.width);
    return (box.flip ? part.flip(-1) : part).contiguous();
}

} // namespace

CropBox drawCrop(std::int64_t height, std::int64_t width, double scaleMin, double scaleMax, double flipProbability, Rng& rng)
{
    const double area = static_cast<double>(height) * static_cast<double>(width);
    const double low = std::log(3.0 / 4.0), high = std::log(4.0 / 3.0);
    CropBox box;
    for (int attempt = 0; attempt < 10 && box.height == 0; ++attempt) {
        const double target = area * rng.uniform(scaleMin, scaleMax), ratio = std::exp(rng.uniform(low, high));
        const auto w = static_cast<std::int64_t>(std::llround(std::sqrt(target * ratio)));
        const auto h = static_cast<std::int64_t>(std::llround(std::sqrt(target / ratio)));
        if (w > 0 && w <= width && h > 0 && h <= height)
            box = {rng.integer(0, height - h + 1), rng.integer(0, width - w + 1), h, w, false};
    }
    if (box.height == 0) {
        const double ratio = std::clamp(static_cast<double>(width) / static_cast<double>(height), 3.0 / 4.0, 4.0 / 3.0);
        box.width = std::min(width, static_cast<std::int64_t>(std::llround(static_cast<double>(height) * ratio)));
        box.height = std::min(height, static_cast<std::int64_t>(std::llround(static_cast<double>(width) / ratio)));
        box.top = (height - box.height) / 2;
        box.left = (width - box.width) / 2;
    }
    box.flip = rng.chance(flipProbability);
    return box;
}

at::Tensor cropImage(const at::Tensor& image, const CropBox& box, std::int64_t size, Interpolation interpolation)
{
    const at::Tensor part = cut(image, box).unsqueeze(0);
    const at::Tensor resized = interpolation == Interpolation::Bicubic ? at::_upsample_bicubic2d_aa(part, {size, size}, /*align_corners=*/false)
                                                                       : at::_upsample_bilinear2d_aa(part, {size, size}, /*align_corners=*/false);
    return resized.squeeze(0).clamp(0, 1);
}

at::Tensor cropLabels(const at::Tensor& labels, const CropBox& box, std::int64_t size)
{
    return at::upsample_nearest2d(cut(labels, box).unsqueeze(0).unsqueeze(0), {size, size}).squeeze(0).squeeze(0);
}

} // namespace hilum::learning
