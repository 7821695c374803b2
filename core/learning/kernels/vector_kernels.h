#pragma once

#include <cstdint>

namespace hilum::learning::kernels {

/// Numbers in float32, or bfloat16 as bits.
enum class Kind { Float, Half };

struct ConstNumbers {
    const void* data;
    Kind kind;
};
struct Numbers {
    void* data;
    Kind kind;
};

/// Loops over rows and flat arrays that LibTorch would make in several passes. Plain memory, one thread, no allocation.
/// The same source compiled for several instruction sets: a table per set.
struct VectorKernels {
    /// y = (x - mean) rstd gamma + beta for rows [first, last) of [rows, width]; mean and rstd [rows] are written.
    /// gamma, beta [width] or null (1, 0). Statistics in float32.
    void (*layerNorm)(ConstNumbers x, const float* gamma, const float* beta, float epsilon, Numbers y, float* mean, float* rstd, std::int64_t first, std::int64_t last,
        std::int64_t width);
    /// Gradient of the above: dx = residual + d(layer norm), sums of dy * normalised and of dy over the rows into gammaSum and betaSum
    /// [width], which are overwritten. residual [rows, width] or null.
    void (*layerNormBackward)(ConstNumbers dy, ConstNumbers x, const float* gamma, const float* mean, const float* rstd, const float* residual, Numbers dx, float* gammaSum,
        float* betaSum, std::int64_t first, std::int64_t last, std::int64_t width);
    /// y = gelu(x) (exact, erf).
    void (*gelu)(ConstNumbers x, Numbers y, std::int64_t count);
    /// dx = dy gelu'(x).
    void (*geluBackward)(ConstNumbers dy, ConstNumbers x, Numbers dx, std::int64_t count);
    /// Rounds to bfloat16.
    void (*toHalves)(const float* x, std::uint16_t* y, std::int64_t count);
    const char* name;
};

/// The table for an instruction set, null where this program has none (other processors, old compilers).
const VectorKernels* baselineKernels();
const VectorKernels* avx2Kernels();
const VectorKernels* avx512Kernels();

} // namespace hilum::learning::kernels
