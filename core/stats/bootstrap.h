#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace hilum::stats {

struct Interval {
    double estimate = 0;
    double low = 0, high = 0;
    double level = 0.95;
};

/// Percentile bootstrap of the mean of one value per patient: patients are drawn with replacement, so that several images of one
/// patient do not count as independent. Efron & Tibshirani 1993, chapter 13.
/// \param perPatient one number per patient; throws std::invalid_argument when empty.
/// Deterministic for a seed.
Interval bootstrapMean(std::span<const double> perPatient, std::uint64_t seed, int resamples = 2000, double level = 0.95);

} // namespace hilum::stats
