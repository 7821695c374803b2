#include "core/learning/downstream/classify.h"

#include "core/base/digest.h"
#include "core/base/provenance.h"
#include "core/learning/downstream/fine_tuning.h"
#include "core/learning/downstream/kept_features.h"
#include "core/learning/downstream/linear_probe.h"
#include "core/learning/downstream/probe_result.h"
#include "core/learning/tensor_io.h"
#include "core/learning/train/first_state.h"
#include "core/learning/train/job.h"
#include "core/learning/train/memory_need.h"
#include "core/stats/roc.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace hilum::learning {

namespace {

namespace fs = std::filesystem;

/// What both networks of a run have in common.
struct Run {
    const ProbeRequest& request;
    const ModelFile& file;
    std::string method;
    const ShardReader& cache;
    const LabelledCases& cases;
    const ProbeParts& parts;
    const Placement& placement;
    Json asked;                           ///< what the results depend on
    std::optional<Checkpoint> checkpoint; ///< of Full, to go on from
    std::string split;                    ///< of Full: the text of its own split.json
    Json record;                          ///< of Full: whom its weights will have seen, the model's own training included
};

/// The pre-trained network, or the same untrained.
enum class Weights { Trained, Untrained };

std::int64_t networks(const ProbeRequest& request) { return request.compareUntrained ? 2 : 1; }

std::string phase(std::string_view doing, Weights weights)
{
    return hilum::format("{}, {} weights", doing, weights == Weights::Trained ? "pre-trained" : "untrained");
}

/// Options, cache and labels that a result depends on.
Result<Json> whatIsAsked(const ProbeRequest& request, const ModelFile& file, const ShardReader& cache, const std::string& split)
{
    HILUM_TRY(const std::string labels, sha256File(request.labels));
    return Json{{"weights_sha256", file.metadata.value("weights_sha256", Json())}, {"cache_digest", cache.digest()}, {"labels_sha256", labels},
                {"mode", request.mode == ClassifyMode::Full ? "full" : "linear"}, {"settings", request.mode == ClassifyMode::Full ? hilum::toJson(request.tuning) : Json()},
                {"fraction", request.fraction}, {"held_out_fraction", request.heldOutFraction}, {"seed", request.seed}, {"split_sha256", sha256Hex(split)}};
}

Status sameAsked(const Json& before, const Json& now)
{
    for (const auto& [key, value] : now.items())
        if (!before.contains(key) || before[key] != value)
            return fail(ErrorCode::Mismatch, "what is to be resumed was begun with {} = {}, now it is {}", key, before.contains(key) ? jsonLine(before[key]) : "nothing", jsonLine(value));
    return {};
}

/// Where Full goes on, from a checkpoint of these weights.
TuningState stateFrom(const Checkpoint& checkpoint)
{
    const Json& at = checkpoint.state.at("tuning");
    return {.step = at.at("step").get<std::int64_t>(), .network = checkpoint.weights, .trained = checkpoint.optimizer, .epochLoss = at.at("epoch_loss").get<std::vector<double>>(),
            .passLoss = at.at("pass_loss").get<double>()};
}

/// Whose labels are learnt from, and who is tested.
Split splitOf(const LabelledCases& cases, const ProbeParts& parts, const ShardReader& cache)
{
    Split out;
    for (const std::size_t r : parts.train)
        out.train.push_back(cases.number[r]);
    for (const std::size_t r : parts.test)
        out.heldOut.push_back(cases.number[r]);
    std::ranges::sort(out.train);
    std::ranges::sort(out.heldOut);
    countPatients(out, cache.cases());
    return out;
}

/// Metadata of a network that this run tunes, to which an untrained one owes nothing but its form.
Json tunedMetadata(const Run& run, Weights weights, const TuningOptions& settings)
{
    Json out = run.file.metadata;
    out["fine_tuned"] = {{"task", "classify"}, {"label_column", run.cases.column}, {"classes", run.cases.classes},
                         {"from_weights_sha256", weights == Weights::Trained ? out.value("weights_sha256", Json()) : Json()}, {"settings", hilum::toJson(settings)},
                         {"split_sha256", sha256Hex(run.split)}};
    out["cache_digest"] = run.cache.digest();
    out["split_sha256"] = sha256Hex(run.split);
    out["record"] = run.record;
    return out;
}

Checkpoint checkpointOf(const Run& run, Weights weights, const TuningOptions& settings, std::int64_t step, TuningState state)
{
    Checkpoint out{.step = step, .weights = std::move(state.network), .optimizer = std::move(state.trained), .model = tunedMetadata(run, weights, settings), .state = {}};
    out.model["step"] = step;
    out.model["fine_tuned"]["unfinished"] = true;
    out.model["fine_tuned"]["network"] = weights == Weights::Trained ? "pre-trained" : "untrained";
    out.state = {{"method", run.method}, {"cache_digest", run.cache.digest()}, {"asked", run.asked}, {"held_out_loss", Json()},
                 {"placement", {{"device", run.placement.deviceName()}, {"dtype", run.placement.dtypeName()}, {"attention", run.placement.attention}, {"threads", run.request.threads}}},
                 {"tuning", {{"weights", weights == Weights::Trained ? "trained" : "untrained"}, {"step", state.step}, {"epoch_loss", state.epochLoss}, {"pass_loss", state.passLoss}}}};
    return out;
}

Result<ProbeResult> tune(const Run& run, PretrainingMethod& method, Weights weights)
{
    const ProbeRequest& request = run.request;
    TuningTask task{.train = {}, .labels = {}, .test = {}, .classes = run.cases.classes.size(), .seed = request.seed, .mostNumbers = request.mostNumbers};
    for (const std::size_t r : run.parts.train) {
        task.train.push_back(run.cases.number[r]);
        task.labels.push_back(run.cases.label[r]);
    }
    for (const std::size_t r : run.parts.test)
        task.test.push_back(run.cases.number[r]);
    const std::int64_t own = tuningSteps(task.train.size(), request.tuning), total = own * networks(request), before = weights == Weights::Trained ? 0 : own;
    constexpr KeepRule Keep{.last = 1, .keepEvery = 0};
    HILUM_TRY_STATUS(checkDiskSpace(request.out, diskNeed(namedState(method.trainable()), 0, own, Keep)));
    HILUM_TRY_STATUS(makeFolder(request.out));
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "split.json", run.split)); // before the first checkpoint, which is a model too
    TuningOptions settings = request.tuning;
    if (weights == Weights::Untrained)
        settings.layerDecay = 1; // slow early layers keep what was learnt before; here there is nothing to keep, and slowing them would help the other network's case
    std::int64_t done = before;
    TuningWatch watch;
    watch.cancelled = request.cancelled;
    watch.progress = [&](std::string_view doing, std::int64_t, std::int64_t) {
        if (request.progress)
            request.progress(phase(doing, weights), done, total);
    };
    watch.stepped = [&](const TuningStep& s) {
        done = before + s.step;
        if (request.stepped)
            request.stepped({.untrained = weights == Weights::Untrained, .step = done, .steps = total, .ownStep = s.step,
                             .epoch = static_cast<double>(s.step) / static_cast<double>(own) * static_cast<double>(request.tuning.epochs), .loss = s.loss, .learningRate = s.learningRate,
                             .gradientNorm = s.gradientNorm, .images = s.images});
    };
    auto last = std::chrono::steady_clock::now();
    watch.keep = [&](bool stopped, const std::function<TuningState()>& state) -> Status {
        if (!stopped && std::chrono::steady_clock::now() - last < request.keepEvery)
            return {};
        if (request.progress)
            request.progress("saving", done, total);
        HILUM_TRY(const Written written, writeCheckpoint(request.out, checkpointOf(run, weights, settings, done, state()), Keep));
        last = std::chrono::steady_clock::now();
        if (request.kept)
            request.kept(done, written);
        return {};
    };
    std::optional<TuningState> from;
    if (run.checkpoint && (run.checkpoint->state.at("tuning").at("weights") == "trained") == (weights == Weights::Trained)) {
        from = stateFrom(*run.checkpoint);
        done = before + from->step;
        watch.from = &*from;
    }
    HILUM_TRY(TunedClassifier tuned, fineTune(method, run.method, run.cache, task, settings, run.placement, watch));
    return ProbeResult{.head = {{"weight", tuned.weight}, {"bias", tuned.bias}, {"mean", tuned.mean}, {"deviation", tuned.deviation}},
                       .how = {{"settings", hilum::toJson(settings)}, {"dtype", run.placement.dtypeName()}, {"attention", run.placement.attention}, {"steps", tuned.steps},
                               {"epoch_loss", tuned.epochLoss}, {"features", tuned.mean.numel()}},
                       .threshold = 0.5,
                       .probabilities = std::move(tuned.probabilities)};
}

path featuresFile(const Run& run, Weights weights) { return keptFeaturesFile(run.request.out, weights == Weights::Trained ? "trained" : "untrained"); }

/// The features that a stopped call kept; nothing when there are none. Mismatch when they were made for something else.
Result<std::optional<FeatureState>> keptFeatures(const Run& run, const path& file, const Json& asked)
{
    if (std::error_code ignored; !run.request.resume || !fs::exists(file, ignored))
        return std::optional<FeatureState>();
    Json before;
    HILUM_TRY(FeatureState state, readFeatures(file, before));
    for (const char* key : {"device", "attention"}) // another kind of device, or path of attention, rounds otherwise: one table is of one
        if (!before.is_object() || before.value(key, Json()) != asked.at(key))
            return std::optional<FeatureState>();
    HILUM_TRY_STATUS(sameAsked(before, asked));
    return std::optional(std::move(state));
}

/// The features of cases, from where a stopped call left them.
Result<FeatureTable> featuresOf(const Run& run, PretrainingMethod& method, Weights weights, std::span<const std::size_t> cases)
{
    const ProbeRequest& request = run.request;
    const path file = featuresFile(run, weights);
    Json asked = run.asked;
    asked["most_numbers"] = request.mostNumbers; // which views are rounded together
    asked["device"] = run.placement.device.is_cpu() ? "cpu" : "cuda";
    asked["attention"] = run.placement.attention;
    HILUM_TRY(const std::optional<FeatureState> from, keptFeatures(run, file, asked));
    FeatureWatch watch;
    watch.cancelled = request.cancelled;
    watch.progress = [&](std::int64_t done, std::int64_t total) {
        if (request.progress)
            request.progress(phase("features", weights), weights == Weights::Trained ? done : total + done, total * networks(request));
    };
    auto last = std::chrono::steady_clock::now();
    std::chrono::steady_clock::duration pause = request.keepEvery;
    watch.keep = [&](bool stopped, const FeatureState& state) -> Status {
        const auto begin = std::chrono::steady_clock::now();
        if (!stopped && begin - last < pause)
            return {};
        HILUM_TRY_STATUS(makeFolder(file.parent_path()));
        HILUM_TRY_STATUS(writeFeatures(file, state, asked));
        last = std::chrono::steady_clock::now();
        if (request.keepEvery.count() > 0) // the whole table is written each time: at most a twentieth of the time goes there
            pause = std::max(pause, 20 * (last - begin));
        return {};
    };
    watch.from = from ? &*from : nullptr;
    return extractFeatures(method, run.method, run.cache, cases, run.placement, watch, request.mostNumbers);
}

Result<ProbeResult> probe(const Run& run, PretrainingMethod& method, Weights weights)
{
    const LabelledCases& c = run.cases;
    std::vector<std::size_t> numbers, labels, patients;
    for (const auto* rows : {&run.parts.train, &run.parts.test})
        for (const std::size_t r : *rows)
            numbers.push_back(c.number[r]);
    for (const std::size_t r : run.parts.train) {
        labels.push_back(c.label[r]);
        patients.push_back(c.patient[r]);
    }
    HILUM_TRY(const FeatureTable all, featuresOf(run, method, weights, numbers));
    std::vector<std::size_t> first(run.parts.train.size()), second(run.parts.test.size());
    std::iota(first.begin(), first.end(), std::size_t{0});
    std::iota(second.begin(), second.end(), first.size());
    const FeatureTable raw = all.picked(first);
    ProbeResult out;
    const PenaltyChoice choice = choosePenalty(raw, labels, patients, c.classes.size());
    const Standardiser standard = Standardiser::of(raw);
    const LogisticModel head = fitLogistic(standard.apply(raw), labels, c.classes.size(), choice.penalty);
    const auto tensor = [](const std::vector<double>& v) { return at::tensor(v, at::kDouble); };
    out.head = {{"weight", tensor(head.weights).view({static_cast<std::int64_t>(c.classes.size()), -1})}, {"bias", tensor(head.bias)}, {"mean", tensor(standard.mean)},
                {"deviation", tensor(standard.deviation)}};
    out.how = {{"penalty", choice.penalty}, {"inner_folds", choice.folds}, {"inner_penalties", choice.tried}, {"inner_loss", choice.loss}, {"features", head.columns},
               {"iterations", head.iterations}, {"converged", head.converged}, {"attention", run.placement.attention}};
    if (c.classes.size() == 2) {
        std::vector<double> scores;
        std::vector<std::uint8_t> positive;
        for (std::size_t r = 0; r < labels.size(); ++r) {
            scores.push_back(choice.leftOut[r * 2 + 1]);
            positive.push_back(labels[r] == 1);
        }
        out.threshold = stats::youdenThreshold(scores, positive);
    }
    const FeatureTable tested = standard.apply(all.picked(second));
    for (std::size_t r = 0; r < tested.rows(); ++r) {
        const auto p = head.probabilities(tested.row(r));
        out.probabilities.insert(out.probabilities.end(), p.begin(), p.end());
    }
    return out;
}

/// The result of one network: kept from a stopped call, or made and kept.
Result<ProbeResult> resultOf(const Run& run, PretrainingMethod& method, Weights weights)
{
    HILUM_TRY(ProbeResult result, run.request.mode == ClassifyMode::Full ? tune(run, method, weights) : probe(run, method, weights));
    if (run.request.mode == ClassifyMode::Full && weights == Weights::Trained) { // the method now holds the tuned weights
        HILUM_TRY_STATUS(makeFolder(run.request.out));
        HILUM_TRY_STATUS(writeModel(run.request.out / "model.safetensors", namedState(method.trainable()), tunedMetadata(run, weights, run.request.tuning)));
    }
    if (weights == Weights::Trained && run.request.compareUntrained) { // else nothing comes after it
        HILUM_TRY_STATUS(makeFolder(run.request.out / "results"));
        HILUM_TRY_STATUS(writeProbeResult(keptResultFile(run.request.out), result, run.asked));
        std::error_code ignored; // the result stands for them
        fs::remove(featuresFile(run, weights), ignored);
    }
    return result;
}

/// The kept result of the pre-trained network; nothing when there is none. Mismatch when it was made for something else.
Result<std::optional<ProbeResult>> keptResult(const Run& run)
{
    const path file = keptResultFile(run.request.out);
    if (std::error_code ignored; !run.request.resume || !fs::exists(file, ignored))
        return std::optional<ProbeResult>();
    Json asked;
    HILUM_TRY(ProbeResult result, readProbeResult(file, asked));
    HILUM_TRY_STATUS(sameAsked(asked, run.asked));
    return std::optional(std::move(result));
}

Json evaluationOf(const Run& run, FeatureSource& source, const ProbeResult& trained, const std::optional<ProbeResult>& untrained)
{
    const LabelledCases& c = run.cases;
    const ProbeParts& p = run.parts;
    Json classes = Json::array();
    const auto inTraining = patientsPerClass(c, p.train), inTest = patientsPerClass(c, p.test);
    for (std::size_t k = 0; k < c.classes.size(); ++k)
        classes.push_back({{"name", c.classes[k]}, {"train_patients", inTraining[k]}, {"held_out_patients", inTest[k]}});
    const std::uint64_t seed = run.request.seed;
    Json out = {{"schema", ClassificationSchema}, {"created_utc", utcNow()}, {"task", "classify"}, {"mode", run.asked.at("mode")}, {"label_column", c.column}, {"classes", classes},
                {"positive_class", c.classes.size() == 2 ? Json(c.classes[1]) : Json()}, {"method", run.method}, {"pooling", source.pooling()},
                {"train_patients", countPatients(c, p.train)}, {"train_images", p.train.size()}, {"train_patients_available", countPatients(c, p.trainable)},
                {"held_out_patients", countPatients(c, p.test)}, {"held_out_images", p.test.size()}, {"images_without_label", c.withoutLabel}, {"fraction", run.request.fraction},
                {"held_out", p.heldOutBecause}, {"patients_known", run.cache.patientsKnown()}, {"seed", seed}, {"bootstrap", "2000 draws of held-out patients"},
                {"step", run.file.metadata.value("step", Json())}, {"weights_sha256", run.file.metadata.value("weights_sha256", Json())}, {"device", run.placement.deviceName()}};
    out["held_out_loss"] = heldOutLoss(trained, c, p.test);
    out["trained"] = resultJson(trained, c, p.test, seed);
    if (untrained) {
        out["untrained_loss"] = heldOutLoss(*untrained, c, p.test);
        out["untrained"] = resultJson(*untrained, c, p.test, seed);
        out["difference"] = differenceJson(trained, *untrained, c, p.test, seed);
    }
    return out;
}

Json provenanceOf(const Run& run)
{
    const bool full = run.request.mode == ClassifyMode::Full;
    Provenance record;
    record.kind = full ? "fine-tuning" : "linear probe";
    record.method = {{"id", run.method}, {"task", "classify"}, {"mode", run.asked.at("mode")}, {"settings", run.asked.at("settings")}, {"fraction", run.request.fraction},
                     {"compare_untrained", run.request.compareUntrained}, {"label_column", run.cases.column}};
    record.model = {{"weights_sha256", run.file.metadata.value("weights_sha256", Json())}, {"step", run.file.metadata.value("step", Json())}, {"licence", run.file.metadata.value("licence", Json())}};
    record.inputs = Json::array({{{"kind", "cache"}, {"digest", run.cache.digest()}, {"cases", run.cache.cases().size()}}, {{"kind", "labels"}, {"digest", run.asked.at("labels_sha256")}}});
    record.preprocessing = run.cache.pipeline();
    record.seed = run.request.seed;
    record.device = {{"name", run.placement.deviceName()}, {"dtype", run.placement.dtypeName()}};
    return hilum::toJson(record);
}

} // namespace

Result<Json> runProbe(const MethodRegistry& registry, const ProbeRequest& request)
{
    HILUM_TRY(const ModelFile file, openModel(request.model));
    const bool full = request.mode == ClassifyMode::Full;
    HILUM_TRY(const Placement placement, choosePlacement(request.device, full ? request.dtype : "float32", request.attention));
    HILUM_TRY(const ShardReader cache, ShardReader::open(request.cache));
    const std::string id = file.metadata["method"].get<std::string>();
    HILUM_TRY(const MethodEntry* const entry, registry.find(id));
    if (const Json wanted = file.metadata.value("pipeline", Json()); wanted != cache.pipeline())
        return fail(ErrorCode::Mismatch, "the cache was prepared as {}, the model needs {}", jsonLine(cache.pipeline()), jsonLine(wanted));
    HILUM_TRY(const auto method, loadMethod(registry, file));
    method->trainable().to(placement.device);
    HILUM_TRY(FeatureSource* const source, featureSource(*method, id));
    HILUM_TRY(const LabelledCases cases, labelledCases(request.labels, cache));
    HILUM_TRY(const ProbeParts parts, probeParts(cases, file, cache, request.fraction, request.heldOutFraction, request.seed));
    const Split split = splitOf(cases, parts, cache);
    Json splitFile = splitJson(split, cache, request.seed, request.heldOutFraction);
    splitFile["earlier"] = recordJson(parts.record);
    std::string splitText = splitFile.dump(1) + "\n";
    TrainingRecord record = parts.record;
    record.add(split, cache.cases());
    HILUM_TRY(Json asked, whatIsAsked(request, file, cache, splitText));
    Run run{.request = request, .file = file, .method = id, .cache = cache, .cases = cases, .parts = parts, .placement = placement, .asked = std::move(asked), .checkpoint = {},
            .split = std::move(splitText), .record = recordJson(record)};
    if (const auto latest = latestCheckpoint(request.out); latest && !request.resume) {
        return fail(ErrorCode::Usage, "{} holds checkpoints already: --resume goes on from {}, a new run needs a new folder", request.out.string(), latest->filename().string());
    } else if (latest) {
        HILUM_TRY(run.checkpoint, readCheckpoint(*latest));
        if (!run.checkpoint->state.contains("asked") || !run.checkpoint->state.contains("tuning"))
            return fail(ErrorCode::Mismatch, "{} is no checkpoint of a fine-tuning", latest->string());
        HILUM_TRY_STATUS(sameAsked(run.checkpoint->state["asked"], run.asked));
    }

    std::unique_ptr<PretrainingMethod> untrained; // made while the trained one is as it was
    if (request.compareUntrained) {
        const Json& options = file.metadata["options"];
        untrained = entry->make(options, Rng(options.value("seed", std::uint64_t{0})).fork("weights"));
        HILUM_TRY_STATUS(beginFirstStateLike(*untrained, *method));
        untrained->trainable().to(placement.device);
    }
    if (full) { // once for both networks, which are there by now: what the first one's tuning frees is taken again by the second's
        const MemoryNeed memory = memoryNeed(method->trainable(), Json::object(), method->encoder().prefix); // a decoder gets no gradient
        HILUM_TRY_STATUS(checkMemory(memory, placement.device, memory.weights));
    }
    HILUM_TRY(auto trained, keptResult(run));
    if (!trained) {
        HILUM_TRY(trained, resultOf(run, *method, Weights::Trained));
    }
    std::optional<ProbeResult> compared;
    if (untrained) {
        HILUM_TRY(compared, resultOf(run, *untrained, Weights::Untrained));
    }

    Json out = evaluationOf(run, *source, *trained, compared);
    HILUM_TRY_STATUS(makeFolder(request.out));
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "predictions.csv", predictionsTable(*trained, compared ? &*compared : nullptr, cases, parts.test, cache)));
    Json encoder = out["weights_sha256"];
    if (full) {
        HILUM_TRY(const ModelFile tuned, openModel(request.out / "model.safetensors"));
        encoder = tuned.metadata["weights_sha256"];
    }
    HILUM_TRY_STATUS(writeTensors(request.out / "head.safetensors", trained->head,
        {{"hilum", jsonLine({{"schema", "hilum.head/1"}, {"classes", cases.classes}, {"method", id}, {"encoder_weights_sha256", encoder}, {"pooling", source->pooling()},
                               {"threshold", out["trained"]["threshold"]}})}}));
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "provenance.json", provenanceOf(run).dump(1) + "\n"));
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "evaluation.json", out.dump(1) + "\n"));
    std::error_code ignored; // what it was kept for is over
    fs::remove_all(request.out / "results", ignored);
    return out;
}

} // namespace hilum::learning
