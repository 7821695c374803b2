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

/// Attention within windows of n tokens, as Swin transformers have it. qkv [count, n, 3, heads, d] as one Linear makes it, bias [heads, n, n], regions [windows, n]
/// (scores between tokens of different regions are 100 less; null: one region), out [count, n, heads, d], logSums [count, heads, n]. Everything float32.
struct WindowShape {
    std::int64_t tokens = 0, heads = 0, headWidth = 0; ///< n, heads, d
    std::int64_t windows = 1;                          ///< of one volume: window w has the regions of w % windows
    float scale = 1;                                   ///< of the scores, 1 / sqrt(d)
};

/// Instance norm of one channel of one case over its `count` voxels, then a sum, then leaky ReLU: y = leaky(gamma (x - mean) rstd + beta + residual).
struct PlaneNorm {
    std::int64_t count = 0;
    float gamma = 1, beta = 0, slope = 0.01F, epsilon = 1e-5F;
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
    /// One head of one window: out = softmax(scale q k^T + bias - 100 [regions differ]) v. \param scratch windowScratch() floats
    void (*windowForward)(const WindowShape& shape, const float* qkv, const float* bias, const std::int32_t* regions, float* out, float* logSums, float* scratch, std::int64_t window,
        std::int64_t head);
    /// Its gradients; the scores are made again. dQkv as qkv; the gradient of the head's bias is added to dBias [n, n].
    void (*windowBackward)(const WindowShape& shape, const float* qkv, const float* bias, const std::int32_t* regions, const float* out, const float* logSums, const float* dOut, float* dQkv,
        float* dBias, float* scratch, std::int64_t window, std::int64_t head);
    std::int64_t (*windowScratch)(const WindowShape& shape);
    /// x, residual (or null), y [count]; mean and rstd are written. Statistics in float64 over blocks.
    void (*planeNorm)(const PlaneNorm& plane, const float* x, const float* residual, float* y, float* mean, float* rstd);
    /// Its gradients: dx, dResidual (or null) [count], those of gamma and beta. Which side of the ReLU a voxel is on is read from y.
    void (*planeNormBackward)(const PlaneNorm& plane, const float* dy, const float* x, const float* y, float mean, float rstd, float* dx, float* dResidual, float* dGamma, float* dBeta);
    const char* name;
};

/// The table for an instruction set, null where this program has none (other processors, old compilers).
const VectorKernels* baselineKernels();
const VectorKernels* avx2Kernels();
const VectorKernels* avx512Kernels();

} // namespace hilum::learning::kernels
