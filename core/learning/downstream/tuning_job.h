#pragma once

#include "core/learning/downstream/classify.h"
#include "core/learning/train/job.h"

/// A classifier as a run: RUN/job.json with command "finetune", RUN/labels.json, events, checkpoints, results.
namespace hilum::learning {

/// Reads and checks a job file. NotFound, WrongVersion; Options with every fault at once.
/// \param cache where the prepared images are \return the request, with RUN as its `out`
Result<ProbeRequest> readTuningJob(const path& run, const path& cache);

/// Runs the job of a run folder to its end; every event but the closing `error` is emitted here. A wish to stop ends in a `result` with `cancelled`: what is
/// finished stays, and with Begin::Resume the run goes on to the same numbers.
/// Usage when RUN is finished, or holds checkpoints and the request does not resume. \return the `result` message's fields
Result<Json> runTuning(const MethodRegistry& registry, const RunRequest& request);

} // namespace hilum::learning
