#pragma once

#include <cstdint>

namespace hilum::learning::kernels {

/// A convolution of volumes with a kernel of 3 x 3 x 3 at stride 1, zeros around them: x [cases, in, depth, height, width], weight [out, in, 3, 3, 3] and
/// y [cases, out, depth, height, width], float32, row-major without gaps. Only where vectorKernels(). Works on up to threadCount() threads; no sum depends on their number.
struct VolumeConvolution {
    std::int64_t cases = 0, in = 0, out = 0;
    std::int64_t depth = 0, height = 0, width = 0;
};

/// \param bias [out], or null \param y overwritten
void convolve(const VolumeConvolution& c, const float* x, const float* weight, const float* bias, float* y);

/// The gradient of x from that of y. \param dx overwritten
void convolutionInputGradient(const VolumeConvolution& c, const float* dy, const float* weight, float* dx);

/// The gradient of the weight. \param dWeight [out, in, 3, 3, 3], overwritten
void convolutionWeightGradient(const VolumeConvolution& c, const float* x, const float* dy, float* dWeight);

} // namespace hilum::learning::kernels
