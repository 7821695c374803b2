#include "core/stats/surface_distance.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace hilum::stats {

namespace {

using Size = std::array<std::int64_t, 3>;

constexpr double Infinity = std::numeric_limits<double>::infinity();

/// Lower envelope of parabolas over one line: d(q) = min over p of f(p) + (step (q - p))^2.
struct LineTransform {
    std::vector<double> values, edges;
    std::vector<std::int64_t> roots;

    explicit LineTransform(std::int64_t longest) : values(static_cast<std::size_t>(longest)), edges(static_cast<std::size_t>(longest) + 1),
        roots(static_cast<std::size_t>(longest)) {}

    void run(double* line, std::int64_t count, std::int64_t stride, double step)
    {
        std::int64_t last = -1;
        const double weight = step * step;
        for (std::int64_t q = 0; q < count; ++q) {
            const double f = line[q * stride];
            values[static_cast<std::size_t>(q)] = f;
            if (f == Infinity)
                continue;
            double edge = -Infinity;
            while (last >= 0) {
                const std::int64_t p = roots[static_cast<std::size_t>(last)];
                const double fp = values[static_cast<std::size_t>(p)];
                edge = ((f - fp) / weight + static_cast<double>(q * q - p * p)) / static_cast<double>(2 * (q - p));
                if (edge > edges[static_cast<std::size_t>(last)])
                    break;
                --last;
            }
            ++last;
            roots[static_cast<std::size_t>(last)] = q;
            edges[static_cast<std::size_t>(last)] = last == 0 ? -Infinity : edge;
        }
        if (last < 0)
            return;
        std::int64_t at = 0;
        for (std::int64_t q = 0; q < count; ++q) {
            while (at < last && edges[static_cast<std::size_t>(at) + 1] < static_cast<double>(q))
                ++at;
            const std::int64_t p = roots[static_cast<std::size_t>(at)];
            const double way = step * static_cast<double>(q - p);
            line[q * stride] = values[static_cast<std::size_t>(p)] + way * way;
        }
    }
};

void checkSizes(std::size_t voxels, const Size& size, const std::array<double, 3>& spacing)
{
    for (std::size_t a = 0; a < 3; ++a)
        if (size[a] < 1 || !(spacing[a] > 0) || !std::isfinite(spacing[a]))
            throw std::invalid_argument(hilum::format("surface distance: size {} and spacing {} mm along axis {}", size[a], spacing[a], a));
    if (voxels != static_cast<std::size_t>(size[0] * size[1] * size[2]))
        throw std::invalid_argument(hilum::format("surface distance: {} voxels for a grid of {} x {} x {}", voxels, size[0], size[1], size[2]));
}

/// Voxels inside with a neighbour that is not.
std::vector<std::uint8_t> border(std::span<const std::uint8_t> mask, const Size& n)
{
    std::vector<std::uint8_t> out(mask.size());
    const Size stride{1, n[0], n[0] * n[1]};
    std::size_t at = 0;
    for (std::int64_t k = 0; k < n[2]; ++k)
        for (std::int64_t j = 0; j < n[1]; ++j)
            for (std::int64_t i = 0; i < n[0]; ++i, ++at) {
                if (!mask[at])
                    continue;
                const Size index{i, j, k};
                for (std::size_t a = 0; a < 3 && !out[at]; ++a)
                    out[at] = index[a] == 0 || index[a] + 1 == n[a] || !mask[at - static_cast<std::size_t>(stride[a])] || !mask[at + static_cast<std::size_t>(stride[a])];
            }
    return out;
}

/// Directed distances from one border to the other.
std::vector<double> directed(std::span<const std::uint8_t> from, std::span<const double> squaredToOther)
{
    std::vector<double> out;
    for (std::size_t v = 0; v < from.size(); ++v)
        if (from[v])
            out.push_back(std::sqrt(squaredToOther[v]));
    return out;
}

} // namespace

std::vector<double> squaredDistances(std::span<const std::uint8_t> marked, Size size, std::array<double, 3> spacingMm)
{
    checkSizes(marked.size(), size, spacingMm);
    std::vector<double> out(marked.size());
    std::ranges::transform(marked, out.begin(), [](std::uint8_t m) { return m ? 0.0 : Infinity; });
    LineTransform line(*std::ranges::max_element(size));
    const Size stride{1, size[0], size[0] * size[1]};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::size_t b = (axis + 1) % 3, c = (axis + 2) % 3;
        for (std::int64_t y = 0; y < size[c]; ++y)
            for (std::int64_t x = 0; x < size[b]; ++x)
                line.run(out.data() + x * stride[b] + y * stride[c], size[axis], stride[axis], spacingMm[axis]);
    }
    return out;
}

double percentile(std::vector<double> values, double q)
{
    if (values.empty())
        throw std::invalid_argument("percentile of nothing");
    const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(std::floor(rank));
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(low);
    std::nth_element(values.begin(), at, values.end());
    const double first = *at;
    if (low + 1 == values.size())
        return first;
    return first + (rank - static_cast<double>(low)) * (*std::min_element(at + 1, values.end()) - first);
}

std::optional<SurfaceDistances> surfaceDistances(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, Size size, std::array<double, 3> spacingMm)
{
    checkSizes(a.size(), size, spacingMm);
    checkSizes(b.size(), size, spacingMm);
    // the box around both masks is enough: every border voxel lies in it
    Size low = size, high{-1, -1, -1};
    bool anyA = false, anyB = false;
    std::size_t at = 0;
    for (std::int64_t k = 0; k < size[2]; ++k)
        for (std::int64_t j = 0; j < size[1]; ++j)
            for (std::int64_t i = 0; i < size[0]; ++i, ++at) {
                if (!a[at] && !b[at])
                    continue;
                anyA = anyA || a[at];
                anyB = anyB || b[at];
                const Size index{i, j, k};
                for (std::size_t n = 0; n < 3; ++n) {
                    low[n] = std::min(low[n], index[n]);
                    high[n] = std::max(high[n], index[n]);
                }
            }
    if (!anyA || !anyB)
        return std::nullopt;
    const Size box{high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1};
    const auto cut = [&](std::span<const std::uint8_t> mask) {
        std::vector<std::uint8_t> out;
        out.reserve(static_cast<std::size_t>(box[0] * box[1] * box[2]));
        for (std::int64_t k = low[2]; k <= high[2]; ++k)
            for (std::int64_t j = low[1]; j <= high[1]; ++j) {
                const auto row = mask.subspan(static_cast<std::size_t>((k * size[1] + j) * size[0] + low[0]), static_cast<std::size_t>(box[0]));
                out.insert(out.end(), row.begin(), row.end());
            }
        return out;
    };
    const auto borderA = border(cut(a), box), borderB = border(cut(b), box);
    const auto toB = directed(borderA, squaredDistances(borderB, box, spacingMm)), toA = directed(borderB, squaredDistances(borderA, box, spacingMm));
    SurfaceDistances out;
    out.borderA = static_cast<std::int64_t>(toB.size());
    out.borderB = static_cast<std::int64_t>(toA.size());
    out.hausdorffMm = std::max(*std::ranges::max_element(toB), *std::ranges::max_element(toA));
    out.hausdorff95Mm = std::max(percentile(toB, 0.95), percentile(toA, 0.95));
    double sum = 0;
    for (const double d : toB)
        sum += d;
    for (const double d : toA)
        sum += d;
    out.meanMm = sum / static_cast<double>(toB.size() + toA.size());
    return out;
}

} // namespace hilum::stats
