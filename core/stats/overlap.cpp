#include "core/stats/overlap.h"

#include "core/base/format.h"

#include <stdexcept>

namespace hilum::stats {

std::optional<double> Overlap::dice() const
{
    if (a + b == 0)
        return std::nullopt;
    return 2.0 * static_cast<double>(both) / static_cast<double>(a + b);
}

std::optional<double> Overlap::jaccard() const
{
    if (a + b == 0)
        return std::nullopt;
    return static_cast<double>(both) / static_cast<double>(a + b - both);
}

std::optional<double> Overlap::volumeDifference() const
{
    if (a == 0)
        return std::nullopt;
    return static_cast<double>(b - a) / static_cast<double>(a);
}

Overlap overlapOf(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b)
{
    if (a.size() != b.size())
        throw std::invalid_argument(hilum::format("overlapOf: {} voxels against {}", a.size(), b.size()));
    Overlap out;
    for (std::size_t n = 0; n < a.size(); ++n) {
        out.a += a[n] != 0;
        out.b += b[n] != 0;
        out.both += a[n] != 0 && b[n] != 0;
    }
    return out;
}

} // namespace hilum::stats
