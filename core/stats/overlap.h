#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace hilum::stats {

/// Voxels of two masks on one grid, and what follows from them.
///
/// Dice = 2 |A and B| / (|A| + |B|) (Dice 1945), Jaccard = |A and B| / |A or B|. Where one of the two is empty both are 0; where both are empty they are undefined (nothing), not 1:
/// nothing was there to be found. Relative volume difference = (|B| - |A|) / |A|, signed, A being the reference; undefined for an empty A.
struct Overlap {
    std::int64_t a = 0, b = 0, both = 0; ///< voxels
    std::optional<double> dice() const;
    std::optional<double> jaccard() const;
    std::optional<double> volumeDifference() const;
};

/// \param a, b [N] non-zero: inside; throws std::invalid_argument when their sizes differ.
Overlap overlapOf(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b);

} // namespace hilum::stats
