#pragma once

#include "core/learning/data/shard_reader.h"
#include "core/learning/downstream/case_views.h"
#include "core/learning/downstream/tuning_options.h"
#include "core/learning/features.h"
#include "core/learning/train/placement.h"

#include <functional>

/// End-to-end fine-tuning: the encoder and a linear head on its pooled features are trained together.
namespace hilum::learning {

struct TuningTask {
    std::vector<std::size_t> train, labels;      ///< cases of the cache, and their classes
    std::vector<std::size_t> test;               ///< cases to predict
    std::size_t classes = 2;
    std::uint64_t seed = 0;                      ///< order of the images
    std::int64_t mostNumbers = MostNumbersAPass; ///< of the views that go through the encoder in one pass (passLength): bounds the memory, not the result
};

struct TunedClassifier {
    at::Tensor mean, deviation;        ///< [F] of the training images' features before the first step: what the head's input is standardised with
    at::Tensor weight, bias;           ///< [K, F], [K]
    std::vector<double> probabilities; ///< [test x K]
    std::vector<double> epochLoss;     ///< mean cross-entropy of each pass
    std::int64_t steps = 0;
};

/// Where a tuning stands between two steps: all that it needs to go on bit-equally.
struct TuningState {
    std::int64_t step = 0;         ///< steps that are done
    TensorMap network;             ///< parameters and buffers of the method
    TensorMap trained;             ///< "head.<name>" and the optimiser's moments
    std::vector<double> epochLoss; ///< of whole passes
    double passLoss = 0;           ///< the sum over images so far in the pass that is not over
};

struct TuningStep {
    std::int64_t step = 0, images = 0; ///< the step's number from 1; its images
    double loss = 0, learningRate = 0, gradientNorm = 0;
};

/// Who looks on; every member may be empty.
struct TuningWatch {
    std::function<bool()> cancelled;
    std::function<void(std::string_view doing, std::int64_t done, std::int64_t total)> progress; ///< batches looked at, or steps
    std::function<void(const TuningStep&)> stepped;
    /// Asked after each pass but the last, and when the tuning is stopped after its first step. \param state makes the state: a copy of all weights
    std::function<Status(bool stopped, const std::function<TuningState()>& state)> keep;
    const TuningState* from = nullptr; ///< go on from here
};

/// Steps that a tuning takes on so many images.
std::int64_t tuningSteps(std::size_t images, const TuningOptions& options);

/// Trains with cross-entropy, AdamW, warm-up and half a cosine, rates that fall from the head to the patch embedding (layerOrder); images are plain views, nothing is augmented. `method` keeps the tuned weights. What the pooled
/// features do not depend on (a decoder) stays as it was. The same seed gives the same numbers on the CPU.
/// Unsupported for a method without features; Options for a layer decay where no name tells the layers; Cancelled; BadData when the loss no longer is a number; Mismatch when `watch.from` is of another network.
Result<TunedClassifier> fineTune(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, const TuningTask& task, const TuningOptions& options, const Placement& placement,
                                 const TuningWatch& watch);

} // namespace hilum::learning
