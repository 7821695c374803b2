#include "core/stats/bootstrap.h"

#include "core/base/format.h"
#include "core/base/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace hilum::stats {

namespace {

constexpr double Nothing = std::numeric_limits<double>::quiet_NaN();

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman & Fan 1996).
double quantileOf(const std::vector<double>& sorted, double q)
{
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto lower = static_cast<std::size_t>(std::floor(at));
    const std::size_t upper = std::min(lower + 1, sorted.size() - 1);
    return sorted[lower] + (at - static_cast<double>(lower)) * (sorted[upper] - sorted[lower]);
}

} // namespace

Interval bootstrapMean(std::span<const double> values, std::uint64_t seed, int resamples, double level)
{
    if (values.empty() || resamples < 1 || !(level > 0 && level < 1))
        throw std::invalid_argument("bootstrapMean: needs at least one value, one resample and a level between 0 and 1");
    if (const auto bad = std::ranges::find_if_not(values, [](double v) { return std::isfinite(v); }); bad != values.end())
        throw std::invalid_argument(hilum::format("bootstrapMean: value {} of {} is {}", bad - values.begin() + 1, values.size(), *bad));
    if (values.size() == 1)
        return {values[0], Nothing, Nothing, level};
    const auto n = static_cast<std::int64_t>(values.size());
    std::vector<double> means(static_cast<std::size_t>(resamples));
    for (std::size_t r = 0; r < means.size(); ++r) {
        Rng rng = Rng(seed).fork("bootstrap").fork(r);
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i)
            sum += values[static_cast<std::size_t>(rng.integer(0, n))];
        means[r] = sum / static_cast<double>(n);
    }
    std::sort(means.begin(), means.end());
    return {std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(n), quantileOf(means, (1 - level) / 2), quantileOf(means, (1 + level) / 2), level};
}

GroupBootstrap bootstrapGroups(std::span<const std::size_t> groupOfRow, const std::function<std::optional<double>(std::span<const std::size_t>)>& metric, std::uint64_t seed,
                               int resamples, double level)
{
    if (groupOfRow.empty() || resamples < 1 || !(level > 0 && level < 1))
        throw std::invalid_argument("bootstrapGroups: needs at least one row, one resample and a level between 0 and 1");
    std::map<std::size_t, std::size_t> places;
    std::vector<std::vector<std::size_t>> groups;
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < groupOfRow.size(); ++row) {
        const auto [at, fresh] = places.emplace(groupOfRow[row], groups.size());
        if (fresh)
            groups.emplace_back();
        groups[at->second].push_back(row);
        rows.push_back(row);
    }
    const std::optional<double> estimate = metric(rows);
    if (!estimate)
        throw std::invalid_argument("bootstrapGroups: the metric is not defined for the rows");
    GroupBootstrap out{.interval = {*estimate, 0, 0, level}};
    std::vector<double> values;
    for (std::size_t r = 0; r < static_cast<std::size_t>(resamples); ++r) {
        Rng rng = Rng(seed).fork("bootstrap").fork(r);
        rows.clear();
        for (std::size_t i = 0; i < groups.size(); ++i) {
            const auto& drawn = groups[static_cast<std::size_t>(rng.integer(0, static_cast<std::int64_t>(groups.size())))];
            rows.insert(rows.end(), drawn.begin(), drawn.end());
        }
        if (const auto value = metric(rows); value && std::isfinite(*value))
            values.push_back(*value);
    }
    out.undefined = resamples - static_cast<int>(values.size());
    std::ranges::sort(values);
    if (!std::isfinite(*estimate) || groups.size() == 1)
        values.clear(); // an interval around nothing, or of one patient's
    out.interval.low = values.empty() ? Nothing : quantileOf(values, (1 - level) / 2);
    out.interval.high = values.empty() ? Nothing : quantileOf(values, (1 + level) / 2);
    return out;
}

} // namespace hilum::stats
