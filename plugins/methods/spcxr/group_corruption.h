#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace hilum::learning {

// Group-masked corruption (GMML, the base of SPCXR; behaviour of the public code): rectangles of pixels are overwritten until enough of the image
// is gone. Letters: B cases, C channels, S pixels a side.

enum class GroupFill {
    Noise, ///< N(0, 1) in the normalised space, every channel by itself
    Zeros, ///< 0 in the normalised space: the mean grey
    Place, ///< another place of the same image
};

struct GroupOptions {
    double maxCorrupted = 0.75; ///< stage 1 corrupts a share between min(0.5, this) and this
    double maxReplaced = 0.3;   ///< stage 2 replaces this share, above 0.5 one between 0.5 and this (replacedShare)
    double alienProbability = 0.5; ///< that an image gets another image's pixels instead of stage 1
    double largestBlock = 0.3;  ///< longest side of a rectangle, in sides of the image
    std::int64_t align = 16;    ///< rectangles lie on multiples of this many pixels; 1: anywhere
    GroupFill fill = GroupFill::Noise;
};

/// A rectangle of pixels: first row, first column, rows, columns.
using GroupBox = std::array<std::int64_t, 4>;

/// Largest share of an S x S image that rectangles of these options can ever cover, [0, 1]: they begin on multiples of `align` and may be too short to
/// reach the last rows and columns.
double reachableShare(std::int64_t side, const GroupOptions& options);

/// Draws rectangles until they cover at least `pixels` of an S x S image; they may overlap, so that larger connected groups arise.
/// Throws c10::Error when they never could.
std::vector<GroupBox> drawGroups(std::int64_t side, double pixels, const GroupOptions& options, Rng& rng);

/// Share of an image that another one's pixels overwrite: the rule of stage 1 with m = maxReplaced, U(min(0.5, m), m), which is m itself up to a half (no number is drawn then).
double replacedShare(const GroupOptions& options, Rng& rng);

struct CorruptedBatch {
    at::Tensor images; ///< [B, C, S, S], where mask is 0 bit-identical to the clean ones
    at::Tensor mask;   ///< [B, S, S] float32, 1 = corrupted
    std::vector<std::int64_t> donors; ///< per case the image whose pixels it got, -1: none
};
/// Corrupts a batch. Case b draws from rng.fork(b) alone; with a donor (stage 2) it depends on the batch too.
/// \param images [B, C, S, S] float32 normalised
CorruptedBatch corruptGroups(const at::Tensor& images, const GroupOptions& options, const Rng& rng);

/// Overwrites what `mask` names: with a donor's pixels at the same place, else as `fill` says (Place needs rectangles and becomes noise here).
/// \param image [C, S, S] \param mask [S, S], non-zero = corrupt \param donor [C, S, S] or undefined
at::Tensor corruptGiven(const at::Tensor& image, const at::Tensor& mask, GroupFill fill, const at::Tensor& donor, const Rng& rng);

} // namespace hilum::learning
