#pragma once

#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/base/result.h"

namespace hilum::app {

/// Trains the preset `tiny` of each method on the fixtures' own radiographs, as `hilum train` does: `folder`/models/METHOD-tiny is a run
/// folder with several checkpoints, and facts.json gets the entry `models` with digests and held-out losses. About a minute on two cores.
/// A run that is there already is kept, or goes on where it was stopped.
/// Usage when a run folder there was made with other options, WorkerLost and the worker's own errors, Cancelled.
/// \param folder  where the fixtures were written
Status writeDemoModels(const path& folder, std::uint64_t seed, const Work& work);

} // namespace hilum::app
