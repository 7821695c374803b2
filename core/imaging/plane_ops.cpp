#include "core/imaging/plane_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hilum::imaging {

namespace {

/// Half the width of each row of a disc, from its top row to its bottom row.
std::vector<int> disc(int radius)
{
    std::vector<int> reach;
    for (int y = -radius; y <= radius; ++y) {
        int x = 0;
        while ((x + 1) * (x + 1) + y * y <= radius * radius + radius / 2)
            ++x;
        reach.push_back(x);
    }
    return reach;
}

/// The stretches [first, last] of a row that have `value`, left to right.
template <class Each>
void forRuns(const BitPlane& bits, int y, std::uint8_t value, const Each& each)
{
    const std::uint8_t* row = bits.values.data() + static_cast<std::ptrdiff_t>(y) * bits.width;
    const std::uint8_t* const end = row + bits.width;
    const auto next = [end](const std::uint8_t* from, int wanted) {
        const void* found = from < end ? std::memchr(from, wanted, static_cast<std::size_t>(end - from)) : nullptr;
        return found ? static_cast<const std::uint8_t*>(found) : end;
    };
    for (const std::uint8_t* first = next(row, value); first < end;) {
        const std::uint8_t* behind = next(first, !value);
        each(static_cast<int>(first - row), static_cast<int>(behind - row) - 1);
        first = next(behind, value);
    }
}

// Pixels of `bits` equal to `value` are spread by the disc.
BitPlane spread(const BitPlane& bits, int radius, std::uint8_t value)
{
    BitPlane out = bits;
    const std::vector<int> reach = disc(radius);
    for (int y = 0; y < bits.height; ++y)
        forRuns(bits, y, value, [&](int first, int last) {
            for (int to = std::max(0, y - radius); to <= std::min(bits.height - 1, y + radius); ++to) {
                const int more = reach[static_cast<std::size_t>(to - y + radius)];
                std::uint8_t* row = out.values.data() + static_cast<std::ptrdiff_t>(to) * bits.width;
                std::fill(row + std::max(0, first - more), row + std::min(bits.width - 1, last + more) + 1, value);
            }
        });
    return out;
}

struct Run {
    int y, first, last;
};

/// The stretches of pixels that have a value, row by row, and for each the first of those that it is joined with (4 neighbours).
struct JoinedRuns {
    std::vector<Run> runs;
    std::vector<std::size_t> root;

    JoinedRuns(const BitPlane& bits, std::uint8_t value)
    {
        std::size_t above = 0, row = 0; // where the row before and this one begin
        for (int y = 0; y < bits.height; ++y) {
            forRuns(bits, y, value, [&](int first, int last) {
                root.push_back(runs.size());
                runs.push_back({y, first, last});
            });
            std::size_t over = above;
            for (std::size_t here = row; here < runs.size(); ++here) {
                while (over < row && runs[over].last < runs[here].first)
                    ++over;
                for (std::size_t touching = over; touching < row && runs[touching].first <= runs[here].last; ++touching)
                    join(touching, here);
            }
            above = row;
            row = runs.size();
        }
        for (std::size_t n = 0; n < root.size(); ++n)
            root[n] = find(n);
    }

private:
    std::size_t find(std::size_t n) const
    {
        while (root[n] != n)
            n = root[n];
        return n;
    }
    void join(std::size_t a, std::size_t b)
    {
        const auto [low, high] = std::minmax({find(a), find(b)});
        root[high] = low;
        root[a] = root[b] = low;
    }
};

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
    const JoinedRuns joined(bits, 1);
    std::vector<std::int64_t> area(joined.runs.size()); // at the first stretch of each
    for (std::size_t n = 0; n < joined.runs.size(); ++n)
        area[joined.root[n]] += joined.runs[n].last - joined.runs[n].first + 1;
    std::vector<Component> found;
    std::vector<std::size_t> place(joined.runs.size()); // in `found`
    for (std::size_t n = 0; n < joined.runs.size(); ++n) {
        const std::size_t root = joined.root[n];
        const Run& run = joined.runs[n];
        if (area[root] < smallest)
            continue;
        if (root == n) {
            place[n] = found.size();
            found.push_back({.area = area[n], .x0 = run.first, .y0 = run.y, .x1 = run.last, .y1 = run.y, .bits = BitPlane(bits.width, bits.height)});
        }
        Component& c = found[place[root]];
        c.x0 = std::min(c.x0, run.first), c.x1 = std::max(c.x1, run.last), c.y1 = run.y;
        std::fill_n(&c.bits.at(run.first, run.y), run.last - run.first + 1, std::uint8_t{1});
    }
    return found;
}

BitPlane holesFilled(const BitPlane& bits)
{
    const JoinedRuns background(bits, 0);
    std::vector<std::uint8_t> open(background.runs.size()); // reaches the edge; at the first stretch of each
    for (std::size_t n = 0; n < background.runs.size(); ++n) {
        const Run& run = background.runs[n];
        open[background.root[n]] |= run.y == 0 || run.y + 1 == bits.height || run.first == 0 || run.last + 1 == bits.width;
    }
    BitPlane out = bits;
    for (std::size_t n = 0; n < background.runs.size(); ++n)
        if (const Run& run = background.runs[n]; !open[background.root[n]])
            std::fill_n(&out.at(run.first, run.y), run.last - run.first + 1, std::uint8_t{1});
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
