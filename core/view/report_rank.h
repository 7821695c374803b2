#pragma once

#include "core/view/method_answer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hilum::view {

// Reports by their likeness to an image. `says` has a number per column of the likenesses: equal ones for reports that say the same, -1 for what is no report.

/// Where one report stands among all.
struct ReportRank {
    std::int64_t place = 0; ///< 1 is the nearest
    std::int64_t of = 0;    ///< different reports, this one included
};

/// Equal reports count as one, and another one that is as near counts as nearer, as in a run's evaluation.json.
/// \param own its column
/// \throws std::invalid_argument when `says` does not fit the columns, or `own` is no report
ReportRank rankOf(const Matrix& similarity, std::int64_t row, std::int64_t own, std::span<const std::int64_t> says);

/// Columns of one row by falling value, `count` at most; of equal reports the first that comes.
std::vector<std::int64_t> nearestDifferent(const Matrix& similarity, std::int64_t row, std::size_t count, std::span<const std::int64_t> says);

/// "own report: 3rd of 41, in the first 5: yes"
std::string rankText(const ReportRank& rank);

} // namespace hilum::view
