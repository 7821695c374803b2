#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace hilum::stats {

struct Interval {
    double estimate = 0;
    double low = 0, high = 0;
    double level = 0.95;
};

/// Percentile bootstrap of the mean of one value per patient: patients are drawn with replacement, so that several images of one
/// patient do not count as independent. Efron & Tibshirani 1993, chapter 13.
/// \param perPatient one finite number per patient; throws std::invalid_argument when empty, or with the place of one that is not finite.
/// Deterministic for a seed. Limits are nan where there is one patient alone: nothing says how far others are from that one.
Interval bootstrapMean(std::span<const double> perPatient, std::uint64_t seed, int resamples = 2000, double level = 0.95);

/// Percentile bootstrap of any number of some rows: whole groups (patients) are drawn with replacement, with all their rows. For two models on the same rows
/// let `metric` return the difference: that is the paired interval.
/// \param groupOfRow one group number per row; groups are ordered by their first row \param metric of rows, which may come more than once; nothing where it is not
///                   defined for them (one class alone), which a value that is not finite says too: such a draw is left out and counted
/// \throws std::invalid_argument without rows, or when the metric is undefined for all rows
struct GroupBootstrap {
    Interval interval;
    int undefined = 0; ///< draws without a value; nan limits when all were, when the estimate itself is not finite, or when there is one group alone
};
GroupBootstrap bootstrapGroups(std::span<const std::size_t> groupOfRow, const std::function<std::optional<double>(std::span<const std::size_t> rows)>& metric, std::uint64_t seed,
                               int resamples = 2000, double level = 0.95);

} // namespace hilum::stats
