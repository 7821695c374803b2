#pragma once

#include "core/base/progress.h"
#include "core/services/job_runner.h"
#include "core/services/prepare.h"

#include <string>
#include <vector>

/// What the verbs `prepare`, `train`, `evaluate` and `demo` share.
namespace hilum::app {

/// A method with complete, checked options and the input pipeline that they make.
struct MethodChoice {
    std::string id, preset, title;
    Json options, pipeline;
};
/// \param settings "key=value" texts; all faults at once. An empty preset is the method's first.
Result<MethodChoice> chooseMethod(const std::string& id, const std::string& preset, const std::vector<std::string>& settings);

/// The method of a job file, with the pipeline that the job's own options make.
Result<MethodChoice> methodOfJob(const Json& job);
/// A job file of `command` ("train" or "finetune"), the types of its values checked: WrongVersion when it is none, Usage when it is of the other command, Options with all faults.
Result<Json> readJobFile(const path& file, const std::string& command);
/// The prepared images that a job file names.
Result<path> cacheOfJob(const Json& job);

/// Is `data` one prepared cache?
Result<bool> isCache(const std::vector<path>& data);
/// `data` when it is a prepared cache that fits, else images prepared into `out` (empty: the user's cache). Warnings go to standard error.
/// \return Usage when `data` is a cache and `out` another folder, in which nothing would be written
Result<services::PreparedCache> cacheFor(const std::vector<path>& data, const MethodChoice& method, const path& out, const Work& work);

/// Starts or resumes a job and follows it to its end; the terminal shows progress, an interrupt asks it to stop with a checkpoint.
/// \param changes keys of job.json that go on otherwise than the run began (device, dtype, threads, watch_case); for resuming alone. A run that cannot go on on its device
/// stays as it is.
Result<services::JobStatus> followJob(const services::JobRequest& request, bool resume, const Json& changes = Json::object());

/// As `threads` of job.json: what was asked for, or for 0 and less all cores: no window wants one while a command trains.
std::int64_t jobThreads(std::int64_t asked);

/// RUN/evaluation.json as lines for a person.
Result<std::string> evaluationText(const path& evaluationFile);

/// A number of an evaluation; `otherwise` where it is missing or null, which stands for one that is not finite.
double numberOr(const Json& evaluation, const char* key, double otherwise);

} // namespace hilum::app
