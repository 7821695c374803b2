#pragma once

#include <cstdint>

namespace hilum::learning::kernels {

/// How a weight [out, in] enters a product x W^T (forward) or x W (the gradient of the input).
enum class WeightUse { Transposed, Plain };

/// What becomes of each sum before it is stored. Applied in this order: bias, slope, residual; all optional, all row-major without gaps.
struct ProductOutput {
    const float* bias = nullptr;            ///< [columns], added
    const std::uint16_t* slopeAt = nullptr; ///< [rows, columns] bfloat16, multiplied by gelu'(slopeAt)
    const float* residual = nullptr;        ///< [rows, columns], added
    float* floats = nullptr;                ///< [rows, columns], the value
    std::uint16_t* halves = nullptr;        ///< [rows, columns], the value in bfloat16
    std::uint16_t* activated = nullptr;     ///< [rows, columns], gelu of the value in bfloat16
};

/// x [rows, depth] bfloat16 times a float32 weight that is rounded to bfloat16 on its way: products in bfloat16, sums in float32, on the
/// matrix tiles of the processor (AMX). depth and columns are multiples of 32. Sums do not depend on the number of parts.
struct WeightProduct {
    const std::uint16_t* x = nullptr;
    const float* weight = nullptr; ///< Transposed: [columns, depth]; Plain: [depth, columns]
    WeightUse use = WeightUse::Transposed;
    std::int64_t rows = 0, columns = 0, depth = 0;
    ProductOutput out;
};
/// The part `part` of `parts`; parts may run at the same time. Only where hasMatrixTiles().
void runPart(const WeightProduct& product, std::int64_t part, std::int64_t parts);

/// Gradient of a weight: sum over tokens of dy[t, :] x[t, :]^T, [out, in] float32, and of its bias: sum of dy. in and out are multiples of 32.
/// Two rounds: all parts of packPart, then all parts of runPart.
struct WeightGradient {
    const std::uint16_t* dy = nullptr; ///< [tokens, out] bfloat16
    const std::uint16_t* x = nullptr;  ///< [tokens, in] bfloat16
    std::int64_t tokens = 0, out = 0, in = 0;
    float* weight = nullptr;           ///< [out, in], overwritten
    float* bias = nullptr;             ///< [out], overwritten; null: not wanted
    std::uint16_t* packed = nullptr;   ///< packedCount() numbers of scratch, 64-byte aligned
    std::int64_t steps() const { return (tokens + 31) / 32; }
    std::int64_t packedCount() const { return out * steps() * 32; }
};
void packPart(const WeightGradient& gradient, std::int64_t part, std::int64_t parts);
void runPart(const WeightGradient& gradient, std::int64_t part, std::int64_t parts);

/// Whether this program was compiled for matrix tiles (the processor is asked by hasMatrixTiles, instruction_set.h).
bool matrixTilesCompiled();

} // namespace hilum::learning::kernels
