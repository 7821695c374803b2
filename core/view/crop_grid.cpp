#include "core/view/crop_grid.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace hilum::view {

namespace {

/// Length that two half-open ranges share along one axis.
double shared(const Box& a, const Box& b, std::size_t axis)
{
    return static_cast<double>(std::max<std::int64_t>(0, std::min(a[axis + 3], b[axis + 3]) - std::max(a[axis], b[axis])));
}

double length(const Box& box, std::size_t axis)
{
    return static_cast<double>(box[axis + 3] - box[axis]);
}

} // namespace

std::vector<double> baseOverlap(const Box& crop, std::span<const Box> bases)
{
    const bool slabs = std::ranges::any_of(bases, [&](const Box& b) { return b[2] != bases.front()[2] || b[5] != bases.front()[5]; });
    const double whole = length(crop, 0) * length(crop, 1) * (slabs ? length(crop, 2) : 1);
    if (!(whole > 0) || length(crop, 0) < 0)
        throw std::invalid_argument("a crop must have a size");
    std::vector<double> out;
    for (const Box& base : bases)
        out.push_back(shared(crop, base, 0) * shared(crop, base, 1) * (slabs ? shared(crop, base, 2) : 1) / whole);
    return out;
}

Box cropAround(double centreI, double centreJ, const Box& like, std::int64_t width, std::int64_t height)
{
    Box out = like;
    const double centre[] = {centreI, centreJ};
    const std::int64_t grid[] = {width, height};
    for (std::size_t axis = 0; axis < 2; ++axis) {
        const std::int64_t size = like[axis + 3] - like[axis];
        out[axis] = std::clamp<std::int64_t>(std::llround(centre[axis] - static_cast<double>(size) / 2), 0, std::max<std::int64_t>(0, grid[axis] - size));
        out[axis + 3] = out[axis] + size;
    }
    return out;
}

std::array<double, 2> middle(const Box& box)
{
    return {static_cast<double>(box[0] + box[3]) / 2, static_cast<double>(box[1] + box[4]) / 2};
}

std::optional<std::size_t> baseAt(double i, double j, std::span<const Box> bases, double tolerance)
{
    for (std::size_t n = 0; n < bases.size(); ++n) {
        const auto [bi, bj] = middle(bases[n]);
        if (std::abs(bi - i) <= tolerance && std::abs(bj - j) <= tolerance)
            return n;
    }
    return std::nullopt;
}

std::array<std::int64_t, 2> gridShape(std::span<const Box> bases)
{
    std::set<std::int64_t> columns, rows;
    for (const Box& base : bases) {
        columns.insert(base[0]);
        rows.insert(base[1]);
    }
    return {static_cast<std::int64_t>(columns.size()), static_cast<std::int64_t>(rows.size())};
}

} // namespace hilum::view
