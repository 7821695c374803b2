#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace hilum::learning {

/// Which tokens of a batch the encoder sees. Letters: B cases, N tokens, K visible tokens of the case that shows the most.
struct TokenMask {
    at::Tensor keep;    ///< [B, K] int64: indices of the visible tokens, in the order in which the encoder gets them, then fillers
    at::Tensor restore; ///< [B, N] int64: place of token n in (visible ++ hidden); the public code's ids_restore
    at::Tensor hidden;  ///< [B, N] float32: 1 hidden, 0 visible
    at::Tensor filler;  ///< [B, K] bool: 1 where `keep` only fills up, and nothing may attend; undefined when every case shows K
    std::int64_t slots() const { return keep.size(1); } ///< K
    TokenMask to(at::Device device) const;
};

/// What a ratio that leaves none of a case's tokens visible does: a training is refused, published code goes on with the class token alone.
enum class NoneVisible { Refused, Allowed };

/// int(n * (1 - ratio)) in double, as the public codes count: 100 tokens at 0.9 give 9.
std::int64_t visibleCount(std::int64_t tokens, double ratio);

/// Uniform numbers [B, N] float64 that decide a mask; case b reads the stream rng.fork(b).
at::Tensor maskNoise(std::int64_t batch, std::int64_t tokens, const Rng& rng);

/// MAE's mask: each case keeps its visibleCount(N, ratio) tokens of lowest noise. Ties go to the lower index.
/// \param noise [B, N] float64 \throws OptionsFault where none stays visible and that is refused
TokenMask uniformMask(const at::Tensor& noise, double ratio, NoneVisible none = NoneVisible::Refused);

/// Context-aware mask of HD X-ray MAE (public code): inside and outside each keep visibleCount of their own tokens, lowest noise
/// first; order of the tokens: kept outside, kept inside, hidden outside, hidden inside.
/// The counts hold for every case, also where regions of one batch differ in size.
/// \param noise [B, N] float64 \param inside [B, N] bool \throws OptionsFault where none of a case stays visible and that is refused
TokenMask regionMask(const at::Tensor& noise, const at::Tensor& inside, double ratioInside, double ratioOutside, NoneVisible none = NoneVisible::Refused);

/// A mask given by the user. \param hidden [B, N], non-zero = hidden; each case shows at least one token.
TokenMask givenMask(const at::Tensor& hidden);

/// The rectangle that the public code of HD X-ray MAE calls the chest: rows int(R/4)+1 .. int(3R/4), columns int(C/8)+1 .. int(3C/4)
/// of an R x C grid, ends included. On 20 x 20: rows 6 to 15, columns 3 to 15, 130 tokens. \return [R * C] bool
at::Tensor publishedRectangle(std::array<std::int64_t, 2> grid);

/// Region maps to tokens: a token is inside when at least half of its pixels are.
/// \param region [B, H, W], non-zero = inside; H and W are multiples of the grid. \return [B, R * C] bool
at::Tensor regionTokens(const at::Tensor& region, std::array<std::int64_t, 2> grid);

} // namespace hilum::learning
