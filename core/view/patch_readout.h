#pragma once

#include "core/view/mask_model.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hilum::view {

/// The token grid over a model's input image. Pixel (x, y), centres at whole numbers; patches tile the image exactly or stretched.
struct TokenGrid {
    std::int64_t rows = 0, columns = 0;
    std::int64_t width = 0, height = 0; ///< of the model's input, pixels

    bool isEmpty() const { return rows <= 0 || columns <= 0 || width <= 0 || height <= 0; }
    double patchWidth() const { return static_cast<double>(width) / static_cast<double>(columns); }
    double patchHeight() const { return static_cast<double>(height) / static_cast<double>(rows); }
    /// Row and column in tokens, fractional: the centre of token (r, c) lies at whole numbers.
    std::array<double, 2> toToken(double x, double y) const;
    /// {row, column} of the patch that holds pixel position (x, y); nullopt outside the image.
    std::optional<std::array<std::int64_t, 2>> patchAt(double x, double y) const;
    std::array<double, 2> centre(std::int64_t row, std::int64_t column) const; ///< {x, y} in pixels
    bool operator==(const TokenGrid&) const = default;
};

/// What becomes of the places that a mask names.
enum class Disturbance {
    Hidden,    ///< the network does not see them
    Corrupted, ///< it sees something else there (GMML)
};

/// What there is to say about one patch.
struct PatchReadout {
    std::int64_t row = 0, column = 0;
    bool hidden = false;
    std::optional<bool> inside; ///< nullopt when the mask knows no region
    std::optional<double> loss; ///< as trained, hidden patches only
    std::optional<double> attention;
    Disturbance disturbance = Disturbance::Hidden;
};

/// "patch r12 c7 hidden · inside · loss 0.031 · attn 0.034"
std::string probeText(const PatchReadout& patch);

/// Numbers of one reconstruction beside its mask.
struct MaskNumbers {
    MaskCounts counts;
    bool hasRegion = false;
    std::optional<double> loss;                    ///< mean over hidden patches, as trained
    std::optional<double> lossInside, lossOutside; ///< the same, per part
    std::optional<double> meanError;               ///< mean |error| over hidden pixels, grey values 0..1
    bool normalisedTarget = false;
    Disturbance disturbance = Disturbance::Hidden;
    std::optional<double> l1Inside, l1All;         ///< mean |difference| over corrupted pixels and over the whole image, in the network's own values; told instead of `loss`
};

/// "inside 95.4 % (124 of 130) · outside 85.2 % (230 of 270) · hidden 354 of 400 · loss 0.0310 (in 0.0350, out 0.0290) · mean error 0.021"; of corrupted places
/// "corrupted 32.0 % (82 of 256) · L1 loss inside 0.081, whole image 0.040 · mean error 0.021"
std::string maskStatsText(const MaskNumbers& numbers);

/// Sums patch losses into `loss`, `lossInside` and `lossOutside` of hidden patches. `patchLoss` is row-major on the mask's grid.
void addLosses(MaskNumbers& numbers, const MaskModel& mask, std::span<const float> patchLoss);

/// The hidden patches with the largest loss, worst first.
std::vector<PatchReadout> worstPatches(const MaskModel& mask, std::span<const float> patchLoss, std::size_t count);

} // namespace hilum::view
