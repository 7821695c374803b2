#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

/// Signed distances (negative inside, mm) of the shapes that the thorax is made of, and value noise. Approximate where marked.
namespace hilum::imaging::thorax {

struct P3 {
    float x = 0, y = 0, z = 0;
    friend P3 operator+(P3 a, P3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
    friend P3 operator-(P3 a, P3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
    friend P3 operator*(float s, P3 a) { return {s * a.x, s * a.y, s * a.z}; }
};
inline float dot(P3 a, P3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline float length(P3 a) { return std::sqrt(dot(a, a)); }
inline P3 cross(P3 a, P3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline P3 unit(P3 a) { const float n = length(a); return n > 0 ? (1 / n) * a : P3{0, 0, 1}; }
inline float mix(float a, float b, float t) { return a + (b - a) * t; }
inline float smoothStep(float low, float high, float x)
{
    const float t = std::clamp((x - low) / (high - low), 0.0F, 1.0F);
    return t * t * (3 - 2 * t);
}

/// Union with a fillet of about `k` mm.
inline float smoothMin(float a, float b, float k)
{
    const float h = std::max(k - std::abs(a - b), 0.0F) / k;
    return std::min(a, b) - h * h * k * 0.25F;
}

/// Axis-aligned ellipsoid (approximate, exact to first order at its surface).
inline float ellipsoid(P3 p, P3 centre, P3 radii)
{
    const P3 q = p - centre;
    const P3 u{q.x / radii.x, q.y / radii.y, q.z / radii.z};
    const P3 v{u.x / radii.x, u.y / radii.y, u.z / radii.z};
    const float k0 = length(u), k1 = length(v);
    return k1 > 1e-9F ? k0 * (k0 - 1) / k1 : -std::min({radii.x, radii.y, radii.z});
}

/// Cone with round ends: radius ra at a, rb at b (radius interpolated along the axis).
inline float capsule(P3 p, P3 a, P3 b, float ra, float rb)
{
    const P3 pa = p - a, ba = b - a;
    const float h = std::clamp(dot(pa, ba) / std::max(dot(ba, ba), 1e-9F), 0.0F, 1.0F);
    return length(pa - h * ba) - mix(ra, rb, h);
}

/// A tube along a broken line, with its box for a quick way out.
struct Tube {
    std::vector<P3> points;
    std::vector<float> radii;
    P3 low{1e9F, 1e9F, 1e9F}, high{-1e9F, -1e9F, -1e9F};
    void add(P3 p, float r)
    {
        points.push_back(p), radii.push_back(r);
        low = {std::min(low.x, p.x - r), std::min(low.y, p.y - r), std::min(low.z, p.z - r)};
        high = {std::max(high.x, p.x + r), std::max(high.y, p.y + r), std::max(high.z, p.z + r)};
    }
    /// Replaces the broken line by a Catmull-Rom curve with `parts` pieces a segment.
    void smooth(int parts);
    /// Distance; beyond `margin` of the box only a lower bound.
    float distance(P3 p, float margin) const
    {
        const float outside = std::max({low.x - p.x, p.x - high.x, low.y - p.y, p.y - high.y, low.z - p.z, p.z - high.z});
        if (outside > margin)
            return outside;
        float best = 1e9F;
        for (std::size_t i = 0; i + 1 < points.size(); ++i)
            best = std::min(best, capsule(p, points[i], points[i + 1], radii[i], radii[i + 1]));
        return best;
    }
};

/// Distance to a flat triangle without thickness.
float triangleDistance(P3 p, P3 a, P3 b, P3 c);

inline std::uint32_t hash(std::int32_t x, std::int32_t y, std::int32_t z, std::uint32_t seed)
{
    std::uint32_t h = seed ^ (static_cast<std::uint32_t>(x) * 0x8da6b343U) ^ (static_cast<std::uint32_t>(y) * 0xd8163841U) ^ (static_cast<std::uint32_t>(z) * 0xcb1ab31fU);
    h ^= h >> 16, h *= 0x7feb352dU, h ^= h >> 15, h *= 0x846ca68bU, h ^= h >> 16;
    return h;
}

/// Smooth noise in [-1, 1] with features of the size of one unit of p.
float valueNoise(P3 p, std::uint32_t seed);

} // namespace hilum::imaging::thorax
