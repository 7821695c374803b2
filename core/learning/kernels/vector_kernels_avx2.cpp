// The kernels with AVX2 and FMA; this file alone is compiled for it (core/learning/CMakeLists.txt).
#include "core/learning/kernels/vector_kernels.h"

namespace hilum::learning::kernels {

#if defined(__AVX2__) && defined(__FMA__)
namespace {
#include "core/learning/kernels/simd.inl"
#include "core/learning/kernels/vector_kernels.inl"
#include "core/learning/kernels/volume_convolution.inl"
#include "core/learning/kernels/window_attention.inl"
constexpr VectorKernels Table{layerNorm, layerNormBackward, gelu, geluBackward, windowAttention, windowAttentionBackward, convolveRow, correlateRows, toHalves, "avx2"};
} // namespace

const VectorKernels* avx2Kernels() { return &Table; }
#else
const VectorKernels* avx2Kernels() { return nullptr; }
#endif

} // namespace hilum::learning::kernels
