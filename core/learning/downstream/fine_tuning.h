#pragma once

#include "core/learning/data/shard_reader.h"
#include "core/learning/downstream/tuning_options.h"
#include "core/learning/features.h"
#include "core/learning/train/placement.h"

#include <functional>

/// End-to-end fine-tuning: the encoder and a linear head on its pooled features are trained together.
namespace hilum::learning {

struct TuningTask {
    std::vector<std::size_t> train, labels; ///< cases of the cache, and their classes
    std::vector<std::size_t> test;          ///< cases to predict
    std::size_t classes = 2;
    std::uint64_t seed = 0;                 ///< order of the images
};

struct TunedClassifier {
    at::Tensor mean, deviation;        ///< [F] of the training images' features before the first step: what the head's input is standardised with
    at::Tensor weight, bias;           ///< [K, F], [K]
    std::vector<double> probabilities; ///< [test x K]
    std::vector<double> epochLoss;     ///< mean cross-entropy of each pass
    std::int64_t steps = 0;
};

/// Trains with cross-entropy, AdamW, warm-up and half a cosine; images are plain views, nothing is augmented. `method` keeps the tuned weights. What the pooled
/// features do not depend on (a decoder) stays as it was. The same seed gives the same numbers on the CPU.
/// Unsupported for a method without features; Cancelled; BadData when the loss no longer is a number.
Result<TunedClassifier> fineTune(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, const TuningTask& task, const TuningOptions& options, const Placement& placement,
                                 const std::function<bool()>& cancelled, const std::function<void(std::int64_t done, std::int64_t total)>& progress);

} // namespace hilum::learning
