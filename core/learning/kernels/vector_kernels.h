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

/// Attention of a window's tokens to each other, for windows of one size (Swin): softmax(scale q k^T + bias + penalty) v.
struct WindowAttention {
    std::int64_t tokens = 0;              ///< n of a window
    std::int64_t heads = 0, headWidth = 0;
    std::int64_t windows = 1;             ///< of an image: regions and rows repeat after them
    float scale = 1, penalty = 0;         ///< penalty: added to the score of tokens of different regions
    const float* bias = nullptr;          ///< [heads, n, paddedTokens()], -1e30 behind the last token
    const std::int32_t* regions = nullptr; ///< [windows, paddedTokens()], or null: one region
    const std::int32_t* rows = nullptr;    ///< [windows, n]: the tokens that attend, in order, and -1 behind the last; all are attended to. Nobody reads what others would get: it is 0

    static constexpr std::int64_t Multiple = 16, RowsAtOnce = 4;
    std::int64_t paddedTokens() const { return (tokens + Multiple - 1) / Multiple * Multiple; }
    std::int64_t scratchFloats() const { return (tokens + RowsAtOnce) * headWidth + (4 * headWidth + 2 * RowsAtOnce) * paddedTokens(); }
};

/// One row of places of a 3 x 3 x 3 convolution of volumes, for a few output channels.
struct ConvolutionRow {
    static constexpr int Outs = 4;
    const float* planes[3] = {};    ///< of the planes before, at and after this one: first place of the row above; zero before each row, and behind it up to a whole vector and one more
    std::int64_t channelStride = 0, rowStride = 0; ///< in x
    std::int64_t channels = 0, width = 0;
    const float* weights = nullptr; ///< [channels, 27, Outs]
    const float* bias = nullptr;    ///< [Outs], added; null: added to what is there
    float* out[Outs] = {};          ///< [width] each; null from the first one that there is none of
};

/// What one tap of a convolution's kernel gathers from some rows, for a few pairs of channels: sums of products of a gradient with x.
struct CorrelationTile {
    static constexpr int Outs = 3, Ins = 4;
    const float* dy[Outs] = {};     ///< first row; zeros behind the width up to a whole vector
    const float* x[Ins] = {};       ///< the same, moved by the tap
    std::int64_t dyRowStride = 0, xRowStride = 0, rows = 0, width = 0;
    float* sums = nullptr;          ///< [Outs, Ins], added to
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
    /// One window and head. qkv [count, n, 3, heads, headWidth]; written: out [count, n, heads, headWidth], and the logarithms of the softmax' sums
    /// of the tokens that attend into logSums [count, heads, n]. scratch: scratchFloats() numbers.
    void (*windowAttention)(const WindowAttention& a, ConstNumbers qkv, Numbers out, float* logSums, std::int64_t window, std::int64_t head, float* scratch);
    /// Its gradient: dQkv is written for this window and head, that of the bias is added to dBias [n, paddedTokens()].
    void (*windowAttentionBackward)(const WindowAttention& a, ConstNumbers qkv, ConstNumbers out, ConstNumbers dOut, const float* logSums, Numbers dQkv, float* dBias,
        std::int64_t window, std::int64_t head, float* scratch);
    void (*convolveRow)(const ConvolutionRow& r);
    void (*correlateRows)(const CorrelationTile& t);
    /// Rounds to bfloat16.
    void (*toHalves)(const float* x, std::uint16_t* y, std::int64_t count);
    const char* name;
};

/// The table for an instruction set, null where this program has none (other processors, old compilers).
const VectorKernels* baselineKernels();
const VectorKernels* avx2Kernels();
const VectorKernels* avx512Kernels();

} // namespace hilum::learning::kernels
