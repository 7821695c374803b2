#pragma once

#include "core/learning/train/events.h"
#include "core/learning/train/options.h"
#include "core/learning/train/placement.h"

#include <functional>

namespace hilum::learning {

/// RUN/job.json, checked and completed.
struct TrainJob {
    std::string id, method, preset;
    Json options = Json::object(); ///< complete
    std::string cacheDigest;       ///< empty when the job names none
    std::string device = "auto", dtype = "auto";
    std::int64_t threads = 0;      ///< 0: one less than the cores, at least one
    std::string watchCase;         ///< key, or empty
};

/// RUN/job.json as an object of schema protocol::JobSchema. NotFound, BadData, WrongVersion.
Result<Json> readJobFile(const path& run);

/// Reads and checks the job file of a pre-training. NotFound, WrongVersion; Options with every fault at once: unknown method, unknown, wrong or outside
/// options, device, dtype and threads that make no sense.
Result<TrainJob> readJob(const MethodRegistry& registry, const path& run);
/// The training options among a method's options.
Result<TrainOptions> trainOptions(const Json& options);

/// The device that a job's word asks for. Device when there is none here, Usage for a word that names none.
Result<at::Device> askedDevice(const std::string& word);
/// The placement that a job's words ask for; refused as askedDevice and chooseCompute refuse. What is "auto" is measured; a run that goes on gives what it began with.
Result<Placement> choosePlacement(const std::string& device, const std::string& dtype, const std::string& attention = "auto");

struct RunRequest {
    path run;
    path cache;
    enum class Begin { Fresh, Resume } begin = Begin::Fresh;
    EventStream::Echo echo = EventStream::Echo::StandardOutput;
    RunMonitor::Listen listen = RunMonitor::Listen::SignalsAndInput;
    std::string program = "hilum-worker";
};

/// Runs a job to its end: cache, split, network, training, final model, evaluation, provenance. Every event of the protocol but the
/// closing `error` is emitted here: see runRecorded.
/// TooLarge before the first step when weights, gradients and moments alone do not fit into memory (train/memory_need.h).
/// A fresh start refuses (Usage) a run folder that holds checkpoints. A resume takes device, precision and threads from the checkpoint
/// where the job says "auto", and the path of attention in any case; Mismatch for a checkpoint of another method or cache.
/// \return the `result` message's fields
Result<Json> runTraining(const MethodRegistry& registry, const RunRequest& request);

/// `work` with every failure, exceptions included, told as the run's closing `error` event. A refusal that does not concern the run
/// itself (Busy, Usage) goes to standard output only: the record of the other worker stays as it is.
Result<Json> recorded(const RunRequest& request, std::string_view doing, const std::function<Result<Json>()>& work);
/// runTraining, recorded.
Result<Json> runRecorded(const MethodRegistry& registry, const RunRequest& request);

/// Compute threads of a run: what was asked, else all cores but one where there are more than two.
std::int64_t computeThreads(std::int64_t asked);
/// What a run says of where it computes: device, dtype, attention, threads, LibTorch.
Json deviceRecord(const Placement& placement, std::int64_t threads);

/// Held-out evaluation of a finished or interrupted run, or of a model file on a cache: OUT/evaluation.json. Evaluated is everybody whom the training, as far as it is
/// recorded (data/training_record.h), did not see; `held_out` says in words who that is. Empty when that is nobody.
Result<Json> runEvaluation(const MethodRegistry& registry, const path& model, const path& cache, const path& out, const std::string& device, const std::string& dtype);

} // namespace hilum::learning
