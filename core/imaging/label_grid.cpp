#include "core/imaging/label_grid.h"

#include "core/base/format.h"
#include "core/base/numbers.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace hilum::imaging {

namespace {

std::array<Vec3, 8> cornerIndices(const Index3& size)
{
    std::array<Vec3, 8> out;
    for (std::size_t n = 0; n < 8; ++n)
        for (std::size_t a = 0; a < 3; ++a)
            out[n][a] = n >> a & 1 ? static_cast<double>(size[a] - 1) : 0.0;
    return out;
}

std::string three(const Vec3& v, int decimals) { return hilum::format("{} x {} x {}", fixed(v[0], decimals), fixed(v[1], decimals), fixed(v[2], decimals)); }

/// Same voxels, another type of header: the grid is new, everything else stays.
ImageHeader headerOn(const Volume& labels, const Geometry& to)
{
    ImageHeader h = labels.header();
    h.geometry = to;
    h.irregular = false;
    h.sliceOriginsLps.clear();
    return h;
}

/// index of `from` as a function of the index of `to`, both continuous.
struct IndexMap {
    Mat3 m;
    Vec3 shift{0, 0, 0};
    Vec3 operator()(const Vec3& at) const { return m * at + shift; }
};

IndexMap indexMap(const Geometry& from, const Geometry& to)
{
    IndexMap map;
    map.shift = from.worldToIndex(to.indexToWorld({0, 0, 0}));
    for (std::size_t c = 0; c < 3; ++c) {
        Vec3 step{0, 0, 0};
        step[c] = 1;
        map.m.setColumn(c, from.worldToIndex(to.indexToWorld(step)) - map.shift);
    }
    return map;
}

/// `g` with the steps of `other` along its axes of one voxel: how thick a lone slice is says nothing about where its centres lie.
Geometry withStepsOf(Geometry g, const Geometry& other)
{
    for (std::size_t a = 0; a < 3; ++a) {
        if (g.size[a] != 1)
            continue;
        std::size_t along = 0;
        for (std::size_t c = 1; c < 3; ++c)
            if (std::abs(dot(g.direction.column(a), other.direction.column(c))) > std::abs(dot(g.direction.column(a), other.direction.column(along))))
                along = c;
        g.spacingMm[a] = other.spacingMm[along];
    }
    return g;
}

} // namespace

std::optional<GridMatch> matchGrids(const Geometry& fromAsItIs, const Geometry& toAsItIs, double toleranceFraction)
{
    const Geometry from = withStepsOf(fromAsItIs, toAsItIs), to = withStepsOf(toAsItIs, from);
    const IndexMap map = indexMap(from, to);
    GridMatch match;
    std::array<bool, 3> used{};
    for (std::size_t a = 0; a < 3; ++a) {
        std::size_t best = 0;
        for (std::size_t c = 1; c < 3; ++c)
            if (std::abs(map.m[a][c]) > std::abs(map.m[a][best]))
                best = c;
        if (used[best] || std::abs(std::abs(map.m[a][best]) - 1) > 0.1)
            return std::nullopt;
        used[best] = true;
        match.axis[a] = static_cast<int>(best);
        match.sign[a] = map.m[a][best] > 0 ? 1 : -1;
    }
    // the offset is taken in the middle, where rounding of directions matters least; the corners of both must then agree
    for (std::size_t a = 0; a < 3; ++a) {
        Vec3 middle{};
        for (std::size_t c = 0; c < 3; ++c)
            middle[c] = std::floor(static_cast<double>(to.size[c]) / 2);
        const double offset = map(middle)[a] - match.sign[a] * middle[static_cast<std::size_t>(match.axis[a])];
        if (std::abs(offset) > 1e9)
            return std::nullopt;
        match.offset[a] = std::llround(offset);
    }
    const double edge = std::min({from.spacingMm[0], from.spacingMm[1], from.spacingMm[2], to.spacingMm[0], to.spacingMm[1], to.spacingMm[2]});
    const auto apart = [&](const Vec3& indexTo) {
        Vec3 index{};
        for (std::size_t a = 0; a < 3; ++a)
            index[a] = match.sign[a] * indexTo[static_cast<std::size_t>(match.axis[a])] + static_cast<double>(match.offset[a]);
        return norm(from.indexToWorld(index) - to.indexToWorld(indexTo));
    };
    for (const Vec3& corner : cornerIndices(to.size))
        match.worstMm = std::max(match.worstMm, apart(corner));
    for (const Vec3& corner : cornerIndices(from.size)) {
        Vec3 at{};
        for (std::size_t a = 0; a < 3; ++a)
            at[static_cast<std::size_t>(match.axis[a])] = match.sign[a] * (corner[a] - static_cast<double>(match.offset[a]));
        match.worstMm = std::max(match.worstMm, apart(at));
    }
    if (match.worstMm > toleranceFraction * edge)
        return std::nullopt;
    return match;
}

std::string gridDifference(const Geometry& a, const Geometry& b)
{
    std::string out = hilum::format("{} x {} x {} voxels of {} mm against {} x {} x {} of {} mm", a.size[0], a.size[1], a.size[2], three(a.spacingMm, 4), b.size[0],
        b.size[1], b.size[2], three(b.spacingMm, 4));
    double worst = 0, angle = 0;
    for (const Vec3& corner : cornerIndices(a.size)) {
        const Vec3 at = a.indexToWorld(corner), index = b.worldToIndex(at);
        Vec3 nearest{};
        for (std::size_t n = 0; n < 3; ++n)
            nearest[n] = std::round(index[n]);
        worst = std::max(worst, norm(at - b.indexToWorld(nearest)));
    }
    for (std::size_t c = 0; c < 3; ++c) {
        double closest = 0;
        for (std::size_t d = 0; d < 3; ++d)
            closest = std::max(closest, std::abs(dot(a.direction.column(c), b.direction.column(d))));
        angle = std::max(angle, std::acos(std::min(1.0, closest)) * 180 / std::numbers::pi);
    }
    out += hilum::format(", first voxels at ({}, {}, {}) and ({}, {}, {}) mm LPS", fixed(a.originLps[0], 3), fixed(a.originLps[1], 3), fixed(a.originLps[2], 3),
        fixed(b.originLps[0], 3), fixed(b.originLps[1], 3), fixed(b.originLps[2], 3));
    out += hilum::format(", axes up to {} degrees apart, corners up to {} mm from the nearest voxel centre", fixed(angle, 3), fixed(worst, 3));
    return out;
}

PlacedLabels moveLabels(const Volume& labels, const Geometry& to, const GridMatch& match)
{
    if (labels.components() != 1)
        throw std::invalid_argument("moveLabels: a label map has one component");
    const Index3 from = labels.geometry().size;
    const Index3 stride{1, from[0], from[0] * from[1]};
    PlacedLabels out;
    labels.visit([&]<class T>(std::span<const T> in) {
        std::vector<T> moved(static_cast<std::size_t>(to.voxelCount()));
        // along axis c of `to` the source moves by step[c] along its axis source[c]
        std::array<std::size_t, 3> source{};
        Index3 step{};
        for (std::size_t a = 0; a < 3; ++a) {
            source[static_cast<std::size_t>(match.axis[a])] = a;
            step[static_cast<std::size_t>(match.axis[a])] = match.sign[a];
        }
        const auto indexAt = [&](std::size_t c, std::int64_t n) { return step[c] * n + match.offset[source[c]]; };
        std::int64_t kept = 0;
        std::size_t at = 0;
        for (std::int64_t k = 0; k < to.size[2]; ++k) {
            const std::int64_t z = indexAt(2, k);
            const bool inZ = z >= 0 && z < from[source[2]];
            for (std::int64_t j = 0; j < to.size[1]; ++j) {
                const std::int64_t y = indexAt(1, j);
                const bool inYz = inZ && y >= 0 && y < from[source[1]];
                for (std::int64_t i = 0; i < to.size[0]; ++i, ++at) {
                    const std::int64_t x = indexAt(0, i);
                    if (!inYz || x < 0 || x >= from[source[0]])
                        continue;
                    moved[at] = in[static_cast<std::size_t>(x * stride[source[0]] + y * stride[source[1]] + z * stride[source[2]])];
                    kept += moved[at] != T{};
                }
            }
        }
        out.lost = std::ranges::count_if(in, [](T v) { return v != T{}; }) - kept;
        out.volume = Volume(headerOn(labels, to), std::move(moved));
    });
    return out;
}

PlacedLabels resampleLabels(const Volume& labels, const Geometry& to)
{
    if (labels.components() != 1)
        throw std::invalid_argument("resampleLabels: a label map has one component");
    const Geometry& g = labels.geometry();
    const IndexMap map = indexMap(g, to), back = indexMap(to, g);
    PlacedLabels out;
    labels.visit([&]<class T>(std::span<const T> in) {
        std::vector<T> moved(static_cast<std::size_t>(to.voxelCount()));
        std::size_t at = 0;
        for (std::int64_t k = 0; k < to.size[2]; ++k)
            for (std::int64_t j = 0; j < to.size[1]; ++j) {
                const Vec3 row = map({0, static_cast<double>(j), static_cast<double>(k)}), step = map.m.column(0);
                for (std::int64_t i = 0; i < to.size[0]; ++i, ++at) {
                    const Vec3 p = row + static_cast<double>(i) * step;
                    const Index3 n{std::llround(p[0]), std::llround(p[1]), std::llround(p[2])};
                    if (n[0] >= 0 && n[1] >= 0 && n[2] >= 0 && n[0] < g.size[0] && n[1] < g.size[1] && n[2] < g.size[2])
                        moved[at] = in[static_cast<std::size_t>((n[2] * g.size[1] + n[1]) * g.size[0] + n[0])];
                }
            }
        at = 0;
        for (std::int64_t k = 0; k < g.size[2]; ++k)
            for (std::int64_t j = 0; j < g.size[1]; ++j)
                for (std::int64_t i = 0; i < g.size[0]; ++i, ++at)
                    if (in[at] != T{} && !to.contains(back({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)})))
                        ++out.lost;
        out.volume = Volume(headerOn(labels, to), std::move(moved));
    });
    return out;
}

std::optional<Geometry> unionGrid(const Geometry& a, const Geometry& b)
{
    const auto match = matchGrids(b, a);
    if (!match)
        return std::nullopt;
    Index3 low{0, 0, 0}, high{a.size[0] - 1, a.size[1] - 1, a.size[2] - 1};
    for (std::size_t n = 0; n < 3; ++n) {
        // axis n of b runs along axis c of a: from index (0 - offset) * sign to (size - 1 - offset) * sign
        const auto c = static_cast<std::size_t>(match->axis[n]);
        const std::int64_t first = match->sign[n] * (0 - match->offset[n]), last = match->sign[n] * (b.size[n] - 1 - match->offset[n]);
        low[c] = std::min({low[c], first, last});
        high[c] = std::max({high[c], first, last});
    }
    Geometry g = withStepsOf(a, b);
    g.originLps = g.indexToWorld({static_cast<double>(low[0]), static_cast<double>(low[1]), static_cast<double>(low[2])});
    for (std::size_t c = 0; c < 3; ++c)
        g.size[c] = high[c] - low[c] + 1;
    return g;
}

} // namespace hilum::imaging
