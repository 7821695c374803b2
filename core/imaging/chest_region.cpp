#include "core/imaging/chest_region.h"

#include "core/base/format.h"
#include "core/imaging/plane_ops.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace hilum::imaging {

namespace {

constexpr int WorkingSide = 192; // longer side of the plane that the search runs on, pixels

// A frame of one grey value (scanner border, white page, letter box) is not image: rows and columns from each side are dropped
// while nearly all of their pixels have the same value. At most 45 of 100 from each side.
std::array<int, 4> contentBox(const GreyPlane& plane)
{
    int x0 = 0, y0 = 0, x1 = plane.width, y1 = plane.height;
    const auto flat = [&](bool row, int at) {
        std::vector<float> line;
        for (int i = row ? x0 : y0; i < (row ? x1 : y1); ++i)
            line.push_back(row ? plane.at(i, at) : plane.at(at, i));
        const float low = quantile(line, 0.08), high = quantile(line, 0.92);
        return high - low < 0.04F;
    };
    for (bool again = true; again;) {
        again = false;
        while (y0 < plane.height * 45 / 100 && flat(true, y0)) ++y0, again = true;
        while (y1 > plane.height * 55 / 100 && flat(true, y1 - 1)) --y1, again = true;
        while (x0 < plane.width * 45 / 100 && flat(false, x0)) ++x0, again = true;
        while (x1 > plane.width * 55 / 100 && flat(false, x1 - 1)) --x1, again = true;
    }
    if (x1 - x0 < plane.width / 5 || y1 - y0 < plane.height / 5)
        return {0, 0, plane.width, plane.height}; // one grey value everywhere
    return {x0, y0, x1, y1};
}

void stretch(GreyPlane& plane)
{
    auto copy = plane.values;
    const float low = quantile(copy, 0.02), high = quantile(copy, 0.98);
    const float scale = high > low ? 1 / (high - low) : 0;
    for (float& v : plane.values)
        v = std::clamp((v - low) * scale, 0.0F, 1.0F);
}

// How likely a place of the frame is lung: two soft ellipses that lean towards each other at the top. `side` 0 = image left.
float lungPrior(double x, double y, int side)
{
    if (side == 1)
        x = 1 - x;
    const double centre = 0.285 + 0.10 * (0.5 - y) * 0.9; // apex nearer the midline
    const double u = (x - centre) / 0.185, v = (y - 0.47) / 0.36;
    const double r = std::pow(std::pow(std::abs(u), 2.4) + std::pow(std::abs(v), 2.4), 1 / 2.4);
    return static_cast<float>(1 / (1 + std::exp((r - 1) * 9)));
}

struct Side {
    BitPlane lung;
    double score = 0;
    double threshold = 0;
};

// Mean step from inside to outside across the border of `bits`, in grey values: lungs are darker than what is around them.
double borderStep(const BitPlane& bits, const GreyPlane& grey)
{
    const BitPlane outer = dilated(bits, 4), inner = eroded(bits, 3);
    double inside = 0, outside = 0;
    std::int64_t ni = 0, no = 0;
    for (std::size_t i = 0; i < bits.values.size(); ++i) {
        if (outer.values[i] && !bits.values[i])
            outside += static_cast<double>(grey.values[i]), ++no;
        else if (bits.values[i] && !inner.values[i])
            inside += static_cast<double>(grey.values[i]), ++ni;
    }
    return ni && no ? outside / static_cast<double>(no) - inside / static_cast<double>(ni) : 0;
}

struct Search {
    GreyPlane grey;                      // stretched
    std::array<GreyPlane, 2> prior;      // per side
    std::array<double, 2> priorArea{};
    int midline = 0;
    std::array<Side, 2> best;
};

// The brightest column of the middle fifth, at the height of the heart: spine and mediastinum.
int findMidline(const GreyPlane& grey)
{
    double best = -1;
    int at = grey.width / 2;
    for (int x = grey.width * 2 / 5; x < grey.width * 3 / 5; ++x) {
        double sum = 0;
        for (int y = grey.height / 5; y < grey.height * 7 / 10; ++y)
            sum += static_cast<double>(grey.at(x, y));
        if (sum > best)
            best = sum, at = x;
    }
    return at;
}

void consider(Search& search, const GreyPlane& source, double threshold)
{
    BitPlane dark(source.width, source.height);
    for (std::size_t i = 0; i < dark.values.size(); ++i)
        dark.values[i] = static_cast<double>(source.values[i]) < threshold;
    for (int y = 0; y < dark.height; ++y)
        dark.at(search.midline, y) = 0; // trachea and dark necks must not join the two sides
    const auto total = static_cast<double>(dark.values.size());
    for (int radius : {1, 3}) {
        const BitPlane core = eroded(dark, radius);
        for (const Component& c : components(core, static_cast<std::int64_t>(0.015 * total))) {
            const int side = (c.x0 + c.x1) / 2 < search.midline ? 0 : 1;
            BitPlane lung = dilated(c.bits, radius);
            lung = holesFilled(eroded(dilated(lung, 4), 4)); // vessels and ribs cross the lung
            double shared = 0, area = 0;
            int edge = 0;
            for (int y = 0; y < lung.height; ++y)
                for (int x = 0; x < lung.width; ++x)
                    if (lung.at(x, y)) {
                        area += 1;
                        shared += static_cast<double>(search.prior[static_cast<std::size_t>(side)].at(x, y));
                        edge += x == 0 || x == lung.width - 1 || y == 0;
                    }
            const BitPlane hull = filledPolygon(convexHull(lung), lung.width, lung.height);
            const auto hullArea = static_cast<double>(std::ranges::count(hull.values, 1));
            const double overlap = shared / (area + search.priorArea[static_cast<std::size_t>(side)] - shared);
            const double solid = hullArea > 0 ? std::min(1.0, area / hullArea) : 0;
            const double step = std::clamp(borderStep(lung, search.grey) * 4, 0.0, 1.0);
            const double touching = std::min(1.0, edge / (0.35 * lung.height)); // background beside neck and arms lies on the edge
            const double score = 1.3 * overlap + 0.35 * solid + 0.25 * step - 0.5 * touching;
            Side& best = search.best[static_cast<std::size_t>(side)];
            if (score > best.score)
                best = {std::move(lung), score, threshold};
        }
    }
}

BitPlane mirrored(const BitPlane& bits, int midline)
{
    BitPlane out(bits.width, bits.height);
    for (int y = 0; y < bits.height; ++y)
        for (int x = 0; x < bits.width; ++x)
            if (const int m = 2 * midline - x; m >= 0 && m < bits.width)
                out.at(x, y) = bits.at(m, y);
    return out;
}

constexpr double Plausible = 0.5; // a side below this is no lung
constexpr double MuchSmaller = 0.85; // of the other lung's area

} // namespace

ChestRegion findChestRegion(const GreyImage& image)
{
    ChestRegion out{.width = image.width, .height = image.height, .inside = {}, .confidence = 0, .method = {}};
    out.inside.assign(image.values.size(), 0);
    if (image.values.empty())
        return out;
    const double scale = std::min(1.0, static_cast<double>(WorkingSide) / static_cast<double>(std::max(image.width, image.height)));
    const int fullWidth = std::max(8, static_cast<int>(std::lround(static_cast<double>(image.width) * scale)));
    const int fullHeight = std::max(8, static_cast<int>(std::lround(static_cast<double>(image.height) * scale)));
    const GreyPlane full = shrinkArea(image.values.data(), image.width, image.height, {0, 0, image.width, image.height}, fullWidth, fullHeight);
    const auto box = contentBox(full);
    Search search;
    GreyPlane plane(box[2] - box[0], box[3] - box[1]);
    for (int y = 0; y < plane.height; ++y)
        for (int x = 0; x < plane.width; ++x)
            plane.at(x, y) = full.at(x + box[0], y + box[1]);
    stretch(plane);
    search.grey = blurred(plane, 1.2);
    search.midline = findMidline(blurred(plane, plane.width / 40.0 + 1));
    for (int side = 0; side < 2; ++side) {
        auto& prior = search.prior[static_cast<std::size_t>(side)] = GreyPlane(plane.width, plane.height);
        const double shift = static_cast<double>(search.midline) / plane.width - 0.5;
        for (int y = 0; y < plane.height; ++y)
            for (int x = 0; x < plane.width; ++x) {
                prior.at(x, y) = lungPrior((x + 0.5) / plane.width - 0.5 * shift, (y + 0.5) / plane.height, side);
                search.priorArea[static_cast<std::size_t>(side)] += static_cast<double>(prior.at(x, y));
            }
    }
    // thresholds on the image itself and on the image without its slow changes
    GreyPlane flat = search.grey;
    const GreyPlane slow = blurred(search.grey, plane.width / 4.0);
    for (std::size_t i = 0; i < flat.values.size(); ++i)
        flat.values[i] -= 0.8F * slow.values[i];
    stretch(flat);
    for (const GreyPlane* source : {&search.grey, &flat}) {
        auto copy = source->values;
        for (double fraction = 0.16; fraction <= 0.72; fraction += 0.04)
            consider(search, *source, static_cast<double>(quantile(copy, fraction)));
    }
    auto& [left, right] = search.best;
    const bool hasLeft = left.score >= Plausible, hasRight = right.score >= Plausible;
    BitPlane chest(plane.width, plane.height);
    if (!hasLeft && !hasRight) {
        for (int y = plane.height / 10; y < plane.height * 9 / 10; ++y)
            for (int x = plane.width / 10; x < plane.width * 9 / 10; ++x)
                chest.at(x, y) = 1;
        out.method = "central box: no lungs were found";
    } else {
        if (!hasLeft)
            left.lung = mirrored(right.lung, search.midline);
        if (!hasRight)
            right.lung = mirrored(left.lung, search.midline);
        // A chest is nearly symmetric about the spine: where one lung is much smaller (opacified base, effusion), the other's mirror
        // image is added, so that the region is that of the chest and not of the air in it.
        const auto area = [](const BitPlane& b) { return std::count(b.values.begin(), b.values.end(), 1); };
        const auto areaLeft = static_cast<double>(area(left.lung)), areaRight = static_cast<double>(area(right.lung));
        const bool uneven = std::min(areaLeft, areaRight) < MuchSmaller * std::max(areaLeft, areaRight);
        if (uneven) {
            Side& small = areaLeft < areaRight ? left : right;
            const BitPlane other = mirrored(areaLeft < areaRight ? right.lung : left.lung, search.midline);
            for (std::size_t i = 0; i < other.values.size(); ++i)
                small.lung.values[i] |= other.values[i];
        }
        for (std::size_t i = 0; i < chest.values.size(); ++i)
            chest.values[i] = left.lung.values[i] | right.lung.values[i];
        chest = filledPolygon(convexHull(chest), chest.width, chest.height);
        chest = dilated(chest, std::max(1, plane.width / 40)); // thresholds lie inside the drawn border of the lungs
        const double mean = 0.5 * ((hasLeft ? left.score : 0) + (hasRight ? right.score : 0));
        out.confidence = std::clamp(mean / 1.25, 0.05, 1.0);
        out.method = hilum::format("lung fields by threshold (left of image {:.2f}, right {:.2f}){}, convex outline", left.threshold, right.threshold,
                                   !hasLeft || !hasRight || uneven ? ", one side completed by the other's mirror image" : "");
    }
    for (std::int64_t y = 0; y < image.height; ++y) {
        const int v = static_cast<int>((static_cast<double>(y) + 0.5) * fullHeight / static_cast<double>(image.height)) - box[1];
        for (std::int64_t x = 0; x < image.width; ++x) {
            const int u = static_cast<int>((static_cast<double>(x) + 0.5) * fullWidth / static_cast<double>(image.width)) - box[0];
            out.inside[static_cast<std::size_t>(y * image.width + x)] = u >= 0 && v >= 0 && u < chest.width && v < chest.height && chest.at(u, v);
        }
    }
    return out;
}

ChestRegion regionFromMask(const Volume& mask, std::int64_t width, std::int64_t height)
{
    ChestRegion out{.width = width, .height = height, .inside = {}, .confidence = 1, .method = "mask file"};
    out.inside.resize(static_cast<std::size_t>(width * height));
    const Index3& n = mask.geometry().size;
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            out.inside[static_cast<std::size_t>(y * width + x)] =
                mask.at(std::min(n[0] - 1, (2 * x + 1) * n[0] / (2 * width)), std::min(n[1] - 1, (2 * y + 1) * n[1] / (2 * height)), 0) != 0;
    return out;
}

ChestRegion regionFromPolygon(const std::vector<std::array<double, 2>>& points, std::int64_t width, std::int64_t height)
{
    ChestRegion out{.width = width, .height = height, .inside = {}, .confidence = 1, .method = hilum::format("polygon of {} points", points.size())};
    out.inside = filledPolygon(points, static_cast<int>(width), static_cast<int>(height)).values;
    return out;
}

} // namespace hilum::imaging
