#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <string>
#include <vector>

namespace hilum::services {

/// hilum-worker: HILUM_WORKER, else beside this program. NotFound with the places looked at.
Result<path> workerProgram();

/// `hilum-worker describe`, asked once and cached by the digest of the worker file.
Result<Json> describeMethods();
/// One method's entry; NotFound lists the known ones.
Result<Json> methodEntry(const std::string& id);
/// Complete options of a method: defaults, then preset, then settings (key=value). All faults at once.
Result<Json> methodOptions(const Json& methodEntry, const std::string& preset, const std::vector<std::string>& settings);

/// Runs the worker to its end with lines of JSON from standard output handed to `line`; returns the last `result` message.
/// The error is the worker's own, or WorkerLost with what is known (exit code, signal, last lines of standard error).
Result<Json> runWorker(const std::vector<std::string>& arguments, const std::function<void(const Json&)>& line = {}, const std::function<bool()>& cancelled = {});

} // namespace hilum::services
