#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/base/tensor_file.h"
#include "core/view/crop_grid.h"
#include "core/view/volume_slice.h"

#include <optional>
#include <string>
#include <vector>

namespace hilum::view {

/// Numbers [rows, columns].
struct Matrix {
    std::int64_t rows = 0, columns = 0;
    std::vector<double> values;
    bool isEmpty() const { return values.empty(); }
    double at(std::int64_t row, std::int64_t column) const { return values[static_cast<std::size_t>(row * columns + column)]; }
};

/// What a method that hides no places of an image shows of one case (resources/docs/dev/worker_protocol.md). Whatever it does not show is empty; a radiograph is a
/// volume of one slice.
struct VolumeAnswer {
    Block input, noisy, decimated, corrupted, reconstruction, error; ///< one size; values as the pipeline makes them, error signed
    std::optional<Box> cropBox;       ///< where they lie in the request's grid; nullopt: all of it
    std::vector<Box> baseBoxes, cropBoxes; ///< in the grid of `input`
    Matrix overlap, overlapPredicted; ///< [crops, bases]
    Matrix baseSimilarity;            ///< [bases, bases]
    std::vector<std::uint8_t> channelMask; ///< 1 = zeroed
    Matrix cmclSimilarity;            ///< [crops, crops]
    std::vector<double> sliceScores;  ///< per slice of `input`
    std::vector<std::int64_t> slicesChosen;
    Block attention;                  ///< token grid over `input`, shares that add up to 1; as large as `input` at most
    Matrix similarity;                ///< [images, texts]
    std::string digest;               ///< SHA-256 over the arrays as the worker wrote them

    bool isEmpty() const { return input.isEmpty(); }
    /// Offset of `input` in the request's grid.
    std::array<std::int64_t, 3> offset() const { return cropBox ? std::array{(*cropBox)[0], (*cropBox)[1], (*cropBox)[2]} : std::array<std::int64_t, 3>{0, 0, 0}; }
    double meanError() const;    ///< mean |error|; 0 without an error
    double largestError() const; ///< largest |error|
    double largestAttention() const; ///< of a token; the colours of all slices reach from 0 to this
};

/// Reads and checks the arrays. Mismatch names the array and its shape: another size than `input`, boxes outside of it, matrices that do not fit the boxes.
Result<VolumeAnswer> readVolumeAnswer(const path& file);
Result<VolumeAnswer> readVolumeAnswer(const TensorFile& file);

/// Columns of one row by falling value, `count` at most; equal ones in their order.
std::vector<std::int64_t> nearest(const Matrix& similarity, std::int64_t row, std::size_t count);

/// "loss 0.1234 · mean error 0.021" and what else an answer's numbers say of the whole case, in words.
std::string answerText(const VolumeAnswer& answer, const Json& numbers);

} // namespace hilum::view
