#include "core/learning/train/job.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/provenance.h"
#include "core/learning/data/training_record.h"
#include "core/learning/model_file.h"
#include "core/learning/train/evaluation.h"
#include "core/learning/train/first_state.h"
#include "core/learning/train/memory_need.h"
#include "core/learning/train/network_room.h"
#include "core/learning/train/process_group.h"
#include "core/learning/train/start_weights.h"
#include "core/learning/train/trainer.h"

#include <torch/types.h>
#include <torch/version.h>

#include <algorithm>
#include <thread>
#include <unistd.h>

namespace hilum::learning {

namespace fs = std::filesystem;

namespace {

/// Whom the weights that a run begins with have seen: those of `start_from`, or of a checkpoint whose split.json is gone.
Result<TrainingRecord> earlierRecord(const TrainOptions& o, const std::optional<path>& checkpoint, const ShardReader& cache)
{
    if (!checkpoint && o.startFrom.empty())
        return TrainingRecord{.known = true};
    const auto weights = openWeights(checkpoint ? *checkpoint : path(o.startFrom));
    if (!weights)
        return std::unexpected(withContext(weights.error(), "start_from (published weights become a model file with `hilum import-weights`)"));
    return trainingRecord(*weights, cache);
}

/// The run's split.json as text: as it is there, else drawn. A new run that begins with other weights draws in any case: what a refused start left may know nothing of them.
/// \param checkpoint that the run goes on from
Result<std::string> makeSplit(const path& run, const ShardReader& cache, const TrainOptions& o, const std::optional<path>& checkpoint, bool keepsRecord)
{
    const path file = run / "split.json";
    std::error_code ignored;
    if (fs::exists(file, ignored) && (checkpoint || o.startFrom.empty() || !keepsRecord))
        return readTextFile(file, 1u << 30);
    HILUM_TRY(const TrainingRecord earlier, earlierRecord(o, checkpoint, cache));
    const auto seed = static_cast<std::uint64_t>(o.seed);
    Json json = splitJson(splitAmongUnseen(cache.cases(), knownCases(cache.cases(), earlier).seen, seed, o.heldOutFraction), cache, seed, o.heldOutFraction);
    if (checkpoint || !o.startFrom.empty())
        json["earlier"] = recordJson(earlier);
    std::string text = json.dump(1) + "\n";
    HILUM_TRY_STATUS(writeFileAtomically(file, text));
    return text;
}

Json provenanceOf(const TrainJob& job, const Json& model, const ShardReader& cache, const Json& device, std::int64_t seed)
{
    Provenance p;
    p.kind = "pre-training";
    p.method = {{"id", job.method}, {"preset", job.preset}, {"options", model.at("options")}};
    p.model = {{"weights_sha256", model.value("weights_sha256", "")}, {"step", model.value("step", std::int64_t{0})}, {"run", job.id}, {"licence", model.value("licence", Json())}};
    if (model.contains("started_from"))
        p.model["started_from"] = model["started_from"];
    p.inputs = Json::array({{{"kind", "cache"}, {"digest", cache.digest()}, {"cases", cache.cases().size()}}, {{"kind", "split"}, {"digest", model.value("split_sha256", "")}}});
    p.preprocessing = cache.pipeline();
    p.seed = static_cast<std::uint64_t>(seed);
    p.device = device;
    return toJson(p);
}

/// What a checkpoint was made with against what the job asks: Mismatch for another method or cache, else the options that changed.
Result<std::vector<std::string>> compareWithCheckpoint(const Checkpoint& checkpoint, const TrainJob& job, const ShardReader& cache)
{
    if (const std::string method = checkpoint.model.value("method", ""); method != job.method)
        return fail(ErrorCode::Mismatch, "the checkpoint of step {} is of method {}, the job asks for {}", checkpoint.step, method, job.method);
    if (const std::string digest = checkpoint.state.value("cache_digest", ""); digest != cache.digest())
        return fail(ErrorCode::Mismatch, "the checkpoint of step {} was trained on the cache with digest {}, this one has {}", checkpoint.step, digest.substr(0, 12), cache.digest().substr(0, 12));
    std::vector<std::string> changed;
    const Json before = checkpoint.model.value("options", Json::object());
    for (const auto& [key, value] : job.options.items())
        if (key != "start_from" && (!before.contains(key) || before[key] != value))
            changed.push_back(hilum::format("{} = {} (was {})", key, jsonLine(value), before.contains(key) ? jsonLine(before[key]) : "absent"));
    return changed;
}

} // namespace

std::int64_t computeThreads(std::int64_t asked)
{
    // one core is left for the window and the loader, where there are more than two
    const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    return asked > 0 ? asked : std::max<std::int64_t>(1, std::min(cores, std::max<std::int64_t>(2, cores - 1)));
}

Json deviceRecord(const Placement& placement, std::int64_t threads)
{
    return {{"device", placement.deviceName()}, {"dtype", placement.dtypeName()}, {"attention", placement.attention}, {"threads", threads}, {"libtorch", TORCH_VERSION}};
}

Result<Json> runTraining(const MethodRegistry& registry, const RunRequest& request)
{
    const path& run = request.run;
    if (std::error_code ignored; !fs::is_directory(run, ignored))
        return fail(ErrorCode::NotFound, "{} is no run folder", run.string());
    HILUM_TRY(TrainJob job, readJob(registry, run));
    HILUM_TRY(const auto place, rankPlace());
    const bool keepsRecord = !place || place->rank == 0;
    std::optional<RunLock> lock;
    if (keepsRecord) {
        HILUM_TRY(RunLock taken, RunLock::take(run));
        lock.emplace(std::move(taken));
        removeLeftovers(run);
    }

    std::optional<Checkpoint> checkpoint;
    const auto latest = latestCheckpoint(run);
    if (request.begin == RunRequest::Begin::Resume && latest) {
        HILUM_TRY(checkpoint, readCheckpoint(*latest));
    } else if (request.begin == RunRequest::Begin::Fresh && latest) {
        return fail(ErrorCode::Usage, "{} holds checkpoints already: --resume goes on from {}, a new run needs a new folder", run.string(), latest->filename().string());
    }
    std::string attention = "auto";
    if (checkpoint) {
        // the same device, precision, threads and path of attention as before, so that the numbers continue
        const Json before = checkpoint->state.value("placement", Json::object());
        if (job.device == "auto")
            job.device = before.value("device", job.device);
        if (job.dtype == "auto")
            job.dtype = before.value("dtype", job.dtype);
        if (job.threads == 0)
            job.threads = before.value("threads", job.threads);
        attention = before.value("attention", attention);
    }

    HILUM_TRY(const TrainOptions o, trainOptions(job.options));
    // before the choice of device and type: what is measured for it depends on the threads
    const std::int64_t threads = computeThreads(job.threads > 0 || !place ? job.threads : std::max<std::int64_t>(1, std::thread::hardware_concurrency() / static_cast<unsigned>(place->size)));
    at::set_num_threads(static_cast<int>(threads));
    if (place && job.device == "cuda")
        job.device = hilum::format("cuda:{}", place->localRank);
    HILUM_TRY(const Placement placement, choosePlacement(job.device, job.dtype, attention));
    if (keepsRecord)
        HILUM_TRY_STATUS(writeWorkerFile(run));
    HILUM_TRY(const auto events, keepsRecord ? EventStream::open(run, request.echo) : EventStream::nowhere());
    Json hello = deviceRecord(placement, threads);
    hello.update({{"protocol", protocol::Version}, {"pid", ::getpid()}, {"version", programVersion(request.program)}, {"job", job.id}, {"method", job.method},
                  {"resumed_from", checkpoint ? Json(checkpoint->step) : Json()}, {"processes", place ? place->size : 1}});
    events->emit(protocol::Hello, std::move(hello));
    RunMonitor monitor(*events, request.listen);
    monitor.update(checkpoint ? checkpoint->step : 0, o.steps, 0, -1, 0);
    monitor.enter("loading");
    std::unique_ptr<ProcessGroup> group;
    if (place) {
        HILUM_TRY(group, ProcessGroup::join(*place, run, placement.device));
    }
    const auto warn = [&](const char* code, std::string text) { events->emit(protocol::Warning, {{"code", code}, {"text", std::move(text)}}); };
    if (request.begin == RunRequest::Begin::Resume && !checkpoint)
        warn("no_checkpoint", "there is no checkpoint to go on from: the run begins at step 0");

    HILUM_TRY(const MethodEntry* const entry, registry.find(job.method));
    HILUM_TRY(const ShardReader cache, ShardReader::open(request.cache));
    if (!job.cacheDigest.empty() && job.cacheDigest != cache.digest())
        return fail(ErrorCode::Mismatch, "the job was made for the cache with digest {}, this one has {}", job.cacheDigest.substr(0, 12), cache.digest().substr(0, 12));
    if (checkpoint) {
        HILUM_TRY(const auto changed, compareWithCheckpoint(*checkpoint, job, cache));
        for (const std::string& text : changed)
            warn("option_changed", "resumed with another option: " + text);
    }
    if (cache.input() != entry->info.input)
        return fail(ErrorCode::Mismatch, "method {} works on {} input, the cache holds {}", job.method, entry->info.input, cache.input());
    if (entry->pipelineFor)
        if (const Json wanted = entry->pipelineFor(job.options); wanted != cache.pipeline())
            return fail(ErrorCode::Mismatch, "the cache was prepared as {}, these options need {}", jsonLine(cache.pipeline()), jsonLine(wanted));
    if (!cache.patientsKnown())
        warn("patients_unknown", "the cache does not know which images belong to one patient: each image counts as one");
    if (group && !keepsRecord)
        HILUM_TRY_STATUS(group->barrier()); // the first process writes the split, the others read it
    HILUM_TRY(const std::string splitText, makeSplit(run, cache, o, checkpoint ? std::optional(*latest) : std::nullopt, keepsRecord));
    HILUM_TRY(const Json splitFile, parseJson(splitText));
    HILUM_TRY(const Split split, splitFromJson(splitFile, cache));
    TrainingRecord record{.known = true};
    if (const auto earlier = splitFile.find("earlier"); earlier != splitFile.end()) {
        HILUM_TRY(record, recordFromJson(*earlier));
    }
    record.add(split, cache.cases()); // by digest, also where an earlier version's split.json names case keys alone
    if (group && keepsRecord)
        HILUM_TRY_STATUS(group->barrier());
    if (split.train.empty())
        return fail(ErrorCode::Empty, "no image is left to train on");
    if (split.heldOut.empty() && o.heldOutFraction > 0 && splitFile.contains("earlier"))
        warn("all_seen", "the weights that the run begins with have seen every patient of these images: nobody is left to hold out");

    const Rng firstWeights = Rng(static_cast<std::uint64_t>(o.seed)).fork("weights");
    HILUM_TRY_STATUS(checkTrainingRoom(*entry, job.options)); // before the weights are drawn
    const auto method = entry->make(job.options, firstWeights);
    if (checkpoint)
        HILUM_TRY_STATUS(checkAxes(*method, checkpoint->model));
    Json started; // what the run began with besides its own first weights
    if (checkpoint)
        started = checkpoint->model.value("started_from", Json());
    else if (!o.startFrom.empty()) {
        HILUM_TRY(started, startFrom(*method, job.method, o.startFrom));
        warn("started_from", startSentence(started));
    }
    if (!checkpoint) // after start_from: what that brought is kept
        HILUM_TRY_STATUS(beginFirstState(*method, cache, split.train));
    const MemoryNeed memory = memoryNeed(method->trainable(), job.options);
    // on a CPU the weights are there already, and a checkpoint that was read is let go before the first step: gradients take its room
    HILUM_TRY_STATUS(checkMemory(memory, placement.device, !placement.device.is_cpu() ? 0 : memory.weights + (checkpoint ? memory.gradients : 0)));
    method->trainable().to(placement.device);

    TrainerSetup setup;
    setup.method = method.get();
    setup.cache = &cache;
    setup.split = split;
    setup.options = o;
    setup.placement = placement;
    setup.run = run;
    setup.events = events.get();
    setup.monitor = &monitor;
    setup.group = group.get();
    if (!job.watchCase.empty()) {
        setup.watchCase = cache.find(job.watchCase);
        if (!setup.watchCase)
            return fail(ErrorCode::NotFound, "the watched case {} is not in the cache", job.watchCase);
    } else if (!split.heldOut.empty()) {
        setup.watchCase = split.heldOut.front();
    }
    const EncoderExport encoder = method->encoder();
    if (!started.is_null() && !splitFile.contains("earlier"))
        record.complete = false;
    setup.model = {{"method", job.method}, {"preset", job.preset}, {"options", job.options}, {"pipeline", method->inputPipeline()},
                   {"encoder", {{"architecture", encoder.architecture}, {"prefix", encoder.prefix}}}, {"steps", o.steps}, {"token_grid", method->tokenGrid()},
                   {"class_token", method->hasClassToken()}, {"licence", Json()}, {"origin", "trained with hilum"}, {"split_sha256", sha256Hex(splitText)}, {"cache_digest", cache.digest()},
                   {"run", job.id}, {"made_by", programVersion(request.program)}, {"device", deviceRecord(placement, threads)}};
    if (encoder.architecture.contains("merging")) // where imported weights have it, too
        setup.model["merging"] = encoder.architecture["merging"];
    // the folder of a file is the user's own: models travel without it
    if (setup.model["options"].contains("start_from"))
        setup.model["options"]["start_from"] = "";
    setup.model["record"] = recordJson(record);
    if (!started.is_null()) {
        setup.model["started_from"] = started;
        setup.model["licence"] = started.at("licence");
    }
    setup.state = {{"method", job.method}, {"cache_digest", cache.digest()}, {"placement", deviceRecord(placement, threads)}};
    Trainer trainer(setup);
    if (checkpoint)
        HILUM_TRY_STATUS(trainer.resume(*checkpoint));
    if (keepsRecord)
        HILUM_TRY_STATUS(trainer.checkDisk());
    checkpoint.reset(); // its tensors are a copy of the weights and moments

    HILUM_TRY(const TrainingOutcome outcome, trainer.run());
    Json result = {{"step", outcome.step}, {"cancelled", outcome.cancelled}, {"evaluation", Json()}};
    if (!keepsRecord)
        return result; // the first process evaluates and writes
    if (outcome.cancelled) {
        result["model"] = "checkpoints/" + outcome.checkpoint.filename().string() + "/model.safetensors";
        monitor.finish(result);
        HILUM_TRY_STATUS(events->lastWrite()); // who reads the record would wait for it
        return result;
    }

    monitor.enter("saving");
    Json metadata = setup.model;
    metadata["step"] = outcome.step;
    const TensorMap weights = trainer.finalWeights();
    HILUM_TRY_STATUS(writeModel(run / "model.safetensors", weights, metadata));
    metadata["weights_sha256"] = weightsDigest(weights);
    result["model"] = "model.safetensors";
    result["weights_sha256"] = metadata["weights_sha256"];
    HILUM_TRY_STATUS(writeFileAtomically(run / "provenance.json", provenanceOf(job, metadata, cache, deviceRecord(placement, threads), o.seed).dump(1) + "\n"));

    std::string who;
    const Split tested = unseenSplit(cache.cases(), record, who); // what the run held out, but for images that an earlier version's split has in both parts
    if (tested.heldOut.empty()) {
        warn("nothing_held_out", "no patient is held out: there is no evaluation");
    } else {
        monitor.enter("evaluating");
        if (trainer.average())
            trainer.average()->swapWith(method->trainable());
        auto untrained = entry->make(job.options, firstWeights);
        if (!started.is_null()) {
            const auto again = startFrom(*untrained, job.method, o.startFrom);
            if (!again || again->at("weights_sha256") != started.at("weights_sha256")) {
                warn("start_gone", "the weights that the run began with are no longer in start_from: the evaluation has no untrained network to compare with");
                untrained.reset();
            }
        }
        if (untrained) {
            if (const Status first = beginFirstStateLike(*untrained, *method); first) {
                untrained->trainable().to(placement.device);
            } else {
                warn("start_gone", first.error().sentence());
                untrained.reset();
            }
        }
        EvaluationSetup evaluation;
        evaluation.cache = &cache;
        evaluation.split = tested;
        evaluation.seed = static_cast<std::uint64_t>(o.seed);
        evaluation.batch = o.batch;
        evaluation.placement = placement;
        evaluation.cancelled = [&] { return monitor.cancelRequested(); };
        evaluation.progress = [&](std::int64_t done, std::int64_t total) { monitor.within(done, total); };
        const auto evaluated = evaluateHeldOut(*method, untrained.get(), evaluation);
        if (!evaluated && evaluated.error().code == ErrorCode::Cancelled) {
            result["cancelled"] = true;
        } else if (!evaluated) {
            return std::unexpected(evaluated.error());
        } else {
            Json document = *evaluated;
            document["held_out"] = who;
            document["step"] = outcome.step;
            document["weights_sha256"] = metadata["weights_sha256"];
            HILUM_TRY_STATUS(writeFileAtomically(run / "evaluation.json", document.dump(1) + "\n"));
            document.erase("cases");
            result["evaluation"] = std::move(document);
        }
    }
    monitor.finish(result);
    HILUM_TRY_STATUS(events->lastWrite());
    return result;
}

} // namespace hilum::learning
