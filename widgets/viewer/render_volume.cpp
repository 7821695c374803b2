#include "widgets/viewer/render_volume.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hilum::widgets {

namespace {

std::pair<double, double> brightRange(const imaging::Volume& volume)
{
    return volume.visit([](auto voxels) {
        std::vector<float> sample;
        const std::size_t step = std::max<std::size_t>(1, voxels.size() / 200'000) | 1;
        for (std::size_t i = 0; i < voxels.size(); i += step)
            if (std::isfinite(static_cast<float>(voxels[i])))
                sample.push_back(static_cast<float>(voxels[i]));
        if (sample.empty())
            return std::pair{0.0, 1.0};
        std::sort(sample.begin(), sample.end());
        const auto at = [&](double q) { return static_cast<double>(sample[static_cast<std::size_t>(q * static_cast<double>(sample.size() - 1))]); };
        const double low = at(0.001), high = at(0.999);
        return std::pair{low, high > low ? high : low + 1};
    });
}

} // namespace

RenderVolume renderVolume(const imaging::Volume& volume, std::int64_t mostVoxels, const std::stop_token& stop)
{
    const Geometry& from = volume.geometry();
    const std::array<int, 3> axes = closestAxes(from.direction);
    RenderVolume out;
    out.scaled = volume.header().unit != imaging::Unit::Hu;
    if (out.scaled)
        std::tie(out.low, out.high) = brightRange(volume);

    // voxel (a, b, c) of the result covers a block of the source that starts at start + step * factor * (a, b, c)
    std::array<std::int64_t, 3> stride{1, from.size[0], from.size[0] * from.size[1]};
    std::array<std::int64_t, 3> start{}, step{};
    Vec3 firstIndex{0, 0, 0};
    const auto left = [&](std::size_t world) { return from.size[static_cast<std::size_t>(axes[world])] / out.factors[world]; };
    while (left(0) * left(1) * left(2) > mostVoxels) {
        const auto spacing = [&](std::size_t world) {
            return left(world) < 2 ? std::numeric_limits<double>::infinity() : from.spacingMm[static_cast<std::size_t>(axes[world])] * static_cast<double>(out.factors[world]);
        };
        std::size_t finest = 0;
        for (std::size_t world = 1; world < 3; ++world)
            if (spacing(world) < spacing(finest) * (1 - 1e-6))
                finest = world;
        ++out.factors[finest];
        for (std::size_t world = 0; world < 3; ++world) // equally fine axes stay so
            if (world != finest && spacing(world) < spacing(finest) && left(world) > 1)
                ++out.factors[world];
    }
    for (std::size_t world = 0; world < 3; ++world) {
        const auto axis = static_cast<std::size_t>(axes[world]);
        const bool flip = from.direction[world][axis] < 0;
        const std::int64_t factor = out.factors[world];
        out.geometry.size[world] = std::max<std::int64_t>(1, from.size[axis] / factor);
        out.geometry.spacingMm[world] = from.spacingMm[axis] * static_cast<double>(factor);
        out.geometry.direction.setColumn(world, (flip ? -1.0 : 1.0) * from.direction.column(axis));
        start[world] = flip ? from.size[axis] - 1 : 0;
        step[world] = flip ? -1 : 1;
        const double centre = (static_cast<double>(std::min(factor, from.size[axis])) - 1) / 2; // of the first block
        firstIndex[axis] = static_cast<double>(start[world]) + static_cast<double>(step[world]) * centre;
    }
    out.geometry.originLps = from.indexToWorld(firstIndex);

    std::array<std::int64_t, 3> jump{}; // in the source, from voxel to voxel within a block
    std::int64_t first = 0;
    for (std::size_t world = 0; world < 3; ++world) {
        const auto axis = static_cast<std::size_t>(axes[world]);
        jump[world] = step[world] * stride[axis];
        first += start[world] * stride[axis];
    }
    out.voxels.resize(static_cast<std::size_t>(out.geometry.voxelCount()));
    const double scale = out.scaled ? 4095 / (out.high - out.low) : 1, shift = out.scaled ? out.low : 0;
    const int components = volume.components();
    const auto& f = out.factors;
    const double share = 1.0 / static_cast<double>(f[0] * f[1] * f[2]);
    constexpr double Air = -1024; // HU
    const double nothing = out.scaled ? 0 : Air; // stored, of blocks without any number
    volume.visit([&](auto voxels) {
        std::size_t n = 0;
        for (std::int64_t c = 0; c < out.geometry.size[2] && !stop.stop_requested(); ++c)
            for (std::int64_t b = 0; b < out.geometry.size[1]; ++b)
                for (std::int64_t a = 0; a < out.geometry.size[0]; ++a) {
                    const std::int64_t corner = first + a * f[0] * jump[0] + b * f[1] * jump[1] + c * f[2] * jump[2];
                    const auto each = [&](auto&& take) {
                        for (std::int64_t z = 0; z < f[2]; ++z)
                            for (std::int64_t y = 0; y < f[1]; ++y)
                                for (std::int64_t x = 0; x < f[0]; ++x)
                                    take(static_cast<double>(voxels[static_cast<std::size_t>((corner + x * jump[0] + y * jump[1] + z * jump[2]) * components)]));
                    };
                    double sum = 0, number = 0;
                    each([&](double v) { sum += v; });
                    double average = sum * share;
                    if (!std::isfinite(average)) { // what is no number is left out; NaN again where there is nothing else
                        sum = 0;
                        each([&](double v) {
                            sum += std::isfinite(v) ? v : 0;
                            number += std::isfinite(v);
                        });
                        average = sum / number;
                    }
                    const double value = std::isnan(average) ? nothing : (average - shift) * scale;
                    const double limited = std::clamp(value, out.scaled ? 0.0 : -32768.0, out.scaled ? 4095.0 : 32767.0);
                    out.voxels[n++] = static_cast<std::int16_t>(std::lround(limited));
                }
    });
    if (stop.stop_requested())
        out.voxels.clear();
    return out;
}

} // namespace hilum::widgets
