// The kernels with AVX-512; this file alone is compiled for it (core/learning/CMakeLists.txt).
#include "core/learning/kernels/vector_kernels.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace hilum::learning::kernels {

#if defined(__AVX512F__) && defined(__AVX512BW__)
namespace {
#include "core/learning/kernels/simd.inl"
#include "core/learning/kernels/vector_kernels.inl"
#include "core/learning/kernels/volume_convolution.inl"
#include "core/learning/kernels/window_attention.inl"
constexpr VectorKernels Table{layerNorm, layerNormBackward, gelu, geluBackward, windowAttention, windowAttentionBackward, convolveRow, correlateRows, toHalves, "avx512"};
} // namespace

const VectorKernels* avx512Kernels() { return &Table; }
#else
const VectorKernels* avx512Kernels() { return nullptr; }
#endif

} // namespace hilum::learning::kernels
