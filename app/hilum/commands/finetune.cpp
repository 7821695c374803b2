#include "app/hilum/classification.h"
#include "app/hilum/commands/command.h"
#include "app/hilum/training.h"
#include "core/services/classification_result.h"
#include "core/services/labels.h"
#include "core/services/run_folder.h"
#include "core/services/worker_program.h"

#include <algorithm>
#include <memory>

namespace hilum::commands {

namespace {

struct Arguments {
    std::string job, task = "classify", mode = "linear", label, model, out, device; // empty: not given
    std::vector<std::string> data, positive, settings;
    double fraction = 1;
    std::uint64_t seed = 0;
    std::int64_t threads = -1; // not given
    bool compareUntrained = false, resume = false, json = false;
};

/// What a run that goes on, or a job file that is run again, computes with, where it is given.
Json changes(const Arguments& a)
{
    Json out = Json::object();
    if (!a.device.empty())
        out["device"] = a.device;
    if (a.threads >= 0)
        out["threads"] = app::jobThreads(a.threads);
    return out;
}

/// Labels and prepared images of what is asked.
Result<services::JobRequest> requestOf(const Arguments& a, const Work& work)
{
    if (a.model.empty() || a.data.empty() || a.label.empty())
        return fail(ErrorCode::Usage, "finetune needs --model, --data and --label; or --job; or --resume, for a run that was stopped");
    if (a.mode == "linear" && !a.settings.empty())
        return fail(ErrorCode::Usage, "--set is for --mode full: a linear probe has nothing to set");
    const std::vector<path> data{a.data.begin(), a.data.end()};
    HILUM_TRY(const bool cache, app::isCache(data));
    if (cache)
        return fail(ErrorCode::Usage, "{} is a prepared cache, which names no image; labels need the folder or CSV that it was made from", data.front().string());
    Json options = Json::object();
    if (a.mode == "full") {
        HILUM_TRY(options, services::tuningOptions(a.settings));
    }
    HILUM_TRY(const Json metadata, services::modelMetadata(a.model));
    HILUM_TRY_STATUS(services::checkDevice(a.device));
    HILUM_TRY(const services::Labels labels, services::readLabels(data, a.label, a.positive, work));
    const app::MethodChoice method{.id = metadata.value("method", ""), .preset = metadata.value("preset", ""), .title = "", .options = metadata.value("options", Json::object()),
                                   .pipeline = metadata.value("pipeline", Json::object())};
    HILUM_TRY(const services::PreparedCache prepared, app::cacheFor(data, method, {}, work));
    return services::JobRequest{.method = method.id, .preset = method.preset, .title = {}, .options = options,
                                .classifier = services::ClassifierRequest{.model = a.model, .mode = a.mode, .labels = services::labelsJson(labels, a.label), .fraction = a.fraction, .seed = a.seed,
                                                                          .compareUntrained = a.compareUntrained},
                                .cache = prepared.folder, .device = a.device.empty() ? "auto" : a.device, .threads = app::jobThreads(a.threads), .run = a.out};
}

/// A job file made earlier, run again: its labels lie beside it, its cache is found by name unless --data is given.
Result<services::JobRequest> fromJobFile(const Arguments& a, const Work& work)
{
    HILUM_TRY(Json job, app::readJobFile(a.job, "finetune"));
    job.update(changes(a));
    const path labelsFile = path(a.job).parent_path() / "labels.json";
    HILUM_TRY(const std::string text, readTextFile(labelsFile));
    auto labels = parseJson(text);
    if (!labels)
        return std::unexpected(withContext(std::move(labels).error(), "reading " + labelsFile.string()));
    const path model = job.value("model", "");
    if (model.empty())
        return fail(ErrorCode::Options, "{} names no model", a.job);
    HILUM_TRY(const Json metadata, services::modelMetadata(model));
    const std::string device = job.value("device", "auto");
    HILUM_TRY_STATUS(services::checkDevice(device));
    services::JobRequest request{.method = metadata.value("method", ""), .preset = metadata.value("preset", ""), .title = {}, .options = job.value("options", Json::object()),
                                 .classifier = services::ClassifierRequest{.model = model, .mode = job.value("mode", "linear"), .labels = *std::move(labels), .fraction = job.value("fraction", 1.0),
                                                                           .seed = job.value("seed", std::uint64_t{0}), .compareUntrained = job.value("compare_untrained", false)},
                                 .cache = {}, .device = device, .threads = app::jobThreads(job.value("threads", std::int64_t{0})), .run = a.out};
    if (a.data.empty()) {
        HILUM_TRY(request.cache, app::cacheOfJob(job));
    } else {
        const app::MethodChoice method{.id = request.method, .preset = request.preset, .title = "", .options = metadata.value("options", Json::object()),
                                       .pipeline = metadata.value("pipeline", Json::object())};
        HILUM_TRY(const services::PreparedCache prepared, app::cacheFor({a.data.begin(), a.data.end()}, method, {}, work));
        request.cache = prepared.folder;
    }
    return request;
}

} // namespace

Run declareFinetune(CLI::App& verb)
{
    verb.description("trains a classifier on the features of a model, or the whole encoder with it, and tests it on held-out patients; cancel with Ctrl+C, go on with --resume");
    auto a = std::make_shared<Arguments>();
    verb.add_option("--task", a->task, "classify")->check(CLI::IsMember({"classify"}));
    auto* mode = verb.add_option("--mode", a->mode, "linear: logistic regression on frozen features; full: encoder and a linear head are trained together")->check(CLI::IsMember({"linear", "full"}));
    auto* settings = verb.add_option("--set", a->settings, "key=value of --mode full, epochs or learning_rate for instance (the guide's page Metrics has all)");
    auto* label = verb.add_option("--label", a->label, "column of the table that holds the labels");
    auto* positive = verb.add_option("--positive", a->positive, "values that count as positive, against all others; without it each value is a class")->delimiter(',');
    auto* model = verb.add_option("--model", a->model, "run folder or model file");
    auto* data = verb.add_option("--data", a->data, "a folder with a CSV of its images (filename) or of its patients (patient_id, as DICOM has them), or the CSV of images");
    auto* job = verb.add_option("--job", a->job, "job file of a classifier to run again, its labels.json beside it; --data for images that are prepared anew")
                    ->excludes(mode, settings, label, positive, model);
    verb.add_option("--out", a->out, "new run folder: evaluation.json, predictions.csv, head.safetensors, provenance.json; with full also the tuned model.safetensors")->required();
    auto* fraction = verb.add_option("--fraction", a->fraction, "share of the training patients whose labels are used")->check(CLI::Range(0.001, 1.0))->excludes(job);
    auto* seed = verb.add_option("--seed", a->seed, "draws these patients, and held-out ones where no pre-training split says them")->excludes(job);
    verb.add_option("--device", a->device, "auto, cpu or cuda:N");
    verb.add_option("--threads", a->threads, "compute threads; 0 takes all cores")->check(CLI::NonNegativeNumber);
    auto* compare = verb.add_flag("--compare-untrained", a->compareUntrained, "also the same network with weights drawn by its run's seed, untrained, and the paired difference")->excludes(job);
    // what the numbers depend on stays as it was asked for
    verb.add_flag("--resume", a->resume, "go on with the run of --out that was stopped, as it was asked for; --device and --threads may be others")
        ->excludes(job, mode, settings, label, positive, model, data, fraction, seed, compare);
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        const Work work = consoleWork();
        const path out = a->out;
        HILUM_TRY(const bool exists, isThere(out / "job.json"));
        HILUM_TRY(const bool finished, isThere(out / "evaluation.json"));
        if (finished || (exists && !a->resume))
            return fail(ErrorCode::Usage, "{} holds a run already; {}choose another folder", a->out, finished ? "" : "go on with --resume or ");
        if (a->resume && (!exists || services::commandOf(out) != "finetune"))
            return fail(ErrorCode::NotFound, "{} holds no classifier's job.json: there is nothing to resume", a->out);
        services::JobRequest request;
        request.run = out;
        if (!a->resume) {
            HILUM_TRY(request, a->job.empty() ? requestOf(*a, work) : fromJobFile(*a, work));
        }
        HILUM_TRY(const services::JobStatus status, app::followJob(request, a->resume, changes(*a)));
        if (status.state == services::JobState::Cancelled) {
            print(a->json ? jsonDocument(Json{{"schema", "hilum.finetune/1"}, {"state", services::name(status.state)}, {"step", status.step}, {"steps", status.steps}}) : status.message);
            return fail(ErrorCode::Cancelled, "{}", status.message);
        }
        HILUM_TRY(const Json evaluation, services::readClassification(out / "evaluation.json"));
        print(a->json ? jsonDocument(evaluation) : app::classificationText(evaluation));
        return {};
    };
}

} // namespace hilum::commands
