#include "core/imaging/phantom.h"

#include <cmath>

namespace hilum::imaging {

namespace {

template <class T, class F> std::vector<T> fill(const Geometry& g, F&& value)
{
    std::vector<T> out;
    out.reserve(static_cast<std::size_t>(g.voxelCount()));
    for (std::int64_t k = 0; k < g.size[2]; ++k)
        for (std::int64_t j = 0; j < g.size[1]; ++j)
            for (std::int64_t i = 0; i < g.size[0]; ++i)
                out.push_back(static_cast<T>(value(g.indexToWorld({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)}))));
    return out;
}

ImageHeader headerOf(const Geometry& g, Unit unit)
{
    ImageHeader header;
    header.geometry = g;
    header.unit = unit;
    header.photometric = "MONOCHROME2";
    return header;
}

} // namespace

bool Ellipsoid::contains(const Vec3& p) const
{
    double sum = 0;
    for (std::size_t a = 0; a < 3; ++a) {
        const double u = (p[a] - centreLps[a]) / radiiMm[a];
        sum += u * u;
    }
    return sum <= 1;
}

double Ellipsoid::layerMm3(const Vec3& spacing) const
{
    Ellipsoid outer = *this, inner = *this;
    for (std::size_t a = 0; a < 3; ++a) {
        outer.radiiMm[a] += 0.5 * spacing[a];
        inner.radiiMm[a] = std::max(0.0, radiiMm[a] - 0.5 * spacing[a]);
    }
    return outer.volumeMm3() - inner.volumeMm3();
}

Volume ellipsoidVolume(const Geometry& grid, const std::vector<Ellipsoid>& bodies, double background, Unit unit)
{
    auto voxels = fill<std::int16_t>(grid, [&](const Vec3& p) {
        double value = background;
        for (const Ellipsoid& body : bodies)
            if (body.contains(p))
                value = body.value;
        return value;
    });
    return Volume(headerOf(grid, unit), std::move(voxels));
}

LabelMap ellipsoidLabels(const Geometry& grid, const std::vector<Ellipsoid>& bodies)
{
    LabelMap map;
    auto voxels = fill<std::uint8_t>(grid, [&](const Vec3& p) {
        std::size_t label = 0;
        for (std::size_t n = 0; n < bodies.size(); ++n)
            if (bodies[n].contains(p))
                label = n + 1;
        return label;
    });
    for (std::size_t n = 0; n < bodies.size(); ++n)
        map.labels.push_back({.value = static_cast<std::int64_t>(n) + 1, .name = bodies[n].name, .colour = bodies[n].colour, .terminology = Json::object()});
    map.volume = Volume(headerOf(grid, Unit::Label), std::move(voxels));
    return map;
}

Volume rampVolume(const Geometry& grid, const Vec3& slope, double offset)
{
    return Volume(headerOf(grid, Unit::Other), fill<float>(grid, [&](const Vec3& p) { return offset + dot(slope, p); }));
}

} // namespace hilum::imaging
