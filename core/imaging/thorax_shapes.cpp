#include "core/imaging/thorax_shapes.h"

namespace hilum::imaging::thorax {

void Tube::smooth(int parts)
{
    const auto from = points;
    const auto fromRadii = radii;
    points.clear(), radii.clear();
    const auto n = static_cast<int>(from.size());
    const auto at = [&](int i) { return from[static_cast<std::size_t>(std::clamp(i, 0, n - 1))]; };
    for (int i = 0; i + 1 < n; ++i)
        for (int s = 0; s < parts; ++s) {
            const float t = static_cast<float>(s) / static_cast<float>(parts), t2 = t * t, t3 = t2 * t;
            const P3 p = 0.5F * ((2.0F * at(i)) + t * (at(i + 1) - at(i - 1)) + t2 * (2.0F * at(i - 1) - 5.0F * at(i) + 4.0F * at(i + 1) - at(i + 2)) +
                                 t3 * (3.0F * at(i) - at(i - 1) - 3.0F * at(i + 1) + at(i + 2)));
            add(p, mix(fromRadii[static_cast<std::size_t>(i)], fromRadii[static_cast<std::size_t>(i) + 1], t));
        }
    add(from.back(), fromRadii.back());
}

float triangleDistance(P3 p, P3 a, P3 b, P3 c)
{
    const P3 ab = b - a, bc = c - b, ca = a - c, pa = p - a, pb = p - b, pc = p - c;
    const P3 normal = cross(ab, ca);
    const bool over = dot(cross(ab, normal), pa) >= 0 && dot(cross(bc, normal), pb) >= 0 && dot(cross(ca, normal), pc) >= 0;
    const bool under = dot(cross(ab, normal), pa) <= 0 && dot(cross(bc, normal), pb) <= 0 && dot(cross(ca, normal), pc) <= 0;
    if (over || under)
        return std::abs(dot(unit(normal), pa));
    const auto edge = [](P3 q, P3 e) { return length(q - std::clamp(dot(q, e) / dot(e, e), 0.0F, 1.0F) * e); };
    return std::min({edge(pa, ab), edge(pb, bc), edge(pc, ca)});
}

float valueNoise(P3 p, std::uint32_t seed)
{
    const float fx = std::floor(p.x), fy = std::floor(p.y), fz = std::floor(p.z);
    const auto ix = static_cast<std::int32_t>(fx), iy = static_cast<std::int32_t>(fy), iz = static_cast<std::int32_t>(fz);
    const auto ease = [](float t) { return t * t * (3 - 2 * t); };
    const float tx = ease(p.x - fx), ty = ease(p.y - fy), tz = ease(p.z - fz);
    const auto corner = [&](int dx, int dy, int dz) { return static_cast<float>(hash(ix + dx, iy + dy, iz + dz, seed) >> 8) * (2.0F / 16777216.0F) - 1; };
    const float bottom = mix(mix(corner(0, 0, 0), corner(1, 0, 0), tx), mix(corner(0, 1, 0), corner(1, 1, 0), tx), ty);
    const float top = mix(mix(corner(0, 0, 1), corner(1, 0, 1), tx), mix(corner(0, 1, 1), corner(1, 1, 1), tx), ty);
    return mix(bottom, top, tz);
}

} // namespace hilum::imaging::thorax
