#include "core/imaging/plane_ops.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

namespace {

std::vector<std::array<int, 2>> disc(int radius)
{
    std::vector<std::array<int, 2>> offsets;
    for (int y = -radius; y <= radius; ++y)
        for (int x = -radius; x <= radius; ++x)
            if (x * x + y * y <= radius * radius + radius / 2)
                offsets.push_back({x, y});
    return offsets;
}

// Pixels of `bits` equal to `value` are spread by the disc.
BitPlane spread(const BitPlane& bits, int radius, std::uint8_t value)
{
    BitPlane out = bits;
    const auto offsets = disc(radius);
    for (int y = 0; y < bits.height; ++y)
        for (int x = 0; x < bits.width; ++x) {
            if (bits.at(x, y) != value)
                continue;
            // inner pixels spread nothing that their neighbours do not
            const bool inner = x > 0 && y > 0 && x + 1 < bits.width && y + 1 < bits.height && bits.at(x - 1, y) == value &&
                               bits.at(x + 1, y) == value && bits.at(x, y - 1) == value && bits.at(x, y + 1) == value;
            if (inner)
                continue;
            for (const auto& o : offsets) {
                const int px = x + o[0], py = y + o[1];
                if (px >= 0 && py >= 0 && px < bits.width && py < bits.height)
                    out.at(px, py) = value;
            }
        }
    return out;
}

void boxRows(const std::vector<float>& in, std::vector<float>& out, int width, int height, int radius)
{
    const double weight = 1.0 / (2 * radius + 1);
    for (int y = 0; y < height; ++y) {
        const float* row = in.data() + static_cast<std::ptrdiff_t>(y) * width;
        const auto pixel = [&](int x) { return static_cast<double>(row[std::clamp(x, 0, width - 1)]); };
        double sum = 0;
        for (int x = -radius; x <= radius; ++x)
            sum += pixel(x);
        for (int x = 0; x < width; ++x) {
            out[static_cast<std::size_t>(x) * static_cast<std::size_t>(height) + static_cast<std::size_t>(y)] = static_cast<float>(sum * weight);
            sum += pixel(x + radius + 1) - pixel(x - radius);
        }
    }
}

} // namespace

GreyPlane shrinkArea(const float* values, std::int64_t imageWidth, std::int64_t imageHeight, std::array<std::int64_t, 4> box, int width, int height)
{
    GreyPlane out(width, height);
    const double sx = static_cast<double>(box[2] - box[0]) / width, sy = static_cast<double>(box[3] - box[1]) / height;
    for (int y = 0; y < height; ++y) {
        const auto y0 = static_cast<std::int64_t>(static_cast<double>(box[1]) + y * sy);
        const auto y1 = std::min(std::max(y0 + 1, static_cast<std::int64_t>(static_cast<double>(box[1]) + (y + 1) * sy)), imageHeight);
        for (int x = 0; x < width; ++x) {
            const auto x0 = static_cast<std::int64_t>(static_cast<double>(box[0]) + x * sx);
            const auto x1 = std::min(std::max(x0 + 1, static_cast<std::int64_t>(static_cast<double>(box[0]) + (x + 1) * sx)), imageWidth);
            double sum = 0;
            for (std::int64_t v = y0; v < y1; ++v)
                for (std::int64_t u = x0; u < x1; ++u)
                    sum += static_cast<double>(values[v * imageWidth + u]);
            out.at(x, y) = static_cast<float>(sum / static_cast<double>((y1 - y0) * (x1 - x0)));
        }
    }
    return out;
}

GreyPlane blurred(const GreyPlane& plane, double sigma)
{
    GreyPlane out = plane;
    // three boxes of radius r have the variance r (r + 1)
    const int radius = std::max(1, static_cast<int>(std::lround((std::sqrt(4 * sigma * sigma + 1) - 1) / 2)));
    std::vector<float> turned(plane.values.size());
    for (int pass = 0; pass < 3; ++pass) {
        boxRows(out.values, turned, plane.width, plane.height, radius);
        boxRows(turned, out.values, plane.height, plane.width, radius);
    }
    return out;
}

BitPlane dilated(const BitPlane& bits, int radius) { return spread(bits, radius, 1); }
BitPlane eroded(const BitPlane& bits, int radius) { return spread(bits, radius, 0); }

std::vector<Component> components(const BitPlane& bits, std::int64_t smallest)
{
    std::vector<Component> found;
    Plane<std::uint8_t> seen(bits.width, bits.height);
    std::vector<std::array<int, 2>> stack, member;
    for (int y = 0; y < bits.height; ++y)
        for (int x = 0; x < bits.width; ++x) {
            if (!bits.at(x, y) || seen.at(x, y))
                continue;
            member.clear();
            stack.push_back({x, y});
            seen.at(x, y) = 1;
            Component c{.area = 0, .x0 = x, .y0 = y, .x1 = x, .y1 = y, .bits = {}};
            while (!stack.empty()) {
                const auto [px, py] = stack.back();
                stack.pop_back();
                member.push_back({px, py});
                c.x0 = std::min(c.x0, px), c.x1 = std::max(c.x1, px), c.y0 = std::min(c.y0, py), c.y1 = std::max(c.y1, py);
                constexpr int Steps[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
                for (const auto& s : Steps) {
                    const int qx = px + s[0], qy = py + s[1];
                    if (qx < 0 || qy < 0 || qx >= bits.width || qy >= bits.height || seen.at(qx, qy) || !bits.at(qx, qy))
                        continue;
                    seen.at(qx, qy) = 1;
                    stack.push_back({qx, qy});
                }
            }
            c.area = static_cast<std::int64_t>(member.size());
            if (c.area < smallest)
                continue;
            c.bits = BitPlane(bits.width, bits.height);
            for (const auto& m : member)
                c.bits.at(m[0], m[1]) = 1;
            found.push_back(std::move(c));
        }
    return found;
}

BitPlane holesFilled(const BitPlane& bits)
{
    BitPlane outside(bits.width + 2, bits.height + 2, 1); // a frame around it joins all background that reaches the edge
    for (int y = 0; y < bits.height; ++y)
        for (int x = 0; x < bits.width; ++x)
            outside.at(x + 1, y + 1) = bits.at(x, y) ? 0 : 1;
    BitPlane out(bits.width, bits.height, 1);
    const auto parts = components(outside, 1);
    for (const Component& c : parts)
        if (c.bits.at(0, 0))
            for (int y = 0; y < bits.height; ++y)
                for (int x = 0; x < bits.width; ++x)
                    if (c.bits.at(x + 1, y + 1))
                        out.at(x, y) = 0;
    return out;
}

std::vector<Point2> convexHull(const BitPlane& bits)
{
    std::vector<Point2> points; // row by row only the two ends matter
    for (int y = 0; y < bits.height; ++y) {
        int first = -1, last = -1;
        for (int x = 0; x < bits.width; ++x)
            if (bits.at(x, y)) {
                first = first < 0 ? x : first;
                last = x;
            }
        if (first >= 0) {
            points.push_back({static_cast<double>(first), static_cast<double>(y)});
            if (last != first)
                points.push_back({static_cast<double>(last), static_cast<double>(y)});
        }
    }
    std::sort(points.begin(), points.end());
    if (points.size() < 3)
        return points;
    std::vector<Point2> hull;
    const auto turn = [](const Point2& o, const Point2& a, const Point2& b) { return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]); };
    for (int half = 0; half < 2; ++half) {
        const std::size_t base = hull.size();
        for (const Point2& p : points) {
            while (hull.size() >= base + 2 && turn(hull[hull.size() - 2], hull.back(), p) <= 0)
                hull.pop_back();
            hull.push_back(p);
        }
        hull.pop_back();
        std::reverse(points.begin(), points.end());
    }
    return hull;
}

BitPlane filledPolygon(const std::vector<Point2>& polygon, int width, int height)
{
    BitPlane out(width, height);
    if (polygon.size() < 3)
        return out;
    std::vector<double> crossings;
    for (int y = 0; y < height; ++y) {
        crossings.clear();
        for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
            const auto& a = polygon[i];
            const auto& b = polygon[j];
            if ((a[1] > y) != (b[1] > y))
                crossings.push_back(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
        }
        std::sort(crossings.begin(), crossings.end());
        for (std::size_t c = 0; c + 1 < crossings.size(); c += 2) {
            const int first = std::max(0, static_cast<int>(std::ceil(std::clamp(crossings[c], -1.0, width + 1.0))));
            const int last = std::min(width - 1, static_cast<int>(std::floor(std::clamp(crossings[c + 1], -1.0, width + 1.0))));
            for (int x = first; x <= last; ++x)
                out.at(x, y) = 1;
        }
    }
    return out;
}

float quantile(std::vector<float>& values, double fraction)
{
    if (values.empty())
        return 0;
    const auto n = static_cast<std::ptrdiff_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + n, values.end());
    return values[static_cast<std::size_t>(n)];
}

} // namespace hilum::imaging
