#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <functional>
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

/// Refuses a device ("auto", "cpu", "cuda:0"; empty: as it comes) that this computer has not got, in the worker's words. To be asked before anything is prepared or written; waits for
/// the worker: not for the GUI thread.
/// \param cancelled  asked while it runs; the worker is then asked to stop
Status checkDevice(const std::string& word, const std::function<bool()>& cancelled = {});

/// Refuses a job that could not begin here, before its images are prepared: checkDevice, and weights in `start_from` that do not fit, as the training would refuse them.
/// Asks the worker only where there is something to ask.
/// \param options  complete options of the method
Status checkJob(const std::string& method, const Json& options, const std::string& device, const std::function<bool()>& cancelled = {});

/// Complete settings of a fine-tuning: defaults, then settings (key=value). All faults at once.
Result<Json> tuningOptions(const std::vector<std::string>& settings);

/// The input pipeline that complete options of a method make: what `prepare` needs.
Result<Json> methodPipeline(const std::string& id, const Json& options);
/// Rows and columns of the tokens over a radiograph that complete options of a method make, as the metadata of its models have them in `token_grid`; empty without such a grid.
Result<Json> methodTokenGrid(const std::string& id, const Json& options);

/// What a process that ended without a last word leaves behind.
struct ProcessEnd {
    bool known = true;        ///< false when its exit status could not be seen (it was not our child)
    bool signalled = false;
    int number = 0;           ///< exit code, or the signal
    bool outOfMemory = false; ///< the system's count of out-of-memory kills rose while it ran
    std::string lastWords;    ///< end of its standard error
};
/// One sentence for a person: "the worker was killed (signal 9), most likely because memory ran out; its last words: ...".
Error lostWorker(const ProcessEnd& end);
/// The last few lines of the worker's standard error as plain text: of JSON log lines their text only.
std::string lastWords(std::string_view standardError);
/// How many processes the system has killed so far because memory ran out; -1 where it does not tell.
std::int64_t outOfMemoryKills();

/// Standard output of a short command of the worker, whole. Fails as runWorker does; a check that found something (CheckFailed) and printed its JSON document has not failed.
/// \param cancelled  asked while it runs; the worker is then asked to stop
Result<std::string> workerOutput(const std::vector<std::string>& arguments, const std::function<bool()>& cancelled = {});

/// Runs the worker to its end with lines of JSON from standard output handed to `line`; returns the last `result` message.
/// The error is the worker's own, or WorkerLost with what is known (exit code, signal, last lines of standard error).
Result<Json> runWorker(const std::vector<std::string>& arguments, const std::function<void(const Json&)>& line = {}, const std::function<bool()>& cancelled = {});

} // namespace hilum::services
