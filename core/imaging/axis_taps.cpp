#include "core/imaging/axis_taps.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

Axis axisOf(std::int64_t from, std::int64_t to, double scale)
{
    // the middles of both lie on each other
    return {from, to, scale, 0.5 * static_cast<double>(from) - 0.5 - scale * (0.5 * static_cast<double>(to) - 0.5)};
}

std::vector<Taps> tapsOf(const Axis& axis)
{
    std::vector<Taps> out(static_cast<std::size_t>(axis.to));
    const double last = static_cast<double>(axis.from);
    for (std::int64_t x = 0; x < axis.to; ++x) {
        Taps& taps = out[static_cast<std::size_t>(x)];
        const double centre = axis.offset + axis.scale * static_cast<double>(x);
        if (axis.scale > 1) {
            // shrinking: the mean over the grid voxel's own stretch of the image; voxel p covers [p, p + 1) here
            const double low = centre + 0.5 - 0.5 * axis.scale, high = low + axis.scale;
            const auto begin = static_cast<std::int64_t>(std::floor(std::clamp(low, 0.0, last)));
            const auto end = static_cast<std::int64_t>(std::ceil(std::clamp(high, 0.0, last)));
            taps.first = begin;
            for (std::int64_t p = begin; p < end; ++p)
                taps.weights.push_back(std::max(0.0, std::min(high, static_cast<double>(p + 1)) - std::max(low, static_cast<double>(p))) / axis.scale);
        } else if (centre >= -0.5 && centre <= last - 0.5) {
            const double inside = std::clamp(centre, 0.0, last - 1);
            taps.first = std::min(static_cast<std::int64_t>(inside), axis.from - 1);
            const double part = inside - static_cast<double>(taps.first);
            taps.weights = part > 0 ? std::vector<double>{1 - part, part} : std::vector<double>{1};
        }
    }
    return out;
}

} // namespace hilum::imaging
