#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace hilum::view {

/// Values [depth, height, width] on a model's grid, width fastest: i (width) runs to the patient's Right, j (height) to Anterior, k (depth) to Superior.
struct Block {
    std::int64_t width = 0, height = 0, depth = 0;
    std::vector<float> values;

    bool isEmpty() const { return values.empty(); }
    float at(std::int64_t i, std::int64_t j, std::int64_t k) const { return values[static_cast<std::size_t>((k * height + j) * width + i)]; }
    bool sameSize(const Block& other) const { return width == other.width && height == other.height && depth == other.depth; }
};

enum class SlicePlane { Axial, Coronal, Sagittal };

/// Where the voxels of a block lie on the screen: the patient's right on the left of the picture, anterior (sagittal: superior) on top, anterior on the left of a
/// sagittal slice. Screen x to the right, y down, pixel centres at whole numbers.
struct SliceFrame {
    SlicePlane plane = SlicePlane::Axial;
    std::array<std::int64_t, 3> size{0, 0, 0}; ///< i, j, k

    std::int64_t columns() const { return plane == SlicePlane::Sagittal ? size[1] : size[0]; }
    std::int64_t rows() const { return plane == SlicePlane::Axial ? size[1] : size[2]; }
    std::int64_t slices() const { return size[plane == SlicePlane::Axial ? 2u : plane == SlicePlane::Coronal ? 1u : 0u]; }
    /// (i, j, k) of screen position (x, y) on a slice, and the way back {x, y, slice}. Fractions are kept.
    std::array<double, 3> voxel(double x, double y, double slice) const;
    std::array<double, 3> screen(const std::array<double, 3>& ijk) const;
    /// Letters at the left and on top: "R" and "A" of an axial slice.
    std::array<char, 2> letters() const;
};

SliceFrame frameOf(const Block& block, SlicePlane plane);

/// One slice as it lies on the screen, row by row. Throws std::out_of_range for a slice that is not there.
std::vector<float> sliceOf(const Block& block, SlicePlane plane, std::int64_t slice);

/// Values of a token grid over a volume, at the pixels of one slice of that volume: each has the value of the token that it lies in. Throws like sliceOf.
std::vector<float> tokenSlice(const Block& tokens, const SliceFrame& frame, std::int64_t slice);
/// The same for all voxels of a grid of `size` i, j, k.
Block spread(const Block& tokens, const std::array<std::int64_t, 3>& size);

/// Values that are shown black and white: 0 and 1 for windowed grey values, the 0.5th and 99.5th percentile for others (z-scores).
std::array<double, 2> greyRange(std::span<const float> values);

} // namespace hilum::view
