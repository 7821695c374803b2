#pragma once

#include <cstdint>

namespace hilum::learning::kernels {

/// Multi-head self-attention softmax(scale q k^T) v of one layer in bfloat16, on matrix tiles. Letters: B cases, N tokens, h heads, d width
/// of a head (a multiple of 32, at most 128). q, k, v lie as the Linear makes them: [B, N, 3, h, d]. Nothing of size N x N is kept: the
/// backward pass makes the matrix again from `logSums`. One call works on one head of one case; calls may run at the same time.
struct AttentionShape {
    std::int64_t batch = 0, tokens = 0, heads = 0, headWidth = 0;
    float scale = 1;
    const std::uint8_t* attend = nullptr; ///< [B, N]: 0 for tokens that nothing attends to; null: none
};

/// \param out [B, N, h, d] \param logSums [B, h, N]: log of the sum of exp(scale s)
void attentionForward(const AttentionShape& shape, const std::uint16_t* qkv, std::uint16_t* out, float* logSums, std::int64_t batch, std::int64_t head);

/// \param out, outGradient [B, N, h, d] \param qkvGradient [B, N, 3, h, d], all of it is written
void attentionBackward(const AttentionShape& shape, const std::uint16_t* qkv, const std::uint16_t* out, const std::uint16_t* outGradient, const float* logSums,
    std::uint16_t* qkvGradient, std::int64_t batch, std::int64_t head);

} // namespace hilum::learning::kernels
