#include "core/stats/bootstrap.h"

#include "core/base/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace hilum::stats {

Interval bootstrapMean(std::span<const double> values, std::uint64_t seed, int resamples, double level)
{
    if (values.empty() || resamples < 1 || !(level > 0 && level < 1))
        throw std::invalid_argument("bootstrapMean: needs at least one value, one resample and a level between 0 and 1");
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
    const auto quantile = [&](double q) {
        const double at = q * static_cast<double>(means.size() - 1);
        const auto lower = static_cast<std::size_t>(std::floor(at));
        const std::size_t upper = std::min(lower + 1, means.size() - 1);
        return means[lower] + (at - static_cast<double>(lower)) * (means[upper] - means[lower]);
    };
    return {std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(n), quantile((1 - level) / 2), quantile((1 + level) / 2), level};
}

} // namespace hilum::stats
