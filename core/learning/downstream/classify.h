#pragma once

#include "core/base/paths.h"
#include "core/learning/downstream/case_views.h"
#include "core/learning/downstream/labelled_cases.h"
#include "core/learning/downstream/tuning_options.h"
#include "core/learning/train/checkpoint.h"

#include <chrono>
#include <functional>

namespace hilum::learning {

inline constexpr char ClassificationSchema[] = "hilum.classification/1";

/// What is trained: a classifier on the features as they are, or the encoder with it.
enum class ClassifyMode { Linear, Full };

/// One step of Full, for the record of a run.
struct TuningMetric {
    bool untrained = false;           ///< which network: the pre-trained one, or the one to compare with
    std::int64_t step = 0, steps = 0; ///< over both networks
    std::int64_t ownStep = 0;         ///< of this network
    double epoch = 0, loss = 0, learningRate = 0, gradientNorm = 0;
    std::int64_t images = 0;
};

/// What a classifier is asked for.
struct ProbeRequest {
    path model, cache; ///< a run or model file; the cache of the labelled images
    path labels;       ///< {"schema", "column", "classes": [name, ...], "labels": {case key: class number}}; images without a label are left out
    path out;          ///< evaluation.json, predictions.csv, head.safetensors, provenance.json and with Full model.safetensors go here
    ClassifyMode mode = ClassifyMode::Linear;
    TuningOptions tuning;          ///< of Full
    double fraction = 1;           ///< share of the training patients whose labels are used
    double heldOutFraction = 0.2;  ///< where no pre-training split says who is held out
    std::uint64_t seed = 0;
    bool compareUntrained = false; ///< the same with the weights that the pre-training began with
    std::string device = "auto";
    std::string dtype = "auto";    ///< of Full; Linear computes in float32
    std::string attention = "auto"; ///< path of attention: plain or fused
    bool resume = false;           ///< go on from what an earlier, stopped call left in `out`
    std::chrono::milliseconds keepEvery{15000};  ///< least time between checkpoints of Full, which are made between passes over the images, and between files of Linear's features
    std::int64_t mostNumbers = MostNumbersAPass; ///< of the views that go through the encoder in one pass (passLength): bounds the memory
    std::int64_t threads = 0;      ///< for the record; 0: not known
    // each may be empty
    std::function<bool()> cancelled;
    std::function<void(std::string_view phase, std::int64_t done, std::int64_t total)> progress; ///< images of Linear, steps of Full, over both networks
    std::function<void(const TuningMetric&)> stepped;
    std::function<void(std::int64_t step, const Written&)> kept; ///< a checkpoint of Full
};

/// Trains a classifier on the training patients, on frozen features or with the encoder, and tests it on the held-out ones: OUT/evaluation.json. With Full the tuned
/// encoder is written as a model of its method. What is finished of a stopped call stays in OUT, in Linear the features of single images: with `resume` the result is the same as if it had not been stopped.
/// Options when one class has fewer than two patients among those to train on, or none among the tested; Unsupported for a method without features; Mismatch
/// for a cache that the model does not fit, or when what is to be resumed was begun with something else; Usage when OUT holds checkpoints and `resume` is false; NoSpace or TooLarge (memory) before the first step of Full;
/// Cancelled. \return the document
Result<Json> runProbe(const MethodRegistry& registry, const ProbeRequest& request);

} // namespace hilum::learning
