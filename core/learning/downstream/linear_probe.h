#pragma once

#include "core/learning/data/shard_reader.h"
#include "core/learning/downstream/logistic_regression.h"
#include "core/learning/features.h"
#include "core/learning/train/placement.h"

#include <functional>

/// The linear probe: a logistic regression on features of a frozen encoder.
namespace hilum::learning {

/// Features of cases, in their order: read, seen as FeatureSource::featureViews has it and encoded one view at a time, in evaluation mode, without gradient, in
/// float32; the mean over the views of a case.
/// Unsupported when the method has none; Cancelled; BadData when a feature is not finite.
Result<FeatureTable> extractFeatures(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, std::span<const std::size_t> cases, const Placement& placement,
                                     const std::function<bool()>& cancelled, const std::function<void(std::int64_t done, std::int64_t total)>& progress);

} // namespace hilum::learning
