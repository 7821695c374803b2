// The kernels with what every processor of this architecture has.
#include "core/learning/kernels/vector_kernels.h"

namespace hilum::learning::kernels {

namespace {
#include "core/learning/kernels/simd.inl"
#include "core/learning/kernels/vector_kernels.inl"
#include "core/learning/kernels/volume_convolution.inl"
#include "core/learning/kernels/window_attention.inl"
constexpr VectorKernels Table{layerNorm, layerNormBackward, gelu, geluBackward, windowAttention, windowAttentionBackward, convolveRow, correlateRows, toHalves, "baseline"};
} // namespace

const VectorKernels* baselineKernels() { return &Table; }

} // namespace hilum::learning::kernels
