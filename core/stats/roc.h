#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// How well a number separates two classes. Scores: higher means more likely positive. `positive`: 1 or 0 for each score.
/// All functions throw std::invalid_argument when the lengths differ, a score is nan, or a class is missing.
namespace hilum::stats {

/// A point of the ROC curve: what happens when every score >= threshold counts as positive.
struct RocPoint {
    double threshold = 0;
    double falsePositiveRate = 0; ///< 1 - specificity
    double truePositiveRate = 0;  ///< sensitivity, recall
};

/// From (0, 0) with threshold infinity to (1, 1), one point per distinct score, highest first (Fawcett 2006, algorithm 1).
std::vector<RocPoint> rocCurve(std::span<const double> scores, std::span<const std::uint8_t> positive);

/// Area under the ROC curve: the probability that a positive scores above a negative, ties counted half (Hanley & McNeil 1982).
double auroc(std::span<const double> scores, std::span<const std::uint8_t> positive);

/// Average precision: sum over distinct thresholds of precision times the rise of recall, without interpolation. A constant score has the prevalence.
double averagePrecision(std::span<const double> scores, std::span<const std::uint8_t> positive);

/// Areas of two scores on the same cases with their variances and covariance; rows count as independent (see bootstrapGroups where they are not).
struct DeLong {
    double first = 0, second = 0;
    double firstVariance = 0, secondVariance = 0, covariance = 0;
    double differenceVariance() const { return firstVariance + secondVariance - 2 * covariance; }
};
/// DeLong, DeLong & Clarke-Pearson 1988, by structural components. Needs two cases of each class (std::invalid_argument).
DeLong deLong(std::span<const double> first, std::span<const double> second, std::span<const std::uint8_t> positive);

/// Counts at a threshold: scores >= threshold count as positive.
struct Confusion {
    std::int64_t truePositive = 0, falsePositive = 0, trueNegative = 0, falseNegative = 0;
    double accuracy() const;
    double f1() const; ///< 2 TP / (2 TP + FP + FN); 0 without true positives
};
Confusion confusionAt(std::span<const double> scores, std::span<const std::uint8_t> positive, double threshold);

/// The threshold with the greatest sensitivity + specificity (Youden 1950), half way to the next lower score; of equal ones the highest.
double youdenThreshold(std::span<const double> scores, std::span<const std::uint8_t> positive);

} // namespace hilum::stats
