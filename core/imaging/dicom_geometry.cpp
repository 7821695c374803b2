#include "core/imaging/dicom_geometry.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace hilum::imaging {

namespace {

constexpr double SamePositionMm = 2e-3;    // written coordinates have three decimals at worst
constexpr double NearPositionMm = 0.1;     // images of a time series may lie this far apart at one position
constexpr double TiltNoticeDegrees = 0.5;
constexpr double OrthogonalShiftMm = 0.05; // less sideways drift over the whole stack than this is rounding

struct Level {
    double along = 0; // coordinate along the normal, mm
    std::vector<std::size_t> poses;
};

std::string mm(double value) { return fixed(value, 3) + " mm"; }

/// Poses at one coordinate are one level, levels sorted from the lowest.
std::vector<Level> levelsOf(const std::vector<SlicePose>& poses, const Vec3& normal)
{
    std::vector<std::size_t> order(poses.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<double> along(poses.size());
    for (std::size_t n = 0; n < poses.size(); ++n)
        along[n] = dot(poses[n].positionLps, normal);
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return along[a] < along[b]; });
    std::vector<Level> levels;
    for (const std::size_t n : order) {
        if (levels.empty() || along[n] - levels.back().along > SamePositionMm)
            levels.push_back({along[n], {}});
        levels.back().poses.push_back(n);
    }
    for (Level& level : levels)
        std::ranges::stable_sort(level.poses, [&](std::size_t a, std::size_t b) { return poses[a].timeKey < poses[b].timeKey; });
    return levels;
}

/// Levels that lie near each other in equal numbers, far from the next ones, are the time points of one position. How far apart they are at most; 0: nothing was joined.
double joinNear(std::vector<Level>& levels, const std::vector<SlicePose>& poses)
{
    std::vector<double> gaps;
    for (std::size_t n = 1; n < levels.size(); ++n)
        gaps.push_back(levels[n].along - levels[n - 1].along);
    if (gaps.size() < 2)
        return 0;
    const double near = std::min(NearPositionMm, 0.05 * *std::ranges::max_element(gaps));
    double apart = std::numeric_limits<double>::max(); // the smallest gap between positions
    for (const double g : gaps)
        if (g > near)
            apart = std::min(apart, g);
    std::vector<Level> joined;
    double most = 0, begin = 0;
    for (std::size_t n = 0; n < levels.size(); ++n) {
        if (n == 0 || gaps[n - 1] > near) {
            joined.push_back(levels[n]);
            begin = levels[n].along;
            continue;
        }
        joined.back().poses.insert(joined.back().poses.end(), levels[n].poses.begin(), levels[n].poses.end());
        most = std::max(most, levels[n].along - begin);
    }
    const auto [fewest, largest] = std::ranges::minmax(joined, {}, [](const Level& l) { return l.poses.size(); });
    if (joined.size() == levels.size() || joined.size() < 2 || fewest.poses.size() != largest.poses.size() || most > std::min(NearPositionMm, 0.05 * apart))
        return 0;
    for (Level& level : joined)
        std::ranges::stable_sort(level.poses, [&](std::size_t a, std::size_t b) { return poses[a].timeKey < poses[b].timeKey; });
    levels = std::move(joined);
    return most;
}

double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[(values.size() - 1) / 2]; // the lower one: the usual distance, not the gap, of three slices with one missing
}

/// Are the levels evenly spaced: every gap near the median, or every level near the straight line (rounded positions)?
bool isEven(const std::vector<Level>& levels, const std::vector<double>& gaps, double typical)
{
    const double tolerance = std::max(0.005, 0.01 * typical);
    if (std::ranges::all_of(gaps, [&](double g) { return std::abs(g - typical) <= tolerance; }))
        return true;
    const double first = levels.front().along, step = (levels.back().along - first) / static_cast<double>(levels.size() - 1);
    for (std::size_t n = 0; n < levels.size(); ++n)
        if (std::abs(levels[n].along - first - static_cast<double>(n) * step) > 0.06 * step)
            return false;
    return true;
}

/// Slices that are missing when all gaps are whole multiples of the usual one; 0 when they are not.
std::int64_t missingSlices(const std::vector<double>& gaps, double usual)
{
    std::int64_t missing = 0, ordinary = 0;
    for (const double g : gaps) {
        const double times = std::round(g / usual);
        if (times < 1 || std::abs(g - times * usual) > 0.05 * usual)
            return 0;
        missing += static_cast<std::int64_t>(times) - 1;
        ordinary += times == 1;
    }
    return 2 * ordinary >= static_cast<std::int64_t>(gaps.size()) ? missing : 0;
}

void explainGaps(StackPlan& plan, const std::vector<Level>& levels, const std::vector<double>& gaps, double typical)
{
    const std::int64_t missing = missingSlices(gaps, typical);
    if (missing > 0) {
        std::string where;
        int named = 0;
        for (std::size_t n = 0; n < gaps.size() && named < 5; ++n)
            if (gaps[n] > 1.5 * typical) {
                where += hilum::format("{}between {} and {}", named ? ", " : "", mm(levels[n].along), mm(levels[n + 1].along));
                ++named;
            }
        plan.notices.push_back({"missing_slice", hilum::format("{} {} missing ({} along the slice normal; the usual distance is {})", missing,
                                                               missing == 1 ? "slice is" : "slices are", where, mm(typical))});
    } else {
        plan.notices.push_back({"uneven_spacing", hilum::format("slice distances range from {} to {} (median {})", mm(*std::ranges::min_element(gaps)),
                                                                mm(*std::ranges::max_element(gaps)), mm(typical))});
    }
    Json list = Json::array();
    for (std::size_t n = 0; n < std::min<std::size_t>(gaps.size(), 500); ++n)
        list.push_back(gaps[n]);
    plan.explanation["slice_distances_mm"] = std::move(list);
}

/// Row and column as unit vectors at a right angle; a notice when they had to be bent.
Status straighten(Vec3& row, Vec3& column, std::vector<Notice>& notices)
{
    row = normalised(row);
    column = normalised(column);
    const double skew = dot(row, column);
    if (std::abs(skew) > 0.05)
        return refuse(ErrorCode::BadData, "bad_orientation", "row and column directions are {} degrees apart, not 90",
                      fixed(std::acos(std::clamp(skew, -1.0, 1.0)) * 180 / std::numbers::pi, 2));
    // both give way by half
    const Vec3 r = normalised(row - (0.5 * skew) * column), c = normalised(column - (0.5 * skew) * row);
    row = r;
    column = normalised(c - dot(c, r) * r);
    if (std::abs(skew) > 1e-3)
        notices.push_back({"repaired_direction", hilum::format("row and column directions were {} degrees from a right angle and were straightened",
                                                               fixed(std::abs(std::asin(skew)) * 180 / std::numbers::pi, 3))});
    return {};
}

} // namespace

Result<StackPlan> planStack(const std::vector<SlicePose>& poses, Vec3 row, Vec3 column, std::array<double, 2> spacingMm, Index3 frameSize,
                            double singleSliceMm)
{
    StackPlan plan;
    HILUM_TRY_STATUS(straighten(row, column, plan.notices));
    const Vec3 normal = cross(row, column);
    std::vector<Level> levels = levelsOf(poses, normal);
    const double jitter = joinNear(levels, poses);

    // images at one position: equally many everywhere is a time series, else the later ones are left out
    const auto [fewest, most] = std::ranges::minmax(levels, {}, [](const Level& l) { return l.poses.size(); });
    const std::size_t times = fewest.poses.size() == most.poses.size() ? fewest.poses.size() : 1;
    if (times > 1) {
        plan.notices.push_back({"time_series", hilum::format("{} images at each of {} positions: read as {} time points{}", times, levels.size(), times,
                                                             jitter > 0 ? hilum::format("; their positions differ by up to {}", mm(jitter)) : std::string())});
    } else if (most.poses.size() > 1) {
        std::size_t extra = 0;
        for (const Level& level : levels)
            extra += level.poses.size() - 1;
        plan.notices.push_back({"duplicate_position", hilum::format("{} images lie where another one lies already ({} to {} images at a position); the first at each position is used",
                                                                    extra, fewest.poses.size(), most.poses.size())});
    }
    plan.times.resize(times);
    for (const Level& level : levels)
        for (std::size_t t = 0; t < times; ++t)
            plan.times[t].push_back(level.poses[t]);

    Geometry& g = plan.geometry;
    g.size = {frameSize[0], frameSize[1], static_cast<std::int64_t>(levels.size())};
    g.spacingMm = {spacingMm[0], spacingMm[1], singleSliceMm};
    const auto origin = [&](std::size_t k) { return poses[plan.times[0][k]].positionLps; };
    g.originLps = origin(0);
    g.direction.setColumn(0, row);
    g.direction.setColumn(1, column);
    g.direction.setColumn(2, normal);
    plan.explanation["images"] = poses.size();
    plan.explanation["positions"] = levels.size();
    plan.explanation["images_per_position"] = Json{{"fewest", fewest.poses.size()}, {"most", most.poses.size()}};
    plan.explanation["order"] = "by Image Position along row x column, lowest first";
    plan.explanation["slice_normal_lps"] = normal;
    plan.explanation["first_position_lps"] = origin(0);
    plan.explanation["last_position_lps"] = origin(levels.size() - 1);
    Json along = Json::array();
    for (std::size_t n = 0; n < std::min<std::size_t>(levels.size(), 500); ++n)
        along.push_back(std::round(1e4 * levels[n].along) / 1e4);
    plan.explanation["positions_along_normal_mm"] = std::move(along);
    if (levels.size() == 1) {
        if (singleSliceMm <= 0) {
            g.spacingMm[2] = 1;
            plan.notices.push_back({"assumed_spacing", "the thickness of the single slice is not told; 1 mm is assumed"});
        }
        return plan;
    }

    std::vector<double> gaps;
    for (std::size_t n = 1; n < levels.size(); ++n)
        gaps.push_back(levels[n].along - levels[n - 1].along);
    const double typical = median(gaps);
    const bool even = isEven(levels, gaps, typical);
    const Vec3 whole = origin(levels.size() - 1) - origin(0);
    const Vec3 sideways = whole - dot(whole, normal) * normal;
    plan.tiltDegrees = std::atan2(norm(sideways), dot(whole, normal)) * 180 / std::numbers::pi;
    const bool oblique = norm(sideways) > OrthogonalShiftMm;
    const Vec3 way = oblique ? normalised(whole) : normal;
    const double slant = 1 / dot(way, normal); // length of the way for one millimetre along the normal
    g.direction.setColumn(2, way);
    g.spacingMm[2] = (even ? dot(whole, normal) / static_cast<double>(levels.size() - 1) : typical) * slant;
    if (plan.tiltDegrees > TiltNoticeDegrees)
        plan.notices.push_back({"gantry_tilt", hilum::format("the slices are shifted sideways by {} from one to the next: the gantry was tilted by {} degrees",
                                                             mm(norm(sideways) / static_cast<double>(levels.size() - 1)), fixed(plan.tiltDegrees, 2))});

    // slices that leave the straight way sideways cannot form a grid
    double stray = 0;
    for (std::size_t k = 0; k < levels.size(); ++k) {
        const Vec3 d = origin(k) - origin(0);
        stray = std::max(stray, norm(d - (dot(d, normal) * slant) * way));
    }
    const double limit = std::max(0.2, 0.5 * std::min(spacingMm[0], spacingMm[1]));
    if (stray > limit)
        plan.notices.push_back({"not_a_volume", hilum::format("slice origins stray by up to {} sideways from a straight line", mm(stray))});
    plan.irregular = !even || stray > limit;
    if (!even)
        explainGaps(plan, levels, gaps, typical);
    if (plan.irregular)
        for (std::size_t k = 0; k < levels.size(); ++k)
            plan.sliceOriginsLps.push_back(origin(k));
    plan.explanation["slice_distance_mm"] = Json{{"min", *std::ranges::min_element(gaps)}, {"median", typical}, {"max", *std::ranges::max_element(gaps)}};
    Json wide = Json::array(); // gaps that are not the usual one, by the slices on either side
    for (std::size_t n = 0; n < gaps.size() && wide.size() < 100; ++n)
        if (std::abs(gaps[n] - typical) > std::max(0.005, 0.01 * typical))
            wide.push_back(hilum::format("between slice {} and {}: {} instead of {}", n + 1, n + 2, mm(gaps[n]), mm(typical)));
    if (!even && !wide.empty())
        plan.explanation["gaps"] = std::move(wide);
    plan.explanation["tilt_degrees"] = plan.tiltDegrees;
    plan.explanation["evenly_spaced"] = even;
    return plan;
}

} // namespace hilum::imaging
