#include "core/stats/roc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace hilum::stats {

namespace {

struct Classes {
    double positives = 0, negatives = 0;
};

Classes check(std::span<const double> scores, std::span<const std::uint8_t> positive, bool needsBoth = true)
{
    if (scores.size() != positive.size())
        throw std::invalid_argument("scores and classes differ in number");
    if (std::ranges::any_of(scores, [](double s) { return std::isnan(s); }))
        throw std::invalid_argument("a score is nan");
    const auto positives = static_cast<double>(std::ranges::count_if(positive, [](std::uint8_t p) { return p != 0; }));
    const Classes out{positives, static_cast<double>(positive.size()) - positives};
    if (needsBoth && (out.positives == 0 || out.negatives == 0))
        throw std::invalid_argument("one class has no case");
    return out;
}

/// Rows by falling score; equal scores by row, so that the order is one.
std::vector<std::size_t> byScore(std::span<const double> scores)
{
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
    return order;
}

double mean(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()); }

double covarianceOf(std::span<const double> a, std::span<const double> b)
{
    const double meanA = mean(a), meanB = mean(b);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += (a[i] - meanA) * (b[i] - meanB);
    return sum / static_cast<double>(a.size() - 1);
}

/// Share of `sorted` below x, ties half.
double shareBelow(const std::vector<double>& sorted, double x)
{
    const auto equal = std::ranges::equal_range(sorted, x);
    return (static_cast<double>(equal.begin() - sorted.begin()) + static_cast<double>(equal.size()) / 2) / static_cast<double>(sorted.size());
}

/// V10 and V01 of DeLong: for each positive the share of negatives below it, for each negative the share of positives above it.
struct Components {
    std::vector<double> ofPositives, ofNegatives;
};
Components components(std::span<const double> scores, std::span<const std::uint8_t> positive)
{
    std::vector<double> positives, negatives;
    for (std::size_t i = 0; i < scores.size(); ++i)
        (positive[i] ? positives : negatives).push_back(scores[i]);
    std::vector<double> sortedPositives = positives, sortedNegatives = negatives;
    std::ranges::sort(sortedPositives);
    std::ranges::sort(sortedNegatives);
    Components out;
    for (const double s : positives)
        out.ofPositives.push_back(shareBelow(sortedNegatives, s));
    for (const double s : negatives)
        out.ofNegatives.push_back(1 - shareBelow(sortedPositives, s));
    return out;
}

} // namespace

std::vector<RocPoint> rocCurve(std::span<const double> scores, std::span<const std::uint8_t> positive)
{
    const Classes classes = check(scores, positive);
    const auto order = byScore(scores);
    std::vector<RocPoint> curve{{std::numeric_limits<double>::infinity(), 0, 0}};
    double truePositives = 0, falsePositives = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        ++(positive[order[i]] ? truePositives : falsePositives);
        if (i + 1 == order.size() || scores[order[i + 1]] != scores[order[i]])
            curve.push_back({scores[order[i]], falsePositives / classes.negatives, truePositives / classes.positives});
    }
    return curve;
}

double auroc(std::span<const double> scores, std::span<const std::uint8_t> positive)
{
    const auto curve = rocCurve(scores, positive);
    double area = 0;
    for (std::size_t i = 1; i < curve.size(); ++i) // trapezoids: ties count half
        area += (curve[i].falsePositiveRate - curve[i - 1].falsePositiveRate) * (curve[i].truePositiveRate + curve[i - 1].truePositiveRate) / 2;
    return area;
}

double averagePrecision(std::span<const double> scores, std::span<const std::uint8_t> positive)
{
    const Classes classes = check(scores, positive);
    const auto order = byScore(scores);
    double truePositives = 0, before = 0, out = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        truePositives += positive[order[i]] ? 1 : 0;
        if (i + 1 == order.size() || scores[order[i + 1]] != scores[order[i]]) {
            out += truePositives / static_cast<double>(i + 1) * (truePositives - before) / classes.positives;
            before = truePositives;
        }
    }
    return out;
}

DeLong deLong(std::span<const double> first, std::span<const double> second, std::span<const std::uint8_t> positive)
{
    const Classes classes = check(first, positive);
    check(second, positive);
    if (classes.positives < 2 || classes.negatives < 2)
        throw std::invalid_argument("a variance needs two cases of each class");
    const Components a = components(first, positive), b = components(second, positive);
    const auto covariance = [&](const Components& x, const Components& y) {
        return covarianceOf(x.ofPositives, y.ofPositives) / classes.positives + covarianceOf(x.ofNegatives, y.ofNegatives) / classes.negatives;
    };
    return {mean(a.ofPositives), mean(b.ofPositives), covariance(a, a), covariance(b, b), covariance(a, b)};
}

double Confusion::accuracy() const
{
    const std::int64_t all = truePositive + falsePositive + trueNegative + falseNegative;
    return all == 0 ? 0 : static_cast<double>(truePositive + trueNegative) / static_cast<double>(all);
}

double Confusion::f1() const
{
    return truePositive == 0 ? 0 : 2 * static_cast<double>(truePositive) / static_cast<double>(2 * truePositive + falsePositive + falseNegative);
}

Confusion confusionAt(std::span<const double> scores, std::span<const std::uint8_t> positive, double threshold)
{
    check(scores, positive, false);
    Confusion out;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (scores[i] >= threshold)
            ++(positive[i] ? out.truePositive : out.falsePositive);
        else
            ++(positive[i] ? out.falseNegative : out.trueNegative);
    }
    return out;
}

double youdenThreshold(std::span<const double> scores, std::span<const std::uint8_t> positive)
{
    const auto curve = rocCurve(scores, positive);
    std::size_t best = 0;
    for (std::size_t i = 1; i < curve.size(); ++i)
        if (curve[i].truePositiveRate - curve[i].falsePositiveRate > curve[best].truePositiveRate - curve[best].falsePositiveRate + 1e-12)
            best = i;
    if (best == 0) // nothing is better than calling all negative
        return std::nextafter(curve[1].threshold, std::numeric_limits<double>::infinity());
    const double lowest = curve[best].threshold; // of the positive ones
    if (best + 1 == curve.size())
        return lowest;
    const double next = curve[best + 1].threshold, middle = (lowest + next) / 2;
    return middle > next && middle <= lowest ? middle : lowest; // neighbours have no middle, and infinity has none
}

} // namespace hilum::stats
