#pragma once

#include "core/base/paths.h"
#include "core/learning/data/case_dataset.h"
#include "core/learning/downstream/tuning_options.h"

#include <functional>

namespace hilum::learning {

inline constexpr char LabelsSchema[] = "hilum.labels/1";
inline constexpr char ClassificationSchema[] = "hilum.classification/1";

/// What is trained: a classifier on the features as they are, or the encoder with it.
enum class ClassifyMode { Linear, Full };

/// What `hilum-worker finetune` gets.
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
    std::function<bool()> cancelled;
    std::function<void(std::string_view phase, std::int64_t done, std::int64_t total)> progress;
};

/// Who is trained on and who is tested, for a model that may have seen some of the images before.
/// With a run's split: its held-out patients are tested, patients that it trained on never are, unknown ones are trained on. When none of its held-out
/// patients is here: a fresh draw from those that it did not train on. Without a split: a fresh draw from all.
/// \param trained, tested case keys of the pre-training's two parts \param reused set to whether its held-out patients are the tested ones
Split probeSplit(const std::vector<CacheCase>& cases, const std::vector<std::string>& trained, const std::vector<std::string>& tested, std::uint64_t seed, double heldOutFraction,
                 bool& reused);

/// Trains a classifier on the training patients, on frozen features or with the encoder, and tests it on the held-out ones: OUT/evaluation.json. With Full the tuned
/// encoder is written as a model of its method.
/// Options when one class has fewer than two patients among those to train on, or none among the tested; Unsupported for a method without features; Mismatch
/// for a cache that the model does not fit. \return the document
Result<Json> runProbe(const MethodRegistry& registry, const ProbeRequest& request);

} // namespace hilum::learning
