#pragma once

#include "core/learning/data/shard_reader.h"
#include "core/learning/downstream/case_views.h"
#include "core/learning/downstream/logistic_regression.h"
#include "core/learning/features.h"
#include "core/learning/train/placement.h"

#include <functional>

/// The linear probe: a logistic regression on features of a frozen encoder.
namespace hilum::learning {

/// Where the features of a list of cases stand between two passes of views: all that is needed to go on bit-equally.
struct FeatureState {
    FeatureTable table;      ///< of the first cases of the list
    std::vector<double> sum; ///< of the case after them, when some of its views are through: the sum of their vectors; else empty
    std::size_t views = 0;   ///< how many of its views that is
};

/// Who looks on; every member may be empty.
struct FeatureWatch {
    std::function<bool()> cancelled;                                     ///< asked before each pass, and while one is waited for
    std::function<void(std::int64_t done, std::int64_t total)> progress; ///< cases, before each pass
    std::function<Status(bool stopped, const FeatureState&)> keep;       ///< after each pass but the last, and when the work is stopped after a pass
    const FeatureState* from = nullptr;                                  ///< go on from here
};

/// Features of cases, in their order: read, seen as FeatureSource::featureViews has it and encoded in evaluation mode, without gradient, in float32; the mean over the
/// views of a case. Views go through the encoder in passes of at most so many numbers (passLength), which changes no more than rounding; the next pass is read meanwhile.
/// The same call gives the same numbers on the CPU.
/// Unsupported when the method has none; Cancelled; BadData when a feature is not finite; Mismatch when `watch.from` is of another network or list.
Result<FeatureTable> extractFeatures(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, std::span<const std::size_t> cases, const Placement& placement,
                                     const FeatureWatch& watch, std::int64_t mostNumbers = MostNumbersAPass);

} // namespace hilum::learning
