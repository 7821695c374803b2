#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hilum::learning {

/// The steps of a transformer with forward and backward pass written by hand for the CPU (core/learning/kernels): fewer passes over
/// memory than LibTorch's own operations. Each says first whether it can take what it is given; where not (other devices, double
/// precision, odd widths, kernels switched off) the plain operations do the same. Gradients of gradients are not available.

/// The type that products are made in: that of the autocast scope where there is one, else that of x.
at::ScalarType productType(const at::Tensor& x);

struct NormFork {
    at::Tensor normalised; ///< [..., D], in the type of the products
    at::Tensor stream;     ///< x again: what is added to it later brings its gradient back in the same pass
};
/// Layer normalisation over the last axis. \param x [..., D] float32 or bfloat16 \param weight, bias [D] float32
bool canFuseNorm(const at::Tensor& x, const at::Tensor& weight);
at::Tensor fusedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon);
NormFork fusedNormFork(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon);

/// x W^T + b (+ residual), products in bfloat16, sums in float32, weights rounded on their way; the gradients of W and b are float32 sums.
/// \param x [..., in] float32 or bfloat16 \param weight [out, in] float32 \param bias [out] \param residual [..., out] float32, or undefined
/// \return [..., out]: float32 with a residual, bfloat16 without
bool canFuseLinear(const at::Tensor& x, const at::Tensor& weight);
at::Tensor fusedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual = {});

/// fc2(gelu(fc1 x)) + residual; types as fusedLinear, the residual is needed.
at::Tensor fusedMlp(const at::Tensor& x, const at::Tensor& weight1, const at::Tensor& bias1, const at::Tensor& weight2, const at::Tensor& bias2,
    const at::Tensor& residual);

/// Exact GELU. \param x float32 or bfloat16
bool canFuseGelu(const at::Tensor& x);
at::Tensor fusedGelu(const at::Tensor& x);

/// softmax(q k^T / sqrt(d)) v. \param qkv [B, N, 3 h d] bfloat16 as one Linear makes it \param attend [B, 1, 1, N] bool, or undefined: all
/// \return [B, N, h d] bfloat16
bool canFuseAttention(const at::Tensor& qkv, std::int64_t heads);
at::Tensor fusedAttention(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& attend = {});

/// Attention within windows of a volume (Swin): softmax(q k^T / sqrt(d) + bias + penalty between regions) v. No scores are kept: the backward pass makes
/// them again, which costs less than their way through memory.
/// \param qkv [B * windows, n, 3 h d] float32 or bfloat16 \param bias [h, n, n] \param regions [windows, n] int32, or undefined: one region
/// \param rows [windows, n] int32: the tokens that attend, in order, and -1 behind the last; undefined: all. All are attended to. What the others would get is 0, and no gradient comes from there
/// \return [B * windows, n, h d] in the type of qkv
bool canFuseWindowAttention(const at::Tensor& qkv);
at::Tensor fusedWindowAttention(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& bias, const at::Tensor& regions, double penalty, const at::Tensor& rows = {});

/// A convolution of volumes with a kernel of 3 x 3 x 3, stride 1 and zeros around them, in float32. Only where it is faster than LibTorch's, which is with AVX2.
/// \param x [B, in, D, H, W] \param weight [out, in, 3, 3, 3] \param bias [out], or undefined \return [B, out, D, H, W]
bool canFuseConvolution(const at::Tensor& x, const at::Tensor& weight);
at::Tensor fusedConvolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

} // namespace hilum::learning
