#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/base/tensor_file.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hilum::view {

/// What a masked reconstruction brought, one grey channel (the mean of several), on the model's grid and on its token grid.
struct Reconstruction {
    std::int64_t width = 0, height = 0;
    std::vector<float> input, corrupted, reconstruction, error; ///< row-major; grey values 0..1, error signed
    std::int64_t rows = 0, columns = 0;
    std::vector<std::uint8_t> mask;   ///< token grid, 1 = hidden
    std::vector<std::uint8_t> region; ///< token grid, 1 = inside; empty when the method has none
    std::vector<float> patchLoss;     ///< token grid; empty when the method gives none
    std::vector<std::uint8_t> groups; ///< pixels, 1 = overwritten (SPCXR); empty when the method names none
    std::vector<float> donor;         ///< pixels of the image that filled them; empty: none
    std::string digest;               ///< SHA-256 over the arrays as the worker wrote them: names, types, shapes, bytes

    bool isEmpty() const { return input.empty(); }
    /// The reconstruction where the mask hides, the input elsewhere.
    std::vector<float> pastedBack() const;
    /// Mean |error| over hidden pixels; over all pixels when nothing is hidden.
    double meanError() const;
    /// Largest |error|: the colours of an error map reach from minus to plus this.
    double largestError() const;
};

/// Reads the arrays of the serving protocol's `reconstruct` answer. NotFound and Mismatch name the array and its shape.
Result<Reconstruction> readReconstruction(const path& file);

/// SHA-256 over the arrays of a file: names, types, shapes, bytes in the order of names. What figures record and `hilum reproduce` compares.
std::string arraysDigest(const TensorFile& file);

/// An attention map on the token grid, of a volume with its slabs.
struct AttentionMap {
    std::int64_t rows = 0, columns = 0, depth = 1;
    std::vector<float> values;
    float lowest = 0, highest = 0;
    std::string digest;
    bool isEmpty() const { return values.empty(); }
};
Result<AttentionMap> readAttention(const path& file);

/// Edges between patches of different value of a 0/1 map, as segments {x0, y0, x1, y1} in units of patches, corners at whole numbers;
/// the border of the map counts as 0. Straight runs are one segment.
std::vector<std::array<double, 4>> outline(std::span<const std::uint8_t> map, std::int64_t rows, std::int64_t columns);

} // namespace hilum::view
