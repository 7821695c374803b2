#include "core/learning/nn/positions.h"

#include "core/learning/nn/without_values.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace hilum::learning {

at::Tensor sineCosinePositions(std::array<std::int64_t, 2> grid, std::int64_t width)
{
    const auto [rows, columns] = grid;
    TORCH_CHECK(rows > 0 && columns > 0, "grid of ", rows, " x ", columns, " tokens");
    TORCH_CHECK(width > 0 && width % 4 == 0, "width ", width, " of a sine-cosine embedding is not a multiple of 4");
    if (WithoutValues::active())
        return at::empty({1, 1 + rows * columns, width}, at::kFloat);
    at::Tensor out = at::zeros({1, 1 + rows * columns, width}, at::kFloat);
    const std::int64_t quarter = width / 4;
    float* values = out.mutable_data_ptr<float>() + width; // row 0 is the class token's
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c, values += width)
            for (std::int64_t i = 0; i < quarter; ++i) {
                const double omega = std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(quarter));
                const double column = static_cast<double>(c) * omega, row = static_cast<double>(r) * omega;
                values[i] = static_cast<float>(std::sin(column));
                values[quarter + i] = static_cast<float>(std::cos(column));
                values[2 * quarter + i] = static_cast<float>(std::sin(row));
                values[3 * quarter + i] = static_cast<float>(std::cos(row));
            }
    return out;
}

at::Tensor sineCosineDepth(std::span<const double> places, std::int64_t width)
{
    TORCH_CHECK(width > 0 && width % 2 == 0, "width ", width, " of a sine-cosine embedding is not even");
    const std::int64_t half = width / 2;
    at::Tensor out = at::zeros({static_cast<std::int64_t>(places.size()), width}, at::kFloat);
    float* values = out.mutable_data_ptr<float>();
    for (const double place : places) {
        for (std::int64_t i = 0; i < half; ++i) {
            const double angle = place * std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
            values[i] = static_cast<float>(std::sin(angle));
            values[half + i] = static_cast<float>(std::cos(angle));
        }
        values += width;
    }
    return out;
}

at::Tensor resizePositions(const at::Tensor& positions, std::array<std::int64_t, 2> from, std::array<std::int64_t, 2> to)
{
    const std::int64_t width = positions.size(-1);
    TORCH_CHECK(positions.dim() == 3 && positions.size(0) == 1 && positions.size(1) == 1 + from[0] * from[1],
        "embedding of shape ", positions.sizes(), " is none of a ", from[0], " x ", from[1], " grid with class token");
    if (from == to)
        return positions;
    const at::Tensor grid = positions.slice(1, 1).reshape({1, from[0], from[1], width}).permute({0, 3, 1, 2}).contiguous(); // [1, D, r, c]
    const at::Tensor resized = at::upsample_bicubic2d(grid, {to[0], to[1]}, /*align_corners=*/false);
    return at::cat({positions.slice(1, 0, 1), resized.permute({0, 2, 3, 1}).reshape({1, to[0] * to[1], width})}, 1);
}

} // namespace hilum::learning
