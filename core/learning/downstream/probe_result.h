#pragma once

#include "core/learning/downstream/labelled_cases.h"

/// What a classifier says of held-out patients, as numbers and files.
namespace hilum::learning {

/// What one encoder's classifier says of the tested rows.
struct ProbeResult {
    TensorMap head;                    ///< weight [K, F], bias [K], mean and deviation [F], double
    Json how;                          ///< how it was found, for the record
    double threshold = 0.5;            ///< of the positive class, two classes alone; Linear: from left-out training patients
    std::vector<double> probabilities; ///< [tested rows x classes]
};

/// Where a run keeps the result of the pre-trained network while the untrained one is at work.
inline path keptResultFile(const path& run) { return run / "results" / "trained.safetensors"; }

/// Keeps a result until the run ends, so that a run that is stopped need not make it again. \param asked what it was made for
Status writeProbeResult(const path& file, const ProbeResult& result, const Json& asked);
Result<ProbeResult> readProbeResult(const path& file, Json& asked);

/// evaluation.json's entry of one result: how it was found, threshold, metrics with intervals over patients.
Json resultJson(const ProbeResult& result, const LabelledCases& cases, std::span<const std::size_t> test, std::uint64_t seed);
/// Mean over held-out patients of the mean cross-entropy of their rows, nats: ln K of K classes when nothing was learnt. A probability that has become 0 counts as the
/// smallest number of double precision.
double heldOutLoss(const ProbeResult& result, const LabelledCases& cases, std::span<const std::size_t> test);
/// The paired differences of two results on the same rows.
Json differenceJson(const ProbeResult& first, const ProbeResult& second, const LabelledCases& cases, std::span<const std::size_t> test, std::uint64_t seed);
/// predictions.csv. \param second may be null
std::string predictionsTable(const ProbeResult& first, const ProbeResult* second, const LabelledCases& cases, std::span<const std::size_t> test, const ShardReader& cache);

} // namespace hilum::learning
