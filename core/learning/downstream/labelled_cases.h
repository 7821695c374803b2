#pragma once

#include "core/learning/data/case_dataset.h"
#include "core/learning/data/shard_reader.h"
#include "core/learning/data/training_record.h"
#include "core/learning/model_file.h"

/// Which labelled images a classifier is trained and tested on.
namespace hilum::learning {

inline constexpr char LabelsSchema[] = "hilum.labels/1";

/// The labelled cases in an order that depends on the images alone.
struct LabelledCases {
    std::vector<std::string> classes;
    std::string column;
    std::vector<std::size_t> number;  ///< in the cache
    std::vector<std::size_t> label;
    std::vector<std::size_t> patient; ///< counted in order of first appearance
    std::size_t patients = 0;
    std::int64_t withoutLabel = 0;
};

/// Reads {"schema", "column", "classes": [name, ...], "labels": {case key: class number}}; cases without a label are left out and counted.
/// WrongVersion; BadData for a class that is not listed; Empty when no case has a label.
Result<LabelledCases> labelledCases(const path& file, const ShardReader& cache);

/// For a model that may have seen some of the images before.
/// With a record of its training: the patients that it held out are tested, patients that it saw never are, unknown ones are trained on. When none of its held-out
/// patients is here: a fresh draw from those that it did not see. Without a record: a fresh draw from all.
/// \param reused set to whether its held-out patients are the tested ones
Split probeSplit(const std::vector<CacheCase>& cases, const TrainingRecord& record, std::uint64_t seed, double heldOutFraction, bool& reused);

/// Rows of LabelledCases.
struct ProbeParts {
    std::vector<std::size_t> train;     ///< whose labels are used
    std::vector<std::size_t> trainable; ///< all that could be
    std::vector<std::size_t> test;
    std::string heldOutBecause;         ///< who was held out, in words
    TrainingRecord record;              ///< of the model
};

/// \param fraction share of the training patients whose labels are used
/// Options when the model's training saw everybody, when one class has fewer than two patients among those to train on, or none among the tested, or fewer than four patients are tested.
Result<ProbeParts> probeParts(const LabelledCases& cases, const ModelFile& file, const ShardReader& cache, double fraction, double heldOutFraction, std::uint64_t seed);

std::vector<std::int64_t> patientsPerClass(const LabelledCases& cases, std::span<const std::size_t> rows);
std::size_t countPatients(const LabelledCases& cases, std::span<const std::size_t> rows);

} // namespace hilum::learning
