#pragma once

#include <cstddef>
#include <span>
#include <vector>

/// Logistic regression on tables of features; plain loops in double, no LibTorch.
namespace hilum::learning {

/// Rows of equal length, row-major.
struct FeatureTable {
    std::size_t columns = 0;
    std::vector<double> values; ///< [rows x columns]
    std::size_t rows() const { return columns == 0 ? 0 : values.size() / columns; }
    std::span<const double> row(std::size_t r) const { return std::span(values).subspan(r * columns, columns); }
    FeatureTable picked(std::span<const std::size_t> rows) const;
};

/// Shift and scale of each column: (x - mean) / deviation.
struct Standardiser {
    std::vector<double> mean, deviation; ///< deviation 1 where a column does not vary
    static Standardiser of(const FeatureTable& table);
    FeatureTable apply(const FeatureTable& table) const;
};

/// Multinomial logistic regression: p(k | x) proportional to exp(b_k + w_k x).
struct LogisticModel {
    std::size_t classes = 0, columns = 0;
    std::vector<double> weights; ///< [classes x columns]
    std::vector<double> bias;    ///< [classes], their sum 0
    int iterations = 0;
    bool converged = false;      ///< largest gradient below 1e-7
    std::vector<double> probabilities(std::span<const double> x) const; ///< [classes]
};

/// Minimises  mean over rows of -log p(label | x)  +  penalty / 2 * sum of squared weights  (biases are free) by L-BFGS in double, from `start` or from zero.
/// One thread, rows in order: the same numbers on every call. \param labels 0 .. classes - 1 \throws std::invalid_argument for sizes that do not fit or penalty <= 0
LogisticModel fitLogistic(const FeatureTable& x, std::span<const std::size_t> labels, std::size_t classes, double penalty, const LogisticModel* start = nullptr);

/// What the inner cross-validation found.
struct PenaltyChoice {
    double penalty = 1;
    std::vector<double> tried, loss;      ///< mean -log p of the left-out rows for each penalty
    std::vector<double> leftOut;          ///< [rows x classes] probabilities under the chosen penalty, each row from the fit that had not seen its patient
    int folds = 0;
};
/// Cross-validation by patient: a patient is in one fold alone, folds are balanced by the patients' rarest class, features are standardised anew in each.
/// \param patients number of each row's patient \return the penalty of 1e-4, 10^-3.5, ..., 1e2 with the least loss, of equal ones the largest
/// \throws std::invalid_argument when a class has fewer than 2 patients
PenaltyChoice choosePenalty(const FeatureTable& x, std::span<const std::size_t> labels, std::span<const std::size_t> patients, std::size_t classes, int folds = 5);

} // namespace hilum::learning
