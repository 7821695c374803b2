#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hilum::learning {

/// A rectangle of pixels, and whether it is mirrored left to right.
struct CropBox {
    std::int64_t top = 0, left = 0, height = 0, width = 0;
    bool flip = false;
    bool operator==(const CropBox&) const = default;
};

/// Draws the box of a random resized crop as torchvision defines it: area uniform in [scaleMin, scaleMax] of the image's, logarithm of the
/// aspect ratio uniform in [log 3/4, log 4/3], ten tries, then the largest centred box; flipped with `flipProbability`.
CropBox drawCrop(std::int64_t height, std::int64_t width, double scaleMin, double scaleMax, double flipProbability, Rng& rng);

enum class Interpolation { Bicubic, Bilinear };

/// Cuts `box` out of an image and resizes it, antialiased when it shrinks. Bicubic overshoot is clamped to the image's own range [0, 1].
/// \param image [C, H, W] float of [0, 1], CPU \return [C, size, size]
at::Tensor cropImage(const at::Tensor& image, const CropBox& box, std::int64_t size, Interpolation interpolation);

/// The same cut of a map of labels, nearest neighbour. \param labels [H, W] U8 \return [size, size] U8
at::Tensor cropLabels(const at::Tensor& labels, const CropBox& box, std::int64_t size);

} // namespace hilum::learning
