#include "core/imaging/thorax_tree.h"

namespace hilum::imaging::thorax {

namespace {

struct Grower {
    std::vector<Branch>& out;
    float rootRadius;
    float total;
    bool airway;
    Rng rng;

    float radius(std::size_t ends) const { return rootRadius * std::pow(static_cast<float>(ends) / total, 0.4F); }

    void grow(P3 at, P3 direction, std::vector<P3> ends, int generation)
    {
        if (ends.size() <= 1 || generation > 24) {
            if (!ends.empty())
                out.push_back({at, at + 0.9F * (ends[0] - at), radius(1), 0.7F * radius(1), airway});
            return;
        }
        P3 middle{};
        for (P3 e : ends)
            middle = middle + e;
        middle = (1.0F / static_cast<float>(ends.size())) * middle;
        const float reach = generation == 0 ? 0.25F : 0.42F;
        const P3 wobble{static_cast<float>(rng.normal()), static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
        const P3 fork = at + reach * (middle - at) + (0.05F * length(middle - at)) * wobble;
        out.push_back({at, fork, radius(ends.size()), radius(ends.size()) * 0.92F, airway});
        // the ends are parted across their longest direction (a few power iterations on their scatter)
        P3 axis = unit(cross(unit(middle - at), direction) + 0.3F * wobble);
        for (int i = 0; i < 4; ++i) {
            P3 next{};
            for (P3 e : ends)
                next = next + dot(e - middle, axis) * (e - middle);
            axis = unit(next);
        }
        // uneven forks look like vessels, even ones like a diagram
        std::vector<float> along;
        for (P3 e : ends)
            along.push_back(dot(e - middle, axis));
        auto sorted = along;
        const auto cut = static_cast<std::ptrdiff_t>(std::clamp(rng.uniform(0.28, 0.72) * static_cast<double>(ends.size()), 1.0, static_cast<double>(ends.size() - 1)));
        std::nth_element(sorted.begin(), sorted.begin() + cut, sorted.end());
        const float border = sorted[static_cast<std::size_t>(cut)];
        std::vector<P3> first, second;
        for (std::size_t i = 0; i < ends.size(); ++i)
            (along[i] < border ? first : second).push_back(ends[i]);
        const P3 going = unit(fork - at);
        grow(fork, going, std::move(first), generation + 1);
        grow(fork, going, std::move(second), generation + 1);
    }
};

} // namespace

std::vector<Branch> growTrees(const Anatomy& anatomy, int ends, std::uint64_t seed)
{
    std::vector<Branch> branches;
    for (int side = 0; side < 2; ++side) {
        const float s = side == 0 ? -1.0F : 1.0F;
        struct Kind {
            const char* name;
            P3 root;
            float radius;
            int ends;
            bool airway;
        };
        const P3 hilum = anatomy.hilum(side);
        const Kind kinds[] = {{"artery", hilum + P3{s * 4, 4, -2}, 7.2F, ends, false},
                              {"vein", hilum + P3{s * 2, 8, -30}, 6.6F, ends, false},
                              {"airway", hilum + P3{s * 3, 8, -6}, 4.4F, std::max(12, ends / 14), true}};
        for (const Kind& kind : kinds) {
            Rng rng = Rng(seed).fork("thorax tree").fork(kind.name).fork(static_cast<std::uint64_t>(side));
            std::vector<P3> points;
            for (int tries = 0; static_cast<int>(points.size()) < kind.ends && tries < 60 * kind.ends; ++tries) {
                const P3 p{s * static_cast<float>(rng.uniform(8, 140)), static_cast<float>(rng.uniform(-95, 95)), static_cast<float>(rng.uniform(-140, 132))};
                if (anatomy.lungDistance(p, side) < (kind.airway ? -16 : -3))
                    points.push_back(p);
            }
            const auto total = static_cast<float>(std::max<std::size_t>(points.size(), 1));
            Grower grower{branches, kind.radius, total, kind.airway, rng.fork("forks")};
            grower.grow(kind.root, {s, 0, 0}, std::move(points), 0);
        }
    }
    for (Branch& b : branches)
        b.from = anatomy.toWorld(b.from), b.to = anatomy.toWorld(b.to);
    return branches;
}

void drawBranches(const std::vector<Branch>& branches, const Geometry& grid, std::int64_t k, std::span<float> slice, std::span<const std::uint8_t> lung)
{
    const auto width = grid.size[0], height = grid.size[1];
    const auto dx = static_cast<float>(grid.spacingMm[0]), dz = static_cast<float>(grid.spacingMm[2]);
    const auto x0 = static_cast<float>(grid.originLps[0]), y0 = static_cast<float>(grid.originLps[1]);
    const float z = static_cast<float>(grid.originLps[2]) + static_cast<float>(k) * dz;
    const float soft = std::cbrt(dx * dx * dz);
    for (const Branch& b : branches) {
        const float wall = b.airway ? 0.9F : 0;
        const float reach = std::max(b.fromRadius, b.toRadius) + wall + 0.6F * soft;
        if (z + reach < std::min(b.from.z, b.to.z) || z - reach > std::max(b.from.z, b.to.z) || (b.airway && b.fromRadius < 0.7F))
            continue;
        const auto first = [&](float low, float origin, std::int64_t n) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor((low - reach - origin) / dx)), 0, n - 1); };
        const auto last = [&](float high, float origin, std::int64_t n) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil((high + reach - origin) / dx)), 0, n - 1); };
        const auto i0 = first(std::min(b.from.x, b.to.x), x0, width), i1 = last(std::max(b.from.x, b.to.x), x0, width);
        const auto j0 = first(std::min(b.from.y, b.to.y), y0, height), j1 = last(std::max(b.from.y, b.to.y), y0, height);
        const P3 axis = b.to - b.from;
        const float square = std::max(dot(axis, axis), 1e-6F);
        for (auto j = j0; j <= j1; ++j)
            for (auto i = i0; i <= i1; ++i) {
                const auto at = static_cast<std::size_t>(j * width + i);
                if (!lung[at])
                    continue;
                const P3 p{x0 + static_cast<float>(i) * dx, y0 + static_cast<float>(j) * dx, z};
                const P3 d = p - b.from;
                const float t = std::clamp(dot(d, axis) / square, 0.0F, 1.0F);
                const float radius = mix(b.fromRadius, b.toRadius, t);
                const float away = length(d - t * axis);
                const auto share = [&](float r) { // of a voxel; branches thinner than it fill only a part
                    const float thin = std::min(1.0F, 2 * r / soft);
                    return std::clamp(0.5F + (std::max(r, 0.5F * soft) - away) / soft, 0.0F, 1.0F) * thin * thin;
                };
                float& hu = slice[at];
                if (b.airway) {
                    const float outer = share(radius + wall);
                    if (hu < -200)
                        hu = std::max(hu, mix(hu, -250, outer));
                    hu = mix(hu, -980, share(radius));
                } else {
                    hu = std::max(hu, mix(hu, 42, share(radius)));
                }
            }
    }
}

} // namespace hilum::imaging::thorax
