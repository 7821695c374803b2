#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

namespace hilum::learning {

/// Fixed two-dimensional sine-cosine position embedding, class row first (all zero).
///
/// MAE (He et al. 2022), public code: the first half of the width encodes the column, the second half the row; each half is
/// [sin(pos w_0), ..., sin(pos w_{q-1}), cos(pos w_0), ...] with q = width / 4 and w_i = 10000^(-i/q).
/// Golden value: width 4, token (row r, column c) -> [sin c, cos c, sin r, cos r].
/// \param grid  tokens as {rows, columns}
/// \param width multiple of 4
/// \return      [1, 1 + rows * columns, width] float32
at::Tensor sineCosinePositions(std::array<std::int64_t, 2> grid, std::int64_t width);

/// The same along one axis, for the depth of a volume: [sin(z w_0), ..., cos(z w_0), ...] with q = width / 2 and w_i = 10000^(-i/q). Added to the embedding of row and column
/// it makes a separable one of three axes. \param places z of each token, in slices \param width even \return [places, width] float32
at::Tensor sineCosineDepth(std::span<const double> places, std::int64_t width);

/// Brings an embedding with class row to another grid: bicubic, corners not aligned; the class row is kept. The same grid is the
/// identity. \param positions [1, 1 + rows * columns, width]
at::Tensor resizePositions(const at::Tensor& positions, std::array<std::int64_t, 2> from, std::array<std::int64_t, 2> to);

} // namespace hilum::learning
